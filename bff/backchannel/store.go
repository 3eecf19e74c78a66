package backchannel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/internal/logoutnote"
)

// StoreSessions are the [Sessions] of one partition of a store. Make them with [ForStore].
type StoreSessions struct{ notes logoutnote.Notes }

// ForStore returns the [Sessions] of one partition of a store, for an application whose
// sessions are kept by another library than package serverside: scs, gorilla/sessions or
// its own. When a user signs in, the application must set [bff.UserSession].SubjectID to
// [bff.SubjectIDOf] of the sub claim and SessionID to the sid claim, and then ask
// [StoreSessions.SignInEnded]. Without a sid claim, SessionID must be empty or begin with
// "local-".
//
// A logout deletes rows of the partition, live or expired:
//
//   - for a token with sid, the row with that session id; if the token has sub as well,
//     only if the row also has that subject id;
//   - for a token with sub and sid, also the live rows with that subject id whose session
//     id is empty or begins with "local-": the token cannot name them;
//   - for a token with sub alone, every row with that subject id.
//
// Rows of other partitions, and anonymous rows, are never deleted. A token that matches no
// row is no error. If the store fails, its error is returned, some rows may have been
// deleted, and the logout may be repeated.
//
// Only the rows are deleted: ForStore does not revoke refresh tokens that the application
// keeps in them. A logout also writes rows to the partition "backchannel-logouts", which is
// reserved for such rows. They expire when the logout token would be refused for its age.
//
// The issuer is compared with the token's iss byte by byte: "https://id.example" and
// "https://id.example/" are different issuers. A row has no issuer, so each identity
// provider needs a partition of its own.
//
// [New] refuses the Sessions if the store is nil, the issuer is empty, or the partition is
// reserved or cannot be stored. They are safe for concurrent use.
func ForStore(store bff.UserSessionStore, partition, issuer string) StoreSessions {
	return StoreSessions{logoutnote.Notes{Store: store, Partition: partition, Issuer: issuer}}
}

// check returns an error if the arguments of ForStore, which itself returns no error, are not
// usable.
func (s StoreSessions) check() error {
	if s.notes.Store == nil {
		return errors.New("the store is nil")
	}
	if s.notes.Partition == logoutnote.Partition {
		return errors.New("the partition is reserved for the notes of logouts")
	}
	if err := (bff.UserSessionKey{PartitionKey: s.notes.Partition, Key: "k"}).Validate(); err != nil {
		return fmt.Errorf("the partition is not usable: %w", err)
	}
	return nil
}

// Issuer implements [Sessions].
func (s StoreSessions) Issuer() string { return s.notes.Issuer }

// SubjectOfSession implements [Sessions].
func (s StoreSessions) SubjectOfSession(ctx context.Context, sessionID string) (string, bool, error) {
	rows, err := s.notes.Store.GetUserSessions(ctx, s.notes.Partition, bff.UserSessionsFilter{SessionID: sessionID})
	if err != nil {
		return "", false, fmt.Errorf("backchannel: looking for the session's user: %w", err)
	}
	if len(rows) == 0 {
		return "", false, nil
	}
	return rows[0].SubjectID, true, nil
}

// RecordLogout implements [LogoutRecorder].
func (s StoreSessions) RecordLogout(ctx context.Context, filter bff.UserSessionsFilter, issuedAt, until time.Time) error {
	filter.SubjectID = bff.SubjectIDOf(filter.SubjectID)
	if err := filter.Validate(); err != nil {
		return err
	}
	if err := s.notes.Write(ctx, filter, issuedAt, until); err != nil {
		return fmt.Errorf("backchannel: %w", err)
	}
	return nil
}

// SignInEnded reports whether a logout token has ended a sign-in while it was under way.
// Call it after the session has been written with its subject id and session id, with the
// iat claim of the sign-in's ID token. If it reports true, or fails, delete the session and
// let the user sign in again: the identity provider has ended the user's session there.
//
// The answer is true if a logout token that matches the session was not issued before the ID
// token. The store must not read from a replica that lags behind.
func (s StoreSessions) SignInEnded(ctx context.Context, subjectID, sessionID string, idTokenIssuedAt time.Time) (bool, error) {
	ended, err := s.notes.Ended(ctx, bff.SubjectIDOf(subjectID), sessionID, idTokenIssuedAt)
	if err != nil {
		return false, fmt.Errorf("backchannel: %w", err)
	}
	return ended, nil
}

// BackchannelLogout implements [Sessions].
func (s StoreSessions) BackchannelLogout(ctx context.Context, filter bff.UserSessionsFilter) (int64, error) {
	filter.SubjectID = bff.SubjectIDOf(filter.SubjectID)
	if err := filter.Validate(); err != nil {
		return 0, err
	}
	n, err := s.notes.Store.DeleteUserSessions(ctx, s.notes.Partition, filter)
	if err == nil && filter.SubjectID != "" && filter.SessionID != "" {
		var local int64
		local, err = s.deleteLocal(ctx, filter.SubjectID)
		n += local
	}
	if err != nil {
		return n, fmt.Errorf("backchannel: deleting sessions: %w", err)
	}
	return n, nil
}

// deleteLocal deletes the user's sessions that have no session id of the identity provider.
func (s StoreSessions) deleteLocal(ctx context.Context, subjectID string) (n int64, err error) {
	for key, err := range s.notes.LocalKeys(ctx, subjectID) {
		if err != nil {
			return n, err
		}
		removed, err := s.notes.Store.DeleteUserSession(ctx, bff.UserSessionKey{PartitionKey: s.notes.Partition, Key: key})
		n += removed
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
