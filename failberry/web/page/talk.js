// Questions to the Pi, and its stream of news.
export const who = { csrf: null };

export async function ask(path, wish) {
  const options = wish === undefined ? {} : {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Failberry-Token': who.csrf || '' },
    body: JSON.stringify(wish),
  };
  const answer = await fetch(path, { ...options, signal: AbortSignal.timeout(15000) });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const problem = new Error(told.problem || `the Pi answered ${answer.status}`);
    problem.status = answer.status;
    throw problem;
  }
  return told;
}

const QUIET = 40000; // ms without a word: it says something every 15 s
const FIRST = 1000, LONGEST = 30000;

// Keeps one stream open while the page is seen. It is read on from where it was left: by the id of the last event.
export class Stream {
  constructor(heard, state) {
    this.heard = heard;
    this.state = state;
    this.place = '';
    this.pause = FIRST;
    this.wanted = false;
    document.addEventListener('visibilitychange', () => this.look());
    addEventListener('online', () => { this.pause = FIRST; this.look(); });
    addEventListener('pagehide', () => this.close());
    addEventListener('pageshow', () => this.look());
  }

  begin(place) {
    this.place = place;
    this.wanted = true;
    this.close();
    this.look();
  }

  end() {
    this.wanted = false;
    this.close();
  }

  look() {
    if (document.hidden || !this.wanted) this.close();
    else if (!this.source && !this.timer) this.open();
  }

  close() {
    clearTimeout(this.timer);
    clearTimeout(this.guard);
    this.timer = this.guard = null;
    if (this.source) this.source.close();
    this.source = null;
  }

  open() {
    const source = this.source = new EventSource(`/api/stream?after=${encodeURIComponent(this.place)}`);
    const word = (kind) => (event) => {
      if (event.lastEventId) this.place = event.lastEventId;
      this.alive();
      this.heard(kind, JSON.parse(event.data));
    };
    for (const kind of ['past', 'present', 'anew', 'beat']) source.addEventListener(kind, word(kind));
    source.onopen = () => { this.pause = FIRST; this.alive(); };
    source.onerror = () => this.lost();
    this.alive(true);
  }

  alive(waiting = false) {
    if (!waiting) this.state('on');
    clearTimeout(this.guard);
    this.guard = setTimeout(() => this.lost(), QUIET);
  }

  lost() {
    this.close();
    this.state('off');
    // Not all pages at once, when the Pi is back.
    this.timer = setTimeout(() => { this.timer = null; this.heard('again', {}); this.look(); }, this.pause * (0.5 + Math.random()));
    this.pause = Math.min(LONGEST, this.pause * 2);
  }
}
