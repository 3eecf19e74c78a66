// Package serverside is the plumbing between a browser's cookie and a
// [bff.UserSessionStore]: it signs in and out, loads the session of a request once,
// slides its expiry, refreshes its tokens and revokes sessions.
//
//	sessions, err := serverside.New(serverside.Config{
//		Store:     store,                // nil: in memory
//		Protector: keys,                 // ticket.KeyRingFromFile(...)
//		Issuer:    "https://id.example", // whose users these are
//	})
//	...
//	http.ListenAndServe(addr, sessions.Middleware(mux))
//
// The callback of the sign-in ends with [Sessions.SignIn]; any handler then asks
// [FromContext] who it is dealing with, and [Sessions.AccessToken] for a token to call
// an API with. Tokens never reach the browser.
//
// # The cookie
//
// It holds a random 256-bit id, new at every sign-in, and nothing else, so that its
// size is always the same. The store has the SHA-256 of the id as the session's key:
// who reads the database cannot sign in with what is there. Its name begins with
// __Host-, it is Secure and HttpOnly, has Path=/ and no Domain, and SameSite is Strict
// or Lax. None of that can be weakened. Browsers take it over plain http from localhost.
//
// # Timeouts
//
// A session ends when it was idle for [Config.IdleTimeout], and in any case
// [Config.AbsoluteLifetime] after the sign-in. It is renewed when less than half of the
// idle window is left, so that there is at most one write in half a window. The end is
// exact and waits for no cleanup.
//
// # When the database is down
//
// Requests that carry a session cookie are answered with 503. The cookie stays, and no
// session is deleted: when the database is back, so are the users. A cancelled request
// never deletes a session either. The exception is a sign-in that fails half-way: its new
// session is taken back, but an old one whose place that had taken already has ended.
//
// # What an attacker with access to the database can do
//
// Delete sessions. Up to a session's absolute end, which is sealed into its ticket, also:
// put off its idle timeout, put back an older ticket of the same row, and bring the
// session back after a sign-out or a revocation by inserting its row again, for whoever
// still has the cookie. They cannot read or change a ticket, or give it to another row:
// see package ticket.
package serverside
