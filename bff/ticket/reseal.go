package ticket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/internal/wait"
)

// A Rotator is a [Protector] that knows under which key a ciphertext was sealed.
type Rotator interface {
	// NeedsReseal reports whether the ciphertext was sealed under another key than the
	// key with which the Protector seals now.
	NeedsReseal(ciphertext []byte) bool
}

// NeedsReseal reports whether a sealed ticket, or a payload of [SealBytes], should be sealed
// again because it is under an old key. It reports false if p is not a [Rotator].
func NeedsReseal(p Protector, sealed []byte) bool {
	r, ok := p.(Rotator)
	return ok && r.NeedsReseal(sealed)
}

// Reseal is a job that seals the tickets of a partition's live sessions under the primary
// key, so that the old key can be removed. A ticket where it expects a payload, and a payload
// where it expects a ticket, counts as unreadable and is left as it is.
type Reseal struct {
	// Store holds the sessions. It must implement [bff.UserSessionLister].
	Store bff.UserSessionStore
	// Protector opens and seals. It must implement [Rotator], as [KeyRing] does.
	Protector    Protector
	PartitionKey string
	// Payloads says that the sessions have payloads of [SealBytes], as those of the adapters
	// of session libraries do, and no tickets.
	Payloads bool
	// Encoding is the encoding of the tickets that are sealed again. The default is
	// [DefaultEncoding].
	Encoding Encoding
	// BatchSize is the number of sessions that are listed at a time and examined
	// between two pauses. Values below 1 mean [bff.DefaultPageSize].
	BatchSize int
	// Pause is the duration of the pause after each batch. The default is no pause.
	Pause time.Duration
	// Progress, if not nil, is called after each batch, before the pause, with the work until
	// then. The goroutine that runs the job calls it.
	Progress func(ResealReport)
}

// A ResealReport is the result of a [Reseal] job.
type ResealReport struct {
	// Examined is the number of sessions that the job has read.
	Examined int64
	// Resealed is the number of tickets that the job has sealed under the primary key.
	Resealed int64
	// Unreadable is the number of tickets under an old key that do not open. The job
	// leaves them as they are: another host may have the key that is missing here.
	Unreadable int64
}

// resealAttempts is the maximum number of attempts to reseal a session that other writers keep
// changing.
const resealAttempts = 5

// Run visits the live sessions once and seals the tickets that are under an old key again. It
// changes neither the times of a session nor the contents of its ticket. It never overwrites
// a concurrent update and never brings back a session that has ended in the meantime. It may
// run on several hosts at once and may be repeated.
//
// The first error ends the job, also the end of the context. The report counts the work
// until then.
func (j Reseal) Run(ctx context.Context) (ResealReport, error) {
	var report ResealReport
	lister, ok := j.Store.(bff.UserSessionLister)
	if !ok {
		return report, errors.New("ticket: the store cannot list its sessions: it does not implement bff.UserSessionLister")
	}
	if err := CheckProtector(j.Protector); err != nil {
		return report, fmt.Errorf("ticket: %w", err)
	}
	if _, ok := j.Protector.(Rotator); !ok {
		return report, errors.New("ticket: the protector cannot tell an old key from a new one: it does not implement ticket.Rotator")
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
		if err := j.resealOne(ctx, bff.UserSessionKey{PartitionKey: session.PartitionKey, Key: session.Key}, &report); err != nil {
			return report, fmt.Errorf("ticket: resealing a session: %w", err)
		}
		if report.Examined%batch == 0 {
			if j.Progress != nil {
				j.Progress(report)
			}
			if err := wait.For(ctx, j.Pause); err != nil {
				return report, err
			}
		}
	}
	return report, nil
}

// resealOne seals the ticket of one session again, if that is necessary, and counts it in the
// report. A session that has ended is no error.
func (j Reseal) resealOne(ctx context.Context, key bff.UserSessionKey, report *ResealReport) error {
	report.Examined++
	var err error
	for range resealAttempts {
		var session bff.UserSession
		session, err = j.Store.GetUserSession(bff.WithFreshRead(ctx), key)
		if errors.Is(err, bff.ErrSessionNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !NeedsReseal(j.Protector, session.Ticket) {
			return nil
		}
		sealed, readable, sealErr := j.sealAgain(session)
		if !readable {
			report.Unreadable++ // one unreadable ticket does not end the job
			return nil
		}
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
			return nil // it has ended in the meantime
		case !errors.Is(err, bff.ErrSessionChanged):
			return err
		}
	}
	return err
}

// sealAgain opens a session's ticket, or its payload, and seals it under the primary key. readable
// is false if it does not open.
func (j Reseal) sealAgain(session bff.UserSession) (sealed []byte, readable bool, err error) {
	binding := BindingOf(session)
	if j.Payloads {
		payload, err := OpenBytes(j.Protector, binding, session.Ticket)
		if err != nil {
			return nil, false, nil //nolint:nilerr // counted by the caller
		}
		sealed, err = SealBytes(j.Protector, binding, payload)
		return sealed, true, err
	}
	t, err := Open(j.Protector, binding, session.Ticket)
	if err != nil {
		return nil, false, nil //nolint:nilerr // counted by the caller
	}
	sealed, err = SealAs(j.Protector, binding, t, cmp.Or(j.Encoding, DefaultEncoding))
	return sealed, true, err
}
