// node server.mjs PORT APPLICATION SECRET: an OpenID Provider for the BFF at APPLICATION.
// It accepts any user name.
import { Provider } from 'oidc-provider';

const [port, application, secret] = process.argv.slice(2);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: 'bff',
    client_secret: secret,
    redirect_uris: [`${application}/bff/callback`],
    post_logout_redirect_uris: [`${application}/`],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    backchannel_logout_uri: `${application}/bff/backchannel`,
    backchannel_logout_session_required: true,
  }],
  features: { backchannelLogout: { enabled: true }, revocation: { enabled: true }, devInteractions: { enabled: true } },
  claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
  cookies: { keys: ['test'] },
  pkce: { required: () => true },
  findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id, name: `${id} of oidc-provider`, email: `${id}@example.com` }) }),
  // The default fetch refuses loopback addresses to prevent server-side request forgery,
  // but the BFF listens there.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
});
provider.on('backchannel.success', (_, client, account, sid) => console.log(`logout token accepted: ${account} ${sid}`));
provider.on('backchannel.error', (_, error) => console.log(`logout token failed: ${error}`));
provider.on('server_error', (_, error) => console.log(`server error: ${error.stack}`));
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
