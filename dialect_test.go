package usersession

import (
	"fmt"
	"testing"
)

func TestDialect_IsRetryable(t *testing.T) {
	for _, tt := range []struct {
		dialect *dialect
		err     error
		want    bool
	}{
		{&postgres, nil, false},
		{&postgres, &pgError{"40001"}, true},
		{&postgres, &pgError{"23505"}, false},
		{&mysql, &numberError{1213, "Deadlock found"}, true},
		{&mysql, &numberError{1062, "Duplicate entry"}, false},
		{&mysql, &numberError{1105, "pessimistic lock retry limit reached"}, true},
		{&mysql, fmt.Errorf("wrapped: %w", &numberError{1105, "pessimistic lock retry limit reached"}), true},
		{&mysql, &numberError{1180, "Got error 149 - 'Lock deadlock; Retry transaction' during COMMIT"}, true},
		{&mysql, &numberError{1030, "Got error 149 - 'Lock deadlock; Retry transaction' from storage engine"}, true},
		{&mysql, &numberError{1030, "Got error 28 - 'No space left on device' from storage engine"}, false},
		{&mysql, &numberError{1105, "Can't find column"}, false},
		{&mysql, &numberError{1146, "no table 'pessimistic lock retry limit reached'"}, false},
	} {
		if got := tt.dialect.isRetryable(tt.err); got != tt.want {
			t.Errorf("%s, %v: retryable is %t, want %t", tt.dialect.name, tt.err, got, tt.want)
		}
	}
}

func TestDialect_IsCleanupRefused(t *testing.T) {
	const nonclustered = "Can't find column test.user_sessions._tidb_rowid in schema Column: [test.user_sessions.id]"
	for _, tt := range []struct {
		dialect *dialect
		err     error
		want    bool
	}{
		{&postgres, &pgError{"0A000"}, true},
		{&postgres, &pgError{"40001"}, false},
		{&mysql, &numberError{1235, "SKIP LOCKED"}, true},
		{&mysql, &numberError{1105, nonclustered}, true},
		{&mysql, &numberError{1105, "Can't find column"}, false},
		{&mysql, &numberError{1146, nonclustered}, false},
	} {
		if got := tt.dialect.isCleanupRefused(tt.err); got != tt.want {
			t.Errorf("%s, %v: refused is %t, want %t", tt.dialect.name, tt.err, got, tt.want)
		}
	}
}
