package ticket

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/usersession/bff"
)

// An Encoding is the format in which [SealAs] writes a ticket. The sealed bytes contain the
// Encoding, and [Open] reads every one, so that the tickets of one store may have different
// encodings.
//
// A host of an older release does not open a ticket in an encoding that is newer than the
// release: the session counts as signed out there. Write a new encoding only when every host
// reads it.
type Encoding byte

const (
	// EncodingV1 is JSON. Every release reads it.
	EncodingV1 Encoding = 1
	// EncodingV2 is a binary encoding with the claims as JSON. It is faster to read and to
	// write than EncodingV1.
	EncodingV2 Encoding = 2

	// DefaultEncoding is the encoding that [Seal] writes.
	DefaultEncoding = EncodingV1
)

// The first byte of an encoded ticket is its Encoding. It must change with every change of the
// format that an older host would misread. A new optional field needs no new encoding, but an
// older host that writes the ticket drops the field.

// wire is EncodingV1: JSON with the names of fieldNames.
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
func encode(t Ticket, e Encoding) ([]byte, error) {
	switch e {
	case EncodingV1:
		return encodeV1(t)
	case EncodingV2:
		return encodeV2(t)
	default:
		return nil, fmt.Errorf("ticket: the encoding %d does not exist", e)
	}
}

func encodeV1(t Ticket) ([]byte, error) {
	data, err := json.Marshal(wire{
		Issuer: t.Issuer, SubjectID: t.SubjectID, SessionID: t.SessionID, Claims: t.Claims,
		AccessToken: t.AccessToken, AccessTokenExpires: t.AccessTokenExpires.UTC(),
		RefreshToken: t.RefreshToken, RefreshTokenExpires: t.RefreshTokenExpires.UTC(),
		AccessTokenObtained: t.AccessTokenObtained.UTC(),
		IDToken:             t.IDToken, IDTokenIssuedAt: t.IDTokenIssuedAt.UTC(), Properties: t.Properties,
		Issued: t.Issued.UTC(), Expires: t.Expires.UTC(), RefreshClaim: t.refreshClaim,
	})
	if err != nil {
		return nil, errNoJSON // err may quote a claim's value
	}
	if err := checkOpens(data, 0); err != nil {
		return nil, err
	}
	return append([]byte{byte(EncodingV1)}, data...), nil
}

var (
	errNoJSON = fmt.Errorf("%w: ticket: the claims cannot be encoded as JSON, or a time is out of range", bff.ErrInvalidSession)
	errNoUTF8 = fmt.Errorf("%w: ticket: a field, a claim or a property is not valid UTF-8", bff.ErrInvalidSession)
)

// maxNesting is the deepest nesting that encoding/json decodes.
const maxNesting = 10_000

// checkOpens refuses JSON that does not decode, or that decodes to other strings than were
// encoded. encoding/json writes the escape \ufffd only for a byte that is not valid UTF-8; it
// copies the text of a json.RawMessage or a json.Marshaler. depth is the number of objects and
// arrays around data when it is decoded.
func checkOpens(data []byte, depth int) error {
	if !utf8.Valid(data) {
		return errNoUTF8
	}
	if !bytes.Contains(data, []byte(`\ufffd`)) && bytes.Count(data, []byte("{"))+bytes.Count(data, []byte("[")) < maxNesting {
		return nil // most tickets; other data is examined more closely
	}
	inString := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			inString = !inString
		case inString && c == '\\':
			if bytes.HasPrefix(data[i+1:], []byte("ufffd")) {
				return errNoUTF8
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
	var t Ticket
	var ok bool
	switch Encoding(data[0]) {
	case EncodingV1:
		t, ok = decodeV1(data[1:])
	case EncodingV2:
		t, ok = decodeV2(data[1:])
	default:
		return Ticket{}, fmt.Errorf("%w: the ticket's encoding has the unknown version %d", ErrUnreadable, data[0])
	}
	if !ok {
		return Ticket{}, fmt.Errorf("%w: the ticket's encoding is malformed", ErrUnreadable)
	}
	return t, nil
}

func decodeV1(data []byte) (Ticket, bool) {
	if t, ok := readV1(data); ok {
		return t, true
	}
	var w wire
	err := readJSON(data, &w)
	return Ticket{
		Issuer: w.Issuer, SubjectID: w.SubjectID, SessionID: w.SessionID, Claims: w.Claims,
		AccessToken: w.AccessToken, AccessTokenExpires: w.AccessTokenExpires.UTC(),
		RefreshToken: w.RefreshToken, RefreshTokenExpires: w.RefreshTokenExpires.UTC(),
		AccessTokenObtained: w.AccessTokenObtained.UTC(),
		IDToken:             w.IDToken, IDTokenIssuedAt: w.IDTokenIssuedAt.UTC(), Properties: w.Properties,
		Issued: w.Issued.UTC(), Expires: w.Expires.UTC(), refreshClaim: w.RefreshClaim,
	}, err == nil
}

// readV1 reads JSON as encodeV1 writes it. It reports false for other JSON. It copies each value
// of the ticket, so that no value keeps another one in memory: a claim that an application keeps
// would otherwise keep the tokens.
func readV1(data []byte) (t Ticket, ok bool) {
	r := jsonReader{text: string(data)}
	var seen uint32
	ok = r.object(func(name string) (ok bool) {
		number := slices.Index(fieldNames, name)
		if number < 1 || seen&(1<<number) != 0 {
			return false
		}
		seen |= 1 << number
		switch number {
		case fieldClaims:
			object := r.copied()
			t.Claims, ok = object.claims(1)
			return ok && object.ended()
		case fieldProperties:
			object := r.copied()
			t.Properties, ok = object.properties()
			return ok && object.ended()
		}
		begin := r.at + 1
		s, ok := r.string()
		if !ok {
			return false
		}
		if field := t.stringField(number); field != nil {
			*field = strings.Clone(s)
			return true
		}
		at := t.timeField(number)
		ok = at.UnmarshalText(data[begin:r.at-1]) == nil
		*at = at.UTC()
		return ok
	})
	return t, ok && r.ended()
}
