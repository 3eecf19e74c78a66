package serverside

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"example.com/usersession/bff/internal/loopback"
	"example.com/usersession/bff/internal/revocation"
)

// RevocationEndpoint is a [TokenRevoker] that calls an OAuth 2.0 revocation endpoint (RFC
// 7009). A provider's discovery document has its URL as revocation_endpoint.
type RevocationEndpoint struct {
	// URL must be https, except on a loopback host.
	URL string
	// ClientID and ClientSecret authenticate the BFF with HTTP Basic (RFC 6749, section
	// 2.3.1). Without a secret the client id is sent in the form.
	ClientID, ClientSecret string
	// HTTPClient sends the request. Nil means a client with the defaults of net/http.
	// Redirects are not followed, so that the token is sent only to URL.
	HTTPClient *http.Client
}

// RevokeRefreshToken implements [TokenRevoker]. The provider answers with success for a token
// that it does not know (RFC 7009, section 2.2). Errors contain neither the token nor the
// response's body.
func (e RevocationEndpoint) RevokeRefreshToken(ctx context.Context, refreshToken string) error {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback.Is(u.Hostname())) {
		return errors.New("serverside: the revocation endpoint's URL is not https")
	}
	client := http.Client{}
	if e.HTTPClient != nil {
		client = *e.HTTPClient
	}
	if err := revocation.Send(ctx, client, e.URL, revocation.Client{ID: e.ClientID, Secret: e.ClientSecret}, refreshToken); err != nil {
		return fmt.Errorf("serverside: %w", err)
	}
	return nil
}
