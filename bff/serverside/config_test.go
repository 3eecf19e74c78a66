package serverside

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

func TestRun_Cleanup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBFF(t, func(c *Config) {
			c.Store, c.Clock = bff.NewInMemoryStore(), time.Now
			c.EnableSessionCleanup, c.SessionCleanupInterval = true, time.Minute
		})
		b.browser().signIn(as("alice", ""))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		b.tally.mu.Lock()
		n, reported := b.tally.ended[EndExpired]
		b.tally.mu.Unlock()
		if reported {
			t.Errorf("a cleanup that removed nothing reports %d sessions", n)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		b.wantEnded(EndExpired, 1)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestRun_WaitsForBackgroundWork: when its context ends, Run waits for the work that is
// under way, and for no longer than that work may take.
func TestRun_WaitsForBackgroundWork(t *testing.T) {
	for name, c := range map[string]struct {
		work time.Duration
		fail bool
	}{"no work": {}, "a refresh": {4 * time.Second, false}, "work that hangs": {time.Hour, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestBFF(t)
				ctx, cancel := context.WithCancel(t.Context())
				if c.work > 0 {
					b.background.run(func() { time.Sleep(c.work) })
				}
				time.AfterFunc(time.Second, cancel)
				begin := time.Now()
				err := b.Run(ctx)
				took, want := time.Since(begin), max(time.Second, c.work)
				if c.fail {
					want = time.Second + b.longestWork()
				}
				if strings.Contains(b.log.String(), "still under way at the shutdown") != c.fail {
					t.Errorf("the log: %s", b.log.String())
				}
				if (err != nil) != c.fail || took != want {
					t.Errorf("Run returned %v after %v, want %v", err, took, want)
				}
				time.Sleep(c.work) // a bubble ends with its goroutines
			})
		})
	}
}

func TestNew_InvalidConfiguration(t *testing.T) {
	log := &logBuffer{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	s, err := New(Config{Protector: testKeys, Logger: logger, EnableSessionCleanup: true})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(log.String(), "in memory") != 1 {
		t.Errorf("a nil store: %s", log.String())
	}
	br := (&testBFF{Sessions: s, t: t}).browser()
	br.signIn(alice())
	br.want("alice")
	if strings.Count(log.String(), "in memory") != 1 {
		t.Error("the warning is logged more than once")
	}
	for want, change := range map[string]func(*Config){
		"Protector is nil":       func(c *Config) { c.Protector = nil },
		"no key":                 func(c *Config) { c.Protector = &ticket.KeyRing{} },
		"ring has no key":        func(c *Config) { c.Protector = (*ticket.KeyRing)(nil) },
		"IdleTimeout":            func(c *Config) { c.IdleTimeout = -1 },
		"AbsoluteLifetime":       func(c *Config) { c.AbsoluteLifetime = -1 },
		"MaxSessionsPerUser":     func(c *Config) { c.MaxSessionsPerUser = -1 },
		"TicketEncoding":         func(c *Config) { c.TicketEncoding = 3 },
		"Partition":              func(c *Config) { c.Partition = "\x00" },
		"SessionCleanupInterval": func(c *Config) { c.SessionCleanupInterval = -1 },
		"Cleanup": func(c *Config) {
			c.EnableSessionCleanup, c.Store = true, plain{bff.NewInMemoryStore()}
		},
	} {
		c := Config{Protector: testKeys, Store: bff.NewInMemoryStore()}
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestNew_Defaults(t *testing.T) {
	s, err := New(Config{Protector: testKeys, Store: bff.NewInMemoryStore()})
	if err != nil {
		t.Fatal(err)
	}
	c := s.Config()
	if c.CookieName != DefaultCookieName || c.SameSite != http.SameSiteStrictMode || c.UserPath != DefaultUserPath ||
		c.IdleTimeout != DefaultIdleTimeout || c.AbsoluteLifetime != DefaultAbsoluteLifetime || c.RefreshBefore != DefaultRefreshBefore ||
		c.TokenTimeout != DefaultTokenTimeout || c.StoreTimeout != DefaultStoreTimeout || c.TicketEncoding != ticket.DefaultEncoding ||
		c.TicketCacheSize != DefaultTicketCacheSize || c.Logger == nil || c.Metrics == nil || c.Clock == nil || c.ErrorHandler == nil {
		t.Errorf("the defaults are %+v", c)
	}
}
