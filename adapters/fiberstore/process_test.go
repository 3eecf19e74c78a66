package fiberstore_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3/middleware/session"
)

const payloadVariable = "FIBERSTORE_TEST_PAYLOAD"

// A program without the session middleware, such as one for administration, decodes the values
// of a session with an absolute timeout.
func TestUserSessions_ProgramWithoutTheMiddleware(t *testing.T) {
	if text := os.Getenv(payloadVariable); text != "" { // the other program
		payload, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := newStorage(t)
		set(t, s, "k", payload, time.Hour)
		list, err := s.UserSessions(t.Context(), "alice")
		if err != nil || len(list) != 1 || len(list[0].Values) != 3 {
			t.Errorf("%d sessions, %v", len(list), err)
		}
		return
	}
	s, _ := newStorage(t)
	b := newBrowser(t, session.Config{Storage: s, AbsoluteTimeout: time.Hour})
	b.signIn("alice", "s1")
	payload, err := s.Get(b.cookie)
	if err != nil {
		t.Fatal(err)
	}
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	other.Env = append(os.Environ(), payloadVariable+"="+base64.StdEncoding.EncodeToString(payload))
	if out, err := other.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
