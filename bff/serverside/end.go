package serverside

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"

	"example.com/usersession/bff"
	"example.com/usersession/bff/internal/capability"
)

// maxDeleteAttempts is the maximum number of attempts to delete a session that other requests
// keep updating.
const maxDeleteAttempts = 8

// maxDeleteFailures is the number of failures after which endKeys gives up.
const maxDeleteFailures = 3

// endKeys ends the sessions with the keys, one by one. It goes on after a session that cannot be
// ended, for example because a foreign key of another table keeps its row. It stops after
// maxDeleteFailures such sessions, and when the context ends. Within a transaction it stops at
// the first error: the error may have ended the transaction, and MySQL would commit further
// statements one by one.
//
// endKeys returns the first error, the number of sessions that it removed itself and, with a
// Revoker, the refresh tokens that were in the sessions when they ended. The number and the
// tokens are valid also together with an error. The caller revokes the tokens with revokeLater,
// under the context of the request.
func (s *Sessions) endKeys(ctx context.Context, keys iter.Seq[string], reason EndReason, subjectID string) (n int64, tokens []string, err error) {
	failures := 0
	for key := range keys {
		removed, token, failed := s.endKey(ctx, key)
		n += removed
		if token != "" {
			tokens = append(tokens, token)
		}
		if failed != nil {
			err = cmp.Or(err, failed)
			if failures++; failures == maxDeleteFailures || ctx.Err() != nil || s.tx != nil {
				break
			}
		}
	}
	s.reportEnded(ctx, reason, n, subjectID)
	return n, tokens, err
}

// endKey deletes a session. With a Revoker it returns the session's refresh token.
func (s *Sessions) endKey(ctx context.Context, key string) (removed int64, token string, err error) {
	if s.cfg.Revoker == nil {
		removed, err = s.deleteSession(ctx, key)
		return removed, "", err
	}
	return s.deleteAndReadToken(ctx, key)
}

// deleteSession deletes the session with the key and forgets its ticket.
func (s *Sessions) deleteSession(ctx context.Context, key string) (int64, error) {
	defer s.tickets.forget(key)
	return s.cfg.Store.DeleteUserSession(ctx, s.rowKey(key))
}

// deleteAndReadToken deletes a session and returns the refresh token that was in it when it
// was deleted. If the outcome of the delete is unknown, or another host has deleted the
// session first, it returns the token that it read: the user asked for the end.
func (s *Sessions) deleteAndReadToken(ctx context.Context, key string) (removed int64, token string, err error) {
	for range maxDeleteAttempts {
		row, err := s.cfg.Store.GetUserSession(bff.WithFreshRead(ctx), s.rowKey(key))
		if errors.Is(err, bff.ErrSessionNotFound) { // gone, or expired and to be deleted below
			break
		}
		if err != nil && s.tx != nil {
			return 0, "", err
		}
		if err != nil {
			s.logTokenMayLive(ctx, row.SubjectID, err)
			break
		}
		row.PartitionKey, row.Key = s.cfg.Partition, key
		if opened, err := s.open(ctx, row); err == nil && opened != nil {
			token = opened.ticket.RefreshToken
		}
		removed, ended, err := capability.DeleteVersion(ctx, s.cfg.Store, row)
		if err != nil {
			s.logTokenMayLive(ctx, row.SubjectID, err)
			return removed, token, err
		}
		if ended {
			s.tickets.forget(key)
			return removed, token, nil
		}
	}
	removed, err = s.deleteSession(ctx, key)
	if removed > 0 {
		s.logTokenMayLive(ctx, "", errors.New("the session was changed again and again, or could not be read"))
	}
	return removed, token, err
}

func (s *Sessions) logTokenMayLive(ctx context.Context, subjectID string, err error) {
	s.whenCommitted(func(s *Sessions) {
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: a session ends, and a newer refresh token than the one that was read may remain valid",
			slog.String("subject_id", subjectID), slog.Any("error", err))
	})
}

// requestSubject returns the user of the request's session if it has the key, and "" otherwise.
func (s *Sessions) requestSubject(ctx context.Context, key string) string {
	if opened := s.current(ctx); opened != nil && opened.row.Key == key {
		return opened.row.SubjectID
	}
	return ""
}
