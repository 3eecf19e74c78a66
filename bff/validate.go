package bff

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxIdentityLength is the maximum length of a partition key, key, subject id or session
// id, in UTF-16 code units. SQL Server counts nvarchar in these units; no other database
// counts a string as longer.
const MaxIdentityLength = 200

// Validate returns nil if a store can keep the session exactly. Otherwise the error
// wraps [ErrInvalidSession] and names the field.
//
// The key must not be empty. A session without a subject id must have no session id.
// None of the four identities may be longer than [MaxIdentityLength], contain invalid
// UTF-8 or a NUL, or begin or end with white space ([unicode.IsSpace]), because
// databases treat these values differently. Created and Renewed must be set. Every time
// must fall, in UTC, into the years 1 to 9999.
func (s UserSession) Validate() error {
	if err := (UserSessionKey{s.PartitionKey, s.Key}).Validate(); err != nil {
		return err
	}
	if err := validateTime("Created", s.Created); err != nil {
		return err
	}
	return validateValues(s.SubjectID, s.SessionID, s.Renewed, s.Expires)
}

// Validate returns nil if a store can keep the updated values exactly, by the rules of
// [UserSession.Validate]. A zero Created is valid: the update then keeps the stored time.
func (u UserSessionUpdate) Validate() error {
	if !u.Created.IsZero() {
		if err := validateTime("Created", u.Created); err != nil {
			return err
		}
	}
	return validateValues(u.SubjectID, u.SessionID, u.Renewed, u.Expires)
}

// Validate returns nil if a session with this key can exist, by the rules of
// [UserSession.Validate].
func (k UserSessionKey) Validate() error {
	if err := validateIdentity("PartitionKey", k.PartitionKey); err != nil {
		return err
	}
	if k.Key == "" {
		return invalid("Key", "is empty")
	}
	return validateIdentity("Key", k.Key)
}

// Validate returns [ErrInvalidFilter] if both fields of the filter are empty or only
// white space.
func (f UserSessionsFilter) Validate() error {
	if strings.TrimSpace(f.SubjectID) == "" && strings.TrimSpace(f.SessionID) == "" {
		return ErrInvalidFilter
	}
	return nil
}

// validateValues checks the values that a creation and an update both set.
func validateValues(subjectID, sessionID string, renewed, expires time.Time) error {
	if subjectID == "" && sessionID != "" {
		return invalid("SessionID", "is set, but SubjectID is empty")
	}
	if err := validateIdentity("SubjectID", subjectID); err != nil {
		return err
	}
	if err := validateIdentity("SessionID", sessionID); err != nil {
		return err
	}
	if err := validateTime("Renewed", renewed); err != nil {
		return err
	}
	if expires.IsZero() {
		return nil
	}
	return validateTime("Expires", expires)
}

// validateTime checks the time as the store will keep it: an expiry within the first
// microsecond must not be truncated to the zero time, which means never.
func validateTime(field string, t time.Time) error {
	t = t.UTC().Truncate(time.Microsecond)
	if t.IsZero() {
		return invalid(field, "is not set")
	}
	if t.Year() < 1 || t.Year() > 9999 {
		return invalid(field, "is not within the years 1 to 9999")
	}
	return nil
}

// validateIdentity checks one of the four identities by the rules of [UserSession.Validate].
func validateIdentity(field, value string) error {
	if !utf8.ValidString(value) {
		return invalid(field, "is not valid UTF-8")
	}
	units, first, last := 0, rune(0), rune(0)
	for i, r := range value {
		if r == 0 {
			return invalid(field, "contains a NUL")
		}
		if i == 0 {
			first = r
		}
		last = r
		units++
		if r >= 0x10000 { // a surrogate pair
			units++
		}
	}
	if units > MaxIdentityLength {
		return invalid(field, fmt.Sprintf("is longer than %d UTF-16 code units", MaxIdentityLength))
	}
	if unicode.IsSpace(first) || unicode.IsSpace(last) {
		return invalid(field, "begins or ends with white space")
	}
	return nil
}

func invalid(field, problem string) error {
	return fmt.Errorf("%w: %s %s", ErrInvalidSession, field, problem)
}
