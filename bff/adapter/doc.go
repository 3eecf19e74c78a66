// Package adapter has the code that every adapter of a session library needs: it keeps the
// sessions of scs, gorilla/sessions, fiber or a library of your own in a [bff.UserSessionStore].
// The modules adapters/scsstore, adapters/gorillastore and adapters/fiberstore are built on it.
//
// A session library has a secret, which is the browser's cookie, and a payload, which is the
// encoded values. A row has the SHA-256 of the secret as its key, and the payload, sealed and
// bound to the row. A sealed payload cannot be searched, so the row also has the user and the
// identity provider's session, which the application names in an [Identity]. With them a user's
// sessions can be listed and ended, and a back-channel logout finds its session (see
// backchannel.ForStore).
//
// # A session that has ended stays ended
//
// Most session libraries write a session back with an upsert. A request that has loaded a
// session before it was revoked, and saves it afterwards, brings it back. Here [Sessions.Save]
// only updates the row that was loaded, and [Sessions.Rotate] only continues it. If the row is
// gone, or has another user or another session of the provider by now, both return [ErrEnded]
// and store nothing. For this, a secret must never have had another row: see [Sessions.Create].
//
// Without such a conflict the last writer wins, as in the session libraries: a save does
// not merge values.
package adapter
