package migrations

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// A conversion is what a change of a column's type means for its values.
type conversion int

const (
	sameType    conversion = iota
	widens                 // every value stays as it is
	narrows                // some values no longer fit
	unconverted            // the values need a conversion that nobody but the team knows
)

var typeParts = regexp.MustCompile(`^([a-z_]+(?: [a-z_]+)*?)\s*(?:\(([^)]*)\))?((?: [a-z]+)*)$`)

// splitType splits a canonical type into its name and its numbers; max is the greatest.
func splitType(canonical string) (base string, args []int) {
	found := typeParts.FindStringSubmatch(canonical)
	if found == nil {
		return canonical, nil
	}
	for arg := range strings.SplitSeq(found[2], ",") {
		if arg = strings.TrimSpace(arg); arg == "max" {
			args = append(args, math.MaxInt)
		} else if n, err := strconv.Atoi(arg); err == nil {
			args = append(args, n)
		}
	}
	return found[1] + found[3], args
}

// convert compares two types of a column.
func convert(d dialect, from, to string) conversion {
	from, to = d.canonical(from), d.canonical(to)
	if from == to {
		return sameType
	}
	fromBase, fromArgs := splitType(from)
	toBase, toArgs := splitType(to)
	if fromBase == toBase {
		return convertArgs(fromBase, fromArgs, toArgs)
	}
	fromFamily, fromRank, fromOK := d.rank(fromBase)
	toFamily, toRank, toOK := d.rank(toBase)
	switch {
	case !fromOK || !toOK || fromFamily != toFamily:
		return unconverted
	case fromRank < toRank:
		return widens
	case fromRank == toRank:
		return sameType
	default:
		return narrows
	}
}

// convertArgs compares the numbers of one type: a length, or precision and scale.
func convertArgs(base string, from, to []int) conversion {
	if len(from) != len(to) {
		// No number is the greatest there is: canonical has put in the others.
		if len(to) == 0 {
			return widens
		}
		return narrows
	}
	if len(from) == 2 && (strings.HasPrefix(base, "numeric") || strings.HasPrefix(base, "decimal")) {
		// Digits before the point matter, not digits in all.
		from = []int{from[0] - from[1], from[1]}
		to = []int{to[0] - to[1], to[1]}
	}
	for i := range from {
		if to[i] < from[i] {
			return narrows
		}
	}
	return widens
}

// emptyValue returns a value of the type for rows whose own is gone; ok is false for a
// type that it does not know.
func emptyValue(d dialect, columnType string) (value string, ok bool) {
	base, _ := splitType(d.canonical(columnType))
	base, _, _ = strings.Cut(base, " unsigned")
	switch base {
	case "character varying", "character", "varchar", "char", "nvarchar", "nchar", "text", "mediumtext", "longtext", "tinytext", "ntext":
		return "''", true
	case "smallint", "integer", "int", "bigint", "tinyint", "mediumint", "numeric", "decimal", "real", "float", "double", "double precision", "bit":
		return "0", true
	case "boolean":
		return d.boolean(false), true
	case "timestamp with time zone", "timestamp without time zone", "datetime", "datetime2", "timestamp":
		return "'1970-01-01 00:00:00'", true
	case "datetimeoffset":
		return "'1970-01-01 00:00:00 +00:00'", true
	case "bytea":
		return `'\x'`, true
	case "blob", "tinyblob", "mediumblob", "longblob":
		return "''", true
	case "varbinary", "binary":
		return map[bool]string{true: "0x", false: "''"}[d.name() == "sqlserver"], true
	}
	return "", false
}
