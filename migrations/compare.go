package migrations

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Finding is a difference between a database and its expected state.
type Finding struct {
	// Where names the subject of the finding: a table, a column ("table.column"), an index
	// ("table.index"), or "clock", "connection", "server", "dsn" or "dialect".
	Where string
	// Problem describes the difference.
	Problem string
	// Remedy describes how to remove the difference.
	Remedy string
	// Harmless is true if the store works correctly in spite of the finding.
	Harmless bool
}

// String returns the finding on one line.
func (f Finding) String() string { return f.Where + ": " + f.Problem + "; " + f.Remedy }

// Compare returns the differences between two models. No finding is Harmless. Each model
// may come from structs ([ReadModel]), from migrations ([Project.ModelAt]) or from a live
// database ([Inspect]). Tables that only got has are left out. If the dialects
// differ, the only finding is about the dialect.
func Compare(want, got Model) []Finding {
	d, err := dialectOf(want.Dialect)
	if err != nil || want.Dialect != got.Dialect {
		return []Finding{{Where: "dialect", Problem: fmt.Sprintf("the dialect is %q, want %q", got.Dialect, want.Dialect), Remedy: "compare two models of a supported dialect"}}
	}
	c := comparison{dialect: d}
	for _, table := range want.Tables {
		other := got.Table(table.Name)
		if other == nil {
			c.missingTable(table.Name)
			continue
		}
		c.table(&table, other)
	}
	return c.findings
}

// A comparison collects findings.
type comparison struct {
	dialect  dialect
	findings []Finding
}

const remedyMigration = "write a migration that corrects it, or change the entities and add a migration"

func (c *comparison) add(where, problem, remedy string) {
	c.findings = append(c.findings, Finding{Where: where, Problem: problem, Remedy: remedy})
}

func (c *comparison) missingTable(name string) {
	c.add(name, "the table is missing", "apply the migrations (usersessiondb up), or check that the connection uses the right database and schema")
}

func (c *comparison) missingColumn(where string) {
	c.add(where, "the column is missing", "apply the pending migrations (usersessiondb up)")
}

// missingIndex reports that a live table lacks the index. If the table has the index, but as an
// invalid one, missingIndex reports that one: a partitioned table has it on the table and lacks it on
// a partition, so that it needs no new CREATE INDEX.
func (c *comparison) missingIndex(table string, index Index, live *Table) {
	where, create := table+"."+index.Name, createIndex(c.dialect, table, index)
	i := slices.IndexFunc(live.invalid, func(got Index) bool { return got.Name == index.Name || c.serves(got, index) })
	if i < 0 {
		c.add(where, "the index is missing: "+indexText(index), "create it: "+create)
		return
	}
	problem, remedy := c.invalid(live, live.invalid[i])
	if !live.partitioned {
		remedy += ", and create it again: " + create
	}
	c.add(table+"."+live.invalid[i].Name, problem, remedy)
}

const invalidIndex = "the index is invalid"

// invalid returns the problem and the remedy of an invalid index.
func (c *comparison) invalid(live *Table, index Index) (problem, remedy string) {
	if live.partitioned {
		return invalidIndex + ": a partition lacks it", "create it on each partition, and attach it: ALTER INDEX " + c.dialect.quote(index.Name) + " ATTACH PARTITION …"
	}
	schema, _ := splitName(live.Name)
	return invalidIndex + ", as a CREATE INDEX CONCURRENTLY that failed leaves it", "drop it: DROP INDEX CONCURRENTLY " + c.dialect.quote(qualified(schema, index.Name))
}

func (c *comparison) primaryKey(want, got *Table) {
	// The primary key of a partitioned table must have the columns of the partitions.
	if got.partitioned && len(want.PrimaryKey) == 1 && slices.Contains(got.PrimaryKey, want.PrimaryKey[0]) {
		return
	}
	if !slices.Equal(want.PrimaryKey, got.PrimaryKey) {
		c.add(want.Name, fmt.Sprintf("the primary key is %v, want %v", got.PrimaryKey, want.PrimaryKey), remedyMigration)
	}
}

// table reports every difference between a wanted and a live table.
func (c *comparison) table(want, got *Table) {
	for _, column := range want.Columns {
		where := want.Name + "." + column.Name
		if other := got.Column(column.Name); other == nil {
			c.missingColumn(where)
		} else {
			c.column(where, column, *other)
		}
	}
	for _, column := range got.Columns {
		if want.Column(column.Name) == nil {
			c.add(want.Name+"."+column.Name, "the entities do not have the column", "add it to the entities, or drop it")
		}
	}
	c.primaryKey(want, got)
	for _, index := range want.Indexes {
		if other := got.Index(index.Name); other == nil {
			c.missingIndex(want.Name, index, got)
		} else if !index.equal(*other) || other.nullsEqual || other.folds != index.folds {
			c.add(want.Name+"."+index.Name, fmt.Sprintf("the index is %s, want %s", indexText(*other), indexText(index)), "drop it and create it again: "+createIndex(c.dialect, want.Name, index))
		}
	}
	for _, index := range got.Indexes {
		if want.Index(index.Name) == nil {
			c.add(want.Name+"."+index.Name, "the entities do not have the index", "add it to the entities, or drop it")
		}
	}
}

// column reports every difference between a wanted and a live column.
func (c *comparison) column(where string, want, got Column) {
	if from, to := c.dialect.canonical(got.Type), c.dialect.canonical(want.Type); from != to {
		c.add(where, fmt.Sprintf("the type is %s, want %s", from, to), remedyMigration)
	}
	if differs(want.Collation, got.Collation) || differs(want.Charset, got.Charset) {
		c.add(where, fmt.Sprintf("the collation is %s, want %s", collationText(got), collationText(want)), remedyMigration)
	}
	if want.NotNull != got.NotNull {
		c.add(where, fmt.Sprintf("the column is %s, want %s", nullability(got), nullability(want)), remedyMigration)
	}
	if want.Identity != got.Identity {
		c.add(where, fmt.Sprintf("auto-increment is %t, want %t", got.Identity, want.Identity), remedyMigration)
	}
	if w, g := c.defaultText(want), c.defaultText(got); w != g {
		c.add(where, fmt.Sprintf("the default is %s, want %s", orNone(got.Default), orNone(want.Default)), remedyMigration)
	}
}

// differs compares the names of collations or character sets. Entities that name none
// accept the database's default.
func differs(want, got string) bool { return want != "" && !strings.EqualFold(want, got) }

func collationText(column Column) string {
	return orNone(joined(column.Charset, column.Collation))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// MariaDB adds the column's precision to a default that is the current time.
var currentTime = regexp.MustCompile(`(?i)^current_timestamp\(\d*\)$`)

// defaultText returns a default in a form that does not depend on how the database stores
// it: without casts, parentheses and quotes that a database adds or omits.
func (c *comparison) defaultText(column Column) string {
	text := strings.TrimSpace(casts.ReplaceAllString(column.Default, ""))
	for strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") {
		text = strings.TrimSpace(text[1 : len(text)-1])
	}
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		return strconv.FormatFloat(number, 'g', -1, 64) // 0.00 equals 0
	}
	text = currentTime.ReplaceAllString(strings.TrimPrefix(text, "N'"), "current_timestamp")
	text = strings.ToLower(strings.Trim(strings.TrimSuffix(text, "()"), "'\""))
	switch base, _, _ := cutType(c.dialect.canonical(column.Type)); base {
	case "tinyint", "bit", "numeric":
		text = strings.NewReplacer("true", "1", "false", "0").Replace(text)
	}
	return text
}

// indexText describes an index for a finding.
func indexText(index Index) string {
	text := "on (" + strings.Join(index.Columns, ", ") + ")"
	if index.Unique {
		text = "unique " + text
	}
	if index.Where != "" {
		text += " where " + index.Where
	}
	if index.nullsEqual {
		text += " with NULLs equal"
	}
	if index.folds {
		text += " with a collation that treats different strings as equal"
	}
	return text
}
