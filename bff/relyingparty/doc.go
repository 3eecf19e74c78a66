// Package relyingparty is the OpenID Connect client of a Backend-for-Frontend: the endpoints for
// sign-in, sign-out, the signed-in user and logout tokens, and the refresh and revocation of
// tokens, over the sessions of package serverside.
//
//	rp, err := relyingparty.New(relyingparty.Config{
//		Issuer: "https://id.example", ClientID: "bff", ClientSecret: secret,
//		BaseURL: "https://app.example", Protector: keys,
//	})
//	...
//	sessions, err := serverside.New(serverside.Config{
//		Store: store, Protector: keys, Partition: "shop", Issuer: rp.Issuer(),
//		Refresher: rp, Revoker: rp, EnableSessionCleanup: true,
//	})
//	...
//	mux := http.NewServeMux()
//	err = rp.Register(mux, sessions) // /bff/login, /bff/callback, /bff/logout, /bff/user, …
//	...
//	http.ListenAndServe(addr, sessions.Middleware(mux))
//
// The program also runs [example.com/usersession/bff/serverside.Sessions.Run] until it ends.
//
// # What it does
//
// A sign-in uses the authorization code flow with PKCE (S256), state and nonce. The values that the
// sign-in needs until it ends are sealed in the state parameter and in a cookie. So the server
// keeps nothing for abandoned sign-ins, several tabs can sign in at once, and only the browser that
// began a sign-in can end it, once, on any host. The ID token is checked as OpenID
// Connect Core 1.0, section 3.1.3.7, requires, and so is the issuer of the response (RFC 9207).
// The claims of the userinfo endpoint complete those of the ID token.
//
// The provider is discovered when a request first needs it: either side may start first. While
// the provider does not answer, a sign-in fails with status 503 and sessions go on.
//
// # Several providers
//
// Use one RelyingParty and one Sessions for each provider, with a Path of its own, and in
// serverside.Config the UserPath below it and a CookieName and a Partition of their own.
package relyingparty
