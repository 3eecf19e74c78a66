package migrations

import (
	"regexp"
	"slices"
	"strings"
)

// destructiveMark begins the comments of a generated file that say which data a section
// destroys.
const destructiveMark = "DESTRUCTIVE: "

// Destroys returns a sentence for each part of a migration whose reversal loses data: what its
// Down destroys, and what its Up destroyed, since Down cannot restore the values. It finds the
// comments marked DESTRUCTIVE and, in a section without them, the statements that delete rows or
// drop anything but indexes, constraints, defaults, views and code. A version that the folder
// does not have is an [ErrNoMigration].
func (p *Project) Destroys(dialectName string, number int64) ([]string, error) {
	f, err := openFolder(p.Dir, dialectName)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(f.versions, func(v version) bool { return v.number == number })
	if i < 0 {
		return nil, f.noVersion(number)
	}
	file, err := f.read(f.versions[i])
	if err != nil {
		return nil, err
	}
	var sentences []string
	for _, sentence := range file.down.destroys() {
		sentences = append(sentences, "Down "+sentence)
	}
	for _, sentence := range file.up.destroys() {
		sentences = append(sentences, "Up already ran, and Down does not restore what it "+sentence)
	}
	return sentences, nil
}

var (
	deletes     = regexp.MustCompile(`(?is)\b(TRUNCATE|DELETE\s+FROM)\b|^\s*DELETE\b`)
	drops       = regexp.MustCompile(`(?i)\bDROP\b\s*([^\s;,(]*)`)
	droppedName = regexp.MustCompile(`(?is)^\s*DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?(\S+)`)
)

// destroys returns the comments marked DESTRUCTIVE. If there are none, it returns the
// statements that destroy data, shortened to one line.
func (s section) destroys() (sentences []string) {
	for _, comment := range s.comments {
		if sentence, ok := strings.CutPrefix(comment, destructiveMark); ok {
			sentences = append(sentences, sentence)
		}
	}
	if len(sentences) > 0 {
		return sentences
	}
	for i, statement := range s.statements {
		if !destroysData(statement) || s.rebuilds(i) || strings.Contains(statement, "sqlite_sequence") {
			continue
		}
		line, _, _ := strings.Cut(strings.TrimSpace(statement), "\n")
		sentences = append(sentences, "runs "+line)
	}
	return sentences
}

// withoutData are the words that follow DROP in statements that drop no data. Every other word
// can be the name of a column, since ALTER TABLE … DROP x drops a column.
var withoutData = []string{
	"INDEX", "KEY", "PRIMARY", "FOREIGN", "CONSTRAINT", "CHECK", "DEFAULT", "NOT", "IDENTITY", "EXPRESSION",
	"VIEW", "TRIGGER", "FUNCTION", "PROCEDURE", "POLICY", "RULE", "EVENT", "STATISTICS", "ROLE", "USER",
}

func destroysData(statement string) bool {
	return deletes.MatchString(statement) || slices.ContainsFunc(drops.FindAllStringSubmatch(statement, -1), func(found []string) bool {
		return !slices.Contains(withoutData, strings.ToUpper(found[1]))
	})
}

// rebuilds reports whether the statement drops a table whose copy then gets its name, a
// renamed table that was copied, or a temporary table.
func (s section) rebuilds(i int) bool {
	dropped := droppedName.FindStringSubmatch(s.statements[i])
	if dropped == nil {
		return false
	}
	name := dropped[1]
	ends := func(end string) func(string) bool {
		return func(statement string) bool { return strings.HasSuffix(strings.TrimSpace(statement), end) }
	}
	return strings.HasPrefix(name, "temp.") ||
		slices.ContainsFunc(s.statements[i+1:], ends("RENAME TO "+name)) ||
		slices.ContainsFunc(s.statements[:i], ends("RENAME TO "+name)) && slices.ContainsFunc(s.statements[:i], ends("FROM "+name))
}
