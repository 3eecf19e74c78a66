package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// The session is in the database, so it survives a restart.
func TestRestart_KeepsSession(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.signIn(p, "alice")
		p.stop()
		b.until(`document.getElementById('notice').textContent.includes('does not answer')`)
		p.start()
		b.until(`document.getElementById('notice').textContent === ''`) // the page continues without a reload
		b.open(p.base + "/")
		b.view("in")
		if status := b.fetchStatus("/bff/user"); status != http.StatusOK {
			t.Errorf("/bff/user: %d", status)
		}
		b.click("#signout") // the provider's signing key has survived too
		b.view("out")
	})
}

// The cleanup deletes the rows of expired sessions.
func TestCleanup_RemovesExpiredSession(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t, "-idle-timeout", "4s", "-cleanup-interval", "1s"), c.newBrowser()
		b.signIn(p, "alice")
		b.open("about:blank")
		p.eventually("cleanup", func() bool { return len(p.rows(p.database())) == 0 })
		// The program logs the cleanup after its DELETE: for a moment, the row is gone and the log is silent.
		p.eventually("the cleanup in the log", func() bool {
			return strings.Contains(p.output.String(), "removed expired user sessions")
		})
		b.open(p.base + "/")
		b.view("out")
	})
}

// Polling with ?slide=false does not keep a session alive.
func TestUser_SlideFalseDoesNotRenew(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t, "-idle-timeout", "8s", "-cleanup-interval", "1h"), c.newBrowser()
		b.signIn(p, "alice")
		begin := time.Now()
		b.until(ended)
		if waited := time.Since(begin); waited < 2*time.Second {
			t.Errorf("the session ended after only %s", waited)
		}
		if n := len(p.rows(p.database())); n != 1 {
			t.Errorf("%d rows, want 1: the session must end before the cleanup", n)
		}
	})
}

// A key rotation keeps the sessions: after a restart with a new first key the session
// moves to it, and then the old key is not needed.
func TestKeyRotation_KeepsSession(t *testing.T) {
	inChromium(t, func(t *testing.T, c *chrome) {
		p, b := newProgram(t), c.newBrowser()
		b.signIn(p, "alice")
		oldKeys, err := os.ReadFile(p.keys())
		if err != nil {
			t.Fatal(err)
		}
		before := keyID(p)

		secret := make([]byte, 32)
		_, _ = rand.Read(secret)
		newKey := base64.StdEncoding.EncodeToString(secret) + "\n"
		p.restartWithKeys(newKey + string(oldKeys))
		p.eventually("the session to move", func() bool { return keyID(p) != before })
		b.open(p.base + "/")
		b.view("in")

		p.restartWithKeys(newKey)
		b.open(p.base + "/")
		b.view("in")
		for line := range strings.Lines(newKey + string(oldKeys)) {
			if !strings.HasPrefix(line, "#") && strings.Contains(p.output.String(), strings.TrimSpace(line)) {
				t.Error("a key is in the log")
			}
		}

		p.restartWithKeys(string(oldKeys)) // without the new key the session does not open
		b.open(p.base + "/")
		b.view("out")
	})
}

func (p *program) restartWithKeys(text string) {
	p.t.Helper()
	p.stop()
	if err := os.WriteFile(p.keys(), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.start()
}

// keyID returns the id of the key that seals the only session.
func keyID(p *program) uint32 {
	p.t.Helper()
	sessions := p.sessions()
	if len(sessions) != 1 {
		p.t.Fatalf("%d sessions, want 1", len(sessions))
	}
	return binary.BigEndian.Uint32(sessions[0].Ticket[1:])
}
