// The first page: it asks the server for the signed-in user and shows the session.
'use strict';

const largest = 220 * 1024; // bytes: the end of the meter

async function show(claims) {
  byId('name').textContent = nameOf(claims);
  byId('signout').href = claims['bff:logout_url'];
  byId('claims').replaceChildren();
  for (const [name, value] of Object.entries(claims).sort()) {
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.textContent = name;
    dd.textContent = typeof value === 'object' ? JSON.stringify(value) : String(value);
    byId('claims').append(dt, dd);
  }
  byId('api-answer').hidden = true; // it may be another user's
  view('in');
  await Promise.all([loadSession(), loadSessions()]);
}

// unavailable handles a failed call of the page's own: the watch shows the page anew.
function unavailable(status, data) {
  down = status === 0 || status === 503;
  problem(status, data);
}

async function loadSession() {
  const { status, data } = await call('/bff/session');
  if (status === 200) showSession(data); else unavailable(status, data);
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
  const known = new Date(until) > 0; // the server sends the year 1 for an unknown time
  byId('token-until').textContent = known ? ' (this one expires at ' + new Date(until).toLocaleTimeString() + ')' : '';
}

async function loadSessions() {
  const { status, data } = await call('/bff/sessions');
  if (status !== 200) return unavailable(status, data);
  fill(byId('sessions'), data.sessions, showRow);
  byId('others').setAttribute('aria-disabled', data.sessions.length < 2); // a disabled button would lose the focus
}

function showRow(row, session) {
  const device = session.properties?.device || 'Unknown device';
  row.querySelector('.device').textContent = device;
  row.querySelector('.badge').hidden = !session.current;
  for (const name of ['created', 'renewed', 'expires']) when(row.querySelector('.' + name), session[name]);
  row.querySelector('button').setAttribute('aria-label', 'Sign out this one: ' + device + (session.current ? ', this browser' : ''));
}

function signOut() {
  leaving = true;
  location.assign(byId('signout').href);
}

async function end(path, body) {
  const { status, data } = await call(path, body);
  if (status !== 200) return problem(status, data);
  await loadSessions();
  notice(data.revoked ? plural(data.revoked, 'session is', 'sessions are') + ' signed out.' : 'That session was already signed out.');
}

// refused shows why a call for which the provider is needed has failed.
function refused(status, data) {
  if (status === 401 && data.error === 'sign_in_again') {
    return notice('The provider no longer accepts this session\'s tokens. You are still signed in here. Sign in again to call the API.', true);
  }
  if (status === 409) return notice('The provider issued no refresh token.', true);
  problem(status, data);
}

byId('signout').addEventListener('click', () => { leaving = true; });
onRow(byId('sessions'), (session) => (session.current ? signOut() : end('/bff/sessions/revoke', { sid: session.sid })));
byId('others').addEventListener('click', (event) => {
  if (event.currentTarget.getAttribute('aria-disabled') === 'true') return notice('There are no other sessions.');
  end('/bff/sessions/revoke-others', {});
});
byId('grow').addEventListener('click', async () => {
  const { status, data } = await call('/bff/session/grow', {});
  if (status !== 200) return problem(status, data);
  showSession(data);
  worked();
});
byId('refresh').addEventListener('click', async () => {
  const { status, data } = await call('/bff/session/refresh', {});
  if (status !== 200) return refused(status, data);
  showSession(data);
  notice('The session has new tokens. The cookie is the same.');
});
byId('call').addEventListener('click', async () => {
  const { status, data } = await call('/api/userinfo');
  const box = byId('api-answer');
  box.hidden = status === 0 || status >= 502 || (status === 401 && !!data.error); // not an answer of the API
  if (box.hidden) return refused(status, data);
  worked();
  box.textContent = status === 200 ? JSON.stringify(data, null, 2)
    : 'The API answered ' + status + '.' + (status === 401 ? ' The provider no longer knows the token, for example after a restart. Sign in again.' : '');
});
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && me) loadSessions();
});

watch(show);
