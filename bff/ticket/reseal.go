package ticket

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/internal/wait"
)

// A Rotator is a [Protector] that can tell whether a ciphertext is under another key
// than the one it seals with today.
type Rotator interface {
	NeedsReseal(ciphertext []byte) bool
}

// NeedsReseal reports whether a sealed ticket should be sealed anew: whether p says so.
// A protector that is no [Rotator] never does.
func NeedsReseal(p Protector, sealed []byte) bool {
	r, ok := p.(Rotator)
	return ok && r.NeedsReseal(sealed)
}

// Reseal is the job that moves the live sessions of a partition to the primary key, so
// that the old key can be removed.
type Reseal struct {
	// Store holds the sessions. It must implement [bff.UserSessionLister].
	Store bff.UserSessionStore
	// Protector opens and seals. It must implement [Rotator], as [KeyRing] does.
	Protector    Protector
	PartitionKey string
	// BatchSize is how many sessions are looked at between two pauses, and listed
	// at a time. Values below 1 mean [bff.DefaultPageSize].
	BatchSize int
	// Pause is how long the job rests after each batch. The default is not at all.
	Pause time.Duration
}

// A ResealReport says what a [Reseal] job found.
type ResealReport struct {
	// Examined counts the sessions that were looked at.
	Examined int64
	// Resealed counts those that are under the primary key now and were not before.
	Resealed int64
	// Unreadable counts those that do not open. They were left alone: a key may be
	// missing here that another host has.
	Unreadable int64
}

// resealAttempts bounds how often one session that others keep changing is tried.
const resealAttempts = 5

// Run walks the live sessions once and rewrites, one by one, those that are under an
// old key. It changes neither their times nor what is in them, never overwrites an
// update that came in between, and never brings back a session that was revoked
// meanwhile. It may be run on several hosts at once, and again at any time.
//
// An error ends it; the report says what was done until then.
func (j Reseal) Run(ctx context.Context) (ResealReport, error) {
	var report ResealReport
	lister, ok := j.Store.(bff.UserSessionLister)
	if !ok {
		return report, errors.New("ticket: the store cannot list its sessions: it is no bff.UserSessionLister")
	}
	if _, ok := j.Protector.(Rotator); !ok {
		return report, errors.New("ticket: the protector cannot tell old keys from new ones: it is no ticket.Rotator")
	}
	batch := int64(j.BatchSize)
	if batch < 1 {
		batch = bff.DefaultPageSize
	}
	query := bff.UserSessionsQuery{PartitionKey: j.PartitionKey, OldestFirst: true, PageSize: int(batch)}
	for session, err := range lister.UserSessions(ctx, query) {
		if err != nil {
			return report, fmt.Errorf("ticket: listing the sessions: %w", err)
		}
		if err := j.one(ctx, bff.UserSessionKey{PartitionKey: session.PartitionKey, Key: session.Key}, &report); err != nil {
			return report, fmt.Errorf("ticket: resealing a session: %w", err)
		}
		if report.Examined%batch == 0 {
			if err := wait.For(ctx, j.Pause); err != nil {
				return report, err
			}
		}
	}
	return report, nil
}

func (j Reseal) one(ctx context.Context, key bff.UserSessionKey, report *ResealReport) error {
	report.Examined++
	var err error
	for range resealAttempts {
		var session bff.UserSession
		session, err = j.Store.GetUserSession(ctx, key)
		if errors.Is(err, bff.ErrSessionNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !NeedsReseal(j.Protector, session.Ticket) {
			return nil
		}
		t, openErr := Open(j.Protector, BindingOf(session), session.Ticket)
		if openErr != nil {
			report.Unreadable++
			return nil //nolint:nilerr // counted: one unreadable ticket does not end the job
		}
		sealed, sealErr := Seal(j.Protector, BindingOf(session), t)
		if sealErr != nil {
			return sealErr
		}
		err = j.Store.UpdateUserSession(ctx, key, bff.UserSessionUpdate{
			SubjectID: session.SubjectID, SessionID: session.SessionID,
			Created: session.Created, Renewed: session.Renewed, Expires: session.Expires,
			Ticket: sealed, IfVersion: session.Version,
		})
		switch {
		case err == nil:
			report.Resealed++
			return nil
		case errors.Is(err, bff.ErrSessionNotFound):
			return nil // revoked meanwhile
		case !errors.Is(err, bff.ErrSessionChanged):
			return err
		}
	}
	return err
}
