// Package gorillastore keeps the sessions of github.com/gorilla/sessions in a
// [bff.UserSessionStore]. It serves gorilla and echo-contrib/session as it is, and
// gin-contrib/sessions with the few lines that the README shows.
//
// The cookie has a random id and nothing else. The values are gob-encoded, sealed and bound to
// their row, and they have no limit of 4096 bytes. The row also has the user and the identity
// provider's session, so that a user's sessions can be listed and ended, and a back-channel
// logout ends the right one (see backchannel.ForStore).
//
// # Ids
//
// [sessions.Session].ID is the value of the cookie: it is a secret; do not log it.
// The store chooses every id. A session continues under a new id when its user changes: at
// sign-in, at a sign-in as another user, and when the user is removed from the values. It also
// does when the provider's session id changes to another one. To continue a session under a new
// id without such a change, set session.ID = "" before Save.
//
// # Several cookies
//
// Sessions with different names never share a row: the key of a row depends on the name too.
// They are all in one partition, so that EndSessions and a back-channel logout end a user's
// sessions of every name. Within the partition one session has a given session id. An
// application with one session that carries the identity, and others without, for flashes and
// the like, needs nothing special. If Identify returned the same SessionID for sessions of two
// names, each of them would end the other at its Save: let Identify look at session.Name(),
// leave SessionID empty for the second one, or use two stores with a partition each.
package gorillastore
