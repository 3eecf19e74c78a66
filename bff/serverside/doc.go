// Package serverside connects a browser's cookie with a [bff.UserSessionStore]. It signs
// users in and out, loads the session of a request once, extends its expiry, refreshes its
// tokens and revokes sessions.
//
//	sessions, err := serverside.New(serverside.Config{
//		Store:     store,                // nil: in memory
//		Protector: keys,                 // ticket.KeyRingFromFile(...)
//		Partition: "shop",               // names the application within the table
//		Issuer:    "https://id.example", // the identity provider
//	})
//	...
//	http.ListenAndServe(addr, sessions.Middleware(mux))
//
// The sign-in's callback calls [Sessions.SignIn] at its end. After that, any handler gets the
// user from [FromContext], and an access token for a call to an API from
// [Sessions.AccessToken]. Tokens never reach the browser.
//
// Use one [Sessions], with a partition of its own, for each identity provider.
//
// # The cookie
//
// The cookie contains only a random 256-bit id, which is new at every sign-in, so that the
// cookie's size is constant. The session's key in the store is the SHA-256 of the id: read
// access to the database is not enough to sign in. The cookie's name begins with __Host-; it
// is Secure and HttpOnly, has Path=/ and no Domain, and its SameSite is Strict or Lax. No
// option weakens these attributes. Browsers accept the cookie over plain HTTP from localhost.
//
// # Timeouts
//
// A session ends when it has been idle for [Config.IdleTimeout], and at the latest
// [Config.AbsoluteLifetime] after the sign-in. It is renewed when less than half of the idle
// window is left, which is at most one write in each half window. The end is exact and does
// not depend on cleanup.
//
// # Handlers that run for long
//
// The middleware reads the session once. A stream or another handler that runs for long
// calls [Sessions.Reload] from time to time and ends when that returns [ErrNoSession]: the
// session may have been revoked. [Sessions.AccessToken] reads the session at each call.
//
// # Remembered tickets
//
// The row of a session is read at every request. Its ticket is decrypted and decoded only if
// the row has changed since the process opened it last: the process remembers the opened
// tickets of [Config.TicketCacheSize] sessions.
//
// # When the database is down
//
// Requests with a session cookie are answered with status 503. The browser keeps the cookie
// and no session is deleted, so that the users are still signed in when the database is back.
// A cancelled request does not delete a session either. There is one exception: a sign-in
// that fails half-way removes its new session, but an old session that it has already
// replaced has ended.
//
// # What an attacker with access to the database can do
//
// An attacker with write access can delete sessions. Until a session's absolute end, which is
// sealed into its ticket, the attacker can also postpone its idle timeout, restore an older
// ticket of the same row, and insert the row again after a sign-out or a revocation, so that
// a browser that still has the cookie is signed in again. The attacker cannot read or change
// a ticket or use it in another row: see package ticket.
package serverside
