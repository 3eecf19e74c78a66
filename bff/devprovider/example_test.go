package devprovider_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"example.com/usersession/bff/devprovider"
)

// startProvider starts a provider, which serves until ctx ends.
func startProvider(ctx context.Context) (*devprovider.Server, error) {
	return devprovider.Start(ctx, devprovider.Config{
		Clients: []devprovider.Client{{
			ID: "bff", Secret: "development", RedirectURIs: []string{"http://localhost:8080/bff/callback"},
		}},
		Users: []devprovider.User{{Subject: "bob", Name: "Bob Baker", Claims: map[string]any{"role": "editor"}}},
	})
}

// A program with a provider inside. The second half is a relying party and a browser, in
// which bob signs in.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	provider, err := startProvider(ctx)
	if err != nil {
		log.Fatal(err)
	}

	discovered, err := oidc.NewProvider(ctx, provider.Issuer())
	if err != nil {
		log.Fatal(err)
	}
	client := oauth2.Config{
		ClientID: "bff", ClientSecret: "development", RedirectURL: "http://localhost:8080/bff/callback",
		Endpoint: discovered.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "profile"},
	}
	verifier := oauth2.GenerateVerifier()
	code := chooseUser(ctx, client.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)), "bob")
	token, err := client.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		log.Fatal(err)
	}
	idToken, err := discovered.Verifier(&oidc.Config{ClientID: "bff"}).Verify(ctx, token.Extra("id_token").(string))
	if err != nil {
		log.Fatal(err)
	}
	var claims struct{ Name, Role string }
	if err := idToken.Claims(&claims); err != nil {
		log.Fatal(err)
	}
	fmt.Println(idToken.Subject, claims.Name, claims.Role)

	cancel()
	fmt.Println(provider.Wait())
	// Output:
	// bob Bob Baker editor
	// <nil>
}

// chooseUser is a browser. It opens the sign-in page, sends its form, and returns the code
// with which the provider sends it to the relying party.
func chooseUser(ctx context.Context, address, user string) string {
	browser := &http.Client{CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/bff/callback" {
			return http.ErrUseLastResponse // nothing listens there in this example
		}
		return nil
	}}
	do := func(method, address, form string) *http.Response {
		r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form))
		if err != nil {
			log.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := browser.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		return response
	}
	page := do(http.MethodGet, address, "").Request.URL
	form := url.Values{"request": {page.Query().Get("request")}, "user": {user}}
	callback, err := do(http.MethodPost, page.ResolveReference(&url.URL{Path: "/signin"}).String(), form.Encode()).Location()
	if err != nil {
		log.Fatal(err)
	}
	return callback.Query().Get("code")
}
