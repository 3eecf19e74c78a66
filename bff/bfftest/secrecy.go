package bfftest

import (
	"strings"

	"example.com/usersession/bff"
)

func secrecyTopic() topic {
	return topic{name: "secrecy", tests: []test{
		{"errors contain neither keys nor tickets", errorsKeepSecrets},
	}}
}

// errorsKeepSecrets provokes every kind of error that a correct store can return.
func errorsKeepSecrets(f *fixture) {
	secret := session("key-"+marker, ticket([]byte("ticket-"+marker)))
	errs := map[string]error{}
	get := func(s bff.UserSession) error { _, err := f.store.GetUserSession(f.Context(), keyOf(s)); return err }
	conditional := updateOf(secret)
	conditional.IfVersion = 9

	missing := session("missing-"+marker, ticket([]byte("ticket-"+marker)))
	errs["get of a missing session"] = get(missing)
	errs["update of a missing session"] = f.store.UpdateUserSession(f.Context(), keyOf(missing), updateOf(missing))
	f.create(secret, session("key-2"))
	errs["create with a live key"] = f.store.CreateUserSession(f.Context(), secret)
	errs["create with a live session id"] = f.store.CreateUserSession(f.Context(), session("key-3-"+marker, sessionID("sid-of-key-2"), ticket([]byte(marker))))
	errs["update to a live session id"] = f.store.UpdateUserSession(f.Context(), keyOf(secret), updateOf(session("", sessionID("sid-of-key-2"), ticket([]byte(marker)))))
	errs["update from another version"] = f.store.UpdateUserSession(f.Context(), keyOf(secret), conditional)
	taken := session("key-"+marker, sessionID("sid-of-key-2"), ticket([]byte(marker)))
	errs["update with ReplaceRivals from another version"] = f.takeOver(f.Context(), taken, 9)
	errs["update with ReplaceRivals of a missing session"] = f.takeOver(f.Context(), missing, 0)
	errs["cancelled delete"] = errOf(f.store.DeleteUserSession(cancelled(f.T), keyOf(secret)))
	if d, ok := f.versionDeleter(); ok {
		errs["cancelled delete of a version"] = errOf(d.DeleteUserSessionVersion(cancelled(f.T), keyOf(secret), 1))
	}
	for what, write := range f.writes() {
		errs["cancelled "+what] = write(cancelled(f.T), secret)
		errs["invalid "+what] = write(f.Context(), session("key-"+marker, subject(""), ticket([]byte(marker))))
	}
	for what, err := range errs {
		// Other topics test that the operation fails.
		if err != nil && strings.Contains(err.Error(), marker) {
			f.Errorf("%s: the error contains a key or a ticket", what)
		}
	}
}
