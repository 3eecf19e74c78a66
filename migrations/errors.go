package migrations

import (
	"errors"
	"strings"
)

var (
	// ErrRefused says that a change is not covered, or needs a word from the team. The
	// text of the error says what to do about each.
	ErrRefused = errors.New("migrations: refused")

	// ErrDialect says that the package knows nothing of a dialector's dialect.
	ErrDialect = errors.New("migrations: unknown dialect")

	// ErrInconsistent says that the files in a project's folder do not belong together.
	ErrInconsistent = errors.New("migrations: the folder is inconsistent")

	// ErrNoMigration says that there is no migration to remove, or none of a version.
	ErrNoMigration = errors.New("migrations: no such migration")
)

// A RefusedError lists everything that stands in the way of a migration. It is an
// [ErrRefused].
type RefusedError struct {
	// Reasons are sentences, each with what to do.
	Reasons []string
}

func (e *RefusedError) Error() string {
	return "migrations: refused:\n  - " + strings.Join(e.Reasons, "\n  - ")
}

// Is makes errors.Is find [ErrRefused].
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// refusal returns the error for the reasons, nil if there are none.
func refusal(reasons []string) error {
	if len(reasons) == 0 {
		return nil
	}
	return &RefusedError{Reasons: reasons}
}
