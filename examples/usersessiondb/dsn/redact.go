package dsn

import (
	"cmp"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const hidden = "*****"

var secretName = regexp.MustCompile(`(?i)pass|pwd|secret|token|^_?(hex|text|re)?key\b`)

// isSecret reports whether a parameter of that name holds a secret.
func isSecret(name string) bool {
	return secretName.MatchString(name) && !strings.EqualFold(name, "passfile")
}

// Redact returns an error whose text does not show a password of the DSN. Pass it every
// error of opening the database: drivers quote the DSN. [errors.Is] and [errors.As]
// find the cause.
func (s Source) Redact(err error) error {
	if err == nil {
		return nil
	}
	return &redacted{s.redact(err.Error()), err}
}

// pgxQuote is the DSN in an error of pgx, which hides only a part of a quoted password.
var pgxQuote = regexp.MustCompile("(?s)cannot parse `.*`: ")

func (s Source) redact(text string) string {
	if len(s.secrets) > 0 {
		text = pgxQuote.ReplaceAllLiteralString(text, "cannot parse the DSN: ")
	}
	var spellings []string
	for _, secret := range s.secrets {
		quoted := strconv.Quote(secret)
		ascii := strconv.QuoteToASCII(secret)
		spellings = append(spellings, secret, quoted[1:len(quoted)-1], ascii[1:len(ascii)-1],
			url.QueryEscape(secret), url.PathEscape(secret), url.UserPassword("", secret).String()[1:])
	}
	slices.SortFunc(spellings, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	for _, spelling := range slices.Compact(spellings) {
		switch {
		case spelling == "":
		case len(spelling) > 3:
			text = strings.ReplaceAll(text, spelling, hidden)
		default: // part of a word does not show such a password
			text = replaceWord(text, spelling)
		}
	}
	return text
}

// replaceWord hides a word that is not a part of a longer one.
func replaceWord(text, word string) string {
	pattern := regexp.QuoteMeta(word)
	if regexp.MustCompile(`^\w`).MatchString(word) {
		pattern = `\b` + pattern
	}
	if regexp.MustCompile(`\w$`).MatchString(word) {
		pattern += `\b`
	}
	return regexp.MustCompile(pattern).ReplaceAllLiteralString(text, hidden)
}

// A redacted error has no Unwrap, so that code which prints a chain of errors, or the fields
// of an error, cannot print the cause.
type redacted struct {
	text  string
	cause error
}

func (e *redacted) Error() string        { return e.text }
func (e *redacted) GoString() string     { return strconv.Quote(e.text) }
func (e *redacted) Is(target error) bool { return errors.Is(e.cause, target) }
func (e *redacted) As(target any) bool   { return errors.As(e.cause, target) }
