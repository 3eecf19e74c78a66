// Package dsn recognises a database by the form of its DSN, and hides passwords in error
// texts. The examples share it. It imports no driver.
//
// The accepted forms:
//
//	postgres://user:password@host:5432/database?sslmode=verify-full   also postgresql://
//	host=… user=… password=… dbname=… (libpq), service=…
//	mysql://user:password@host:3306/database                          also mariadb://
//	user:password@tcp(host:3306)/database (go-sql-driver/mysql), also with mysql:// in front
//	sqlserver://user:password@host:1433?database=name&encrypt=true
//	server=…;user id=…;password=…;database=…;encrypt=true (ADO), odbc:server=…
//	NAME.db, NAME.db3, NAME.sqlite, NAME.sqlite3
//	file:NAME?parameters, sqlite:NAME, sqlite://NAME, :memory:
//
// In URLs, special characters of a user and a password are percent-encoded. A SQLite file
// with another name, or with one of the characters @ : ; = ? * | < > ( ) or a quote, needs
// the prefix file:, so that a mistyped DSN never becomes the name of a file.
// sqlite://a.db is relative to the current folder, sqlite:///a.db is not.
package dsn

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Source is a database that a DSN names. Its formatted text has no password.
type Source struct {
	// Dialect is GORM's name: postgres, mysql, sqlite or sqlserver.
	Dialect string

	// File is the name of the SQLite file. It is "" for a database in memory and for
	// the other dialects.
	File string

	dsn     string
	secrets []string
}

// DSN returns the DSN in the form that the driver takes. For MySQL it has parseTime=true
// unless the DSN sets it. For SQLite it has _txlock=immediate: a transaction takes the write
// lock at its start, since one that takes it later can fail without waiting.
func (s Source) DSN() string { return s.dsn }

// String returns a text without any part of the DSN.
func (s Source) String() string { return "a DSN of " + s.Dialect }

// GoString returns the same text as String.
func (s Source) GoString() string { return s.String() }

// forms ends the error of every DSN that is refused.
const forms = `; the accepted forms are
  postgres://user:password@host:5432/database
  host=… user=… password=… dbname=…
  mysql://user:password@host:3306/database
  user:password@tcp(host:3306)/database
  sqlserver://user:password@host:1433?database=name&encrypt=true
  server=…;user id=…;password=…;database=…;encrypt=true
  NAME.db, NAME.sqlite, file:NAME or :memory: (SQLite)`

// The reasons for which a DSN is refused. They are constants, because any part of a
// mistyped DSN can be a password.
var (
	errEmpty       = errors.New("the DSN is empty" + forms)
	errCharacters  = errors.New("the DSN contains a control character or invalid UTF-8" + forms)
	errUnknown     = errors.New("the form of the DSN is unknown; a SQLite file with such a name needs the prefix file:" + forms)
	errScheme      = errors.New("the scheme of the DSN is unknown" + forms)
	errURL         = errors.New("the DSN is not a valid URL; special characters in the user and the password must be percent-encoded (# is %23, / is %2F, ? is %3F, @ is %40, % is %25)" + forms)
	errPort        = errors.New("the port in the DSN is not a number from 1 to 65535; special characters in the user and the password must be percent-encoded" + forms)
	errHost        = errors.New("the host in the DSN is invalid" + forms)
	errParameters  = errors.New("the parameters of the DSN are not name=value&name=value with special characters percent-encoded" + forms)
	errKeywords    = errors.New("the DSN is not a list of keywords in lower case, as libpq defines them: quote a value that contains a space, ; or = in '…'" + forms)
	errADO         = errors.New(`the DSN is not a list of keyword=value pairs with ; between them, or has an unknown keyword: quote a value that contains ; or = in "…" (with odbc: in {…})` + forms)
	errSQLiteName  = errors.New("the DSN names no SQLite file" + forms)
	errMySQLUser   = errors.New("a user's name of MySQL cannot contain a colon" + forms)
	errSQLiteHosts = errors.New("the DSN of a SQLite file cannot name a host" + forms)
)

var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// Parse recognises the form of a DSN. It refuses a DSN of an unknown form; the error names
// the accepted forms and quotes nothing of the DSN. Parse connects to nothing.
func Parse(text string) (Source, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return Source{}, errEmpty
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return Source{}, errCharacters
	}
	source, err := recognise(text)
	if err != nil {
		return Source{}, err
	}
	source.secrets = slices.DeleteFunc(source.secrets, func(secret string) bool { return secret == "" })
	if len(source.secrets) > 0 {
		source.secrets = append(source.secrets, text)
	}
	return source, nil
}

func recognise(text string) (Source, error) {
	if found := scheme.FindString(text); found != "" {
		return parseScheme(found, text)
	}
	switch {
	case strings.HasPrefix(text, "file:"):
		return parseSQLite(strings.TrimPrefix(text, "file:"))
	case strings.HasPrefix(text, "sqlite:"):
		return parseSQLiteURL(strings.TrimPrefix(text, "sqlite:"))
	case text == ":memory:":
		return parseSQLite(text)
	case strings.HasPrefix(text, "odbc:"):
		return parseODBC(text)
	}
	switch keywordForm(text) {
	case "libpq":
		return parseKeywords(text)
	case "ado":
		return parseADO(text)
	}
	if parts := mysqlForm.FindStringSubmatch(text); isMySQL(parts) {
		return parseMySQL(parts)
	}
	if isSQLiteName(text) {
		return parseSQLiteName(text), nil
	}
	return Source{}, errUnknown
}

func parseScheme(scheme, text string) (Source, error) {
	rest := strings.TrimPrefix(text, scheme)
	switch scheme {
	case "postgres://", "postgresql://":
		return parsePostgresURL(text)
	case "mysql://", "mariadb://":
		if parts := mysqlForm.FindStringSubmatch(rest); isMySQL(parts) && parts[mysqlNet] != "" {
			return parseMySQL(parts)
		}
		return parseMySQLURL(text)
	case "sqlserver://":
		return parseSQLServerURL(text)
	case "sqlite://":
		return parseSQLiteURL(rest)
	case "file://":
		return parseSQLite("//" + rest)
	default:
		return Source{}, errScheme
	}
}
