package backchannel

import (
	"context"
	"errors"
	"fmt"

	"example.com/usersession/bff"
)

// ForStore returns the [Sessions] of one partition of a store, for an application whose
// sessions are kept by another library than package serverside: scs, gorilla/sessions or
// its own. The application must set [bff.UserSession].SubjectID and SessionID to the sub
// and sid claims when a user signs in.
//
// A logout deletes rows of the partition, live or expired:
//
//   - for a token with sid, the row with that session id; if the token has sub as well,
//     only if the row also has that subject id;
//   - for a token with sub alone, every row with that subject id.
//
// Rows of other partitions, and anonymous rows, are never deleted. A token that matches no
// row is no error. If the store fails, its error is returned, some rows may have been
// deleted, and the logout may be repeated.
//
// Only the rows are deleted: ForStore does not revoke refresh tokens that the application
// keeps in them.
//
// The issuer is compared with the token's iss byte by byte: "https://id.example" and
// "https://id.example/" are different issuers. A row has no issuer, so each identity
// provider needs a partition of its own.
//
// [New] refuses the Sessions if the store is nil, the issuer is empty or no row can have
// the partition key. They are safe for concurrent use.
func ForStore(store bff.UserSessionStore, partition, issuer string) Sessions {
	return storeSessions{store: store, partition: partition, issuer: issuer}
}

type storeSessions struct {
	store     bff.UserSessionStore
	partition string
	issuer    string
}

// check is called by New, because ForStore returns no error.
func (s storeSessions) check() error {
	if s.store == nil {
		return errors.New("the store is nil")
	}
	if err := (bff.UserSessionKey{PartitionKey: s.partition, Key: "k"}).Validate(); err != nil {
		return fmt.Errorf("the partition is not usable: %w", err)
	}
	return nil
}

// Issuer implements [Sessions].
func (s storeSessions) Issuer() string { return s.issuer }

// SubjectOfSession implements [Sessions].
func (s storeSessions) SubjectOfSession(ctx context.Context, sessionID string) (string, bool, error) {
	rows, err := s.store.GetUserSessions(ctx, s.partition, bff.UserSessionsFilter{SessionID: sessionID})
	if err != nil {
		return "", false, fmt.Errorf("backchannel: looking for the session's user: %w", err)
	}
	if len(rows) == 0 {
		return "", false, nil
	}
	return rows[0].SubjectID, true, nil
}

// BackchannelLogout implements [Sessions].
func (s storeSessions) BackchannelLogout(ctx context.Context, filter bff.UserSessionsFilter) (int64, error) {
	if err := filter.Validate(); err != nil {
		return 0, err
	}
	n, err := s.store.DeleteUserSessions(ctx, s.partition, filter)
	if err != nil {
		return n, fmt.Errorf("backchannel: deleting sessions: %w", err)
	}
	return n, nil
}
