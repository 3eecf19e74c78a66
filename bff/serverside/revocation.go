package serverside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"example.com/usersession/bff/internal/httperror"
	"example.com/usersession/bff/internal/loopback"
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
	form := url.Values{"token": {refreshToken}, "token_type_hint": {"refresh_token"}}
	if e.ClientSecret == "" {
		form.Set("client_id", e.ClientID)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return errors.New("serverside: the revocation endpoint's URL is not valid")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if e.ClientSecret != "" {
		r.SetBasicAuth(url.QueryEscape(e.ClientID), url.QueryEscape(e.ClientSecret))
	}
	client := http.Client{}
	if e.HTTPClient != nil {
		client = *e.HTTPClient
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("serverside: the revocation endpoint cannot be reached: %w", httperror.Redacted(err))
	}
	defer response.Body.Close() //nolint:errcheck // the body was only read
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("serverside: the revocation endpoint answered with status %d", response.StatusCode)
	}
	return nil
}
