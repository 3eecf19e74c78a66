package serverside

import (
	"context"
	"log/slog"
	"net/http"
)

// started makes the new session the request's session, sends its cookie and reports the sign-in.
// Within a transaction it sends and reports only after the commit.
func (s *Sessions) started(w http.ResponseWriter, r *http.Request, id string, opened *openedSession) {
	ctx := r.Context()
	if st := s.state(ctx); st != nil {
		st.set(opened.row.Key, opened)
	}
	inTransaction := s.tx != nil
	s.whenCommitted(func(s *Sessions) {
		if inTransaction {
			if err := s.checkCommitted(ctx, opened); err != nil {
				s.takeBack(ctx, opened, err)
				return
			}
		}
		s.setCookie(w, r, id, opened.ticket.Expires)
		s.cfg.Metrics.SessionStarted(ctx)
		s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "serverside: user session started",
			slog.String("subject_id", opened.row.SubjectID), slog.String("session_id", opened.row.SessionID))
	})
}

// checkCommitted returns an error if a sign-in has no effect although its transaction was
// committed: the response has begun, or a back-channel logout came before the commit and could
// not see the session.
func (s *Sessions) checkCommitted(ctx context.Context, opened *openedSession) error {
	if err := s.checkResponse(ctx); err != nil {
		return err
	}
	ctx, cancel := s.withStoreTimeout(context.WithoutCancel(ctx))
	defer cancel()
	return s.checkLogout(ctx, opened)
}

// takeBack undoes a sign-in after its transaction was committed.
func (s *Sessions) takeBack(ctx context.Context, opened *openedSession, reason error) {
	s.cfg.Logger.LogAttrs(ctx, slog.LevelError, "serverside: a sign-in failed after its transaction was committed; its session is removed",
		slog.String("subject_id", opened.row.SubjectID), slog.String("session_id", opened.row.SessionID), slog.Any("error", reason))
	if st := s.state(ctx); st != nil {
		st.replace(opened.row.Key, nil)
	}
	s.undoLater(ctx, opened)
	if opened.ticket.RefreshToken != "" {
		s.revokeLater(ctx, []string{opened.ticket.RefreshToken})
	}
}

// undoLater removes the session of a sign-in that failed, in the background. Within a transaction
// it waits for the commit: a rollback removes the session by itself.
func (s *Sessions) undoLater(ctx context.Context, opened *openedSession) {
	ctx = context.WithoutCancel(ctx)
	s.whenCommitted(func(s *Sessions) {
		s.background.run(func() { s.undoSignIn(ctx, opened) })
	})
}
