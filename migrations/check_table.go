package migrations

import (
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// A checker compares as the store requires: unlike Compare, it accepts wider types and
// more columns and indexes than the model has.
type checker struct{ comparison }

// allHarmless reports whether all findings are harmless.
func allHarmless(findings []Finding) bool {
	return !slices.ContainsFunc(findings, func(f Finding) bool { return !f.Harmless })
}

// reported reports whether there is a finding about where whose problem begins with the text.
func (c *checker) reported(where, problem string) bool {
	return slices.ContainsFunc(c.findings, func(f Finding) bool { return f.Where == where && strings.HasPrefix(f.Problem, problem) })
}

// harmless adds a finding that is harmless.
func (c *checker) harmless(where, problem, remedy string) {
	c.findings = append(c.findings, Finding{Where: where, Problem: problem, Remedy: remedy, Harmless: true})
}

// columns reports columns of the wanted table that a live table lacks or that do not fit. It does not
// repeat what checkModel has reported.
func (c *checker) columns(want, live *Table) {
	for _, column := range want.Columns {
		where := want.Name + "." + column.Name
		if got := live.Column(column.Name); got == nil {
			c.missingColumn(where)
		} else if !c.reported(where, "in the model") {
			c.checkColumn(where, column, *got)
		}
	}
	c.primaryKey(want, live)
}

// foldNames gives the columns of a live table the names of the model, if the database does
// not distinguish between upper and lower case in them.
func (c *checker) foldNames(want, live *Table) {
	if c.dialect.name() != "mysql" && c.dialect.name() != "sqlite" {
		return
	}
	fold := func(name *string) {
		for _, column := range want.Columns {
			if strings.EqualFold(column.Name, *name) {
				*name = column.Name
			}
		}
	}
	for i := range live.Columns {
		fold(&live.Columns[i].Name)
	}
	for i := range live.PrimaryKey {
		fold(&live.PrimaryKey[i])
	}
	for _, index := range live.Indexes {
		for i := range index.Columns {
			fold(&index.Columns[i])
		}
	}
}

// extraColumns reports a team's own columns that an INSERT of the store leaves without a value
// they need. A trigger may fill them.
func (c *checker) extraColumns(db *gorm.DB, want, live *Table) error {
	for _, column := range live.Columns {
		if want.Column(column.Name) != nil || !column.NotNull && !column.refusesNull || column.Default != "" || column.Identity || column.filled {
			continue
		}
		if c.dialect.name() == "mysql" && strings.HasPrefix(strings.ToLower(column.Type), "enum(") {
			continue // the first value is the default
		}
		where, remedy := want.Name+"."+column.Name, "give it a default or make it nullable"
		triggers, err := c.insertTriggers(db, want.Name)
		switch {
		case err != nil:
			return err
		case len(triggers) > 0:
			c.harmless(where, fmt.Sprintf("the column is NOT NULL and has no default: the store can add rows only if the trigger %s fills it", strings.Join(triggers, ", ")), remedy)
		default:
			c.add(where, "the column is NOT NULL and has no default, so the store cannot add rows", remedy)
		}
	}
	return nil
}

// insertTriggers returns the names of the table's triggers that can fill a column of a new row.
func (c *checker) insertTriggers(db *gorm.DB, table string) ([]string, error) {
	switch c.dialect.name() {
	case "postgres":
		return names(db, "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(?) AND NOT tgisinternal AND tgtype & 6 = 6 ORDER BY tgname", c.dialect.quote(table))
	case "mysql":
		return names(db, `SELECT trigger_name FROM information_schema.triggers
			WHERE event_object_schema = COALESCE(?, DATABASE()) AND event_object_table = ?
				AND event_manipulation = 'INSERT' AND action_timing = 'BEFORE' ORDER BY trigger_name`, catalogName(table)...)
	default:
		return nil, nil
	}
}

// checkColumn reports what keeps a column of a live table, or of the model, from holding the values
// of the wanted column. Unlike comparison.column it accepts differences that do no harm.
func (c *checker) checkColumn(where string, want, got Column) {
	if got.base != "" {
		got.Type = got.base
	}
	if c.dialect.name() == "mysql" && strings.HasPrefix(got.Type, "bigint") {
		got.Type = strings.TrimSuffix(got.Type, " unsigned") // the store's numbers are positive
	}
	switch convert(c.dialect, want.Type, got.Type) {
	case narrows:
		c.tooSmall(where, want, got)
	case unconverted:
		c.add(where, fmt.Sprintf("the type is %s, want %s", got.Type, want.Type), remedyMigration)
	}
	if comparedOrdinally(want.Name) && !c.dialect.ordinal(got) {
		c.add(where, fmt.Sprintf("the collation %s treats different strings as equal, such as alice and ALICE", orNone(got.Collation)), "give the column "+ordinalCollation(want))
	}
	if comparedOrdinally(want.Name) && !slices.Contains([]string{"", "utf8mb4", "binary"}, got.Charset) {
		c.harmless(where, fmt.Sprintf("the character set %s lacks characters that a value may have, with which sign-ins fail", got.Charset), "use utf8mb4")
	}
	if got.onUpdate {
		c.add(where, "the server changes the column at every update that does not set it, so that a session's age is lost", "remove ON UPDATE from the column")
	}
	if want.NotNull && !got.NotNull && !got.refusesNull {
		c.harmless(where, "the column is nullable, although the store never writes NULL to it", "make it NOT NULL at a convenient time")
	} else if !want.NotNull && (got.NotNull || got.refusesNull) {
		c.add(where, "the column is NOT NULL, so the store cannot keep a session without a value for it", "make it nullable")
	}
	if want.Identity && !got.Identity {
		c.add(where, notIncremented, remedyMigration)
	}
}

const notIncremented = "the column is not auto-incremented, so the store cannot add rows"

// tooSmall reports a type that cannot hold every value of the model's type.
func (c *checker) tooSmall(where string, want, got Column) {
	base, digits := splitType(c.dialect.canonical(got.Type))
	wantBase, numbers := splitType(c.dialect.canonical(want.Type))
	switch {
	case base != wantBase:
		c.add(where, fmt.Sprintf("the type %s is too small, want %s", got.Type, want.Type), remedyMigration)
	case strings.Contains(base, "time"):
		if len(digits) == 1 && digits[0] < 6 {
			c.add(where, fmt.Sprintf("times lose their microseconds: the precision is %d digits, want 6", digits[0]), remedyMigration)
		}
	case len(numbers) == 1:
		c.add(where, fmt.Sprintf("the column is too short: %s, want %s", got.Type, want.Type), remedyMigration)
	default:
		c.add(where, fmt.Sprintf("the type %s is too small, want %s", got.Type, want.Type), remedyMigration)
	}
}

// comparedOrdinally reports whether the store relies on an ordinal comparison of the
// column's values.
func comparedOrdinally(column string) bool {
	return slices.Contains([]string{"partition_key", "key", "subject_id", "session_id"}, column)
}

func ordinalCollation(want Column) string {
	if want.Collation == "" {
		return "the collation BINARY"
	}
	return "the collation " + want.Collation
}

// indexes reports the wanted indexes that a live table lacks, and its other invalid indexes.
func (c *checker) indexes(want, live *Table) {
	for _, index := range want.Indexes {
		if slices.ContainsFunc(live.Indexes, func(got Index) bool { return c.serves(got, index) }) {
			continue
		}
		c.missingIndex(want.Name, index, live)
	}
	for _, index := range live.invalid {
		if where := want.Name + "." + index.Name; !c.reported(where, invalidIndex) {
			problem, remedy := c.invalid(live, index)
			c.harmless(where, problem, remedy)
		}
	}
}

// extraIndexes reports unique indexes of the sessions' table that the models do not have.
func (c *checker) extraIndexes(want, live *Table) {
	for _, index := range live.Indexes {
		if !index.Unique || slices.ContainsFunc(want.Indexes, func(i Index) bool { return i.Unique && c.serves(index, i) }) {
			continue
		}
		where := want.Name + "." + index.Name
		if slices.Contains(index.Columns, "session_id") && c.refusesNull(index) {
			c.add(where, "the unique index treats missing session ids as equal, so it refuses a second session without one", "create it "+c.filteredIndex())
			continue
		}
		c.harmless(where, "the entities do not have the unique index; the store reports its conflicts as ErrSessionExists", "drop it, unless it is intended")
	}
}

// serves reports whether the index has the same effect as the wanted one. Its name does
// not matter.
func (c *comparison) serves(got, want Index) bool {
	if got.Unique != want.Unique || !slices.Equal(got.Columns, want.Columns) || got.nullsEqual || got.folds {
		return false
	}
	if canonicalWhere(got.Where) == canonicalWhere(want.Where) {
		return true
	}
	// If a unique index treats NULLs as distinct, IS NOT NULL in its condition has no effect.
	return c.dialect.name() != "sqlserver" && got.Where == "" && want.Unique && onlyExcludesNull(want.Where, want.Columns)
}

// refusesNull reports whether the unique index, which has the column session_id, refuses
// a second row with NULL in it.
func (c *checker) refusesNull(index Index) bool {
	return index.nullsEqual || c.dialect.name() == "sqlserver" && !mentions(index.Where, "session_id")
}

// filteredIndex says how to create a unique index that admits several rows without a session id.
func (c *checker) filteredIndex() string {
	if c.dialect.name() == "sqlserver" {
		return "with WHERE session_id IS NOT NULL"
	}
	return "without NULLS NOT DISTINCT"
}
