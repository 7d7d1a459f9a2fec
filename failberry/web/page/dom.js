// Elements and words. Text goes in as text, never as markup.
export const $ = (id) => document.getElementById(id);

const fill = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((each) => each !== null && each !== undefined));
  return node;
};
export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

// Only what differs is changed, so that focus, selection and screen readers are left in peace.
export function text(node, words) {
  if (node.textContent !== words) node.textContent = words;
}
export function replace(node, ...children) {
  const fresh = children.flat().filter((each) => each !== null && each !== undefined);
  const same = node.childNodes.length === fresh.length &&
    fresh.every((each, i) => each instanceof Node && each.isEqualNode(node.childNodes[i]));
  if (!same) node.replaceChildren(...fresh);
}

export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  const hours = Math.floor(whole / 3600);
  if (hours < 24) return `${hours} h ${Math.floor(whole / 60) % 60} min`;
  const days = Math.floor(hours / 24);
  return `${days} ${days === 1 ? 'day' : 'days'} ${hours % 24} h`;
}

export function size(bytes) {
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (bytes < 999.5 || unit === 'GB') return `${bytes < 9.95 && unit !== 'B' ? bytes.toFixed(1) : Math.round(bytes)} ${unit}`;
    bytes /= 1000;
  }
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hour12: false });
const clocks = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const days = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const dates = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
export const hour = (time) => clock.format(time * 1000);
export const second = (time) => clocks.format(time * 1000);
export const day = (time) => days.format(time * 1000);
export const date = (time) => dates.format(time * 1000);
