package migrations

import (
	"errors"
	"strings"
)

var (
	// ErrRefused is returned for a change that the package does not generate, or that
	// needs a decision by the team. The error is a [RefusedError], which says for each
	// reason what to do.
	ErrRefused = errors.New("migrations: refused")

	// ErrDialect is returned for a dialect that the package does not support.
	ErrDialect = errors.New("migrations: unknown dialect")

	// ErrInconsistent is returned if the files in a project's folder contradict each
	// other, as after a merge, cannot be read, or wait to be completed by hand.
	ErrInconsistent = errors.New("migrations: the folder is inconsistent")

	// ErrNoMigration is returned if there is no migration to remove, or no migration
	// with the given version.
	ErrNoMigration = errors.New("migrations: no such migration")
)

// A RefusedError lists every reason why a migration was not generated. errors.Is finds
// [ErrRefused] in it.
type RefusedError struct {
	// Reasons are sentences. Each also says what to do.
	Reasons []string
}

// Error returns the reasons, one on a line.
func (e *RefusedError) Error() string {
	return "migrations: refused:\n  - " + strings.Join(e.Reasons, "\n  - ")
}

// Is reports whether the target is [ErrRefused].
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// refusal returns a RefusedError with the reasons, or nil if there are none.
func refusal(reasons []string) error {
	if len(reasons) == 0 {
		return nil
	}
	return &RefusedError{Reasons: reasons}
}

// reasonsByDialect collects the reasons of all dialects. A reason that several dialects
// give is listed once, after their names.
type reasonsByDialect struct {
	reasons  []string
	dialects map[string][]string
}

// add adds the reasons of one dialect.
func (r *reasonsByDialect) add(dialect string, reasons []string) {
	if r.dialects == nil {
		r.dialects = map[string][]string{}
	}
	for _, reason := range reasons {
		if r.dialects[reason] == nil {
			r.reasons = append(r.reasons, reason)
		}
		r.dialects[reason] = append(r.dialects[reason], dialect)
	}
}

func (r *reasonsByDialect) err() error {
	var all []string
	for _, reason := range r.reasons {
		all = append(all, strings.Join(r.dialects[reason], ", ")+": "+reason)
	}
	return refusal(all)
}
