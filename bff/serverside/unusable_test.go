package serverside

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// TestUnusable_OneWarningAMinute: however many sessions cannot be used, the log gets one line a
// minute, with a count and without long values of a row.
func TestUnusable_OneWarningAMinute(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	long := strings.Repeat("x", 10_000)
	b.cfg.Protector = ticket.InsecureRandomKeyRing() // another key
	b.tickets = nil
	lines := func() int { return strings.Count(b.log.String(), "cannot be used") }
	for range 5 {
		br.want("")
	}
	if n := lines(); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
	b.clock.pass(unusablePause - 1)
	br.want("")
	if n := lines(); n != 1 {
		t.Errorf("%d warnings before the minute is over, want 1", n)
	}
	b.clock.pass(1)
	br.want("")
	if n := lines(); n != 2 || !strings.Contains(b.log.String(), `"more_since_last_warning":5`) {
		t.Errorf("%d warnings, want 2, the second with a count of 5:\n%s", n, b.log)
	}
	for identity, want := range map[string]string{"alice": "alice", long[:maxLoggedIdentity]: long[:maxLoggedIdentity], long: long[:maxLoggedIdentity] + "…"} {
		b.clock.pass(time.Hour)
		b.log.b.Reset()
		b.unusable.warn(t.Context(), &b.cfg, bff.UserSession{SubjectID: identity, SessionID: identity}, fmt.Errorf("x"))
		if log := b.log.String(); !strings.Contains(log, fmt.Sprintf(`"subject_id":%q,"session_id":%q`, want, want)) {
			t.Errorf("the log: %s", log)
		}
	}
}
