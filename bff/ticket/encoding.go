package ticket

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"example.com/usersession/bff"
)

// version is the first byte of an encoded ticket. It must change with every change of the
// format that an older host would misread. A new optional field needs no new version, but
// an older host that writes the ticket drops the field.
const version = 1

// wire is the encoding of version 1: JSON with short names.
type wire struct {
	Issuer              string            `json:"iss,omitempty"`
	SubjectID           string            `json:"sub"`
	SessionID           string            `json:"sid,omitempty"`
	Claims              map[string]any    `json:"clm,omitempty"`
	AccessToken         string            `json:"at,omitempty"`
	AccessTokenExpires  time.Time         `json:"atx,omitzero"`
	AccessTokenObtained time.Time         `json:"ato,omitzero"`
	RefreshToken        string            `json:"rt,omitempty"`
	RefreshTokenExpires time.Time         `json:"rtx,omitzero"`
	IDToken             string            `json:"idt,omitempty"`
	IDTokenIssuedAt     time.Time         `json:"idi,omitzero"`
	Properties          map[string]string `json:"prp,omitempty"`
	Issued              time.Time         `json:"iat,omitzero"`
	Expires             time.Time         `json:"exp,omitzero"`
	RefreshClaim        string            `json:"rcl,omitempty"`
}

// encode returns the plaintext of a ticket. It refuses a ticket that would not decode to the
// same values with [bff.ErrInvalidSession]. Its errors quote nothing of the ticket.
func encode(t Ticket) ([]byte, error) {
	data, err := json.Marshal(wire{
		Issuer: t.Issuer, SubjectID: t.SubjectID, SessionID: t.SessionID, Claims: t.Claims,
		AccessToken: t.AccessToken, AccessTokenExpires: t.AccessTokenExpires.UTC(),
		RefreshToken: t.RefreshToken, RefreshTokenExpires: t.RefreshTokenExpires.UTC(),
		AccessTokenObtained: t.AccessTokenObtained.UTC(),
		IDToken:             t.IDToken, IDTokenIssuedAt: t.IDTokenIssuedAt.UTC(), Properties: t.Properties,
		Issued: t.Issued.UTC(), Expires: t.Expires.UTC(), RefreshClaim: t.refreshClaim,
	})
	if err != nil {
		// The error may quote a claim's value.
		return nil, fmt.Errorf("%w: ticket: the claims cannot be encoded as JSON, or a time is out of range", bff.ErrInvalidSession)
	}
	if err := checkOpens(data); err != nil {
		return nil, err
	}
	return append([]byte{version}, data...), nil
}

// maxNesting is the deepest nesting that encoding/json decodes.
const maxNesting = 10_000

// checkOpens refuses JSON that decodes to other strings than were encoded, or not at all.
// encoding/json writes the escape \ufffd for a byte that is not valid UTF-8, and for
// nothing else.
func checkOpens(data []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			inString = !inString
		case inString && c == '\\':
			if bytes.HasPrefix(data[i+1:], []byte("ufffd")) {
				return fmt.Errorf("%w: ticket: a field, a claim or a property is not valid UTF-8", bff.ErrInvalidSession)
			}
			i++
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return fmt.Errorf("%w: ticket: the claims are nested too deeply", bff.ErrInvalidSession)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// decode is the inverse of encode. Its errors wrap [ErrUnreadable] and quote nothing.
func decode(data []byte) (Ticket, error) {
	if len(data) == 0 {
		return Ticket{}, fmt.Errorf("%w: the ticket is empty", ErrUnreadable)
	}
	if data[0] != version {
		return Ticket{}, fmt.Errorf("%w: the ticket's encoding has the unknown version %d", ErrUnreadable, data[0])
	}
	d := json.NewDecoder(bytes.NewReader(data[1:]))
	d.UseNumber()
	var w wire
	if err := d.Decode(&w); err != nil {
		return Ticket{}, fmt.Errorf("%w: the ticket's encoding is malformed", ErrUnreadable)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Ticket{}, fmt.Errorf("%w: there is data after the ticket's encoding", ErrUnreadable)
	}
	return Ticket{
		Issuer: w.Issuer, SubjectID: w.SubjectID, SessionID: w.SessionID, Claims: w.Claims,
		AccessToken: w.AccessToken, AccessTokenExpires: w.AccessTokenExpires.UTC(),
		RefreshToken: w.RefreshToken, RefreshTokenExpires: w.RefreshTokenExpires.UTC(),
		AccessTokenObtained: w.AccessTokenObtained.UTC(),
		IDToken:             w.IDToken, IDTokenIssuedAt: w.IDTokenIssuedAt.UTC(), Properties: w.Properties,
		Issued: w.Issued.UTC(), Expires: w.Expires.UTC(), refreshClaim: w.RefreshClaim,
	}, nil
}
