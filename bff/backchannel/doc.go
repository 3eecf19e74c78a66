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
// # Replays, retries and several hosts
//
// A logout token is good until its logout has succeeded, and then no more. If anything
// fails before, the provider may try again with the same token. The same token delivered
// several times at once may end the same sessions several times, which does no harm.
// Hosts that share a database share that memory too, with [StoreReplayMemory].
package backchannel
