// Charts and the picture of the two ways, as SVG.
import { h, s, replace, hour, date } from '/dom.js';

const LINES = ['wired', 'cellular'];
export const NAMES = { wired: 'wired line', cellular: 'mobile line' };
const LEFT = 50, RIGHT = 8, TOP = 8, STRIP = 8, GAP = 6;

const KINDS = [
  { name: 'rtt', title: 'Latency', unit: 'ms', worst: 'rtt_worst', from: 0, least: 40, high: 96 },
  { name: 'loss', title: 'Loss', unit: '%', worst: 'loss_worst', from: 0, least: 10, high: 64 },
  { name: 'dbm', title: 'Signal of the modem', unit: 'dBm', lines: ['cellular'], span: [-110, -50], high: 64 },
];

export function charts(node, told) {
  node.replaceChildren(...KINDS.map((kind) => chart(kind, told, node.clientWidth || 320)));
}

function top(kind, told) {
  const all = LINES.flatMap((line) => told[line][kind.name]).filter((each) => each !== null).sort((a, b) => a - b);
  const most = Math.max(kind.least, (all[Math.floor(all.length * 0.98)] || 0) * 1.25);
  const round = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((each) => each * round).find((each) => each >= most);
}

function chart(kind, told, width) {
  const lines = kind.lines || LINES;
  const [low, most] = kind.span || [kind.from, top(kind, told)];
  const strips = kind.name === 'rtt' ? LINES : [];
  const bottom = TOP + kind.high, full = bottom + 4 + strips.length * (STRIP + GAP) + 18;
  const x = (time) => LEFT + (width - LEFT - RIGHT) * (time - told.since) / (told.until - told.since);
  const y = (value) => bottom - kind.high * Math.max(0, Math.min(1, (value - low) / (most - low)));
  const svg = s('svg', { viewBox: `0 0 ${width} ${full}`, height: full, role: 'img', 'aria-label': words(kind, lines, told) });
  for (const share of [0, 0.5, 1]) {
    const value = low + (most - low) * share, at = y(value);
    svg.append(s('line', { class: 'grid', x1: LEFT, x2: width - RIGHT, y1: at, y2: at }),
      s('text', { x: LEFT - 6, y: at + 4, 'text-anchor': 'end' }, String(Math.round(value))));
  }
  for (const line of lines) {
    const own = told[line], values = own[kind.name];
    const middle = (i) => x(own.start[i] + told[line].step / 2);
    for (const part of parts(own, values)) {
      if (kind.worst && part.length > 1) {
        const worst = own[kind.worst];
        const up = part.map((i) => `${middle(i).toFixed(1)},${y(Math.max(worst[i] ?? 0, values[i])).toFixed(1)}`);
        const down = part.map((i) => `${middle(i).toFixed(1)},${y(values[i]).toFixed(1)}`).reverse();
        svg.append(s('path', { class: `worst ${line}`, d: `M${[...up, ...down].join('L')}Z` }));
      }
      if (part.length === 1) svg.append(s('circle', { class: `dot ${line}`, cx: middle(part[0]), cy: y(values[part[0]]), r: 1.8 }));
      else svg.append(s('path', { class: `series ${line}`, d: `M${part.map((i) => `${middle(i).toFixed(1)},${y(values[i]).toFixed(1)}`).join('L')}` }));
    }
  }
  strips.forEach((line, row) => {
    const at = bottom + 9 + row * (STRIP + GAP);
    svg.append(s('text', { x: LEFT - 6, y: at + STRIP, 'text-anchor': 'end' }, NAMES[line].split(' ')[0]), ...strip(told[line], line, x, at));
  });
  for (const time of ticks(told, width)) {
    svg.append(s('text', { x: x(time), y: full - 4, 'text-anchor': 'middle' }, told.span === 'month' ? date(time) : hour(time)));
  }
  const output = h('output', { 'aria-hidden': 'true' });
  const cursor = s('line', { class: 'cursor', y1: TOP, y2: bottom, visibility: 'hidden' });
  svg.append(cursor);
  const point = (event) => {
    const box = svg.getBoundingClientRect();
    const time = told.since + (told.until - told.since) * (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
    const found = lines.map((line) => [line, told[line].start.findIndex((each) => time >= each && time < each + told[line].step)]);
    const [line, i] = found.find(([, each]) => each >= 0) || [];
    cursor.setAttribute('visibility', line ? 'visible' : 'hidden');
    if (!line) return void (output.textContent = '');
    cursor.setAttribute('x1', x(told[line].start[i] + told[line].step / 2));
    cursor.setAttribute('x2', cursor.getAttribute('x1'));
    const said = found.filter(([, each]) => each >= 0).map(([each, j]) => `${NAMES[each]} ${told[each][kind.name][j] ?? '–'} ${kind.unit}`);
    const start = told[line].start[i];
    output.textContent = `${told.span === 'month' ? `${date(start)} ` : ''}${hour(start)}: ${said.join(', ')}`;
  };
  svg.addEventListener('pointermove', point);
  svg.addEventListener('pointerdown', point);
  svg.addEventListener('pointerleave', () => { output.textContent = ''; cursor.setAttribute('visibility', 'hidden'); });
  return h('div', { class: 'chart' }, h('h3', {}, h('span', {}, `${kind.title}, ${kind.unit}`), output), svg);
}

// Runs of samples that follow each other and have a value.
function parts(own, values) {
  const found = [];
  let last = null;
  values.forEach((value, i) => {
    if (value === null) { last = null; return; }
    if (last === null || own.start[i] - own.start[last] > own.step * 1.5) found.push([]);
    found.at(-1).push(i);
    last = i;
  });
  return found;
}

function strip(own, line, x, at) {
  const wide = (i) => Math.max(1, x(own.start[i] + own.step) - x(own.start[i]));
  const bars = [];
  own.start.forEach((start, i) => {
    const state = own.down[i] > 0 ? 'down' : own.suspect[i] > 1 ? 'suspect' : line === 'cellular' && own.active[i] > 0 ? 'active' : 'up';
    const before = bars.at(-1);
    if (before && before.state === state && start - before.end < own.step) before.end = start + own.step;
    else bars.push({ state, start, end: start + own.step, least: wide(i) });
  });
  return bars.map((each) => s('rect', {
    class: `state ${each.state}`, x: x(each.start), y: at, height: STRIP, rx: 1.5,
    width: Math.max(each.state === 'up' ? 0 : 2.5, x(each.end) - x(each.start)),
  }));
}

function ticks(told, width) {
  const steps = { hour: [600, 900, 1800], day: [7200, 10800, 14400, 21600], month: [86400 * 3, 86400 * 5, 86400 * 7, 86400 * 10] }[told.span];
  const room = (width - LEFT - RIGHT) / 64;
  const step = steps.find((each) => (told.until - told.since) / each <= room) || steps.at(-1);
  const zone = new Date(told.since * 1000).getTimezoneOffset() * 60;
  const found = [];
  for (let time = Math.ceil((told.since - zone) / step) * step + zone; time < told.until; time += step) {
    const edge = (time - told.since) / (told.until - told.since);
    if (edge > 0.02 && edge < 0.97) found.push(time);
  }
  return found;
}

function words(kind, lines, told) {
  const said = lines.map((line) => {
    const values = told[line][kind.name].filter((each) => each !== null);
    if (!values.length) return `${NAMES[line]}: nothing measured`;
    const mean = values.reduce((sum, each) => sum + each, 0) / values.length;
    return `${NAMES[line]}: ${Math.round(mean)} ${kind.unit} on average, ${Math.round(Math.min(...values))} to ${Math.round(Math.max(...values))}`;
  });
  return `${kind.title} of the last ${told.span}. ${said.join('; ')}. The table below has the figures.`;
}

export function table(node, told) {
  const seen = new Map();
  for (const line of LINES) told[line].start.forEach((start, i) => seen.set(start, { ...seen.get(start), [line]: i }));
  const times = [...seen.keys()].sort((a, b) => b - a);
  const cell = (line, i, name) => h('td', {}, i === undefined ? '' : String(told[line][name][i] ?? '–'));
  const heads = ['Time', 'Wired ms', 'Wired loss %', 'Wired down s', 'Mobile ms', 'Mobile loss %', 'Mobile down s', 'Signal dBm'];
  node.replaceChildren(h('table', {}, h('caption', { class: 'hint' }, `Averages of ${told.wired.step / 60} minutes, newest first`),
    h('thead', {}, h('tr', {}, heads.map((each) => h('th', { scope: 'col' }, each)))),
    h('tbody', {}, times.map((time) => {
      const { wired, cellular } = seen.get(time);
      return h('tr', {}, h('th', { scope: 'row' }, `${told.span === 'hour' ? '' : `${date(time)} `}${hour(time)}`),
        ...['rtt', 'loss', 'down'].map((name) => cell('wired', wired, name)),
        ...['rtt', 'loss', 'down', 'dbm'].map((name) => cell('cellular', cellular, name)));
    }))));
}

// The house, the two ways to the Internet, and which one carries.
export function way(node, status) {
  const paths = { wired: 'M76 52 C130 22 200 22 262 52', cellular: 'M76 74 C130 112 200 112 262 74' };
  const middles = { wired: [169, 30], cellular: [169, 102] };
  const label = { wired: [169, 17, 'wired line'], cellular: [169, 128, `mobile line${status.modem.signal.operator ? `, ${status.modem.signal.operator}` : ''}`] };
  const svg = s('svg', { viewBox: '0 0 340 136', 'aria-hidden': 'true' },
    s('path', { class: 'thing', d: 'M18 66 44 42l26 24M24 62v28h40V62M39 90V74h10v16' }),
    s('circle', { class: 'thing', cx: 294, cy: 64, r: 27 }),
    s('path', { class: 'thing', d: 'M267 64h54M294 37c-15 16-15 38 0 54M294 37c15 16 15 38 0 54' }),
    s('text', { x: 44, y: 112, 'text-anchor': 'middle' }, 'house'), s('text', { x: 294, y: 112, 'text-anchor': 'middle' }, 'Internet'));
  for (const line of LINES) {
    const state = status[line].state, active = status.active === line;
    svg.append(s('path', { class: `wire ${line} ${state}${active ? ' active' : ''}`, d: paths[line] }));
    if (active) svg.append(s('path', { class: 'flow', d: paths[line] }));
    if (state === 'down') {
      const [x, y] = middles[line];
      svg.append(s('path', { class: 'cross', d: `M${x - 7} ${y - 7}l14 14m0-14l-14 14` }));
    }
    const [x, y, said] = label[line];
    svg.append(s('text', { x, y, 'text-anchor': 'middle' }, said));
  }
  replace(node, svg);
}
