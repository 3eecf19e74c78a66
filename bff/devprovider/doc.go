// Package devprovider is an OpenID Provider for development. A relying party that starts it
// needs no account, no container and no network:
//
//	provider, err := devprovider.Start(ctx, devprovider.Config{
//		Clients: []devprovider.Client{{
//			ID: "bff", Secret: "development", RedirectURIs: []string{"http://localhost:8080/bff/callback"},
//		}},
//	})
//	fmt.Println("the issuer is", provider.Issuer())
//
// Its users choose their name on a page and have no password. Therefore the provider works
// on this machine only: it refuses an issuer and client addresses whose host is not loopback
// (localhost, a name under .localhost, 127.0.0.0/8 or ::1), and it answers a request whose
// Host header or remote address is not loopback with status 403 and the reason. There is no
// option that weakens this.
//
// To a relying party it is a complete provider:
//
//   - discovery, the authorization code flow with PKCE (S256 is required), the userinfo
//     endpoint, and the iss parameter of RFC 9207 in every authorization response;
//   - single sign-on with a cookie: a browser that is signed in gets its code without a page,
//     and prompt=none, prompt=login, prompt=select_account, max_age, id_token_hint and
//     acr_values have their effect;
//   - client_secret_basic, client_secret_post, private_key_jwt and public clients. A client
//     that uses another method than its own is refused;
//   - refresh tokens, each of which can be used once, for the scope offline_access; revocation
//     (RFC 7009);
//   - sign-out with and without an id_token_hint, logout tokens over the back channel, and
//     front-channel logout.
//
// Sessions, codes and tokens are in memory and end with the process. The page at the issuer's
// address lists the sessions, ends them, and shows the clients' answers to logout tokens.
package devprovider
