package ticket

import (
	"fmt"
	"log/slog"
	"maps"
	"time"
)

// A Ticket is the payload of a user session.
//
// Its tokens are left out when it is printed, logged or marshalled as JSON: they are
// for [Seal] and for the BFF's own calls, never for a browser.
type Ticket struct {
	// Issuer is the identity provider, the iss claim. A user is identified by
	// Issuer and SubjectID together (OpenID Connect Core 1.0, section 5.7).
	Issuer string `json:"iss,omitempty"`
	// SubjectID is the user: the sub claim.
	SubjectID string `json:"sub"`
	// SessionID is the identity provider's session: the sid claim.
	SessionID string `json:"sid,omitempty"`

	// Claims are the user's claims. After [Open] the values are those of
	// encoding/json, with numbers as [encoding/json.Number].
	Claims map[string]any `json:"claims,omitempty"`

	AccessToken        string    `json:"-"`
	AccessTokenExpires time.Time `json:"-"` // zero: unknown
	RefreshToken       string    `json:"-"`
	// RefreshTokenExpires is when the refresh token ends, if the provider says so.
	RefreshTokenExpires time.Time `json:"-"`
	IDToken             string    `json:"-"`

	// Properties are the application's own: the device's name, for example.
	Properties map[string]string `json:"properties,omitempty"`

	// Issued is when the user signed in.
	Issued time.Time `json:"issued,omitzero"`
	// Expires is when the session ends at the latest, however busy it is. It is
	// sealed in, so that nobody who can write to the database can put it off.
	Expires time.Time `json:"expires,omitzero"`
}

// Clone returns a copy that shares nothing with t.
func (t Ticket) Clone() Ticket {
	t.Properties = maps.Clone(t.Properties)
	if t.Claims != nil {
		t.Claims = cloneValue(t.Claims).(map[string]any)
	}
	return t
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for name, value := range v {
			c[name] = cloneValue(value)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, value := range v {
			c[i] = cloneValue(value)
		}
		return c
	default:
		return v
	}
}

// Format implements [fmt.Formatter]. It prints no claims and no tokens, whatever the
// verb.
func (t Ticket) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "ticket{redacted}") }

// LogValue implements [slog.LogValuer]: a ticket is never logged.
func (t Ticket) LogValue() slog.Value { return slog.StringValue("ticket{redacted}") }
