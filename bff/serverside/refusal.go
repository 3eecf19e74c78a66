package serverside

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"example.com/usersession/bff/ticket"
	"example.com/usersession/internal/wait"
)

const (
	// longestWait is how long a refresh that was refused waits at most before it looks
	// again.
	longestWait = 500 * time.Millisecond
	// writeTime is what another host is given to write new tokens.
	writeTime = time.Second
)

// refused deals with a refresh token that the provider does not take. If another host
// has just spent it, that host is about to write the tokens it got. The provider may
// take all of TokenTimeout to give them to it, so that this is how long one has to look,
// but only once for each token: then it is among the refusals.
func (s *Sessions) refused(ctx context.Context, l *loaded) (*loaded, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.TokenTimeout+writeTime)
	defer cancel()
	for delay := firstWait; ; delay = min(2*delay, longestWait) {
		next, err := s.load(ctx, l.row.Key)
		switch {
		case err != nil: // tried again below
		case next == nil:
			return nil, ErrNoSession
		case !sameTokens(next, l):
			return next, nil
		default:
			l = next
		}
		if wait.For(ctx, delay) == nil {
			continue
		}
		if err != nil { // nor can it be told what another host has done
			return nil, fmt.Errorf("serverside: refreshing tokens: %w", err)
		}
		s.refusals.add(l.ticket.RefreshToken)
		s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "serverside: the identity provider refused a refresh token",
			slog.String("subject_id", l.row.SubjectID), slog.String("session_id", l.row.SessionID))
		return s.giveUp(ctx, l)
	}
}

var errOtherTokens = errors.New("serverside: another host has written new tokens")

// giveUp is what becomes of a session whose refresh token is no good. It ends only if its
// tokens are still l's. The store deletes whatever is there, but updates what was read:
// that is why the session expires first, and after that nobody writes to it.
func (s *Sessions) giveUp(ctx context.Context, l *loaded) (*loaded, error) {
	if !s.cfg.EndSessionWithRefreshToken {
		return nil, fmt.Errorf("serverside: refreshing tokens: %w", ErrRefreshTokenRefused)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.TokenTimeout)
	defer cancel()
	_, err := s.update(ctx, l, func(t *ticket.Ticket) error {
		if t.AccessToken != l.ticket.AccessToken || t.RefreshToken != l.ticket.RefreshToken {
			return errOtherTokens
		}
		t.Expires = t.Issued.Add(-clockSkew) // in the past by every clock
		return nil
	})
	if errors.Is(err, errOtherTokens) {
		return s.refresh(ctx, l) // takes them
	}
	if err != nil {
		return nil, err
	}
	removed, err := s.cfg.Store.DeleteUserSession(ctx, l.key())
	if err != nil { // cleanup will delete and count it
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: a session that ended could not be deleted", slog.Any("error", err))
	}
	s.ended(ctx, EndTokens, removed, l.row.SubjectID)
	return nil, ErrNoSession
}

// refusalsKept is how many refused refresh tokens are remembered at least, and half of how
// many at most.
const refusalsKept = 4096

// refusals are the refresh tokens that the provider has refused of late: neither is it
// asked again for one, nor does a request wait for another host to have spent it. They
// are kept as hashes, and only in this process.
type refusals struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]struct{}
}

func (r *refusals) has(token string) bool {
	hash := sha256.Sum256([]byte(token))
	r.mu.Lock()
	defer r.mu.Unlock()
	_, young := r.young[hash]
	_, old := r.old[hash]
	return young || old
}

func (r *refusals) add(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.young == nil || len(r.young) == refusalsKept {
		r.young, r.old = map[[sha256.Size]byte]struct{}{}, r.young
	}
	r.young[sha256.Sum256([]byte(token))] = struct{}{}
}
