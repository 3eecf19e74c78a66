package command

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
)

// A file is a migration's SQL in one direction.
type file struct {
	name          string
	noTransaction bool
	lines         []string // without comments
}

var (
	annotation = regexp.MustCompile(`(?i)^\s*--\s*\+goose\s+(up|down|no transaction)\b`)
	firstWord  = regexp.MustCompile(`^[A-Za-z]+`)
)

// file reads the SQL of a step. A version that the folder does not have is an empty file.
func (s *session) file(of step) (file, error) {
	i := slices.IndexFunc(s.sources, func(source *goose.Source) bool { return source.Version == of.version })
	if i < 0 {
		return file{}, nil
	}
	path := filepath.Join(s.runner.team.Dir, s.target.dialect.Name, s.sources[i].Path)
	data, err := os.ReadFile(path)
	if err != nil {
		return file{}, err
	}
	f := file{name: filepath.Base(path)}
	wanted := false
	for line := range strings.Lines(string(data)) {
		if found := annotation.FindStringSubmatch(line); found != nil {
			switch strings.ToLower(found[1]) {
			case "no transaction":
				f.noTransaction = true
			case "up":
				wanted = of.up
			case "down":
				wanted = !of.up
			}
		}
		if wanted && !strings.HasPrefix(strings.TrimSpace(line), "--") {
			f.lines = append(f.lines, line)
		}
	}
	return f, nil
}

// showsEnd reports whether the schema after the file proves that all its statements were
// executed, and the record of its version is not in their transaction. It takes each line
// that is not indented for a statement, as in generated files. The schema proves it if
//   - the statements are one transaction, or
//   - only the last statement changes the schema, and those before it are UPDATEs, or
//   - all statements create or drop indexes.
func (f file) showsEnd(dialect string) bool {
	if dialect != "mysql" && !f.noTransaction {
		return false
	}
	var words []string // the first word of each statement
	for _, line := range f.lines {
		switch word := strings.ToUpper(firstWord.FindString(line)); {
		case word == "" || word == "SET" || word == "PRAGMA":
		case aboutIndex.MatchString(line):
			words = append(words, "INDEX")
		default:
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		return false
	}
	last := len(words) - 1
	if words[0] == "BEGIN" {
		return slices.Index(words, "COMMIT") == last
	}
	only := func(word string) bool {
		return !slices.ContainsFunc(words[:last], func(w string) bool { return w != word })
	}
	return words[last] == "INDEX" && only("INDEX") ||
		slices.Contains([]string{"CREATE", "ALTER", "DROP", "INDEX"}, words[last]) && only("UPDATE")
}

var aboutIndex = regexp.MustCompile(`(?i)^(CREATE|DROP)\s+(UNIQUE\s+)?INDEX\b`)

// concurrently matches the statements of PostgreSQL that leave an invalid index or a half
// detached partition if a lock is refused.
var concurrently = regexp.MustCompile(`(?i)\bCONCURRENTLY\b`)

// buildsConcurrently reports whether the next step must not be interrupted by a timeout.
func (s *session) buildsConcurrently() (bool, error) {
	if s.next == (step{}) {
		return false, nil
	}
	f, err := s.file(s.next)
	return f.noTransaction && concurrently.MatchString(strings.Join(f.lines, "")), err
}
