package serverside

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/usersession/internal/wait"
)

const (
	// maxRevocations is the number of revocations that run at the same time.
	maxRevocations = 4
	// maxWaitingRevocations is the number of refresh tokens that may wait for their
	// revocation.
	maxWaitingRevocations = 10_000
	// maxRevocationFailures is the number of consecutive failures after which revokeAll
	// gives up the rest of a batch, because the provider is probably down.
	maxRevocationFailures = 8
	// revocationDelay is the longest time that revokeLater waits for the end of the
	// context if the request does not pass through the middleware.
	revocationDelay = time.Second
)

// revocations counts the refresh tokens that wait for their revocation, and bounds the
// number of calls to the provider.
type revocations struct {
	waiting atomic.Int64
	slots   chan struct{}
}

// revokeLater revokes refresh tokens of sessions that have ended, best effort and in the
// background: after the handler behind the middleware has returned, because the handler
// may still use the tokens. Without the middleware it waits for the end of the context,
// at most revocationDelay. The number of tokens that were not revoked is logged.
func (s *Sessions) revokeLater(ctx context.Context, tokens []string) {
	if s.cfg.Revoker == nil || len(tokens) == 0 {
		return
	}
	if s.tx != nil {
		s.whenCommitted(func(s *Sessions) { s.revokeLater(ctx, tokens) })
		return
	}
	if st := s.state(ctx); st != nil && st.postpone(tokens) {
		return // afterHandler revokes them
	}
	s.background.run(func() {
		_ = wait.For(ctx, revocationDelay) // the end of the context ends only the wait
		s.revokeAll(context.WithoutCancel(ctx), tokens)
	})
}

// afterHandler revokes in the background what the handler has postponed.
func (s *Sessions) afterHandler(ctx context.Context, st *requestState) {
	if tokens := st.handled(); len(tokens) > 0 {
		ctx = context.WithoutCancel(ctx)
		s.background.run(func() { s.revokeAll(ctx, tokens) })
	}
}

// revokeAll revokes the tokens, a few at a time and each within TokenTimeout.
func (s *Sessions) revokeAll(ctx context.Context, tokens []string) {
	accepted := s.limitWaiting(tokens)
	s.logNotRevoked(ctx, len(tokens)-len(accepted), "too many wait")
	var (
		wg              sync.WaitGroup
		failed, givenUp atomic.Int64
	)
	for i, token := range accepted {
		s.revocations.slots <- struct{}{}
		if failed.Load() >= maxRevocationFailures {
			<-s.revocations.slots
			givenUp.Store(int64(len(accepted) - i))
			break
		}
		wg.Go(func() {
			defer func() {
				<-s.revocations.slots
				s.revocations.waiting.Add(-1)
			}()
			if s.revoke(ctx, token) {
				failed.Store(0)
			} else {
				failed.Add(1)
			}
		})
	}
	wg.Wait()
	s.revocations.waiting.Add(-givenUp.Load())
	s.logNotRevoked(ctx, int(givenUp.Load()), "the provider fails")
}

// limitWaiting returns the tokens that may wait for their revocation, up to maxWaitingRevocations
// together with the tokens that wait already.
func (s *Sessions) limitWaiting(tokens []string) []string {
	waiting := s.revocations.waiting.Add(int64(len(tokens)))
	excess := min(max(0, waiting-maxWaitingRevocations), int64(len(tokens)))
	s.revocations.waiting.Add(-excess)
	return tokens[:int64(len(tokens))-excess]
}

// revoke revokes one token and reports whether that succeeded.
func (s *Sessions) revoke(ctx context.Context, token string) bool {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.TokenTimeout)
	defer cancel()
	err := s.callRevoker(ctx, token)
	if err != nil {
		s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: a refresh token could not be revoked",
			slog.String("error", redact(err, token)))
	}
	return err == nil
}

func (s *Sessions) logNotRevoked(ctx context.Context, count int, reason string) {
	if count <= 0 {
		return
	}
	s.whenCommitted(func(s *Sessions) {
		s.cfg.Logger.LogAttrs(ctx, slog.LevelError, "serverside: refresh tokens of ended sessions were not revoked",
			slog.Int("count", count), slog.String("reason", reason))
	})
}

var errRevokerPanicked = errors.New("the Revoker panicked")

// callRevoker calls the Revoker and returns errRevokerPanicked if it panics: a panic in a goroutine
// of the background would end the program. The panic's value may quote the token and is dropped.
func (s *Sessions) callRevoker(ctx context.Context, token string) (err error) {
	defer func() {
		if recover() != nil {
			err = errRevokerPanicked
		}
	}()
	return s.cfg.Revoker.RevokeRefreshToken(ctx, token)
}

// redact returns an error's text without the secret, in case a client has quoted it.
func redact(err error, secret string) string {
	text := err.Error()
	if secret == "" {
		return text
	}
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
		text = strings.ReplaceAll(text, form, "[redacted]")
	}
	return text
}
