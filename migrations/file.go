package migrations

import (
	"bufio"
	"fmt"
	"regexp"
	"strings"
)

// byHandStatement stands in a file that the team has not completed yet. It is not valid SQL
// in any dialect, so the file cannot be applied.
const byHandStatement = "WRITE_THIS_BY_HAND"

// A migrationFile is a migration in goose's format.
type migrationFile struct {
	name          string   // without the extension
	comments      []string // at the top of the file
	noTransaction bool
	up, down      section
}

type section struct {
	comments   []string
	statements []string
}

// encode returns the file's text, which depends on nothing but the fields.
func (f migrationFile) encode() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "-- %s\n", f.name)
	for _, comment := range f.comments {
		fmt.Fprintf(&b, "-- %s\n", comment)
	}
	if f.noTransaction {
		b.WriteString("\n-- +goose NO TRANSACTION\n")
	}
	b.WriteString("\n-- +goose Up\n")
	f.up.encode(&b)
	b.WriteString("\n-- +goose Down\n")
	f.down.encode(&b)
	return []byte(b.String())
}

func (s section) encode(b *strings.Builder) {
	for _, comment := range s.comments {
		// A comment must not contain a line break or a command for goose.
		fmt.Fprintf(b, "-- %s\n", strings.ReplaceAll(strings.Join(strings.Fields(comment), " "), "+goose", "goose"))
	}
	for _, statement := range s.statements {
		// goose ends a statement at a line that ends with a semicolon, and takes -- in
		// a string for a comment.
		if strings.Contains(statement, ";") || strings.Contains(statement, "--") {
			fmt.Fprintf(b, "-- +goose StatementBegin\n%s;\n-- +goose StatementEnd\n", statement)
		} else {
			fmt.Fprintf(b, "%s;\n", statement)
		}
	}
}

// parseFile parses a migration in goose's format, generated or written by the team. The
// statements are those that goose runs. A file in another format, or one that goose refuses, is an
// [ErrInconsistent].
func parseFile(name string, data []byte) (migrationFile, error) {
	f := migrationFile{name: name}
	var current *section
	var statement []string
	block := false
	end := func() {
		if text := withoutEnd(statement); text != "" {
			current.statements = append(current.statements, text)
		}
		statement = nil
	}
	scanner := bufio.NewScanner(strings.NewReader(string(data)))
	scanner.Buffer(nil, 4<<20) // goose's limit for a line
	for scanner.Scan() {
		line := strings.TrimRight(scanner.Text(), " \t\r")
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "--") && strings.Contains(trimmed, "+goose") {
			before, command, _ := strings.Cut(trimmed, "+goose")
			refused := line != trimmed || strings.TrimSpace(before) != "--"
			switch strings.ToLower(strings.TrimSpace(command)) {
			case "up":
				refused = refused || current != nil
				current = &f.up
			case "down":
				if current == &f.up && !block && len(statement) > 0 {
					return f, fmt.Errorf("%w: %s: there is no semicolon before %q", ErrInconsistent, name, trimmed)
				}
				refused = refused || current != &f.up || block
				current = &f.down
			case "no transaction":
				f.noTransaction = true
			case "statementbegin":
				refused = refused || current == nil || block
				block = true
			case "statementend":
				refused = refused || !block || len(statement) == 0
				block = false
				end()
			default:
				refused = true
			}
			if refused {
				return f, fmt.Errorf("%w: %s: %q is not a goose command, or goose refuses it in this place", ErrInconsistent, name, trimmed)
			}
			continue
		}
		if len(statement) == 0 && (trimmed == "" || strings.HasPrefix(trimmed, "--")) {
			if comment := strings.TrimLeft(trimmed, "- "); current != nil && strings.HasPrefix(comment, destructiveMark) {
				current.comments = append(current.comments, comment)
			}
			continue
		}
		if current == nil {
			return f, fmt.Errorf("%w: %s: there is SQL before -- +goose Up", ErrInconsistent, name)
		}
		statement = append(statement, line)
		if !block && endsStatement(line) {
			end()
		}
	}
	if err := scanner.Err(); err != nil {
		return f, fmt.Errorf("%w: %s: %w", ErrInconsistent, name, err)
	}
	if current == nil || block || len(statement) > 0 {
		return f, fmt.Errorf("%w: %s has no -- +goose Up, no -- +goose StatementEnd, or no semicolon after its last statement", ErrInconsistent, name)
	}
	return f, nil
}

// endsStatement reports whether goose takes the line for the end of a statement: its last word
// before a comment ends in a semicolon.
func endsStatement(line string) bool {
	last := ""
	for word := range strings.FieldsSeq(line) {
		if strings.HasPrefix(word, "--") {
			break
		}
		last = word
	}
	return strings.HasSuffix(last, ";")
}

// withoutEnd joins the lines of a statement without the semicolon at its end and the comments
// after it. Hyphens that can stand in a string or a name begin no comment.
func withoutEnd(lines []string) string {
	for len(lines) > 0 {
		last := strings.TrimSpace(lines[len(lines)-1])
		if last != "" && !strings.HasPrefix(last, "--") {
			break
		}
		lines = lines[:len(lines)-1]
	}
	text := strings.TrimSpace(strings.Join(lines, "\n"))
	if code, ok := strings.CutSuffix(text, ";"); ok {
		return code
	}
	if at := lastComment.FindStringIndex(text); at != nil {
		text = strings.TrimSuffix(text[:at[0]], ";")
	}
	return text
}

var lastComment = regexp.MustCompile("\\s+--[^'\"`$\\]*\n]*$")

// unfinished reports whether the file waits to be completed by hand.
func (f migrationFile) unfinished() bool {
	for _, s := range append(append([]string(nil), f.up.statements...), f.down.statements...) {
		if strings.Contains(s, byHandStatement) {
			return true
		}
	}
	return false
}
