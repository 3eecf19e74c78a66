package fiberstore

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"example.com/usersession/bff"
)

// A Session is a session of a user, as a page "my sessions" shows it.
type Session struct {
	// SubjectID is the user's subject id, or its hash if it is long: see [bff.SubjectIDOf].
	SubjectID string
	// SessionID is the session id that Identify has returned. If Identify returned none, it
	// begins with "local-". It is not a secret, and [Storage.EndSession] takes it.
	SessionID string

	// Created, Renewed and Expires are in UTC. A zero Expires means never.
	Created, Renewed, Expires time.Time

	// Values are the values of the session. They are nil if they do not open, or if they do
	// not decode because this program has not registered their types.
	Values map[any]any
}

// Format implements [fmt.Formatter]. It prints no values, which may be tokens.
func (s Session) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "session{redacted}") }

// LogValue implements [slog.LogValuer]. It logs no values.
func (s Session) LogValue() slog.Value { return slog.StringValue("session{redacted}") }

// UserSessions returns the live sessions of a user, oldest first, without those of
// [Config.Migrating]. A session that has passed the middleware's AbsoluteTimeout is listed
// until it expires or is used. An empty subject id is refused with [bff.ErrInvalidFilter].
func (s *Storage) UserSessions(ctx context.Context, subjectID string) ([]Session, error) {
	_, ctx = s.requestOf(ctx)
	loaded, err := s.sessions.UserSessions(ctx, subjectID)
	if err != nil {
		return nil, failed("listing sessions", err)
	}
	list := make([]Session, 0, len(loaded))
	for _, l := range loaded {
		session := Session{
			SubjectID: l.SubjectID, SessionID: l.SessionID, Created: l.Created, Renewed: l.Renewed, Expires: l.Expires,
		}
		if l.Payload != nil {
			session.Values, _ = decode(l.Payload)
		}
		list = append(list, session)
	}
	return list, nil
}

// EndSessions ends all sessions of a user, in every browser, and returns how many it has
// ended. A sign-in or Regenerate of one of them that is under way ends too. An empty subject id
// is refused with [bff.ErrInvalidFilter]. If it fails, some sessions may have ended, and it
// can be repeated.
//
// With the request's fiber.Ctx as the context, the request may then call Regenerate and put the
// user into the session again: after a change of password, every other browser is signed out.
func (s *Storage) EndSessions(ctx context.Context, subjectID string) (int64, error) {
	r, ctx := s.requestOf(ctx)
	n, err := s.sessions.EndSessions(ctx, subjectID)
	if err == nil {
		r.endedUser(bff.SubjectIDOf(subjectID))
	}
	return n, failed("ending sessions", err)
}

// EndSession ends the session of a user that [Session].SessionID names, as
// [Storage.EndSessions] does. A user can end no other user's session with it.
func (s *Storage) EndSession(ctx context.Context, subjectID, sessionID string) (int64, error) {
	_, ctx = s.requestOf(ctx)
	n, err := s.sessions.EndSession(ctx, subjectID, sessionID)
	return n, failed("ending a session", err)
}
