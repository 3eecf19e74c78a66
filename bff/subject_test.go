package bff_test

import (
	"strings"
	"testing"

	"example.com/usersession/bff"
)

func TestSubjectIDOf(t *testing.T) {
	long, other := strings.Repeat("x", 255), strings.Repeat("x", 254)+"y"
	for _, kept := range []string{
		"", "alice", strings.Repeat("x", 200), strings.Repeat("x", 256), strings.Repeat("é", 150), strings.Repeat("x", 210) + "é",
		" " + strings.Repeat("x", 210), strings.Repeat("x", 210) + "\x00", bff.SubjectIDOf(long),
	} {
		if got := bff.SubjectIDOf(kept); got != kept {
			t.Errorf("%.20q became %q", kept, got)
		}
	}
	hashed := bff.SubjectIDOf(long)
	if err := (bff.UserSessionsFilter{SubjectID: hashed}).Validate(); err != nil || len(hashed) > bff.MaxIdentityLength {
		t.Errorf("%q: %v", hashed, err)
	}
	if hashed == bff.SubjectIDOf(other) || hashed == bff.SubjectIDOf(strings.ToUpper(long)) {
		t.Error("two users have one subject id")
	}
	if printable := strings.Repeat("x ~!", 60); !bff.ReservedSubject(bff.SubjectIDOf(printable)) {
		t.Error("a claim of printable characters with spaces between them is kept")
	}
	if !bff.ReservedSubject(hashed) || bff.ReservedSubject(long) || bff.ReservedSubject("sha256:x") {
		t.Error("ReservedSubject")
	}
}
