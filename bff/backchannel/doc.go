// Package backchannel has the endpoint with which an identity provider ends sessions without
// their browsers: OpenID Connect Back-Channel Logout 1.0.
//
//	logout, err := backchannel.New(backchannel.Config{
//		Sessions: sessions, // *serverside.Sessions, or ForStore(store, partition, issuer)
//		Verifier: verifier, // package oidcverify
//	})
//	...
//	mux.Handle("/bff/backchannel", logout)
//
// The provider calls the endpoint without a session cookie and without a CSRF header: leave
// the endpoint out of [example.com/usersession/bff/serverside.AntiForgery]. It is open to the
// internet, so limit the rate of its requests in your proxy: a token with an unknown key id
// may make a verifier fetch the provider's keys.
//
// Use one Handler, with Sessions of its own, for each identity provider.
//
// # What is checked
//
// The [Verifier] checks the signature, the algorithm, iss, aud and exp (OpenID Connect
// Back-Channel Logout 1.0, section 2.6, steps 2 to 4). [Handler] itself checks typ, iss, exp, nbf, iat and the token's age, jti and that it
// is used for the first time, sub or sid, the events member and its value, and that there is
// no nonce, with every verifier. A token with two members of the same name is refused.
//
// # What ends
//
// A logout ends the sessions that the token names, and sign-ins of such sessions that are
// under way: a sign-in whose ID token is not newer than the logout token does not succeed
// ([LogoutRecorder]). A token with sub and sid also ends the user's sessions for which the
// provider gave no sid, because no token can name them.
//
// # Replays, retries and several hosts
//
// A logout token is accepted until its logout has succeeded, and refused afterwards. If the
// logout fails, the provider may deliver the same token again. Concurrent deliveries of one
// token may end the same sessions several times, which does no harm. With [StoreReplayMemory]
// the hosts that share a database also share the memory of used tokens.
package backchannel
