package usersession

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

// A routineError has the fields of the errors of pgx and lib/pq, which name the server's
// routine.
type routineError struct{ Routine, state string }

func (e *routineError) Error() string    { return "secret" }
func (e *routineError) SQLState() string { return e.state }

func TestIsBroken(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{driver.ErrBadConn, true},
		{fmt.Errorf("failed to receive message: %w", io.ErrUnexpectedEOF), true},
		{fmt.Errorf("write failed: %w", &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}), true},
		{reset, true},
		{refused, false},
		{errors.Join(refused, io.EOF), false},
		{errors.New("invalid connection"), true},
		{fmt.Errorf("wrapped: %w", errors.New("invalid connection")), true},
		{errors.New("busy buffer"), false},
		{fmt.Errorf("wrapped: %w", errors.New("conn closed")), true},
		{errors.New("sql: database is closed"), false},
		{errors.New("an invalid connection string"), false},
		{&numberError{1062, "invalid connection"}, false},
	} {
		if got := isBroken(tt.err); got != tt.want {
			t.Errorf("%v: %t, want %t", tt.err, got, tt.want)
		}
	}
}

func TestIsStalePlan(t *testing.T) {
	stale := &routineError{"RevalidateCachedQuery", "0A000"}
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{stale, true},
		{fmt.Errorf("wrapped: %w", stale), true},
		{&routineError{"transformLockingClause", "0A000"}, false},
		{&routineError{"RevalidateCachedQuery", "42P01"}, false},
		{&pgError{"0A000"}, false},
		{io.EOF, false},
	} {
		if got := isStalePlan(tt.err); got != tt.want {
			t.Errorf("%+v: %t, want %t", tt.err, got, tt.want)
		}
		if postgres.refusesCTE(tt.err) && tt.want {
			t.Errorf("%+v: refusesCTE takes it for a server that refuses writable CTEs", tt.err)
		}
		if postgres.isRetryable(tt.err) != tt.want {
			t.Errorf("%+v: isRetryable is %t, want %t", tt.err, !tt.want, tt.want)
		}
	}
}

func TestDescribe_ConstantDriverTexts(t *testing.T) {
	const text = "packet for query is too large. Try adjusting the `Config.MaxAllowedPacket`"
	if got := describe(fmt.Errorf("secret: %w", errors.New(text))); got != text {
		t.Errorf("got %q, want %q", got, text)
	}
	for _, text := range []string{"conn closed", "closed pool", "sql: database is closed"} {
		if got := describe(fmt.Errorf("secret: %w", errors.New(text))); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	if got := describe(errors.New(text + " secret")); got != "database error (*errors.errorString)" {
		t.Errorf("got %q", got)
	}
}
