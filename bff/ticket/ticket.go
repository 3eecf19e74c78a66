package ticket

import (
	"fmt"
	"log/slog"
	"time"
)

// A Ticket is the payload of a user session.
//
// Printing or logging a ticket shows nothing of it, and its JSON has no tokens: tokens are
// for [Seal] and for the BFF's own calls, never for a browser.
type Ticket struct {
	// Issuer is the identity provider, the iss claim. Issuer and SubjectID together
	// identify a user (OpenID Connect Core 1.0, section 5.7).
	Issuer string `json:"iss,omitempty"`
	// SubjectID is the user, the sub claim. "" means that the session is anonymous.
	SubjectID string `json:"sub"`
	// SessionID is the identity provider's session, the sid claim.
	SessionID string `json:"sid,omitempty"`

	// Claims are the user's claims. After [Open] and [Ticket.Clone] the values have
	// the types of encoding/json; [Open] returns numbers as [encoding/json.Number], so
	// that no digit is lost.
	Claims map[string]any `json:"claims,omitempty"`

	AccessToken        string    `json:"-"`
	AccessTokenExpires time.Time `json:"-"` // zero: unknown
	// AccessTokenObtained is the time at which the BFF received the access token. With
	// it, the refresh margin never exceeds half of the token's life. Zero means unknown.
	AccessTokenObtained time.Time `json:"-"`
	RefreshToken        string    `json:"-"`
	// RefreshTokenExpires is the expiry of the refresh token. Zero means unknown.
	RefreshTokenExpires time.Time `json:"-"`
	IDToken             string    `json:"-"`
	// IDTokenIssuedAt is the iat claim of the ID token of the sign-in. A logout token
	// that is not older ends the sign-in. Zero means unknown.
	IDTokenIssuedAt time.Time `json:"-"`

	// Properties are for the application: the name of the device, for example.
	Properties map[string]string `json:"properties,omitempty"`

	// Issued is the time of the sign-in.
	Issued time.Time `json:"issued,omitzero"`
	// Expires is the absolute end of the session, even if it is used all the time. It
	// is part of the sealed ticket, so that write access to the database is not enough
	// to postpone it.
	Expires time.Time `json:"expires,omitzero"`

	refreshClaim string
}

// RefreshClaim returns the id of the claim of the host that is refreshing the tokens, or
// "". Package serverside sets it, so that one host asks the provider at a time. An
// application does not set it.
func (t Ticket) RefreshClaim() string { return t.refreshClaim }

// SetRefreshClaim sets the id of the claim, see [Ticket.RefreshClaim].
func (t *Ticket) SetRefreshClaim(id string) { t.refreshClaim = id }

// Format implements [fmt.Formatter]. With every verb it prints a constant text.
func (t Ticket) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "ticket{redacted}") }

// LogValue implements [slog.LogValuer]. It logs a constant text.
func (t Ticket) LogValue() slog.Value { return slog.StringValue("ticket{redacted}") }
