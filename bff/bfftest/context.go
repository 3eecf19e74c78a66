package bfftest

import (
	"context"
	"errors"
	"strings"
	"time"

	"example.com/usersession/bff"
)

func contextTopic() topic {
	return topic{name: "context", tests: []test{
		{"cancelled get returns no session", cancelledGet},
		{"cancelled create adds nothing", cancelledCreate},
		{"cancelled update writes nothing", cancelledUpdate},
		{"cancelled delete removes nothing", cancelledDelete},
		{"cancelled get by filter returns no sessions", cancelledList},
		{"cancelled delete by filter removes nothing", cancelledDeletes},
		{"every operation returns an exceeded deadline", exceededDeadline},
		{"a cancelled context takes precedence over other errors", contextTakesPrecedence},
		{"a context that ends after an operation changes nothing", contextEndsAfterwards},
		{"a context that ends during an operation deletes nothing", contextEndsDuringOperation},
	}}
}

func cancelledGet(f *fixture) {
	s := session("key-1")
	f.create(s)
	got, err := f.store.GetUserSession(cancelled(f.T), keyOf(s))
	f.wantError("cancelled GetUserSession", err, context.Canceled)
	if !equal(got, bff.UserSession{}) {
		f.Error("cancelled GetUserSession returned values together with an error")
	}
	f.wantStored(1, s)
}

func cancelledCreate(f *fixture) {
	expired, s := session("old", sessionID("sid"), expires(start.Add(-time.Hour))), session("key-1", sessionID("sid"))
	f.create(expired)
	f.wantError("cancelled CreateUserSession", f.store.CreateUserSession(cancelled(f.T), s), context.Canceled)
	f.wantAbsent(s)
	f.cleanUp("after a cancelled create that conflicts with an expired session", 1)
}

func cancelledUpdate(f *fixture) {
	s := session("key-1")
	f.create(s)
	update := updateOf(session("key-1", subject(bob), sessionID("sid-new"), expires(start)))
	for _, version := range []int64{0, 1} {
		update.IfVersion = version
		f.wantError("cancelled UpdateUserSession", f.store.UpdateUserSession(cancelled(f.T), keyOf(s), update), context.Canceled)
	}
	f.wantStored(1, s)
}

func cancelledDelete(f *fixture) {
	s := session("key-1")
	f.create(s)
	f.wantError("cancelled DeleteUserSession", errOf(f.store.DeleteUserSession(cancelled(f.T), keyOf(s))), context.Canceled)
	f.wantStored(1, s)
}

func cancelledList(f *fixture) {
	s := session("key-1")
	f.create(s)
	got, err := f.store.GetUserSessions(cancelled(f.T), shop, bySubject(alice))
	f.wantError("cancelled GetUserSessions", err, context.Canceled)
	if len(got) > 0 {
		f.Error("cancelled GetUserSessions returned sessions together with an error")
	}
	f.wantStored(1, s)
}

func cancelledDeletes(f *fixture) {
	s := session("key-1")
	f.create(s)
	for _, filter := range []bff.UserSessionsFilter{bySubject(alice), bySessionID(s.SessionID)} {
		n, err := f.store.DeleteUserSessions(cancelled(f.T), shop, filter)
		f.wantError("cancelled DeleteUserSessions", err, context.Canceled)
		if n != 0 {
			f.Errorf("cancelled DeleteUserSessions counted %d, want 0", n)
		}
	}
	f.wantStored(1, s)
}

// operations returns the operations of the store by name: the six of every store, and the
// deletion of a version if the store has that capability. Each takes its arguments from a
// session, which has version 1 in the store.
func (f *fixture) operations() map[string]func(context.Context, bff.UserSession) error {
	operations := map[string]func(context.Context, bff.UserSession) error{
		"GetUserSession": func(ctx context.Context, s bff.UserSession) error {
			_, err := f.store.GetUserSession(ctx, keyOf(s))
			return err
		},
		"CreateUserSession": f.store.CreateUserSession,
		"UpdateUserSession": func(ctx context.Context, s bff.UserSession) error {
			return f.store.UpdateUserSession(ctx, keyOf(s), updateOf(s))
		},
		"DeleteUserSession": func(ctx context.Context, s bff.UserSession) error {
			return errOf(f.store.DeleteUserSession(ctx, keyOf(s)))
		},
		"GetUserSessions": func(ctx context.Context, s bff.UserSession) error {
			_, err := f.store.GetUserSessions(ctx, s.PartitionKey, bff.UserSessionsFilter{SubjectID: s.SubjectID, SessionID: s.SessionID})
			return err
		},
		"DeleteUserSessions": func(ctx context.Context, s bff.UserSession) error {
			_, err := f.store.DeleteUserSessions(ctx, s.PartitionKey, bff.UserSessionsFilter{SubjectID: s.SubjectID, SessionID: s.SessionID})
			return err
		},
		"UpdateUserSession with ReplaceRivals": func(ctx context.Context, s bff.UserSession) error {
			return f.takeOver(ctx, s, 0)
		},
	}
	if d, ok := f.versionDeleter(); ok {
		operations["DeleteUserSessionVersion"] = func(ctx context.Context, s bff.UserSession) error {
			return errOf(d.DeleteUserSessionVersion(ctx, keyOf(s), 1))
		}
	}
	return operations
}

func exceededDeadline(f *fixture) {
	s := session("key-1")
	f.create(s)
	ctx, cancel := context.WithDeadline(f.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for what, operation := range f.operations() {
		f.wantError(what+" after its deadline", operation(ctx, s), context.DeadlineExceeded)
	}
	f.wantStored(1, s)
}

func contextTakesPrecedence(f *fixture) {
	missing := session("key-1")
	invalid := session("", subject(""), sessionID(" "))
	for what, operation := range f.operations() {
		f.wantError("cancelled "+what+" of a missing session", operation(cancelled(f.T), missing), context.Canceled)
		f.wantError("cancelled "+what+" with invalid values", operation(cancelled(f.T), invalid), context.Canceled)
	}
}

func contextEndsAfterwards(f *fixture) {
	for what, operation := range f.operations() {
		s := session("for-"+strings.ToLower(what), subject("user-of-"+strings.ToLower(what)))
		if what != "CreateUserSession" {
			f.create(s)
		}
		ctx, cancel := context.WithCancel(f.Context())
		err := operation(ctx, s)
		cancel()
		if err != nil {
			f.Errorf("%s: %v", what, err)
		}
		switch what {
		case "DeleteUserSession", "DeleteUserSessions", "DeleteUserSessionVersion":
			f.wantAbsent(s)
		case "UpdateUserSession", "UpdateUserSession with ReplaceRivals":
			f.wantStored(2, s)
		default:
			f.wantStored(1, s)
		}
	}
}

func contextEndsDuringOperation(f *fixture) {
	s := session("key-1", ticket(randomTicket(50_000)))
	f.create(s)
	operations := f.operations()
	for _, what := range []string{"GetUserSession", "UpdateUserSession", "GetUserSessions"} {
		for range 20 {
			ctx, cancel := context.WithCancel(f.Context())
			go cancel()
			if err := operations[what](ctx, s); err != nil && !errors.Is(err, context.Canceled) {
				f.Errorf("%s with a context that ends during the operation: got error %v, want context.Canceled or none", what, err)
			}
			cancel()
		}
	}
	s.Version = f.get(s).Version // some of the updates were complete before the context ended
	f.wantStored(s.Version, s)
	f.wantListed(shop, bySubject(alice), s)
}
