package usersession

import (
	"database/sql"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/internal/sqltime"
)

// scanRow reads the columns {columns} of a row into session, and the column after them
// into last. It leaves session's partition key, which the caller knows, as it is.
func scanRow(rows *sql.Rows, session *bff.UserSession, last any) error {
	var (
		sessionID                 sql.NullString
		created, renewed, expires sqltime.Time
	)
	err := rows.Scan(&session.Key, &session.SubjectID, &sessionID, &created, &renewed, &expires, &session.Version, last)
	if err != nil {
		return err
	}
	session.SessionID = sessionID.String
	session.Created, session.Renewed, session.Expires = created.Time, renewed.Time, expires.Time
	return nil
}

// identityArgs returns the arguments of conditions that compare identity columns with
// the values.
func (d *dialect) identityArgs(values ...string) []any {
	args := make([]any, 0, 2*len(values)+4) // 4: for arguments that callers append
	for _, value := range values {
		args = append(args, value)
		if d.ordinal != "" {
			args = append(args, value)
		}
	}
	return args
}

// keyArgs returns the arguments of {is key}.
func (d *dialect) keyArgs(key bff.UserSessionKey) []any {
	return d.identityArgs(key.PartitionKey, key.Key)
}

func keyOf(session bff.UserSession) bff.UserSessionKey {
	return bff.UserSessionKey{PartitionKey: session.PartitionKey, Key: session.Key}
}

func valuesOf(session bff.UserSession) bff.UserSessionUpdate {
	return bff.UserSessionUpdate{
		SubjectID: session.SubjectID, SessionID: session.SessionID,
		Created: session.Created, Renewed: session.Renewed, Expires: session.Expires, Ticket: session.Ticket,
	}
}

// timeArg returns the argument for a time.
func (d *dialect) timeArg(t time.Time) any { return sqltime.Bind(d.name, t) }

// appendValues appends the arguments for the values that an insert or an update writes.
// An absent value has no argument, see [setter]; a ticket is never absent.
func (d *dialect) appendValues(args []any, values bff.UserSessionUpdate) []any {
	args = append(args, values.SubjectID)
	if values.SessionID != "" {
		args = append(args, values.SessionID)
	}
	if !values.Created.IsZero() {
		args = append(args, d.timeArg(values.Created))
	}
	args = append(args, d.timeArg(values.Renewed))
	if !values.Expires.IsZero() {
		args = append(args, d.timeArg(values.Expires))
	}
	if values.Ticket == nil {
		values.Ticket = []byte{}
	}
	return append(args, values.Ticket)
}

// filterArgs returns the statement that a valid filter selects, as an index into
// [statements.list] and [statements.deleteMany], and its arguments. The arguments are
// nil if no row can match.
func (d *dialect) filterArgs(partitionKey string, filter bff.UserSessionsFilter) (shape int, args []any) {
	named := []string{partitionKey}
	switch {
	case filter.SessionID == "":
		shape, named = bySubject, append(named, filter.SubjectID)
	case filter.SubjectID == "":
		shape, named = bySession, append(named, filter.SessionID)
	default:
		shape, named = byBoth, append(named, filter.SubjectID, filter.SessionID)
	}
	for _, value := range named[1:] {
		if !storable(partitionKey, value) {
			return shape, nil
		}
	}
	return shape, d.identityArgs(named...)
}

// storable reports whether a row can have this partition key and this identity.
func storable(partitionKey, identity string) bool {
	return bff.UserSessionKey{PartitionKey: partitionKey, Key: identity}.Validate() == nil
}
