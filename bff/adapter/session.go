package adapter

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/internal/logoutnote"
)

// ErrEnded is returned for a session that was loaded and has ended since: it was revoked,
// signed out or rotated by another request, or it has expired. The store keeps no values of the
// call. ErrEnded wraps [bff.ErrSessionNotFound].
var ErrEnded = fmt.Errorf("adapter: the session has ended since it was loaded: %w", bff.ErrSessionNotFound)

// An Identity says whose session it is. The zero Identity is that of an anonymous
// session, which has no user yet.
type Identity struct {
	// SubjectID is the sub claim of the user, or another name of the user that never
	// changes. The row has [bff.SubjectIDOf] of it.
	SubjectID string

	// SessionID is the sid claim: the identity provider's session. Without it a back-channel
	// logout finds the session by its user only. A session with a user and no SessionID gets
	// "local-" and random characters, so that every session of a user has a name. Within the
	// partition only one session has a given session id: a sign-in with the same session id ends
	// the former session. Without a SubjectID the SessionID is ignored, so that an application
	// may sign out by removing the user from its values.
	SessionID string

	// IDTokenIssuedAt is the iat claim of the ID token of the sign-in. With it and
	// [Config.Issuer], a back-channel logout that arrives during the sign-in ends it. It may be
	// zero.
	IDTokenIssuedAt time.Time
}

// A Session is a session as it was read or written. Treat it as read-only: an update returns
// a new one.
type Session struct {
	// SubjectID and SessionID are the row's. SubjectID is [bff.SubjectIDOf] of
	// [Identity].SubjectID, and SessionID begins with "local-" if the provider gave none. Both
	// are empty in an anonymous session.
	SubjectID, SessionID string

	// Created, Renewed and Expires are in UTC. A zero Expires means never.
	Created, Renewed, Expires time.Time

	// Payload is the values that the session library has encoded.
	Payload []byte

	key     string
	version int64
	read    time.Time // when the row was last known to be there
}

// row returns the row that was read, without its ticket.
func (s *Session) row(partition string) bff.UserSession {
	return bff.UserSession{
		PartitionKey: partition, Key: s.key, SubjectID: s.SubjectID, SessionID: s.SessionID,
		Created: s.Created, Renewed: s.Renewed, Expires: s.Expires, Version: s.version,
	}
}

// Anonymous reports whether the session has no user.
func (s *Session) Anonymous() bool { return s.SubjectID == "" }

// A State is the content of a session that a session library saves.
type State struct {
	Identity
	// Payload is the values that the session library has encoded. The returned Session shares
	// it: do not change it afterwards.
	Payload []byte
	// Expires is the end of the session. The zero time means never.
	Expires time.Time

	// Merged are further sessions whose values are in Payload and which the library has
	// deleted. A write returns [ErrEnded] and deletes the written session if the sessions of a
	// merged session's user were ended after the merged session was loaded, as Create does for
	// the continued session. Merged is nil in most libraries.
	Merged []*Session
}

// Format implements [fmt.Formatter]. With every verb it prints a constant text.
func (s Session) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, redacted) }

// LogValue implements [slog.LogValuer]. It logs a constant text.
func (s Session) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format implements [fmt.Formatter]. With every verb it prints a constant text.
func (s State) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, redacted) }

// LogValue implements [slog.LogValuer]. It logs a constant text.
func (s State) LogValue() slog.Value { return slog.StringValue(redacted) }

const redacted = "session{redacted}"

// NewSecret returns 256 random bits for a cookie, as 43 characters of URL-safe base64.
func NewSecret() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it never returns an error
	return base64.RawURLEncoding.EncodeToString(random)
}

// Key returns the key of the session's row, which is [KeyOf] its secret. Never show it and
// never log it.
func (s *Session) Key() string { return s.key }

// KeyOf returns the key of the session with the secret: its SHA-256, in hexadecimal digits,
// which every collation tells apart.
func KeyOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// identify returns the subject id and the session id of the row. If the identity has a user and
// no session id, the row keeps the session id that this package gave to the former session, or
// gets a new one.
func identify(id Identity, former *Session) (subjectID, sessionID string) {
	subjectID = bff.SubjectIDOf(id.SubjectID)
	switch {
	case subjectID == "":
		return "", ""
	case id.SessionID != "":
		return subjectID, id.SessionID
	case former != nil && former.SubjectID == subjectID && logoutnote.Local(former.SessionID):
		return subjectID, former.SessionID
	}
	return subjectID, logoutnote.LocalPrefix + NewSecret()
}

var errNoSecret = errors.New("adapter: the secret is empty")
