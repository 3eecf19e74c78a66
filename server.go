package usersession

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"example.com/usersession/bff"
)

// A server holds the facts that the store has learned about the database server and its
// connections.
type server struct {
	refusesCleanup    atomic.Bool // the dialect's form of the cleanup
	refusesForceIndex atomic.Bool
	refusesIsolation  atomic.Bool // the dialect's isolation level
	readsExactly      atomic.Bool // a plain read was not exact, see wayToRead

	// conflicts is the number of successive replacements that found a conflicting session, up
	// to manyConflicts.
	conflicts atomic.Int32

	losesSavepoints atomic.Pointer[bool] // nil: not read yet

	settings atomic.Pointer[settings] // nil: not read yet
}

// settings are the settings of the connections that matter to the store. The DSN or the
// server's configuration sets them.
type settings struct {
	// problem says why the store cannot work and how to mend it. It is empty if the store
	// can work. lost is the same for a problem that does not exist in a transaction of the
	// application.
	problem, lost string
	// charset is the character set in which the connection sends strings, if some
	// strings do not survive it; maxRune is the last character that does.
	charset string
	maxRune rune
	// unicode means that the connection returns strings in UTF-8.
	unicode bool
	// commitCloses means that a COMMIT without NO RELEASE closes the connection.
	commitCloses bool
	// emptyIsNull means that the connection turns an empty string into NULL.
	emptyIsNull bool
}

// checkSettings reads the connection's settings before the store's first statement. With some
// settings, a write would succeed and be lost, or a read would return a session that has ended:
// checkSettings returns an error instead.
func (c *conn) checkSettings(ctx context.Context) error {
	if c.dialect.settingsQuery == "" {
		return nil
	}
	found := c.settings(ctx)
	problem := found.problem
	if problem == "" && !c.inTx { // the application commits its transaction
		problem = found.lost
	}
	if problem == "" {
		return nil
	}
	return fmt.Errorf("%w: %s", errSettings, problem)
}

// settings returns the connection's settings, or the zero settings if they cannot be read: the
// operation that follows then fails with the reason.
func (c *conn) settings(ctx context.Context) *settings {
	if found := c.server.settings.Load(); found != nil {
		return found
	}
	row, err := c.readSettings(ctx, c.dialect.settingsQuery)
	found := &settings{}
	if err == nil && len(row) == strings.Count(c.dialect.settingsQuery, ",")+1 {
		*found = c.dialect.judge(row, func(query string) bool {
			_, err := c.readSettings(ctx, query)
			return err == nil || ctx.Err() != nil || isBroken(err)
		})
	}
	if (err == nil || errorCode(err) != "") && ctx.Err() == nil { // otherwise, the next operation tries again
		c.server.settings.Store(found)
	}
	return found
}

// wayToRead returns plain if the dialect has two ways to read and the connection's settings do
// not change plain columns. The settings were read on one connection, and others may differ. So
// a scanner of plain columns checks every value, and after the first value that the settings may
// have changed, the store always uses exact.
func (c *conn) wayToRead(ctx context.Context) int {
	if c.dialect.textColumn != "" && !c.server.readsExactly.Load() && c.settings(ctx).unicode {
		return plain
	}
	return exact
}

// readSettings returns the only row of the query. It asks the primary database, and GORM's
// plugins do not see the query.
func (c *conn) readSettings(ctx context.Context, query string) (row []string, err error) {
	db := c.direct.WithContext(ctx)
	if !c.inTx {
		usePrimary(db)
	}
	rows, err := db.Statement.ConnPool.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		columns, err := rows.Columns()
		if err != nil {
			return nil, err
		}
		values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row = make([]string, len(columns))
		for i, value := range values {
			row[i] = value.String
		}
	}
	return row, rows.Err()
}

const (
	// As text: the driver cannot read numbers in UTF-16.
	mysqlSettings    = "SELECT CAST(@@autocommit AS CHAR), @@completion_type, @@character_set_client, @@character_set_connection, @@character_set_results, CAST(@@sql_select_limit AS CHAR), @@sql_mode"
	postgresSettings = "SELECT current_setting('client_encoding'), current_setting('DateStyle'), current_setting('bytea_output')"
)

// sqlserverSettings reads no table, so that it begins no implicit transaction.
const sqlserverSettings = "SELECT CASE WHEN @@OPTIONS & 2 = 2 THEN 'ON' ELSE 'OFF' END"

// judgeSQLServer judges the row of sqlserverSettings.
func judgeSQLServer(row []string, _ func(string) bool) (found settings) {
	if row[0] == "ON" {
		found.lost = "IMPLICIT_TRANSACTIONS is ON, so that writes would be lost: SET IMPLICIT_TRANSACTIONS OFF"
	}
	return found
}

// judgeMySQL judges the row of mysqlSettings.
func judgeMySQL(row []string, _ func(string) bool) (found settings) {
	const remedy = ": remove it from the DSN or from the server's configuration"
	for i := range row {
		row[i] = strings.ReplaceAll(row[i], "\x00", "") // in UTF-16 and UTF-32
	}
	found.emptyIsNull = strings.Contains(strings.ToUpper(row[6]), "EMPTY_STRING_IS_NULL") // MariaDB
	client, connection, results := charset(row[2]), charset(row[3]), charset(row[4])
	found.unicode = results == "utf8mb4"
	switch limit, err := strconv.ParseUint(row[5], 10, 64); {
	case client != connection && client != "binary" && connection != "binary":
		// The server would convert every value, including the bytes of a ticket.
		found.problem = fmt.Sprintf("character_set_connection is %s, and character_set_client is %s, so that values would be changed: set only charset=utf8mb4 in the DSN", row[3], row[2])
	case slices.Contains([]string{"ucs2", "utf16", "utf16le", "utf32"}, results):
		found.problem = "character_set_results is " + results + ", in which numbers cannot be read: set only charset=utf8mb4 in the DSN"
	case err == nil && limit < maxRows:
		found.problem = "sql_select_limit is " + row[5] + ", so that lists of sessions would be incomplete" + remedy
	}
	switch completion := row[1]; {
	case row[0] == "0" || strings.EqualFold(row[0], "OFF"):
		found.lost = "the connection has autocommit=0, so that writes would be lost, and reads would return sessions that have ended" + remedy
	case strings.EqualFold(completion, "CHAIN") || completion == "1":
		found.lost = "the connection has completion_type=CHAIN, so that writes would be lost" + remedy
	default:
		found.commitCloses = strings.EqualFold(completion, "RELEASE") || completion == "2"
	}
	switch client {
	case "utf8mb4", "binary", "":
	case "utf8mb3":
		found.charset, found.maxRune = row[2], 0xFFFF
	default:
		found.charset, found.maxRune = row[2], 0x7F
	}
	return found
}

// maxRows is a number of rows that no list of sessions reaches.
const maxRows = 1 << 31

// charset returns one name for a character set of MySQL that has two.
func charset(name string) string {
	if name == "utf8" {
		return "utf8mb3"
	}
	return name
}

// judgePostgres judges the row of postgresSettings. Some settings matter only if the driver
// reads values as text: canRead reports whether it can read the result of a query.
func judgePostgres(row []string, canRead func(query string) bool) (found settings) {
	switch encoding := row[0]; {
	case encoding != "UTF8" && encoding != "SQL_ASCII":
		found.problem = "client_encoding is " + encoding + ", so that values would be changed: set client_encoding=UTF8 in the DSN"
	case !strings.HasPrefix(row[1], "ISO") && !canRead("SELECT clock_timestamp()"):
		found.problem = "DateStyle is " + row[1] + ", in which the driver cannot read times with the DSN's default_query_exec_mode: set datestyle=ISO in the DSN"
	case row[2] != "hex" && !canRead(`SELECT '\x00'::bytea`):
		found.problem = "bytea_output is " + row[2] + ", in which the driver cannot read tickets with the DSN's default_query_exec_mode: set bytea_output=hex in the DSN"
	}
	return found
}

// losesSavepoints reports whether a savepoint can hide the end of a transaction of the
// application. A member of MySQL's Group Replication rolls a transaction back as soon as
// another member's write needs its locks. The next statement fails with 1213, unless it is
// a SAVEPOINT: a SAVEPOINT succeeds and begins a new transaction. The COMMIT then commits only
// the later statements on this member, and all statements on the other members.
func (c *conn) losesSavepoints(ctx context.Context) bool {
	if c.dialect.groupName == "" {
		return false
	}
	if found := c.server.losesSavepoints.Load(); found != nil {
		return *found
	}
	rows, err := c.direct.WithContext(ctx).Statement.ConnPool.QueryContext(ctx, c.dialect.groupName)
	if err != nil {
		return false
	}
	defer rows.Close()
	var variable, group string
	for rows.Next() {
		if rows.Scan(&variable, &group) != nil {
			return false
		}
	}
	if rows.Err() != nil {
		return false
	}
	c.server.losesSavepoints.Store(new(group != ""))
	return group != ""
}

// endsTransaction reports whether the error means that the server has rolled back the whole
// transaction of the application, and would run further statements outside of it.
func (c *conn) endsTransaction(ctx context.Context, err error) bool {
	if !c.inTx || !c.dialect.retryEndsTx {
		return false
	}
	if errorCode(err) != myLockWaitTimeout {
		return c.dialect.isRetryable(err)
	}
	var ends bool // TiDB and others lack the variable: they roll the statement back
	row := c.direct.WithContext(ctx).Statement.ConnPool.QueryRowContext(ctx, "SELECT @@innodb_rollback_on_timeout")
	return row.Scan(&ends) == nil && ends
}

// checkValues returns an error if a string would not survive the connection's character
// set or SQL mode. The error does not quote the string, and wraps [bff.ErrInvalidSession] if
// the character set lacks one of its characters.
func (c *conn) checkValues(ctx context.Context, args []any) error {
	if c.dialect.settingsQuery == "" {
		return nil
	}
	for _, arg := range args {
		switch arg := arg.(type) {
		case string:
			if err := c.checkString(ctx, arg); err != nil {
				return err
			}
		case []byte:
			if len(arg) == 0 && arg != nil && c.settings(ctx).emptyIsNull {
				return errEmptyIsNull
			}
		}
	}
	return nil
}

// checkString is checkValues for one string.
func (c *conn) checkString(ctx context.Context, text string) error {
	if text == "" {
		if c.settings(ctx).emptyIsNull {
			return errEmptyIsNull
		}
		return nil
	}
	if !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return nil
	}
	found := c.settings(ctx)
	if found.charset != "" && strings.ContainsFunc(text, func(r rune) bool { return r > found.maxRune }) {
		return fmt.Errorf("%w: a value has a character outside of the connection's character set, %s: set charset=utf8mb4 in the DSN",
			bff.ErrInvalidSession, found.charset)
	}
	return nil
}
