package bfftest_test

import (
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/bfftest"
)

func TestRun_InMemoryStore(t *testing.T) {
	bfftest.Run(t, bfftest.Harness{
		New: func(_ *testing.T, clock func() time.Time) bff.UserSessionStore {
			return bff.NewInMemoryStore(bff.WithClock(clock))
		},
	})
}
