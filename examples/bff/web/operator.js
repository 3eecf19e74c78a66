// The operator's page.
'use strict';

const reasons = {
  sign_out: 'signed out', replaced: 'signed in again', revoked: 'revoked', backchannel_logout: 'ended by the provider',
  max_sessions: 'over the maximum', refresh_token_ended: 'refresh token ended', expired: 'removed by cleanup',
};

async function load() {
  const { status, data } = await call('/bff/operator');
  if (status === 401) return view('out');
  if (status === 403 && data.sub) {
    byId('me').textContent = data.sub;
    return view('forbidden');
  }
  if (status !== 200) return problem(status, data);
  show(data);
  view('in');
}

function show(data) {
  const numbers = { live: data.rows - data.expired, expired: data.expired, removed: data.ended.expired || 0, started: data.started };
  for (const [id, n] of Object.entries(numbers)) byId(id).textContent = n.toLocaleString('en');
  const ended = Object.entries(data.ended).filter(([reason]) => reason !== 'expired');
  byId('reasons').textContent = ended.length ? 'Ended since the start: ' + ended.map(([reason, n]) => n + ' ' + (reasons[reason] || reason)).join(', ') + '.' : '';
  byId('cleaned').textContent = data.cleaned ? 'It last removed rows at ' + new Date(data.cleaned).toLocaleTimeString() + '.' : 'It has removed no rows since the start.';
  byId('known').replaceChildren(...Object.keys(data.users).map((sub) => new Option('', sub)));
  const rows = data.sessions.map((session) => {
    const row = byId('session').content.cloneNode(true);
    row.querySelector('.user').textContent = session.sub;
    for (const name of ['created', 'renewed', 'expires']) when(row.querySelector('.' + name), session[name]);
    const button = row.querySelector('button');
    button.setAttribute('aria-label', 'Sign out ' + session.sub + ' everywhere');
    button.addEventListener('click', () => revoke(session.sub));
    return row;
  });
  byId('all').replaceChildren(...rows);
}

async function act(path, body, say) {
  const { status, data } = await call(path, body);
  if (status === 401) return view('out');
  if (status !== 200) return problem(status, data);
  notice(say(data));
  await load();
}

function revoke(sub) {
  return act('/bff/operator/revoke', { sub }, (d) => plural(d.revoked, 'session', 'sessions') + ' of ' + sub + (d.revoked === 1 ? ' is' : ' are') + ' over.');
}

byId('reload').addEventListener('click', load);
byId('leave').addEventListener('click', () => act('/bff/operator/leave', {}, (d) => d.left + ' expired sessions were added. Clean up now, or wait and reload.'));
byId('cleanup').addEventListener('click', () => act('/bff/operator/cleanup', {}, (d) => plural(d.removed, 'row was', 'rows were') + ' removed.'));
byId('revoke').addEventListener('submit', (event) => {
  event.preventDefault();
  revoke(byId('sub').value);
});

load();
