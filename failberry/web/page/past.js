// The timeline: stories, newest first.
import { h, replace, day, hour, second, duration } from '/dom.js';

export function past(node, stories, only) {
  // What somebody has opened stays open.
  const open = new Set([...node.querySelectorAll('details[open]')].map((each) => each.dataset.id));
  let today = '';
  const shown = only ? stories.filter((each) => each.sort === 'failover') : stories;
  const rows = shown.flatMap((story) => {
    const own = day(story.began);
    const head = own === today ? [] : [h('li', { class: 'day' }, own)];
    today = own;
    return [...head, told(story, open.has(String(story.id)))];
  });
  replace(node, rows.length ? rows : [h('li', {}, only ? 'No failover so far.' : 'Nothing happened so far.')]);
}

function told(story, open) {
  const mark = story.severity === 'notice' ? 'notice-1' : story.severity;
  const when = h('time', { datetime: new Date(story.began * 1000).toISOString(), title: story.synced ? null : 'The clock was not set yet' }, (story.synced ? '' : '~') + hour(story.began));
  const many = story.events.length > 1;
  const first = story.events[0];
  if (!many && !first.why) return h('li', { class: mark }, h('p', { class: 'plain' }, when, story.headline));
  const events = story.events.flatMap((each, i) => {
    const gap = story.left_out && i === story.events.length / 2 ? [h('li', {}, h('span', {}), h('span', {}, `${story.left_out} more`))] : [];
    return [...gap, h('li', {}, h('time', {}, i === 0 ? second(each.time) : `+${later(each.time - first.time)}`),
      h('span', {}, h('b', {}, `${each.subject}: ${each.what}`), each.why ? `: ${each.why}` : '', each.next && each.severity !== 'info' ? `; next: ${each.next}` : ''))];
  });
  return h('li', { class: mark }, h('details', { 'data-id': story.id, open: open ? '' : null },
    h('summary', {}, when, story.headline), h('ol', {}, events)));
}

const later = (seconds) => (seconds < 60 ? `${seconds.toFixed(1)} s` : duration(seconds));
