package ticket

import (
	"fmt"
	"log/slog"
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

	// Claims are the user's claims. After [Open] and [Ticket.Clone] the values are
	// those of encoding/json; [Open] returns numbers as [encoding/json.Number], so
	// that no digit is lost.
	Claims map[string]any `json:"claims,omitempty"`

	AccessToken        string    `json:"-"`
	AccessTokenExpires time.Time `json:"-"` // zero: unknown
	// AccessTokenObtained is the time at which the BFF received the access token. With
	// it, the refresh margin never exceeds half of the token's life. Zero: unknown.
	AccessTokenObtained time.Time `json:"-"`
	RefreshToken        string    `json:"-"`
	// RefreshTokenExpires is when the refresh token ends, if the provider says so.
	RefreshTokenExpires time.Time `json:"-"`
	IDToken             string    `json:"-"`
	// IDTokenIssuedAt is the iat claim of the ID token of the sign-in. A logout token
	// that is not older ends the sign-in. Zero: unknown.
	IDTokenIssuedAt time.Time `json:"-"`

	// Properties are the application's own: the device's name, for example.
	Properties map[string]string `json:"properties,omitempty"`

	// Issued is when the user signed in.
	Issued time.Time `json:"issued,omitzero"`
	// Expires is when the session ends at the latest, however busy it is. It is
	// sealed in, so that nobody who can write to the database can put it off.
	Expires time.Time `json:"expires,omitzero"`

	refreshClaim string
}

// RefreshClaim returns the id of the claim of the host that is refreshing the tokens, or
// "". Package serverside sets it, so that one host asks the provider at a time; an
// application leaves it alone.
func (t Ticket) RefreshClaim() string { return t.refreshClaim }

// SetRefreshClaim sets the id of the claim, see [Ticket.RefreshClaim].
func (t *Ticket) SetRefreshClaim(id string) { t.refreshClaim = id }

// Format implements [fmt.Formatter]. It prints no claims and no tokens, whatever the
// verb.
func (t Ticket) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "ticket{redacted}") }

// LogValue implements [slog.LogValuer]: a ticket is never logged.
func (t Ticket) LogValue() slog.Value { return slog.StringValue("ticket{redacted}") }
