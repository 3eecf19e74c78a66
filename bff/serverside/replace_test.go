package serverside

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"testing"
)

// With SameSite=Strict the request to the callback has no session cookie.
func TestRequirement02ASignInFromAnotherSiteEndsTheOldSession(t *testing.T) {
	b := newBench(t)
	br := b.browser()
	br.signIn(as("alice", "s1"))
	var note string
	br.visit(func(_ http.ResponseWriter, r *http.Request) { note = b.ReplacementToken(r) }) // /bff/login
	callback := b.browser()
	callback.visit(func(w http.ResponseWriter, r *http.Request) {
		if b.ReplacementToken(r) != "" {
			t.Error("a note without a session cookie")
		}
		if _, err := b.SignIn(w, r, as("alice", "s2"), Replacing(note)); err != nil {
			t.Error(err)
		}
	})
	br.want("")
	callback.want("alice")
	if rows := b.store.rows(t, "alice"); len(rows) != 1 {
		t.Errorf("%d rows", len(rows))
	}
	b.wantEnded(EndReplaced, 1)
	// The note is no cookie, does not show the key, and opens in its partition only.
	thief := b.browser()
	thief.cookies[DefaultCookieName] = note
	thief.want("")
	callback.visit(func(_ http.ResponseWriter, r *http.Request) { note = b.ReplacementToken(r) })
	row := b.store.rows(t, "alice")[0]
	if sealed, err := base64.RawURLEncoding.DecodeString(note); err != nil || bytes.Contains(sealed, []byte(row.Key)) {
		t.Errorf("the note shows the key: %v", err)
	}
	other := newBench(t, func(c *Config) { c.Partition = "another app" })
	if b.replacedKey(note) != row.Key || other.replacedKey(note) != "" {
		t.Error("the note opens in another partition, or in none")
	}
	for _, bad := range []string{"", "x", "*", note[:40], note + "A", base64.RawURLEncoding.EncodeToString(row.Ticket)} {
		b.browser().visit(func(w http.ResponseWriter, r *http.Request) {
			if _, err := b.SignIn(w, r, as("bob", ""), Replacing(bad)); err != nil {
				t.Errorf("%q: %v", bad, err)
			}
		})
	}
	callback.want("alice")
}
