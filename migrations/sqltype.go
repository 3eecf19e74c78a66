package migrations

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// A conversion is the effect of a type change on a column's values.
type conversion int

const (
	sameType    conversion = iota
	widens                 // every value of the old type fits the new one
	narrows                // some values no longer fit
	unconverted            // the values need a conversion that the package does not know
)

var typeParts = regexp.MustCompile(`^([a-z_]+(?: [a-z_]+)*?)\s*(?:\(([^)]*)\))?((?: [a-z]+)*)$`)

// splitType splits a canonical type into its name and its numbers. The length max becomes
// the largest number.
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

// convert returns the effect of a change from one type to another.
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

// convertArgs compares the numbers of one type: a length, or a precision and a scale.
func convertArgs(base string, from, to []int) conversion {
	if len(from) != len(to) {
		// A type without a number has no limit: if the database has a default,
		// canonical has added it.
		if len(to) == 0 {
			return widens
		}
		return narrows
	}
	if len(from) == 2 && (strings.HasPrefix(base, "numeric") || strings.HasPrefix(base, "decimal")) {
		// Compare the digits before the point, not all digits.
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

// emptyValue returns the value that Down gives to rows whose value Up has dropped: an
// empty string, zero, false or the year 1970. For an unknown type ok is false.
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
