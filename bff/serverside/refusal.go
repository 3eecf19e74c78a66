package serverside

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
)

// refusedWaits is how often, with doubling pauses from firstWait, a refresh that was
// refused looks whether another host has the new tokens: about a second and a quarter.
const refusedWaits = 6

// refused deals with a refresh token that the provider does not take. If another host
// has just spent it, that host is about to write the tokens it got.
func (s *Sessions) refused(ctx context.Context, l *loaded) (*loaded, error) {
	wait := firstWait
	for i := 0; ; i++ {
		next, err := s.load(ctx, l.row.Key)
		if err != nil {
			return nil, fmt.Errorf("serverside: refreshing tokens: %w", err)
		}
		if next == nil {
			return nil, ErrNoSession
		}
		if !sameTokens(next, l) {
			return next, nil
		}
		if i == refusedWaits || !sleep(ctx, wait) {
			break
		}
		wait *= 2
	}
	s.refusals.add(l.ticket.RefreshToken)
	s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "serverside: the identity provider refused a refresh token",
		slog.String("subject_id", l.row.SubjectID), slog.String("session_id", l.row.SessionID))
	return s.giveUp(ctx, l)
}

// giveUp is what becomes of a session whose refresh token is no good.
func (s *Sessions) giveUp(ctx context.Context, l *loaded) (*loaded, error) {
	if !s.cfg.EndSessionWithRefreshToken {
		return nil, fmt.Errorf("serverside: refreshing tokens: %w", ErrRefreshTokenRefused)
	}
	if err := s.cfg.Store.DeleteUserSession(ctx, l.key()); err != nil {
		return nil, fmt.Errorf("serverside: ending the session with its refresh token: %w", err)
	}
	s.ended(ctx, EndTokens, 1, l.row.SubjectID)
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
