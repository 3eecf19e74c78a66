package usersession

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"example.com/usersession/bff"
)

// A server holds what the store has learned about the server and its connections.
type server struct {
	refusesCleanup    atomic.Bool // the dialect's form of the cleanup
	refusesForceIndex atomic.Bool
	refusesIsolation  atomic.Bool // the dialect's isolation level

	settings atomic.Pointer[settings] // nil: not read yet
}

// settings are settings of the connections, which the DSN or the server's configuration
// makes.
type settings struct {
	// problem says why the store cannot work outside of a transaction of the
	// application, and what to do. It is empty if the store can work.
	problem string
	// charset is the character set in which the connection sends strings, if some
	// strings do not survive it; maxRune is the last character that does.
	charset string
	maxRune rune
}

// checkSettings reads the connection's settings before the store's first write. With some
// settings, the write would succeed and be lost: checkSettings returns an error instead.
func (c *conn) checkSettings(ctx context.Context) error {
	if c.dialect.settings == "" || c.inTx { // the application commits its transaction
		return nil
	}
	if problem := c.settings(ctx).problem; problem != "" {
		return fmt.Errorf("%w: %s", errSettings, problem)
	}
	return nil
}

// settings returns the connection's settings. If they cannot be read, it returns none: the
// operation itself will say why.
func (c *conn) settings(ctx context.Context) *settings {
	if found := c.server.settings.Load(); found != nil {
		return found
	}
	found, err := c.readSettings(ctx)
	if err == nil || errorCode(err) != "" { // otherwise, the next operation tries again
		c.server.settings.Store(found)
	}
	return found
}

// readSettings returns no problem together with an error. It asks the primary
// database, and GORM's plugins do not see the query.
func (c *conn) readSettings(ctx context.Context) (*settings, error) {
	db := c.direct.WithContext(ctx)
	if !c.inTx {
		usePrimary(db)
	}
	rows, err := db.Statement.ConnPool.QueryContext(ctx, c.dialect.settings)
	if err != nil {
		return &settings{}, err
	}
	defer rows.Close()
	var autocommit, completion, charset string
	for rows.Next() {
		if err := rows.Scan(&autocommit, &completion, &charset); err != nil {
			return &settings{}, err
		}
	}
	if err := rows.Err(); err != nil {
		return &settings{}, err
	}
	found := &settings{}
	switch {
	case autocommit == "0":
		found.problem = "the connection has autocommit=0, so that writes would be lost: remove it from the DSN or from the server's configuration"
	case strings.EqualFold(completion, "CHAIN") || completion == "1":
		found.problem = "the connection has completion_type=CHAIN, so that writes would be lost: remove it from the DSN or from the server's configuration"
	}
	switch charset {
	case "utf8mb4", "binary", "":
	case "utf8", "utf8mb3":
		found.charset, found.maxRune = charset, 0xFFFF
	default:
		found.charset, found.maxRune = charset, 0x7F
	}
	return found, nil
}

// checkValues returns an error if a string would not survive the connection's character
// set. The error wraps [bff.ErrInvalidSession], and does not quote the string.
func (c *conn) checkValues(ctx context.Context, args []any) error {
	if c.dialect.settings == "" {
		return nil
	}
	for _, arg := range args {
		text, ok := arg.(string)
		if !ok || !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
			continue
		}
		found := c.settings(ctx)
		if found.charset != "" && strings.ContainsFunc(text, func(r rune) bool { return r > found.maxRune }) {
			return fmt.Errorf("%w: a value has a character outside of the connection's character set, %s: set charset=utf8mb4 in the DSN",
				bff.ErrInvalidSession, found.charset)
		}
	}
	return nil
}
