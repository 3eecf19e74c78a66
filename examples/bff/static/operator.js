// The operator's page.
'use strict';

const reasons = {
  sign_out: 'signed out', replaced: 'signed in again', revoked: 'revoked', backchannel_logout: 'ended by the provider',
  max_sessions: 'over the maximum', refresh_token_ended: 'refresh token ended', expired: 'removed by cleanup',
};

async function load() {
  const { status, data } = await call('/bff/operator');
  if (status === 403 && data.sub) {
    byId('me').textContent = data.sub;
    return view('forbidden');
  }
  if (status !== 200) {
    down = status === 0 || status === 503; // the watch loads the page again
    return problem(status, data);
  }
  if (me) byId('signout').href = me['bff:logout_url']; // reload is possible before the first answer
  show(data);
  view('in');
}

function show(data) {
  const numbers = { live: data.rows - data.expired, expired: data.expired, removed: data.ended.expired || 0, started: data.started };
  for (const [id, n] of Object.entries(numbers)) byId(id).textContent = n.toLocaleString('en');
  const ended = Object.entries(data.ended).filter(([reason]) => reason !== 'expired');
  byId('reasons').textContent = ended.length ? 'Ended since the start: ' + ended.map(([reason, n]) => n + ' ' + (reasons[reason] || reason)).join(', ') + '.' : '';
  byId('known').replaceChildren(...[...new Set(data.sessions.map((session) => session.sub))].map((sub) => new Option('', sub)));
  byId('newest').hidden = numbers.live <= data.sessions.length;
  fill(byId('all'), data.sessions, showRow);
}

function showRow(row, session) {
  const device = session.device || 'Unknown device';
  row.querySelector('.user').textContent = session.sub;
  row.querySelector('.device').textContent = device;
  row.querySelector('.badge').hidden = !session.current;
  for (const name of ['created', 'renewed', 'expires']) when(row.querySelector('.' + name), session[name]);
  const [one, all] = row.querySelectorAll('button');
  one.hidden = !session.sid; // a row of another program: its user can be signed out everywhere
  one.setAttribute('aria-label', 'Sign out this one: ' + session.sub + ', ' + device + (session.current ? ', this browser' : ''));
  all.setAttribute('aria-label', 'Sign out ' + session.sub + ' everywhere');
}

async function act(path, body, say) {
  const { status, data } = await call(path, body);
  if (status !== 200) return problem(status, data);
  await load();
  if (me && !down) notice(say(data));
}

const ended = (sub) => (data) => !data.revoked ? sub + ' has no such session.' : plural(data.revoked, 'session', 'sessions') + ' of ' + sub + (data.revoked === 1 ? ' is' : ' are') + ' over.';

async function revokeOne({ sub, sid, device, current }) {
  const you = current ? ' It is your own: you are signed out here.' : '';
  if (await ask('Sign out this session?', sub + ', ' + (device || 'Unknown device') + '. The browser is signed out at once.' + you, 'Sign out this one')) {
    act('/bff/operator/revoke', { sub, sid }, ended(sub));
  }
}

async function revoke(sub) {
  const you = sub === me.sub ? ' That is you: you are signed out here too.' : '';
  if (await ask('Sign out ' + sub + ' everywhere?', 'Every browser of this user is signed out at once.' + you, 'Sign out everywhere')) {
    act('/bff/operator/revoke', { sub }, ended(sub));
  }
}

onRow(byId('all'), (session, button) => (button.matches('.all') ? revoke(session.sub) : revokeOne(session)));
byId('reload').addEventListener('click', load);
byId('leave').addEventListener('click', () => act('/bff/operator/leave', {}, (data) => data.left + ' expired sessions were added. Clean up now, or wait and reload.'));
byId('cleanup').addEventListener('click', () => act('/bff/operator/cleanup', {}, (data) => plural(data.removed, 'row was', 'rows were') + ' removed.'));
byId('revoke').addEventListener('submit', (event) => {
  event.preventDefault();
  revoke(byId('sub').value.trim());
});

watch(load);
