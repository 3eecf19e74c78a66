// Shared by both pages: calls to the server, the watch over the session, and functions that
// show the results.
'use strict';

const byId = (id) => document.getElementById(id);
const plural = (n, one, many) => n + ' ' + (n === 1 ? one : many);

// call sends a request to the server: GET, or POST if there is a body. Pages of other
// sites cannot set the header X-CSRF, so it proves that this page has sent the request. The
// browser adds the cookie. The status is 0 if the server does not answer.
async function call(path, body) {
  const options = { headers: { 'X-CSRF': '1', 'Accept': 'application/json' } };
  if (body !== undefined) {
    options.method = 'POST';
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    return { status: 0, data: {} };
  }
  let data = {};
  try {
    data = await response.json();
  } catch {
    // The response has no JSON body.
  }
  return { status: response.status, data };
}

// view shows the parts of the page for one state (in, out or forbidden) and hides the others.
// A question belongs to the part that it was asked in.
function view(name) {
  if (byId('main').dataset.view !== name) byId('question')?.close('no');
  byId('main').dataset.view = name;
  for (const part of document.querySelectorAll('[data-show]')) part.hidden = part.dataset.show !== name;
}

// --- The watch over the session

const askEvery = 3000; // milliseconds
let me = null; // the claims of the user whose session the page shows
let before = null; // the claims of a session that ended: another tab may sign in, or is just doing so
let down = false; // the last question was not answered: the page shows itself anew when one is
let leaving = false;

// watch asks now and then who is signed in. show gets the claims when the page has to show
// them: at first, after an outage, and when another tab has signed in.
function watch(show) {
  const ask = async (first) => {
    if (leaving) return;
    const { status, data } = await call(first ? '/bff/user' : '/bff/user?slide=false'); // keeps no session alive
    if (leaving) return;
    if (status === 401) {
      if (down) notice('');
      down = false;
      return me ? over() : view('out');
    }
    if (status !== 200) {
      down = true;
      return problem(status, data);
    }
    const former = me || before;
    const again = down || !me || me.sid !== data.sid || me.sub !== data.sub;
    me = data;
    before = null;
    if (!again) return;
    if (down) notice('');
    down = false;
    if (former && former.sid !== data.sid) byId('question')?.close('no'); // it would cover the notice
    await show(data);
    if (!former || down) return;
    if (former.sub !== data.sub) {
      notice('Another tab of this browser has signed in as ' + nameOf(data) + '. ' + nameOf(former) + '\'s session here is over. This page shows ' + nameOf(data) + '\'s now.', true);
    } else if (former.sid !== data.sid) {
      notice('You have signed in again in another tab. This page shows the new session.');
    }
  };
  const again = async () => {
    if (document.visibilityState === 'visible' && (me || before || down || byId('main').dataset.view === 'loading')) await ask();
    setTimeout(again, askEvery);
  };
  window.addEventListener('pageshow', (event) => { leaving = false; if (event.persisted) ask(); });
  document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') ask(); });
  ask(true).then(() => setTimeout(again, askEvery));
}

const nameOf = (claims) => claims.name || claims.preferred_username || claims.email || claims.sub;

// over shows that the session has ended.
function over() {
  before = me || before;
  me = null;
  view('out');
  byId('main').focus(); // the element that had the focus is hidden now
  notice('Your session has ended. It was signed out from elsewhere, or it has expired. This browser still has the cookie, but no session belongs to it.', true);
}

// --- Notices

let said = ''; // stays when the user dismisses the notice, so that an outage is told once
let trouble = ''; // the message about the last action that failed
let pending = 0;

// notice shows a message, or removes it if the text is empty. The message stands where the
// user has just acted, between other parts of the page, and stays until it is dismissed.
function notice(text, bad) {
  if (text && said === text && byId('notice').className) return;
  if (text && said === text && down) return; // dismissed
  said = text;
  const box = byId('notice');
  clearTimeout(pending);
  box.querySelector('p').textContent = '';
  box.className = text ? (bad ? 'notice bad' : 'notice') : '';
  box.querySelector('button').hidden = !text;
  if (!text) return;
  place(box);
  pending = setTimeout(() => { box.querySelector('p').textContent = text; }, 20); // screen readers announce a change
}

// place puts the notice next to the element that has the focus if that can be seen, and else
// before the first part of the page that can.
function place(box) {
  const main = byId('main');
  const at = document.activeElement;
  const seen = (e) => {
    const { top, bottom } = e.getBoundingClientRect();
    return e.checkVisibility() && bottom > 0 && top < innerHeight;
  };
  if (at !== main && main.contains(at) && !box.contains(at) && seen(at)) {
    const row = at.closest('.rows li');
    return row ? row.append(box) : (at.closest('.buttons, form, .title') || at).after(box);
  }
  const part = scrollY > 0 && [...main.querySelectorAll('section')].find((e) => seen(e) && e.getBoundingClientRect().top >= 0);
  if (part) part.before(box); else main.prepend(box);
}

byId('notice').querySelector('button').addEventListener('click', () => {
  const box = byId('notice');
  const near = box.closest('.rows li')?.querySelector('button') || box.previousElementSibling;
  box.className = '';
  box.querySelector('p').textContent = '';
  box.querySelector('button').hidden = true;
  const target = near?.matches('button, a') ? near : near?.querySelector('button, a');
  (target?.checkVisibility() ? target : byId('main')).focus({ preventScroll: true });
});

// problem shows a message for a response that the caller does not handle. worked removes it
// when another action succeeds.
function problem(status, data) {
  if (status === 401 && data.error === 'signed_out') return over();
  if (status === 0) return notice('The server does not answer. Is the program still running? This page continues when it is back.', true);
  if (status === 503 && down) return notice('The database does not answer. Nothing is lost: this page continues when it is back.', true);
  trouble = 'The server refused: ' + (data.error || status) + '.';
  if (status === 503) trouble = 'The server cannot do that at the moment: its database or the provider does not answer. You are still signed in. Try again in a moment.';
  if (status === 502 || status === 504) trouble = 'The API does not answer. You are still signed in. Try again in a moment.';
  notice(trouble, true);
}

function worked() {
  if (trouble && said === trouble) notice('');
}

// --- Lists, questions, times

// fill shows sessions as the rows of a list. Rows that stay are not replaced, so that the focus
// stays. If the row with the focus goes, the focus moves to the row in its place, or to the
// list's heading.
function fill(list, sessions, show) {
  const focus = document.activeElement;
  const at = [...list.children].findIndex((row) => row.contains(focus));
  const old = new Map([...list.children].map((row) => [row.dataset.sid, row]));
  const rows = sessions.map((session) => {
    const row = old.get(session.sid) || byId('session').content.firstElementChild.cloneNode(true);
    row.dataset.sid = session.sid;
    row.session = session;
    show(row, session);
    return row;
  });
  for (const row of [...list.children]) {
    if (rows.includes(row)) continue;
    if (row.contains(byId('notice'))) byId('main').prepend(byId('notice'));
    row.remove();
  }
  rows.forEach((row, i) => { if (list.children[i] !== row) list.insertBefore(row, list.children[i] || null); });
  if (at < 0 || document.activeElement === focus) return;
  const next = focus.isConnected ? focus : rows[Math.min(at, rows.length - 1)]?.querySelector('button');
  (next || list.closest('section').querySelector('h2')).focus({ preventScroll: true });
}

// onRow calls act with a row's session and the button when one of the row's buttons is used.
function onRow(list, act) {
  list.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (button && !byId('notice').contains(button)) act(button.closest('li').session, button);
  });
}

// ask opens the page's dialog with a question. Escape and Cancel mean no.
function ask(title, text, yes) {
  const dialog = byId('question');
  answer(); // the former question, if the browser has not reported yet that it was closed
  byId('question-title').textContent = title;
  byId('question-text').textContent = text;
  dialog.querySelector('[value=yes]').textContent = yes;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    answer = () => {
      answer = () => {};
      resolve(dialog.returnValue === 'yes');
    };
  });
}

let answer = () => {};
byId('question')?.addEventListener('close', (event) => { if (!event.target.open) answer(); });

// when fills in a <time>: a relative time as its text, and the exact time as its title.
function when(element, value) {
  const date = new Date(value);
  const seconds = Math.round((date - Date.now()) / 1000);
  const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) || units[3];
  const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
  element.textContent = Math.abs(seconds) < 5 ? 'just now' : relative.format(Math.round(seconds / size), unit);
  element.dateTime = date.toISOString();
  element.title = date.toLocaleString();
}

for (const link of document.querySelectorAll('nav a')) {
  if (link.pathname === location.pathname) link.setAttribute('aria-current', 'page');
}
