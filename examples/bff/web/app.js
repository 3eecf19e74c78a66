// The first page: it asks the server for the signed-in user and shows the session.
'use strict';

const askEvery = 3000; // milliseconds
const largest = 220 * 1024; // bytes: the end of the meter
let signedIn = false;
let leaving = false;

async function load() {
  const { status, data } = await call('/bff/user');
  if (status === 200) {
    signedIn = true;
    showUser(data);
    notice('');
    view('in');
    await Promise.all([loadSession(), loadSessions()]);
  } else if (status === 401) {
    signedIn = false;
    view('out');
  } else {
    problem(status, data);
  }
}

function showUser(claims) {
  byId('name').textContent = claims.name || claims.preferred_username || claims.email || claims.sub;
  byId('signout').href = claims['bff:logout_url'];
  byId('claims').replaceChildren();
  for (const [name, value] of Object.entries(claims).sort()) {
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.textContent = name;
    dd.textContent = typeof value === 'object' ? JSON.stringify(value) : String(value);
    byId('claims').append(dt, dd);
  }
}

async function loadSession() {
  const { status, data } = await call('/bff/session');
  if (status === 200) showSession(data);
}

function showSession({ cookie, ticket, access_token_expires: until }) {
  byId('cookie-name').textContent = cookie.name;
  byId('cookie-length').textContent = cookie.length;
  byId('cookie-dots').textContent = '•'.repeat(cookie.length);
  byId('stored').textContent = ticket.stored.toLocaleString('en');
  byId('meter').style.width = Math.max(2, 100 * ticket.stored / largest) + '%';
  const holds = [plural(ticket.claims, 'claim', 'claims')];
  const bytes = (name, n) => { if (n) holds.push(name + ' of ' + plural(n, 'byte', 'bytes')); };
  bytes('an ID token', ticket.id_token);
  bytes('an access token', ticket.access_token);
  bytes('a refresh token', ticket.refresh_token);
  if (ticket.ballast) holds.push(ticket.ballast / 1024 + ' kB that you added');
  byId('holds').textContent = holds.join(', ');
  byId('token-until').textContent = until ? ' (this one expires at ' + new Date(until).toLocaleTimeString() + ')' : '';
}

async function loadSessions() {
  const { status, data } = await call('/bff/sessions');
  if (status !== 200) return;
  const list = byId('sessions');
  list.replaceChildren();
  for (const session of data.sessions) list.append(sessionRow(session));
  byId('others').disabled = data.sessions.length < 2;
}

function sessionRow(session) {
  const row = byId('session').content.cloneNode(true);
  row.querySelector('li').dataset.sid = session.sid;
  const device = session.properties?.device || 'Unknown device';
  row.querySelector('.device').textContent = device;
  row.querySelector('.badge').hidden = !session.current;
  for (const name of ['created', 'renewed', 'expires']) when(row.querySelector('.' + name), session[name]);
  const button = row.querySelector('button');
  button.setAttribute('aria-label', 'Sign out this one: ' + device + (session.current ? ', this browser' : ''));
  button.addEventListener('click', () => (session.current ? signOut() : end('/bff/sessions/revoke', { sid: session.sid })));
  return row;
}

function signOut() {
  leaving = true;
  location.assign(byId('signout').href);
}

async function end(path, body) {
  const { status, data } = await call(path, body);
  if (status !== 200) return after(status, data);
  notice(data.revoked ? plural(data.revoked, 'session is', 'sessions are') + ' signed out.' : 'That session was already signed out.');
  await loadSessions();
}

// after handles a failed call: it shows the problem, or the end of the session.
function after(status, data) {
  if (status === 401 && data.error === 'sign_in_again') {
    return notice('The provider no longer accepts this session\'s tokens. You are still signed in here. Sign in again to call the API.', true);
  }
  if (status === 401 && data.error === 'signed_out') return over();
  problem(status, data);
}

// over shows that the session has ended.
function over() {
  signedIn = false;
  view('out');
  byId('main').focus(); // the element that had the focus is hidden now
  notice('Your session has ended. It was signed out from elsewhere, or it has expired. This browser still has the cookie, but no session belongs to it.', true);
}

// watch asks regularly whether the session still exists. It does not keep it alive.
async function watch() {
  if (byId('main').dataset.view === 'loading') await load(); // the server did not answer before
  if (signedIn && !leaving && document.visibilityState === 'visible') {
    const { status, data } = await call('/bff/user?slide=false');
    if (leaving) return;
    if (status === 401) over();
    else if (status !== 200) problem(status, data);
    else if (byId('notice').querySelector('.bad')) await load();
  }
  setTimeout(watch, askEvery);
}

byId('signout').addEventListener('click', () => { leaving = true; });
byId('others').addEventListener('click', () => end('/bff/sessions/revoke-others', {}));
byId('grow').addEventListener('click', async () => {
  const { status, data } = await call('/bff/session/grow', {});
  if (status === 200) showSession(data); else after(status, data);
});
byId('refresh').addEventListener('click', async () => {
  const { status, data } = await call('/bff/session/refresh', {});
  if (status === 409) return notice('The provider issued no refresh token.', true);
  if (status !== 200) return after(status, data);
  showSession(data);
  notice('The session has new tokens. The cookie is the same.');
});
byId('call').addEventListener('click', async () => {
  const { status, data } = await call('/api/userinfo');
  if (status === 401 && data.error) return after(status, data);
  const box = byId('api-answer');
  box.hidden = false;
  box.textContent = status === 200 ? JSON.stringify(data, null, 2)
    : 'The API answered ' + status + '.' + (status === 401 ? ' The provider no longer knows the token, for example after a restart. Sign in again.' : '');
});
window.addEventListener('pageshow', (event) => { leaving = false; if (event.persisted) load(); });
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && signedIn) loadSessions();
});

load().then(() => setTimeout(watch, askEvery));
