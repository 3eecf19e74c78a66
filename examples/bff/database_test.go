package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
)

// The whole example on the other databases: tables are made, users sign in and out,
// cleanup counts and removes. A server that is not there is skipped, unless
// USERSESSION_REQUIRE names it.
func TestOtherDatabases(t *testing.T) {
	for name, dsn := range map[string]string{
		"postgres":  cmp.Or(os.Getenv("USERSESSION_TEST_POSTGRES"), "postgres://root@127.0.0.1:5432/test?sslmode=disable"),
		"mysql":     "mysql://" + cmp.Or(os.Getenv("USERSESSION_TEST_MYSQL"), "root@tcp(127.0.0.1:3306)/test?parseTime=true"),
		"sqlserver": os.Getenv("USERSESSION_TEST_SQLSERVER"),
	} {
		t.Run(name, func(t *testing.T) {
			dsn := ownSchema(t, name, dsn)
			h := newHost(t, newFakeOP(t), func(o *options) { o.dsn = dsn })
			c, other := h.newClient(), h.newClient()
			c.signIn()
			other.signIn()
			if r := c.call(http.MethodPost, "/bff/session/grow", ""); r.json(t)["ticket"].(map[string]any)["stored"].(float64) < 20<<10 {
				t.Errorf("the session is %s", r.body)
			}
			c.call(http.MethodPost, "/bff/operator/leave", "")
			if body := c.call(http.MethodGet, "/bff/operator", "").json(t); body["rows"] != 27.0 || body["expired"] != 25.0 {
				t.Errorf("the table: %v of %v rows have expired", body["expired"], body["rows"])
			}
			if r := c.call(http.MethodPost, "/bff/operator/cleanup", ""); r.json(t)["removed"] != 25.0 {
				t.Errorf("cleanup: %s", r.body)
			}
			if r := c.call(http.MethodPost, "/bff/sessions/revoke-others", ""); r.json(t)["revoked"] != 1.0 {
				t.Errorf("the other session: %s", r.body)
			}
			if r := c.get("/bff/logout"); r.status != http.StatusSeeOther || c.user() != http.StatusUnauthorized {
				t.Errorf("/bff/logout: %d", r.status)
			}
		})
	}
}

// ownSchema makes a schema that nobody else uses, and removes it after the test.
func ownSchema(t *testing.T, engine, dsn string) string {
	t.Helper()
	if dsn == "" {
		unavailable(t, engine, "USERSESSION_TEST_SQLSERVER is not set")
	}
	db, err := gorm.Open(dialector(dsn), &gorm.Config{})
	if err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if pool, poolErr := db.DB(); poolErr != nil {
			err = poolErr
		} else {
			t.Cleanup(func() { pool.Close() })
			err = pool.PingContext(ctx)
		}
	}
	if err != nil {
		unavailable(t, engine, "the server cannot be reached: make databases")
	}
	name := "bff_example_" + strings.ToLower(rand.Text()[:8])
	create, drop := "CREATE SCHEMA "+name, "DROP SCHEMA "+name
	switch engine {
	case "postgres":
		drop += " CASCADE"
		dsn += map[bool]string{true: "&", false: "?"}[strings.Contains(dsn, "?")] + "search_path=" + name
	case "mysql":
		create += " CHARACTER SET utf8mb4"
		before, after, _ := strings.Cut(dsn, ")/")
		_, parameters, _ := strings.Cut(after, "?")
		dsn = before + ")/" + name + "?" + parameters
	default: // the table of the database that is there
		return dsn
	}
	if err := db.Exec(create).Error; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Exec(drop).Error; err != nil {
			t.Error(err)
		}
	})
	return dsn
}

func unavailable(t *testing.T, engine, reason string) {
	t.Helper()
	for one := range strings.SplitSeq(os.Getenv("USERSESSION_REQUIRE"), ",") {
		if strings.TrimSpace(one) == engine {
			t.Fatal(reason)
		}
	}
	t.Skip(reason)
}
