// Package backchannel is the endpoint at which an identity provider ends sessions
// without their browsers: OpenID Connect Back-Channel Logout 1.0.
//
//	logout, err := backchannel.New(backchannel.Config{
//		Sessions: sessions, // *serverside.Sessions
//		Verifier: verifier, // package oidcverify
//	})
//	...
//	mux.Handle("/bff/backchannel", logout)
//
// The endpoint is called by the provider, so it takes no session cookie and no CSRF
// header: leave it out of [example.com/usersession/bff/serverside.AntiForgery]. Since
// anybody can call it, put the rate limit of your proxy in front: a token with an unknown
// key id may make a verifier ask the provider for its keys.
//
// # What is checked
//
// The [Verifier] checks what takes keys: signature and algorithm, and with them iss, aud
// and exp (section 2.6, steps 2 to 4). [Handler] checks the rest itself, whatever the
// verifier: typ, iss, exp, nbf, iat and its age, jti and its first use, sub or sid, the
// events member and its value, and that there is no nonce. A token with two members of
// one name is refused.
//
// # Several hosts
//
// A logout token is good once. Hosts that share a database share that memory too, with
// [StoreReplayMemory].
package backchannel
