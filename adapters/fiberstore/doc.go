// Package fiberstore keeps the sessions of fiber's session middleware in a
// [bff.UserSessionStore], so that the sessions of a user can be listed and ended, and a
// back-channel logout finds them. A [Storage] is a fiber.Storage, which the application gives
// to session.Config:
//
//	storage, err := fiberstore.New(fiberstore.Config{Store: store, Partition: "shop", Protector: keys, Identify: identify})
//	app.Use(recover.New(), session.New(session.Config{Storage: storage}))
//
// # New and loaded sessions
//
// A fiber.Storage has one Set for new sessions and for loaded ones. A session that was loaded
// is only updated: if it has ended since, Set writes nothing and returns [adapter.ErrEnded].
// Set tells the two apart as follows.
//
// The middleware passes the fiber.Ctx of the request as the context. The Storage remembers in
// its Locals which sessions the request has loaded and deleted. A Set of a loaded session
// updates it. A Set of another key for the same user, after a loaded session of the user was
// deleted in the request, is a Regenerate: it is refused if that session had already ended, or
// if the user's sessions were ended since it was loaded. With another user, or without one, it
// is a new session. A Set of a key that the request has deleted is refused with
// [adapter.ErrEnded], or ignored if there are no values: after Destroy, call Reset or Regenerate
// to go on.
//
// With another context, as for a session from GetByID, the process remembers keys: those that
// Get has found, and those under which a user's session was written. It remembers a key for one
// to two hours, and at least the last 32,768 keys. A Set of a remembered key only updates. A Set
// of any other key creates a session, or overwrites it. A Get that finds nothing, or a Delete,
// makes the process forget the key of an anonymous session; the key of a user's session cannot
// be used again. So there are limits: a session that is saved later than this, or in another
// process than it was loaded in, can come back, and Regenerate of a session from GetByID is not
// recognised. Use the middleware for requests of browsers.
//
// # If the database is down
//
// Get then returns an error, and never says that there is no session. Errors of the store wrap
// fiber.ErrServiceUnavailable. The middleware panics with an error of Get: put the middleware
// recover in front of it, and fiber answers with status 503. An error of Set goes to
// session.Config.ErrorHandler, whose default answers with status 500.
package fiberstore
