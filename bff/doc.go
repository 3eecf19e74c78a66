// Package bff is the contract between a Backend-for-Frontend (BFF) and the store
// that keeps its user sessions on the server.
//
// A BFF that uses it puts one random session id into the browser's cookie and
// everything else (claims, access and refresh tokens) into a [UserSession] row.
// A session can then be revoked without its browser: by user, by the identity
// provider's session id, or on an OpenID Connect back-channel logout.
//
// # Stores
//
// [UserSessionStore] has six methods. What a store can do beyond them it says by
// implementing a further interface, which callers find with a type assertion:
// [UserSessionReplacer], [UserSessionLister], [UserSessionStoreCleanup].
//
//   - [NewInMemoryStore] keeps sessions in the process: for tests and first steps.
//   - Package example.com/usersession keeps them in any database that GORM supports.
//   - A store of your own is proved by package
//     [example.com/usersession/bff/bfftest], in fewer than 20 lines.
//
// # What every store owes
//
// A session is live if it has no expiry or its expiry is later than the store's
// clock. Expiry is exact and does not wait for cleanup.
//
// Partition key, key, subject id and session id are compared ordinally, byte for
// byte, whatever the database's collation says.
//
// Input that cannot be kept exactly is refused with [ErrInvalidSession] and never
// truncated; see [UserSession.Validate].
//
// Times come back in UTC, equal to what was given, truncated to microseconds.
//
// Values are copies: changing what was passed in or handed out changes nothing in
// the store.
//
// A cancelled context returns its error and leaves nothing half done. Neither it
// nor a database error ever deletes a session.
//
// Keys and tickets never appear in an error's text, a log line or a metric.
//
// All stores are safe for use by several goroutines at once.
package bff
