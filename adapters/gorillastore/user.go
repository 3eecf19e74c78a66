package gorillastore

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// A Session is a session of a user.
type Session struct {
	// SubjectID is [bff.SubjectIDOf] of the user's subject id. SessionID begins with "local-"
	// if the provider gave none. It is not a secret.
	SubjectID, SessionID string

	// Created, Renewed and Expires are in UTC. Renewed is the time of the last write.
	Created, Renewed, Expires time.Time

	// Values belong to the caller. They are nil if they do not open or decode.
	Values map[any]any
}

// Format implements [fmt.Formatter]. It prints no values, which may be tokens.
func (s Session) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "session{redacted}") }

// LogValue implements [slog.LogValuer]. It logs no values.
func (s Session) LogValue() slog.Value { return slog.StringValue("session{redacted}") }

// UserSessions returns the live sessions of a user, of every cookie name, oldest first: for a
// page "my sessions". An empty subject id is refused with [bff.ErrInvalidFilter].
func (s *Store) UserSessions(ctx context.Context, subjectID string) ([]Session, error) {
	rows, err := s.rows.UserSessions(ctx, subjectID)
	if err != nil {
		return nil, err
	}
	list := make([]Session, 0, len(rows))
	for _, row := range rows {
		values, err := decode(row.Payload)
		if err != nil {
			values = nil
		}
		list = append(list, Session{
			SubjectID: row.SubjectID, SessionID: row.SessionID,
			Created: row.Created, Renewed: row.Renewed, Expires: row.Expires, Values: values,
		})
	}
	return list, nil
}

// EndSessions ends all sessions of a user, of every cookie name, and returns how many it has
// ended. A rotation of one of them that is under way ends too. An empty subject id is refused
// with [bff.ErrInvalidFilter]. If it fails, some sessions may have ended, and it can be repeated.
func (s *Store) EndSessions(ctx context.Context, subjectID string) (int64, error) {
	return s.rows.EndSessions(ctx, subjectID)
}

// EndSession ends one session of a user, which [Session].SessionID names, as EndSessions does.
// A user can end no other user's session with it.
func (s *Store) EndSession(ctx context.Context, subjectID, sessionID string) (int64, error) {
	return s.rows.EndSession(ctx, subjectID, sessionID)
}
