package usersession

import (
	"database/sql"
	"errors"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/internal/sqltime"
)

// A scanner reads the rows of a query, one after the other.
type scanner struct {
	session   bff.UserSession // the last row that was read
	sessionID sql.NullString
	created   timeColumn
	renewed   timeColumn
	expires   timeColumn
	into      [8]any
	omitted   int // the number of the first columns of into that the query omits: 1 if the key is known

	plain bool
}

// A timeColumn is a time, with a note of the form in which the driver returned it.
type timeColumn struct {
	sqltime.Time
	inUTC bool // the driver returned text, or a time in UTC
}

// Scan implements [sql.Scanner].
func (t *timeColumn) Scan(value any) error {
	read, isTime := value.(time.Time)
	t.inUTC = !isTime || read.Location() == time.UTC && !read.IsZero()
	return t.Time.Scan(value)
}

// newScanner returns a scanner for rows that have the columns {columns}, or {plain columns} if
// way is plain, and then the ticket.
func newScanner(partitionKey string, way int) *scanner {
	r := &scanner{plain: way == plain}
	r.session.PartitionKey = partitionKey
	r.into = [8]any{
		&r.session.Key, &r.session.SubjectID, &r.sessionID, &r.created, &r.renewed, &r.expires, &r.session.Version, &r.session.Ticket,
	}
	return r
}

// newKeyScanner returns a scanner for rows that have the columns {columns but key}, or {plain
// columns but key}, and then the ticket.
func (d *dialect) newKeyScanner(key bff.UserSessionKey, way int) *scanner {
	r := newScanner(key.PartitionKey, way)
	if d.knowsKey() {
		r.session.Key, r.omitted = key.Key, 1
	}
	return r
}

// errInexact means that the connection's settings may have changed a value that a plain read
// returned. It never leaves the package.
var errInexact = errors.New("a value may have been changed by the connection's settings")

// scan reads a row into session. It returns errInexact if the connection may have changed a
// value on the way.
func (r *scanner) scan(rows *sql.Rows) error {
	if err := rows.Scan(r.into[r.omitted:]...); err != nil {
		return err
	}
	r.session.SessionID = r.sessionID.String
	r.session.Created, r.session.Renewed, r.session.Expires = r.created.Time.Time, r.renewed.Time.Time, r.expires.Time.Time
	if r.plain && !(r.created.inUTC && r.renewed.inUTC && r.expires.inUTC &&
		(r.omitted > 0 || isExact(r.session.Key)) && isExact(r.session.SubjectID) && isExact(r.session.SessionID)) {
		return errInexact
	}
	return nil
}

// isExact reports whether the text is the same in every character set of a connection except
// swe7 (seven bits for Swedish). It is false for a question mark, which can stand for a character
// that the character set lacks.
func isExact(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' || text[i] == '?' {
			return false
		}
	}
	return true
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

// now returns the argument for the present time.
func (s *GormStore) now() any { return s.conn.dialect.timeArg(s.clock()) }

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

// filterArgs returns the shape of a valid filter, which is the index of its statements in
// [statements], and the arguments of these statements. The arguments are nil if no row can
// match.
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
