package serverside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// RevocationEndpoint is a [TokenRevoker] that asks an OAuth 2.0 revocation endpoint
// (RFC 7009), which a provider names in its discovery document as revocation_endpoint.
type RevocationEndpoint struct {
	// URL must be https, except on a loopback host.
	URL string
	// ClientID and ClientSecret authenticate the BFF, as HTTP Basic (RFC 6749, section
	// 2.3.1). Without a secret the id is sent in the form.
	ClientID, ClientSecret string
	// HTTPClient sends the request. Nil means [http.DefaultClient]. Redirects are not
	// followed: the token goes to URL and nowhere else.
	HTTPClient *http.Client
}

// RevokeRefreshToken implements [TokenRevoker]. A token that the provider does not know is
// success (RFC 7009, section 2.2). Errors hold neither the token nor what was answered.
func (e RevocationEndpoint) RevokeRefreshToken(ctx context.Context, refreshToken string) error {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
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
		return fmt.Errorf("serverside: the revocation endpoint cannot be reached: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("serverside: the revocation endpoint answered with status %d", response.StatusCode)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
