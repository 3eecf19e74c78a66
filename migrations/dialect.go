package migrations

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// A dialect is one kind of database. A file with the dialect's name writes its SQL, and files
// with a suffix read its catalogue (_catalog), write scripts (_script) and have the questions of
// [Check] (_check).
type dialect interface {
	name() string
	quote(name string) string
	boolean(value bool) string
	// text returns a string as the default of a column.
	text(value string) string
	// filtersIndexes reports whether an index can have a WHERE.
	filtersIndexes() bool

	// withoutIdentity removes auto-increment from a type of GORM's and reports whether
	// it was there.
	withoutIdentity(text string) (string, bool)
	// canonical returns a type as the dialect's catalogue writes it, in lower case.
	canonical(columnType string) string
	// rank returns the place of a type in a family of types of which each can hold
	// every value of the types with a lower rank. For other types ok is false.
	rank(base string) (family string, rank int, ok bool)

	// up returns the statements that make the changes. With ownTransaction they begin
	// and commit a transaction themselves.
	up(changes []tableChange, ownTransaction bool) []string
	// needsOwnTransaction reports whether the changes cannot run in the transaction of
	// the program that applies them.
	needsOwnTransaction(changes []tableChange) bool
	// splits reports whether each table needs its own migration.
	splits() bool
	// maxName returns the maximum length of a name in bytes.
	maxName() int

	// writeScript writes the script for the dialect's command line client.
	writeScript(s *script)

	// inspect reads a table of a live database. A table that does not exist is nil.
	inspect(ctx context.Context, db *gorm.DB, table string) (*Table, error)
	// tables returns the names of the tables in the current schema.
	tables(ctx context.Context, db *gorm.DB) ([]string, error)
	// now returns a SELECT of the database's time in milliseconds since 1970, or "" if
	// the database uses the host's clock.
	now() string
	// idleTimeouts returns a query for the names and values of the settings that end an
	// idle transaction, and how to set one. The query is "" if the server has none.
	idleTimeouts() (query, remedy string)
	// probes returns the questions of [Check] about the connection, the server and the
	// table.
	probes(table string) []probe
	// ordinal reports whether the collation of a live column treats all strings as
	// different.
	ordinal(column Column) bool
}

var dialects = []dialect{postgres{}, mysql{}, sqlite{}, sqlserver{}}

func dialectOf(name string) (dialect, error) {
	for _, d := range dialects {
		if d.name() == name {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%w %q: the package supports postgres, mysql, sqlite and sqlserver; for another dialect write the migrations with the database's own tools, from the types that GORM gives the entities", ErrDialect, name)
}

// quoted quotes every part of a name, and doubles closing quotes inside it.
func quoted(name, left, right string) string {
	var parts []string
	for part := range strings.SplitSeq(name, ".") {
		parts = append(parts, left+strings.ReplaceAll(part, right, right+right)+right)
	}
	return strings.Join(parts, ".")
}

// literal returns a string as an SQL literal.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func quotedList(d dialect, names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = d.quote(name)
	}
	return strings.Join(all, ", ")
}

// mentions reports whether the SQL expression contains the name as a word.
func mentions(expression, name string) bool {
	return expression != "" && regexp.MustCompile(`(?i)(^|\W)`+regexp.QuoteMeta(name)+`(\W|$)`).MatchString(expression)
}

var (
	casts      = regexp.MustCompile(`::"?[\w ]+"?(\(\d+\))?`)
	whereNoise = strings.NewReplacer("(", "", ")", "", "`", "", `"`, "", "[", "", "]", "")
)

// canonicalWhere returns a condition in lower case, without the casts, parentheses and
// quotes that databases add when they store it.
func canonicalWhere(where string) string {
	where = whereNoise.Replace(casts.ReplaceAllString(where, ""))
	return strings.ToLower(strings.Join(strings.Fields(where), " "))
}

// comparableWhere returns a condition for comparisons: canonicalWhere without spaces, which a
// removed cast leaves in other places.
func comparableWhere(where string) string {
	return strings.ReplaceAll(canonicalWhere(where), " ", "")
}

var isNotNull = regexp.MustCompile(`^(\w+) is not null$`)

// onlyExcludesNull reports whether the condition does no more than exclude rows with NULL
// in columns of the index.
func onlyExcludesNull(where string, columns []string) bool {
	for condition := range strings.SplitSeq(canonicalWhere(where), " and ") {
		found := isNotNull.FindStringSubmatch(condition)
		if found == nil || !slices.ContainsFunc(columns, func(c string) bool { return strings.EqualFold(c, found[1]) }) {
			return false
		}
	}
	return true
}
