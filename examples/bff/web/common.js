// Shared by both pages: calls to the server, and functions that show the results.
'use strict';

const byId = (id) => document.getElementById(id);

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
function view(name) {
  byId('main').dataset.view = name;
  for (const part of document.querySelectorAll('[data-show]')) part.hidden = part.dataset.show !== name;
}

// notice shows a message, or removes it if the text is empty.
function notice(text, bad) {
  const box = byId('notice');
  if (box.textContent === text) return;
  box.replaceChildren();
  if (!text) return;
  const p = document.createElement('p');
  p.className = bad ? 'notice bad' : 'notice';
  p.textContent = text;
  box.append(p);
}

// problem shows a message for a response that the caller does not handle.
function problem(status, data) {
  if (status === 0) return notice('The server does not answer. Is the program still running? This page continues when it is back.', true);
  if (status === 503) return notice('The server cannot do that at the moment: its database or the provider does not answer. You are still signed in.', true);
  notice('The server refused: ' + (data.error || status) + '.', true);
}

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

const plural = (n, one, many) => n + ' ' + (n === 1 ? one : many);

for (const link of document.querySelectorAll('nav a')) {
  if (link.pathname === location.pathname) link.setAttribute('aria-current', 'page');
}
