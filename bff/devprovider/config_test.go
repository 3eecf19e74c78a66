package devprovider_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"example.com/usersession/bff/devprovider"
)

func TestNew_InvalidConfig(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*devprovider.Config, *devprovider.Client){
		"no client id":      func(_ *devprovider.Config, c *devprovider.Client) { c.ID = "" },
		"no redirect URI":   func(_ *devprovider.Config, c *devprovider.Client) { c.RedirectURIs = nil },
		"relative URI":      func(_ *devprovider.Config, c *devprovider.Client) { c.RedirectURIs = []string{"/callback"} },
		"URI with fragment": func(_ *devprovider.Config, c *devprovider.Client) { c.RedirectURIs = []string{callback + "#x"} },
		"URI of another kind": func(_ *devprovider.Config, c *devprovider.Client) {
			c.RedirectURIs = []string{"javascript://localhost/x"}
		},
		"none with secret": func(_ *devprovider.Config, c *devprovider.Client) { c.AuthMethod = devprovider.AuthMethodNone },
		"basic without secret": func(_ *devprovider.Config, c *devprovider.Client) {
			c.Secret, c.AuthMethod = "", devprovider.AuthMethodBasic
		},
		"jwt without key": func(_ *devprovider.Config, c *devprovider.Client) {
			c.Secret, c.AuthMethod = "", devprovider.AuthMethodPrivateKeyJWT
		},
		"secret and key":        func(_ *devprovider.Config, c *devprovider.Client) { c.PublicKey = &p384.PublicKey },
		"P-384":                 func(_ *devprovider.Config, c *devprovider.Client) { c.Secret, c.PublicKey = "", &p384.PublicKey },
		"Ed25519":               func(_ *devprovider.Config, c *devprovider.Client) { c.Secret, c.PublicKey = "", ed },
		"the same client twice": func(o *devprovider.Config, c *devprovider.Client) { o.Clients = append(o.Clients, *c) },
		"the same user twice": func(o *devprovider.Config, _ *devprovider.Client) {
			o.Users = []devprovider.User{{Subject: "a"}, {Subject: "a"}}
		},
		"no subject":         func(o *devprovider.Config, _ *devprovider.Client) { o.Users = []devprovider.User{{Name: "a"}} },
		"subject with colon": func(o *devprovider.Config, _ *devprovider.Client) { o.Users = []devprovider.User{{Subject: "a:b"}} },
		"claim of the protocol": func(o *devprovider.Config, _ *devprovider.Client) {
			o.Users = []devprovider.User{{Subject: "a", Claims: map[string]any{"sid": "x"}}}
		},
		"negative lifetime": func(o *devprovider.Config, _ *devprovider.Client) { o.AccessTokenLifetime = -1 },
	} {
		config := devprovider.Config{Issuer: issuer, Clients: []devprovider.Client{app()}}
		change(&config, &config.Clients[0])
		if _, err := devprovider.New(config); err == nil || !strings.HasPrefix(err.Error(), "devprovider: ") || strings.Contains(err.Error(), app().Secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The key file is made once, for its owner only. With it, ID tokens are valid after a restart.
func TestNew_KeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "provider.pem")
	config := devprovider.Config{Issuer: issuer, Clients: []devprovider.Client{app()}, KeyFile: file}
	var hint string
	for i := range 2 {
		p, err := devprovider.New(config)
		if err != nil {
			t.Fatal(err)
		}
		b := newBrowser(t, p)
		if i == 1 {
			if page := b.visit(endSession("id_token_hint", hint, "post_logout_redirect_uri", home)); page.left == nil {
				t.Errorf("the ID token before the restart: %d", page.status)
			}
		}
		token, _ := newRelyingParty(t, p, app()).signIn(b, "alice")
		hint = token.Extra("id_token").(string)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v %v", info, err)
	}
	if p := newProvider(t); newBrowser(t, p).visit(endSession("id_token_hint", hint)).status != http.StatusBadRequest {
		t.Error("a provider with another key accepts the ID token")
	}
	for _, text := range []string{"", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := devprovider.New(config); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("a file with %q: %v", text, err)
		}
	}
}

// The metadata names what works, and nothing else.
func TestDiscovery(t *testing.T) {
	page := newBrowser(t, newProvider(t)).visit(issuer + "/.well-known/openid-configuration")
	var found map[string]any
	if err := json.Unmarshal([]byte(page.body), &found); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"authorization_response_iss_parameter_supported", "frontchannel_logout_supported", "frontchannel_logout_session_supported",
		"backchannel_logout_supported", "backchannel_logout_session_supported",
	} {
		if found[name] != true {
			t.Errorf("%s: %v", name, found[name])
		}
	}
	for _, name := range []string{"introspection_endpoint", "device_authorization_endpoint", "check_session_iframe", "registration_endpoint"} {
		if found[name] != nil {
			t.Errorf("%s: %v", name, found[name])
		}
	}
	if found["issuer"] != issuer || found["end_session_endpoint"] != issuer+"/end_session" {
		t.Errorf("issuer %v, end_session_endpoint %v", found["issuer"], found["end_session_endpoint"])
	}
	if types := found["response_types_supported"].([]any); !slices.Equal(types, []any{"code"}) {
		t.Errorf("response_types_supported: %v", types)
	}
}
