// Package scsstore keeps the sessions of [scs] in a [bff.UserSessionStore]: the sessions of a
// user can be listed and ended, a back-channel logout ends the session that it names, and a
// session that has ended is not written back by a request that is still running. [Use] plugs
// it into a session manager.
//
// # What is stored
//
// The key of a row is a hash of the token, whatever HashTokenInStore is. The ticket is what
// the manager's codec has encoded, sealed by the Protector. [Config.Identify] reads the user
// and the identity provider's session from the values.
//
// # Create, update and rotation
//
// scs does not tell its store whether it creates a session, updates it or continues it under
// a new token. The values of a loaded session therefore have one more entry, with a name that
// begins with "__usersession." and a random end. Keys lists it, as it lists "__rememberMe" of
// scs; it is not stored. Do not copy it into another session.
//
//   - A session that was loaded is updated, never created: if it has ended since, Commit
//     returns [adapter.ErrEnded], which LoadAndSave gives to the manager's ErrorFunc.
//   - After RenewToken the session of a user goes on only if RenewToken has ended the former
//     one, and the user's sessions were not ended since. Of concurrent rotations one succeeds.
//   - After MergeSession both rules hold for the merged session.
//   - After Clear the entry is gone. The session is still only updated, unless more than 32,768
//     other sessions are used in the meantime or the request takes longer than an hour.
//   - After Clear and then RenewToken the session is a new one: what the application puts into
//     it, also a user, is not compared with the former session.
//   - Destroy succeeds if the session has ended already.
//
// # Expiry
//
// A session expires with its deadline or its idle timeout. With an idle timeout scs writes
// each session in each request. This package writes unchanged values only if less than half
// of the idle timeout would remain, so that a session ends after between half of the idle
// timeout and all of it without a request. Changed values are always written.
//
// [scs]: https://pkg.go.dev/github.com/alexedwards/scs/v2
package scsstore
