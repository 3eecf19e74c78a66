// Package bff is the contract between a Backend-for-Frontend (BFF) and the store
// that keeps its user sessions on the server.
//
// The browser's cookie holds a random secret and nothing else. Claims, access tokens
// and refresh tokens are in a [UserSession] row. A session can therefore be revoked
// without its browser: by user, by the identity provider's session id, or on an
// OpenID Connect back-channel logout.
//
// Four types of this module are named after the session: [UserSession] is the
// contract between an application and a store, entities.UserSession is the row in the
// database, serverside.Session is the read-only view for a request handler, and
// ticket.Ticket is the payload that is sealed into the row.
//
// # Stores
//
// [UserSessionStore] has six methods. A store states further capabilities by
// implementing further interfaces, which callers find with a type assertion:
// [UserSessionReplacer], [UserSessionLister], [UserSessionVersionDeleter],
// [UserSessionStoreCleanup].
//
//   - [NewInMemoryStore] keeps sessions in the process: for tests and first steps.
//   - Package example.com/usersession keeps sessions in any database that GORM
//     supports.
//   - Package [example.com/usersession/bff/bfftest] proves a store of your own, in
//     fewer than 20 lines.
//
// # What every store owes
//
// A session is live if it has no expiry or if its expiry is later than the store's
// clock. Expiry is exact and does not depend on cleanup.
//
// Partition key, key, subject id and session id are compared ordinally, byte for
// byte, whatever the database's collation is.
//
// A session without a subject id is anonymous: an application may keep state before
// a user has signed in. No filter and no query for a subject finds an anonymous
// session.
//
// A value that cannot be kept exactly is refused with [ErrInvalidSession] and never
// truncated; see [UserSession.Validate].
//
// A time that is read is the time that was written, truncated to microseconds, in UTC.
//
// Values are copies: a caller that changes a value it passed in or received changes
// nothing in the store.
//
// If the context is cancelled, the operation returns the context's error and is not
// half done. Neither a cancelled context nor a database error ever deletes a session.
//
// Keys and tickets never appear in an error text, a log line or a metric.
//
// All stores are safe for concurrent use by several goroutines.
package bff
