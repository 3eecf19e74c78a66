package bfftest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"example.com/usersession/bff"
)

// equal compares all fields of two sessions. It compares times as instants, and a nil
// ticket equals an empty one.
func equal(a, b bff.UserSession) bool {
	return a.PartitionKey == b.PartitionKey &&
		a.Key == b.Key &&
		a.SubjectID == b.SubjectID &&
		a.SessionID == b.SessionID &&
		a.Created.Equal(b.Created) &&
		a.Renewed.Equal(b.Renewed) &&
		a.Expires.Equal(b.Expires) &&
		bytes.Equal(a.Ticket, b.Ticket) &&
		a.Version == b.Version
}

// describe formats a session for a failure message, on one line. It abridges long values.
func describe(s bff.UserSession) string {
	return fmt.Sprintf("{%s subject %q sid %q created %s renewed %s expires %s ticket %s version %d}",
		name(s), abridged(s.SubjectID), abridged(s.SessionID),
		instant(s.Created), instant(s.Renewed), instant(s.Expires), describeTicket(s.Ticket), s.Version)
}

func instant(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.Format(time.RFC3339Nano)
}

func describeTicket(ticket []byte) string {
	if len(ticket) <= 32 {
		return fmt.Sprintf("%q", ticket)
	}
	return fmt.Sprintf("of %d bytes (SHA-256 %.8x…)", len(ticket), sha256.Sum256(ticket))
}

func abridged(value string) string {
	if len(value) <= 60 {
		return value
	}
	return fmt.Sprintf("%.40s… (%d bytes)", value, len(value))
}
