package dsn

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	for _, tt := range []struct{ text, password string }{
		{"postgres://root:s3cret@h/db", "s3cret"},
		{"postgres://root:s3%20c%22ret@h/db", `s3 c"ret`},
		{"postgres://root@h/db?password=s3cret&sslmode=disable", "s3cret"},
		{`host=h password='s3\'c ret'`, "s3'c ret"},
		{"host=h sslpassword=s3cret", "s3cret"},
		{"mysql://root:s3%2Fcret@h/db", "s3/cret"},
		{"root:s3@cret@tcp(h)/db", "s3@cret"},
		{"sqlserver://sa:s3%5Ccret@h?database=x", `s3\cret`},
		{`server=h;pwd="s3;c""ret"`, `s3;c"ret`},
		{"odbc:server=h;password={s3}}cret}", "s3}cret"},
		{"file:a.db?_pragma=key('s3cret')", "s3cret"},
		{"file:a.db?_key=s3cret", "s3cret"},
		{"mysql://root:äö%C3%BC!@h/db", "äöü!"},
	} {
		source, err := Parse(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		for _, shown := range []string{
			tt.text, source.DSN(), url.QueryEscape(tt.password), url.PathEscape(tt.password),
			fmt.Sprintf("%q", tt.text), fmt.Sprintf("%q", source.DSN()), fmt.Sprintf("%+q", tt.password), "a" + tt.password + "b",
		} {
			if strings.HasPrefix(tt.text, "file:") && !strings.Contains(shown, "key") {
				continue // the pragma's whole value is the secret
			}
			got := source.Redact(errors.New("cannot parse " + shown + ": invalid")).Error()
			if !strings.HasPrefix(got, "cannot parse ") || !strings.HasSuffix(got, ": invalid") ||
				strings.Contains(got, tt.password) || strings.Contains(got, "s3") || strings.Contains(got, "ret") || strings.Contains(got, "ö") {
				t.Errorf("%s: %s", tt.text, got)
			}
		}
	}
}

func TestRedact_KeepsTheCause(t *testing.T) {
	source, err := Parse("postgres://root:s3cret@h/db")
	if err != nil {
		t.Fatal(err)
	}
	if got := source.Redact(io.EOF); source.Redact(nil) != nil || got.Error() != "EOF" || !errors.Is(got, io.EOF) {
		t.Errorf("an error without a password is changed: %v", got)
	}
	cause := &url.Error{Op: "parse", URL: "s3cret", Err: io.EOF}
	got := source.Redact(fmt.Errorf("open: %w", cause))
	if _, ok := errors.AsType[*url.Error](got); !errors.Is(got, io.EOF) || !ok {
		t.Error("the cause is lost")
	}
	for e := got; e != nil; e = errors.Unwrap(e) {
		if text := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(text, "s3cret") {
			t.Error(text)
		}
	}
}

// pgx hides the password only up to the first quote in it.
func TestRedact_PartOfAPassword(t *testing.T) {
	source, err := Parse(`host=h password='s3 \' cret'`)
	if err != nil {
		t.Fatal(err)
	}
	const want = "open: cannot parse the DSN: sslmode is invalid"
	if got := source.Redact(errors.New("open: cannot parse `host=h password=xxxxx cret'`: sslmode is invalid")).Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A password of few letters is hidden where it is a word.
func TestRedact_ShortPassword(t *testing.T) {
	source, err := Parse("mysql://root:a@h/db")
	if err != nil {
		t.Fatal(err)
	}
	const want = "bad password *****, database data"
	if got := source.Redact(errors.New("bad password a, database data")).Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
