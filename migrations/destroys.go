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
// Down destroys, and what its Up destroyed, since Down cannot restore the values. It knows the
// comments marked DESTRUCTIVE, and statements of the team's that drop a table or a column, or
// delete rows. A version that the folder does not have is an [ErrNoMigration].
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
	destructive = regexp.MustCompile(`(?is)\b(DROP\s+(TABLE|COLUMN|SCHEMA|DATABASE)|TRUNCATE|DELETE\s+FROM)\b`)
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
		if !destructive.MatchString(statement) || s.rebuilds(i) || strings.Contains(statement, "sqlite_sequence") {
			continue
		}
		line, _, _ := strings.Cut(strings.TrimSpace(statement), "\n")
		sentences = append(sentences, "runs "+line)
	}
	return sentences
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
