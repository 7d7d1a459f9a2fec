// The page: asks, listens, and puts what it hears in its place.
import { $, h, replace, text, duration } from '/dom.js';
import { ask, who, Stream } from '/talk.js';
import { charts, table, NAMES } from '/draw.js';
import { present } from '/parts.js';
import { past } from '/past.js';

let seen = null, heardAt = 0, told = null, stories = new Map(), history = '', older = null, dug = false, span = 'day', lost = '', session = {};
const now = () => performance.now() / 1000;

// One question at a time of each sort; what is asked for meanwhile is asked once, afterwards.
function gathered(work) {
  let running = null, again = false;
  return function run() {
    if (running) { again = true; return running; }
    running = work().catch(complain).finally(() => { running = null; if (again) { again = false; run(); } });
    return running;
  };
}

function complain(problem) {
  if (problem.status === 401) return void enter();
  lost = problem.status ? problem.message : 'the Pi does not answer';
  banner();
}

function banner() {
  $('banner').hidden = !lost;
  text($('banner'), lost ? `What is shown may be old: ${lost}.` : '');
}

const look = gathered(async () => {
  const answer = await ask('/api/status');
  lost = answer.lost ? `the daemon does not answer: ${answer.lost}` : '';
  banner();
  if (answer.status) {
    seen = answer.status;
    heardAt = now() - answer.age;
    show();
  }
});

const remember = gathered(async () => {
  const answer = await ask('/api/stories'), own = answer.place.split('-')[0];
  // What was dug up stays, unless more has happened since than one page holds.
  if (!dug || own !== history || !answer.stories.some((each) => stories.has(each.id))) {
    stories = new Map();
    older = answer.older;
    dug = false;
    text($('oldest'), '');
  }
  history = own;
  for (const each of answer.stories) stories.set(each.id, each);
  remembered();
  if (!stream.wanted) stream.begin(answer.place);
});

function remembered() {
  past($('past'), [...stories.values()].sort((one, other) => other.id - one.id), $('only').checked);
  $('older').hidden = !older;
  if (!older) text($('oldest'), stories.size ? 'That is all that is kept.' : '');
}

// Older ones: as many pages as it takes to find something to show.
const dig = gathered(async () => {
  let found = 0;
  for (let pages = 0; older && !found && pages < 20; pages++) {
    const answer = await ask(`/api/stories?older=${older}`);
    if (answer.place.split('-')[0] !== history) { dug = false; return void remember(); }
    for (const each of answer.stories) {
      if (stories.has(each.id)) continue;
      stories.set(each.id, each);
      if (!$('only').checked || each.sort === 'failover') found += 1;
    }
    older = answer.older;
    dug = true;
  }
  text($('oldest'), `${found} older.`);
  remembered();
  if (!older) $('oldest').focus();
});

const chart = gathered(async () => {
  const wanted = span;
  const answer = await ask(`/api/samples?span=${wanted}`);
  if (wanted !== span) return;
  told = answer;
  drawn();
});

function drawn() {
  if (!told) return;
  charts($('charts'), told);
  if ($('numbers').open) table($('numbers').querySelector('.scroll'), told);
}

function show() {
  if (!seen) return;
  present(seen, now() - heardAt);
  document.title = `${seen.active ? (seen.active === 'wired' ? '' : '⚠ ') + NAMES[seen.active] : '⚠ no line'} · Failberry`;
  $('auto').disabled = !session.csrf || !seen.forced;
}

const stream = new Stream((kind, event) => {
  if (kind === 'present') look();
  if (kind === 'past' && event.kind !== 'deed') remember();
  if (kind === 'anew') remember();
  // What was missed is in the answers; the place in the stream stays.
  if (kind === 'again') look();
}, (state) => {
  $('live').dataset.state = state;
  text($('live').lastElementChild, state === 'on' ? 'live' : 'no connection');
});

// --- in and out -----------------------------------------------------------------------------------

async function enter() {
  stream.end();
  try {
    session = await ask('/api/session');
  } catch (problem) {
    complain(problem);
    return void setTimeout(enter, 3000 + 3000 * Math.random());
  }
  who.csrf = session.csrf;
  text($('house'), session.house);
  text($('version'), `Failberry ${session.version}`);
  $('door').hidden = !session.reading && !session.csrf;
  text($('door'), session.csrf ? 'Log out' : 'Log in');
  $('login').hidden = session.reading;
  $('all').hidden = !session.reading;
  $('live').hidden = !session.reading;
  if (!session.password) text($('login-problem'), 'No password is set yet.');
  for (const each of document.querySelectorAll('.steer button, .steer select')) each.disabled = !session.csrf;
  text($('steer-hint'), session.csrf ? 'Whatever is done here comes back by itself; none of it can lock you out.' : 'Log in to press these buttons.');
  if (!session.reading) return void $('password').focus();
  await Promise.all([look(), remember(), chart()]);
}

$('login-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  text($('login-problem'), '');
  try {
    await ask('/api/login', { password: $('password').value });
    $('password').value = '';
    await enter();
    $('sentence').closest('section').scrollIntoView({ block: 'nearest' });
  } catch (problem) {
    text($('login-problem'), `${problem.message}.`);
    $('password').select();
  }
});

$('door').addEventListener('click', async () => {
  if (session.csrf) {
    await ask('/api/logout', {}).catch(complain);
    return void location.reload();
  }
  $('login').hidden = false;
  $('password').focus();
});

// --- steering -------------------------------------------------------------------------------------

async function press(path, wish, done) {
  text($('steered'), '…');
  try {
    await ask(path, wish);
    text($('steered'), done);
    look();
  } catch (problem) {
    text($('steered'), `Not done: ${problem.message}.`);
    if (problem.status === 401) enter();
  }
}

function sure(title, words, yes) {
  text($('ask-title'), title);
  text($('ask-yes'), yes);
  replace($('ask-text'), words.map((each) => h('p', {}, each)));
  $('ask').returnValue = 'no';
  $('ask').showModal();
  return new Promise((done) => $('ask').addEventListener('close', () => done($('ask').returnValue === 'yes'), { once: true }));
}

for (const button of document.querySelectorAll('[data-force]')) {
  button.addEventListener('click', async () => {
    const line = button.dataset.force, seconds = Number($('for').value);
    if (seen && seen[line].state === 'down' &&
      !await sure(`The ${NAMES[line]} is down`, ['New connections would go nowhere until then.'], 'Force it all the same')) return;
    press('/api/force', { line, seconds }, `New connections take the ${NAMES[line]} for ${duration(seconds)}; then the choice is made by itself again.`);
  });
}
$('auto').addEventListener('click', () => press('/api/auto', {}, 'The choice is made by itself again.'));
$('redial').addEventListener('click', () => press('/api/redial', {}, 'Asked: hang up and redial.'));
$('cycle').addEventListener('click', async () => {
  try {
    const { power } = await ask('/api/power-plan');
    const refusal = power.plan.impossible || power.refusal;
    if (refusal) return void text($('steered'), `Not possible: ${refusal}`);
    const others = power.plan.casualties.map((each) => `${each.product || each.usb_path} goes dark, too.`);
    if (await sure('Cut the modem\'s power?', [`For ${duration(power.off_time)}: ${power.plan.words}. The mobile line is away for a minute or two.`, ...others], 'Cut it')) {
      press('/api/power-cycle', {}, 'Asked: cut the modem\'s power.');
    }
  } catch (problem) {
    text($('steered'), `Not possible: ${problem.message}.`);
  }
});

// --- the rest -------------------------------------------------------------------------------------

$('spans').addEventListener('click', (event) => {
  if (!event.target.dataset.span) return;
  span = event.target.dataset.span;
  for (const each of $('spans').children) each.setAttribute('aria-pressed', String(each.dataset.span === span));
  chart();
});
$('numbers').addEventListener('toggle', drawn);
$('only').addEventListener('change', remembered);
$('older').addEventListener('click', dig);
new ResizeObserver(drawn).observe($('charts'));
// Ages go on between two reports; charts get a new minute.
setInterval(() => { if (!document.hidden) show(); }, 5000);
setInterval(() => { if (!document.hidden && session.reading) chart(); }, 60000);
document.addEventListener('visibilitychange', () => { if (!document.hidden && session.reading) { look(); remember(); chart(); } });

enter();
