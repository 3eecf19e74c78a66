package scsstore

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// A Session is a session of a user, as a page "my sessions" shows it.
type Session struct {
	// SubjectID is the user's subject id, or its hash if it is long: see [bff.SubjectIDOf].
	SubjectID string
	// SessionID is the session id that Identify has returned. If Identify returned none, it
	// begins with "local-". It is not a secret, and [Store.EndSession] takes it.
	SessionID string

	// Created, Renewed and Expires are in UTC.
	Created, Renewed, Expires time.Time

	// Values are the values of the session. They are nil if they do not open or decode.
	Values map[string]any
}

// Format implements [fmt.Formatter]. It prints no values, which may be tokens.
func (s Session) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "session{redacted}") }

// LogValue implements [slog.LogValuer]. It logs no values.
func (s Session) LogValue() slog.Value { return slog.StringValue("session{redacted}") }

// UserSessions returns the live sessions of a user, oldest first, without those of
// [Config.Migrating]. An empty subject id is refused with [bff.ErrInvalidFilter].
func (s *Store) UserSessions(ctx context.Context, subjectID string) ([]Session, error) {
	loaded, err := s.sessions.UserSessions(ctx, subjectID)
	if err != nil {
		return nil, err
	}
	list := make([]Session, 0, len(loaded))
	for _, l := range loaded {
		session := Session{
			SubjectID: l.SubjectID, SessionID: l.SessionID, Created: l.Created, Renewed: l.Renewed, Expires: l.Expires,
		}
		if l.Payload != nil {
			if _, values, err := s.codec.inner.Decode(l.Payload); err == nil {
				session.Values = values
			}
		}
		list = append(list, session)
	}
	return list, nil
}

// EndSessions ends all sessions of a user, in every browser, and returns how many it has
// ended. A sign-in or rotation of one of them that is under way ends too. An empty subject id
// is refused with [bff.ErrInvalidFilter]. If it fails, some sessions may have ended, and it
// can be repeated.
func (s *Store) EndSessions(ctx context.Context, subjectID string) (int64, error) {
	return s.sessions.EndSessions(ctx, subjectID)
}

// EndSession ends the session of a user that [Session].SessionID names, as
// [Store.EndSessions] does. A user can end no other user's session with it.
func (s *Store) EndSession(ctx context.Context, subjectID, sessionID string) (int64, error) {
	return s.sessions.EndSession(ctx, subjectID, sessionID)
}
