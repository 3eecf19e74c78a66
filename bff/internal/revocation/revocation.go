// Package revocation asks a provider to revoke a refresh token (RFC 7009).
package revocation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"example.com/usersession/bff/internal/httperror"
)

// Client authenticates at the revocation endpoint with HTTP Basic (RFC 6749, section 2.3.1), or
// with the client id in the form if it has no Secret.
type Client struct{ ID, Secret string }

// Send sends a refresh token to the revocation endpoint at the address, and to no target of a
// redirect. The caller has checked that the address may get a token. Errors contain neither the
// token nor the response's body.
func Send(ctx context.Context, with http.Client, address string, c Client, refreshToken string) error {
	form := url.Values{"token": {refreshToken}, "token_type_hint": {"refresh_token"}}
	if c.Secret == "" {
		form.Set("client_id", c.ID)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return errors.New("the revocation endpoint's URL is not valid")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.Secret != "" {
		r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret))
	}
	with.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := with.Do(r)
	if err != nil {
		return fmt.Errorf("the revocation endpoint cannot be reached: %w", httperror.Redacted(err))
	}
	defer response.Body.Close() //nolint:errcheck // the body was only read
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the revocation endpoint answered with status %d", response.StatusCode)
	}
	return nil
}
