package migrations

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Finding is something about a database that is not as it should be.
type Finding struct {
	// Where is the table, the column (table.column) or the index that it is about.
	Where string
	// Problem says what is wrong.
	Problem string
	// Remedy says what to do.
	Remedy string
	// Harmless says that the store works in spite of it.
	Harmless bool
}

func (f Finding) String() string { return f.Where + ": " + f.Problem + "; " + f.Remedy }

// Compare returns how the second model differs from the first in what migrations do. Each
// may come from models or from a live database. Tables that only the second one has are
// left out.
func Compare(want, got Model) []Finding {
	d, err := dialectOf(want.Dialect)
	if err != nil || want.Dialect != got.Dialect {
		return []Finding{{Where: "dialect", Problem: fmt.Sprintf("there is %q, want %q", got.Dialect, want.Dialect), Remedy: "compare models of one dialect"}}
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

type comparison struct {
	dialect  dialect
	findings []Finding
}

func (c *comparison) add(where, problem, remedy string) {
	c.findings = append(c.findings, Finding{Where: where, Problem: problem, Remedy: remedy})
}

func (c *comparison) missingTable(name string) {
	c.add(name, "the table is missing", "apply the migrations (usersessiondb up), or look whether the connection's schema or database is the right one")
}

const mend = "write a migration that makes it so, or change the entities and add one"

func (c *comparison) table(want, got *Table) {
	for _, column := range want.Columns {
		where := want.Name + "." + column.Name
		if other := got.Column(column.Name); other == nil {
			c.add(where, "the column is missing", "apply the migrations that are pending (usersessiondb up)")
		} else {
			c.column(where, column, *other)
		}
	}
	for _, column := range got.Columns {
		if want.Column(column.Name) == nil {
			c.add(want.Name+"."+column.Name, "the column is not among the entities'", "add it to the entities, or drop it")
		}
	}
	if !slices.Equal(want.PrimaryKey, got.PrimaryKey) {
		c.add(want.Name, fmt.Sprintf("the primary key is %v, want %v", got.PrimaryKey, want.PrimaryKey), mend)
	}
	for _, index := range want.Indexes {
		if other := got.Index(index.Name); other == nil {
			c.add(want.Name+"."+index.Name, "the index is missing", "create it: "+createIndex(c.dialect, want.Name, index))
		} else if !index.equal(*other) || other.nullsEqual || other.folds != index.folds {
			c.add(want.Name+"."+index.Name, fmt.Sprintf("the index is %s, want %s", indexText(*other), indexText(index)), "drop it and create it: "+createIndex(c.dialect, want.Name, index))
		}
	}
	for _, index := range got.Indexes {
		if want.Index(index.Name) == nil {
			c.add(want.Name+"."+index.Name, "the index is not among the entities'", "add it to the entities, or drop it")
		}
	}
}

func (c *comparison) column(where string, want, got Column) {
	if from, to := c.dialect.canonical(got.Type), c.dialect.canonical(want.Type); from != to {
		c.add(where, fmt.Sprintf("the type is %s, want %s", from, to), mend)
	}
	if differs(want.Collation, got.Collation) || differs(want.Charset, got.Charset) {
		c.add(where, fmt.Sprintf("the collation is %s, want %s", named(got.Charset, got.Collation), named(want.Charset, want.Collation)), mend)
	}
	if want.NotNull != got.NotNull {
		c.add(where, fmt.Sprintf("it is %s, want %s", nullability(got), nullability(want)), mend)
	}
	if want.Identity != got.Identity {
		c.add(where, fmt.Sprintf("the database counts it up: %t, want %t", got.Identity, want.Identity), mend)
	}
	if w, g := c.defaultText(want), c.defaultText(got); w != g {
		c.add(where, fmt.Sprintf("the default is %s, want %s", orNone(got.Default), orNone(want.Default)), mend)
	}
}

// differs compares names of collations. Where the entities name none, the database's own
// default is right.
func differs(want, got string) bool { return want != "" && !strings.EqualFold(want, got) }

func named(parts ...string) string {
	return orNone(strings.TrimSpace(strings.Join(parts, " ")))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// MariaDB gives the time of a default the column's precision.
var ownPrecision = regexp.MustCompile(`(?i)^current_timestamp\(\d*\)$`)

// defaultText returns a default without what databases add to it or leave out.
func (c *comparison) defaultText(column Column) string {
	text := strings.TrimSpace(casts.ReplaceAllString(column.Default, ""))
	for strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") {
		text = strings.TrimSpace(text[1 : len(text)-1])
	}
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		return strconv.FormatFloat(number, 'g', -1, 64) // 0 is 0.00
	}
	text = ownPrecision.ReplaceAllString(strings.TrimPrefix(text, "N'"), "current_timestamp")
	text = strings.ToLower(strings.Trim(strings.TrimSuffix(text, "()"), "'\""))
	switch base, _, _ := cutType(c.dialect.canonical(column.Type)); {
	case base == "tinyint" || base == "bit" || base == "numeric":
		text = strings.NewReplacer("true", "1", "false", "0").Replace(text)
	}
	return text
}

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
		text += " with a collation that takes different strings for equal"
	}
	return text
}
