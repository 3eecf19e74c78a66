package serverside

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/internal/wait"
)

// maxClaims is the maximum number of claims of other hosts, one after the other, for whose end a
// refresh waits.
const maxClaims = 3

// claimLifetime is the time after which a claim no longer counts: the claimant may ask the
// provider for TokenTimeout and write the tokens for StoreTimeout.
func (s *Sessions) claimLifetime() time.Duration { return s.cfg.TokenTimeout + s.cfg.StoreTimeout }

// claimRefresh seals a claim of this host into the session's ticket, so that no other host
// asks the provider meanwhile, and returns the session. If another host has claimed the
// refresh, claimRefresh waits for that host's tokens and returns the session with them.
//
// A host may die with its claim. Clocks of hosts differ, so claimRefresh measures the
// lifetime of a claim on this host's clock, from when it first saw the claim, and then takes
// the refresh over; takenOver reports that.
func (s *Sessions) claimRefresh(ctx context.Context, seen *openedSession) (claimed *openedSession, takenOver bool, err error) {
	var (
		claim  string
		since  time.Time
		claims int
	)
	for delay := firstRetryDelay; ; delay = min(2*delay, maxRetryDelay) {
		opened, err := s.loadWithin(ctx, seen.row.Key)
		switch {
		case err != nil && claim == "":
			return nil, false, fmt.Errorf("serverside: refreshing tokens: %w", err)
		case err != nil && time.Since(since) > s.claimLifetime():
			return nil, false, fmt.Errorf("serverside: refreshing tokens: %w", err)
		case err != nil: // the claimant may be done; read again below
		case opened == nil:
			return nil, false, ErrNoSession
		case !sameTokens(opened, seen): // another request or host has refreshed them
			return opened, false, nil
		case s.refusedTokens.has(opened.ticket.RefreshToken):
			return opened, false, nil
		case opened.ticket.RefreshClaim() != "" && opened.ticket.RefreshClaim() != claim:
			claim, since = opened.ticket.RefreshClaim(), time.Now()
			if claims++; claims > maxClaims {
				return nil, false, errors.New("serverside: refreshing tokens: other hosts have claimed the refresh again and again")
			}
			delay = firstRetryDelay
		case opened.ticket.RefreshClaim() != "" && time.Since(since) < s.claimLifetime(): // wait
		default:
			t := opened.ticket.Clone()
			t.SetRefreshClaim(rand.Text())
			claimed, err := s.replaceTicketWithin(ctx, opened, t)
			if errors.Is(err, bff.ErrSessionChanged) {
				continue
			}
			if err != nil && !errors.Is(err, ErrNoSession) {
				// The claim may be written: other hosts would wait for its end.
				s.background.run(func() { s.releaseClaim(ctx, &openedSession{row: opened.row, ticket: t}) })
			}
			return claimed, opened.ticket.RefreshClaim() != "", err
		}
		if err := wait.For(ctx, delay); err != nil {
			return nil, false, fmt.Errorf("serverside: refreshing tokens: %w", err)
		}
	}
}

// releaseClaim removes this host's claim, so that the next request asks the provider at once. It is
// for a refresh that got no tokens, and for a claim whose write failed but may be in the store. If
// the claim cannot be removed, it ends after its lifetime.
func (s *Sessions) releaseClaim(ctx context.Context, opened *openedSession) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StoreTimeout)
	defer cancel()
	claim := opened.ticket.RefreshClaim()
	for range updateAttempts {
		t := opened.ticket.Clone()
		t.SetRefreshClaim("")
		_, err := s.replaceTicket(ctx, opened, t)
		if !errors.Is(err, bff.ErrSessionChanged) {
			if err != nil && !errors.Is(err, ErrNoSession) {
				s.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "serverside: the claim of a refresh could not be removed", slog.Any("error", err))
			}
			return
		}
		if opened, err = s.load(ctx, opened.row.Key); err != nil || opened == nil || opened.ticket.RefreshClaim() != claim {
			return
		}
	}
}
