//go:build cgo

package usersession

import (
	"testing"

	"github.com/mattn/go-sqlite3"
)

// mattn/go-sqlite3 keeps the extended code in a field.
func TestErrorCode_Mattn(t *testing.T) {
	for want, err := range map[string]sqlite3.Error{
		"2067": {Code: sqlite3.ErrConstraint, ExtendedCode: sqlite3.ErrConstraintUnique},
		"5":    {Code: sqlite3.ErrBusy, ExtendedCode: sqlite3.ErrNoExtended(sqlite3.ErrBusy)},
	} {
		if got := errorCode(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	if err := (sqlite3.Error{Code: sqlite3.ErrBusy, ExtendedCode: sqlite3.ErrBusySnapshot}); !sqlite.isRetryable(err) || sqlite.isDuplicate(err) {
		t.Error("a busy database is not worth a retry")
	}
}
