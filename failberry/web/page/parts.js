// The parts of the page that say how things are now.
import { $, h, replace, text, duration, size } from '/dom.js';
import { NAMES, way } from '/draw.js';

const STATES = { up: 'up', suspect: 'not answering', down: 'down' };
const MODEM = { unknown: 'waiting', initializing: 'being set up', locked: 'the SIM is locked', disabled: 'the radio is off',
  enabling: 'switching the radio on', enabled: 'the radio is on', searching: 'looking for the network',
  registered: 'on the network, not dialled', disconnecting: 'hanging up', connecting: 'dialling', connected: 'connected', failed: 'it needs you' };
const REACHED = { public: 'can be reached from outside', cgnat: 'shared address (CGNAT)', private: 'behind a router', none: 'no address' };
const RUNGS = { redial: 'redial', hang_up: 'hang up', radio: 'radio off and on', modem_reboot: 'modem restarts', usb_reset: 'USB reset',
  power_cycle: 'power cut', switch_mode: 'switch to modem', controller: 'USB controller restarts', reboot: 'reboot' };

const row = (name, value) => (value || value === 0 ? [h('dt', {}, name), h('dd', {}, value)] : []);
const figure = (name, value, unit) =>
  h('div', {}, h('span', { class: 'unit' }, name), h('b', {}, value === null || value === undefined ? '–' : String(value), value === null || value === undefined ? null : h('small', {}, ` ${unit}`)));
const upper = (words) => words.charAt(0).toUpperCase() + words.slice(1);
const pill = (kind, words) => h('span', { class: `pill ${kind}` }, words);
const due = (words, seconds, gone) => (words ? words + (seconds === null ? '' : `, in ${duration(seconds - gone)}`) : '');

// gone: seconds since the Pi said so.
export function present(status, gone) {
  hero(status, gone);
  notices(status.warnings);
  line('wired', status, gone);
  line('cellular', status, gone);
  plan(status.usage);
  modem(status, gone);
}

function hero(status, gone) {
  const { active, forced, warnings } = status;
  const trouble = ['wired', 'cellular'].filter((each) => status[each].state !== 'up');
  const tone = !active ? 'bad' : trouble.length || warnings.length || active !== 'wired' ? 'warn' : 'good';
  $('sentence').closest('.hero').dataset.tone = tone;
  text($('sentence'), active ? `Traffic goes over the ${NAMES[active]}` : 'No line works');
  const well = tone === 'good' ? ' Both lines work.' : '';
  text($('since'), `${active ? `For ${duration(status.active_for + gone)}. ${upper(status.active_reason)}.` : upper(status.active_reason)}${well}`);
  const until = forced ? `Chosen by hand${forced.left === null ? ', until further notice' : `, for another ${duration(forced.left - gone)}`}. ` : '';
  text($('nexts'), until + (status.next ? `Next: ${due(status.next, status.next_in, gone)}` : ''));
  way($('way'), status);
}

function notices(list) {
  $('notices').hidden = !list.length;
  replace($('notices'), list.map((each) =>
    h('div', { class: 'notice' }, h('p', {}, h('b', {}, 'Attention: '), each.text), each.cure ? h('p', {}, marked(each.cure)) : null)));
}

// Commands are in backticks.
const marked = (words) => words.split('`').map((part, i) => (i % 2 ? h('code', {}, part) : part));

function line(name, status, gone) {
  const told = status[name];
  replace($(name),
    h('div', { class: 'pills' }, pill(told.state, `${STATES[told.state]} for ${duration(told.state_for + gone)}`),
      status.active === name ? pill('use', 'in use') : null, told.degraded ? pill('warn', 'degraded') : null),
    h('div', { class: 'figures' }, figure('Latency', told.rtt === null ? null : Math.round(told.rtt * 10) / 10, 'ms'),
      figure('Loss', told.loss === null ? null : Math.round(told.loss), '%'),
      figure('Answered', told.proven_age === null ? null : told.proven_age < 1 ? 'now' : duration(told.proven_age), told.proven_age === null || told.proven_age < 1 ? '' : 'ago')),
    h('dl', {}, row('Why', told.state === 'up' ? '' : told.reason), row('Breaks', told.where), row('Degraded', told.degraded),
      row('Address', told.addresses.join(', ')), row('Reached', REACHED[told.reachability]), row('Gateway', told.gateway),
      row('IPv6', told.state6 && told.state6 !== told.state ? `${told.state6}: ${told.reason6}` : ''),
      row('Interface', told.interface), row('Pings', name === 'cellular' && told.state === 'up' && told.rtt === null ? 'none while it stands by, to spare the plan' : ''),
      row('Next', due(told.next, told.next_in, gone))));
}

function plan(usage) {
  const share = usage.percent === null ? null : Math.min(100, usage.percent);
  const began = usage.cycle_began ? new Date(`${usage.cycle_began}T00:00`) : null;
  const gone = began ? (Date.now() - began) / 86400e3 : null;
  const passed = gone !== null && usage.days_left !== null ? Math.min(100, 100 * gone / (gone + usage.days_left)) : null;
  const bar = share === null ? null : h('div', { class: `meter ${usage.state}`, role: 'meter', 'aria-valuemin': 0, 'aria-valuemax': 100,
    'aria-valuenow': Math.round(usage.percent), 'aria-label': 'Used of the plan, percent' }, h('i', {}), passed === null ? null : h('u', { title: 'today' }));
  if (bar) {
    bar.firstChild.style.width = `${share}%`;
    if (bar.lastChild.localName === 'u') bar.lastChild.style.left = `${passed}%`;
  }
  const left = usage.days_left === null ? '' : `${usage.days_left} ${usage.days_left === 1 ? 'day' : 'days'} left in this cycle`;
  const sure = gone > 2 && usage.used ? `${size(usage.used / gone * (gone + usage.days_left))} at this pace` : '';
  replace($('plan'), h('p', { class: 'big' }, usage.cap === null ? `${size(usage.used)} used` : `${size(usage.used)} of ${size(usage.cap)}`), bar,
    h('dl', {}, row('Cycle', left), row('At its end', sure), row('State', { ok: '', warned: 'a warning threshold is passed', capped: 'the cap is reached', lifted: 'capped, and used as the last resort' }[usage.state]),
      row('Standing by', `${size(usage.standby_used)} since the start, of which questions ${size(usage.probes_used)}`),
      usage.cap === null ? row('Plan', 'no cap is set: usage.cap') : []));
}

function modem(status, gone) {
  const { modem: told, recovery, supply } = status, { signal } = told;
  const on = signal.percent === null ? 0 : Math.max(1, Math.round(signal.percent / 25));
  const heard = signal.percent === null && signal.dbm === null ? null
    : h('span', {}, h('span', { class: 'bars', 'aria-hidden': 'true' }, [1, 2, 3, 4].map((each) => h('i', { class: each <= on ? 'on' : null }))),
      [signal.dbm === null ? '' : `${signal.dbm} dBm`, signal.percent === null ? '' : `${signal.percent} %`].filter(Boolean).join(', '));
  const step = recovery.steps[0];
  replace($('modem'),
    h('div', { class: 'pills' }, pill(told.state, `${MODEM[told.state] || told.state} for ${duration(told.state_for + gone)}`), supply.good ? null : pill('bad', 'power supply')),
    h('dl', {}, row('Signal', heard), row('Operator', [signal.operator, signal.technology, signal.registration === 'roaming' ? 'roaming' : ''].filter(Boolean).join(', ')),
      row('Why', told.state === 'connected' ? '' : told.reason), row('Do', told.advice), row('Next', due(told.next, told.next_in, gone)),
      row('SIM', told.sim ? `ends with ${told.sim}` : ''), row('PIN tries', told.pin_tries), row('Device', [told.product, told.usb_path].filter(Boolean).join(' at ')),
      row('Sessions', `${told.sessions}, dials ${told.dials}${told.failures ? `, ${told.failures} failed in a row` : ''}`),
      row('Recovery', recovery.rung ? `now: ${RUNGS[recovery.rung]}` : recovery.held_back || (step ? `${RUNGS[step.rung]}, ${duration(step.age + gone)} ago: ${step.result || step.why}` : '')),
      row('Power', supply.good ? 'good' : supply.reason)));
}
