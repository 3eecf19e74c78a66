package dsn

import (
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	sqliteExtensions = []string{".db", ".db3", ".sqlite", ".sqlite3"}
	drive            = regexp.MustCompile(`^[A-Za-z]:[/\\]`) // of Windows
)

// isSQLiteName reports whether the text is a file's name that cannot be a mistyped DSN.
func isSQLiteName(text string) bool {
	name := text
	if drive.MatchString(text) {
		name = text[2:]
	}
	extension := filepath.Ext(name)
	return slices.Contains(sqliteExtensions, strings.ToLower(extension)) &&
		filepath.Base(name) != extension &&
		!strings.ContainsAny(name, "@:;=?*|<>\"'`()") && strings.TrimSpace(text) == text
}

func parseSQLiteName(name string) Source {
	uri := "file:" + filepath.ToSlash(name)
	if drive.MatchString(name) {
		uri = "file:///" + strings.ReplaceAll(name, `\`, "/")
	}
	return sqliteSource(name, strings.NewReplacer("%", "%25", "#", "%23").Replace(uri), nil)
}

// parseSQLiteURL takes what follows sqlite: or sqlite://.
func parseSQLiteURL(rest string) (Source, error) {
	name, _, _ := strings.Cut(rest, "?")
	if strings.ContainsAny(name, "@;=()") || strings.HasPrefix(name, "//") {
		return Source{}, errSQLiteHosts
	}
	return parseSQLite(rest)
}

// parseSQLite takes what follows file:.
func parseSQLite(rest string) (Source, error) {
	encoded, query, _ := strings.Cut(rest, "?")
	secrets, err := checkParameters(query)
	if err != nil {
		return Source{}, err
	}
	path := encoded
	if after, ok := strings.CutPrefix(path, "//"); ok { // an authority, which is the machine itself
		authority, absolute, _ := strings.Cut(after, "/")
		if authority != "" && authority != "localhost" {
			return Source{}, errSQLiteHosts
		}
		path = "/" + absolute
		if drive.MatchString(absolute) {
			path = absolute
		}
	}
	name, err := url.PathUnescape(path)
	if err != nil || strings.Contains(path, "#") || name == "" || strings.HasSuffix(name, "/") {
		return Source{}, errSQLiteName
	}
	if name == ":memory:" || strings.Contains(query, "mode=memory") {
		name = ""
		if !strings.Contains(query, "cache=") { // without it, each connection has a database of its own
			query = strings.TrimPrefix(query+"&cache=shared", "&")
		}
	}
	uri := "file:" + encoded
	if query != "" {
		uri += "?" + query
	}
	return sqliteSource(name, uri, secrets), nil
}

func sqliteSource(name, uri string, secrets []string) Source {
	if !strings.Contains(uri, "_txlock=") {
		uri = withSQLiteParameter(uri, "_txlock=immediate")
	}
	return Source{Dialect: "sqlite", File: name, dsn: uri, secrets: secrets}
}

// aliases are other names of parameters that set a pragma.
var aliases = map[string]string{"busy_timeout": "_timeout=", "journal_mode": "_journal="}

// WithPragmas adds pragmas such as busy_timeout(5000) that the DSN does not set, in the
// form of the pure-Go drivers. It returns the DSN of another dialect unchanged.
func (s Source) WithPragmas(pragmas ...string) Source {
	if s.Dialect != "sqlite" {
		return s
	}
	for _, pragma := range pragmas {
		name, _, _ := strings.Cut(pragma, "(")
		_, query, _ := strings.Cut(s.dsn, "?")
		if alias := aliases[name]; !strings.Contains(query, name) && (alias == "" || !strings.Contains(query, alias)) {
			s.dsn = withSQLiteParameter(s.dsn, "_pragma="+pragma)
		}
	}
	return s
}

func withSQLiteParameter(uri, parameter string) string {
	if strings.Contains(uri, "?") {
		return uri + "&" + parameter
	}
	return uri + "?" + parameter
}
