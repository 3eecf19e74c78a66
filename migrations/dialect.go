package migrations

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// A dialect is what the package knows of one. Each has a file for what it writes and one
// for how it reads a live database's catalogue.
type dialect interface {
	name() string
	quote(name string) string
	boolean(value bool) string
	// text writes a string as the default of a column.
	text(value string) string
	filtersIndexes() bool

	// withoutIdentity takes from a type what makes the database count the column up.
	withoutIdentity(text string) (string, bool)
	// canonical returns a type as the dialect's catalogue has it, in lower case.
	canonical(columnType string) string
	// rank orders types each of which holds every value of those before it in the
	// same family; ok is false for others.
	rank(base string) (family string, rank int, ok bool)

	// up writes the statements of the changes. The bool asks for statements that bring
	// a transaction of their own.
	up(changes []tableChange, ownTransaction bool) []string
	// needsOwnTransaction says that the changes can't run in the runner's transaction.
	needsOwnTransaction(changes []tableChange) bool
	// splits says that each table's change goes into a migration of its own.
	splits() bool
	// maxName is the most bytes that a name can have.
	maxName() int

	// script returns the statement that makes the runner's table of versions, and what
	// begins and ends a script, a migration and a statement in it.
	script() scriptForm

	inspect(ctx context.Context, db *gorm.DB, table string) (*Table, error)
	tables(ctx context.Context, db *gorm.DB) ([]string, error)
	// now is a SELECT of the database's time as milliseconds since 1970, "" if it has
	// none of its own.
	now() string
	// ordinal says whether the column tells all strings apart.
	ordinal(column Column) bool
}

var dialects = []dialect{postgres{}, mysql{}, sqlite{}, sqlserver{}}

func dialectOf(name string) (dialect, error) {
	for _, d := range dialects {
		if d.name() == name {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%w %q: the package knows postgres, mysql, sqlite and sqlserver; for others use the database's own tools with GORM's types", ErrDialect, name)
}

// quoted quotes every part of a name, doubling what would end it.
func quoted(name, left, right string) string {
	var parts []string
	for part := range strings.SplitSeq(name, ".") {
		parts = append(parts, left+strings.ReplaceAll(part, right, right+right)+right)
	}
	return strings.Join(parts, ".")
}

// literal writes a string.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func quotedList(d dialect, names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = d.quote(name)
	}
	return strings.Join(all, ", ")
}

// mentions says whether an SQL expression has the name in it as a word.
func mentions(expression, name string) bool {
	return expression != "" && regexp.MustCompile(`(?i)(^|\W)`+regexp.QuoteMeta(name)+`(\W|$)`).MatchString(expression)
}

var (
	casts      = regexp.MustCompile(`::"?[\w ]+"?(\(\d+\))?`)
	whereNoise = strings.NewReplacer("(", "", ")", "", "`", "", `"`, "", "[", "", "]", "")
)

// canonicalWhere returns a condition without what databases add to it when they keep it.
func canonicalWhere(where string) string {
	where = whereNoise.Replace(casts.ReplaceAllString(where, ""))
	return strings.ToLower(strings.Join(strings.Fields(where), " "))
}

var isNotNull = regexp.MustCompile(`^(\w+) is not null$`)

// onlyExcludesNull says whether the condition is that columns of the index aren't NULL.
func onlyExcludesNull(where string, columns []string) bool {
	for condition := range strings.SplitSeq(canonicalWhere(where), " and ") {
		found := isNotNull.FindStringSubmatch(condition)
		if found == nil || !slices.ContainsFunc(columns, func(c string) bool { return strings.EqualFold(c, found[1]) }) {
			return false
		}
	}
	return true
}
