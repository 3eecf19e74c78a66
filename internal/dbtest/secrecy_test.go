package dbtest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// A buffer collects the output of loggers. It is safe for concurrent use.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// secrets is a session whose values must appear in no log and no error.
var secrets = bff.UserSession{
	PartitionKey: "xpartitionx", Key: "xkeyx-\u00e9", SubjectID: "xsubjectx", SessionID: "xsessionx",
	Created: now, Renewed: now, Expires: now.AddDate(1234, 0, 0), // the year 3260
	Ticket: []byte("xticketx"),
}

// secretsIn returns the secrets that the text contains, in each of the forms in which
// databases, drivers and fmt print them.
func secretsIn(text string) []string {
	var found []string
	for _, secret := range []string{"xpartitionx", "xkeyx", "xsubjectx", "xsessionx", "xticketx", "3260-03-04"} {
		for _, form := range []string{
			secret,
			hex.EncodeToString([]byte(secret)),
			base64.RawStdEncoding.EncodeToString([]byte(secret)),
			strings.Trim(fmt.Sprint([]byte(secret)), "[]"),
			strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(secret)), "[]byte{"), "}"),
		} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
				found = append(found, form)
			}
		}
	}
	return found
}

// wantNoSecretIn fails the test if an error, or an error that it wraps, prints a secret with
// any verb.
func wantNoSecretIn(t *testing.T, what string, err error) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb, err); secretsIn(text) != nil {
			t.Errorf("%s: the error %T printed with %s contains %q: %s", what, err, verb, secretsIn(text), text)
		}
	}
	if text := fmt.Sprintf("%+v %#v", struct{ Err error }{err}, []error{err}); secretsIn(text) != nil {
		t.Errorf("%s: the error %T inside another value contains %q: %s", what, err, secretsIn(text), text)
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			wantNoSecretIn(t, what, inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			wantNoSecretIn(t, what, inner)
		}
	}
}

// A loudDatabase is a database whose logger prints every statement.
type loudDatabase struct {
	db  *gorm.DB
	log *buffer
}

func openLoud(t *testing.T, d *dbtest.Database, config func(*gorm.Config)) loudDatabase {
	t.Helper()
	l := loudDatabase{log: &buffer{}}
	params := url.Values{}
	if d.Engine == dbtest.MySQL { // a server that is not strict shortens values instead of quoting them
		params.Set("sql_mode", "'STRICT_ALL_TABLES'")
	}
	l.db = d.Open(t, dbtest.Setup{Params: params, Config: func(c *gorm.Config) {
		c.Logger = logger.New(log.New(l.log, "", 0), logger.Config{LogLevel: logger.Info, SlowThreshold: 1})
		if config != nil {
			config(c)
		}
	}})
	return l
}

// store returns a store on the database, with a logger that prints every record.
func (l loudDatabase) store(t *testing.T, db *gorm.DB) *usersession.GormStore {
	t.Helper()
	return newStore(t, db, usersession.WithLogger(slog.New(slog.NewJSONHandler(l.log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
}

// runWithSecrets runs every operation with the secrets. It returns the number of operations
// that failed with an error that is not an error of package bff.
func runWithSecrets(ctx context.Context, t *testing.T, store *usersession.GormStore) int {
	t.Helper()
	key := bff.UserSessionKey{PartitionKey: secrets.PartitionKey, Key: secrets.Key}
	other := secrets
	other.Key += "2"
	other.SessionID = ""
	filter := bff.UserSessionsFilter{SubjectID: secrets.SubjectID, SessionID: secrets.SessionID}
	failed := 0
	for _, op := range []struct {
		name string
		do   func() error
	}{
		{"create", func() error { return store.CreateUserSession(ctx, secrets) }},
		{"create again", func() error { return store.CreateUserSession(ctx, secrets) }},
		{"create another", func() error { return store.CreateUserSession(ctx, other) }},
		{"get", func() error { _, err := store.GetUserSession(ctx, key); return err }},
		{"update", func() error {
			return store.UpdateUserSession(ctx, key, updateOf(secrets, string(secrets.Ticket), 0))
		}},
		{"update of a version", func() error {
			return store.UpdateUserSession(ctx, key, updateOf(secrets, string(secrets.Ticket), 77))
		}},
		{"update to a taken session id", func() error {
			return store.UpdateUserSession(ctx, bff.UserSessionKey{PartitionKey: other.PartitionKey, Key: other.Key}, updateOf(secrets, "", 0))
		}},
		{"update that replaces rivals", func() error {
			update := replacingRivals(updateOf(secrets, string(secrets.Ticket), 0))
			return store.UpdateUserSession(ctx, bff.UserSessionKey{PartitionKey: other.PartitionKey, Key: other.Key}, update)
		}},
		{"replace", func() error { return store.ReplaceUserSession(ctx, secrets) }},
		{"list", func() error { _, err := store.GetUserSessions(ctx, secrets.PartitionKey, filter); return err }},
		{"lister", func() error {
			for _, err := range store.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: secrets.PartitionKey, SubjectID: secrets.SubjectID}) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"revoke", func() error { _, err := store.DeleteUserSessions(ctx, secrets.PartitionKey, filter); return err }},
		{"delete of a version", func() error { return errOf(store.DeleteUserSessionVersion(ctx, key, 1)) }},
		{"delete", func() error { return errOf(store.DeleteUserSession(ctx, key)) }},
		{"cleanup", func() error { _, err := store.DeleteExpiredSessions(ctx); return err }},
		{"create with an invalid key", func() error {
			tooLong := secrets
			tooLong.Key = strings.Repeat(secrets.Key, 50)
			return store.CreateUserSession(ctx, tooLong)
		}},
	} {
		err := op.do()
		if err == nil {
			continue
		}
		wantNoSecretIn(t, op.name, err)
		isContractErr := false
		for _, known := range []error{bff.ErrSessionExists, bff.ErrSessionNotFound, bff.ErrSessionChanged, bff.ErrInvalidSession} {
			isContractErr = isContractErr || errors.Is(err, known)
		}
		if !isContractErr {
			failed++
		}
	}
	return failed
}

// wantNoSecretLogged fails the test if the log contains a secret, or if it has fewer lines
// than atLeast.
func (l loudDatabase) wantNoSecretLogged(t *testing.T, atLeast int) {
	t.Helper()
	text := l.log.String()
	for line := range strings.Lines(text) {
		if found := secretsIn(line); found != nil {
			t.Errorf("the log contains %q: %s", found, line)
		}
	}
	if n := strings.Count(text, "\n"); n < atLeast {
		t.Errorf("the log has %d lines, want at least %d: is the logger in use?", n, atLeast)
	}
}
