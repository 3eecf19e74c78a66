package dsn

import (
	"net/url"
	"regexp"
	"strings"
)

// mysqlForm is user:password@protocol(address)/database?parameters, the form of
// go-sql-driver/mysql. The last @ ends the password.
var mysqlForm = regexp.MustCompile(`^(?:(.*)(@))?(tcp|tcp4|tcp6|unix|)(\([^()]*\))?/([^/?]*)(?:\?(.*))?$`)

// The groups of mysqlForm.
const (
	mysqlUser = 1 + iota
	mysqlAt
	mysqlNet
	mysqlAddress
	mysqlDatabase
	mysqlParameters
)

// isMySQL reports whether the match of mysqlForm names a user or an address: /database
// alone is rather the name of a file.
func isMySQL(parts []string) bool {
	return parts != nil &&
		(parts[mysqlNet] != "" || parts[mysqlAddress] == "") &&
		(parts[mysqlAt] != "" || parts[mysqlAddress] != "")
}

// parseMySQL checks a DSN in the driver's form. The user and the password are taken as they
// are.
func parseMySQL(parts []string) (Source, error) {
	address := strings.Trim(parts[mysqlAddress], "()")
	if strings.HasPrefix(parts[mysqlNet], "tcp") && address != "" {
		if err := checkHost(address); err != nil {
			return Source{}, err
		}
	}
	_, password, _ := strings.Cut(parts[mysqlUser], ":")
	return mysqlSource(parts[mysqlUser]+parts[mysqlAt]+parts[mysqlNet]+parts[mysqlAddress],
		parts[mysqlDatabase], parts[mysqlParameters], []string{password})
}

// parseMySQLURL turns a URL into the driver's form.
func parseMySQLURL(text string) (Source, error) {
	l, err := parseURL(text)
	switch {
	case err != nil:
		return Source{}, err
	case strings.Contains(l.user, ":"):
		return Source{}, errMySQLUser
	case len(l.hosts) > 1:
		return Source{}, errHost
	case strings.Contains(l.path, "/"):
		return Source{}, errURL
	}
	server := l.user
	if l.password != "" {
		server += ":" + l.password
	}
	server += "@"
	if len(l.hosts) == 1 {
		// The zone of an IPv6 address is encoded in a URL.
		host := strings.Replace(l.hosts[0], "%25", "%", 1)
		if !strings.Contains(host, ":") || strings.HasSuffix(host, "]") {
			host += ":3306"
		}
		server += "tcp(" + host + ")"
	}
	return mysqlSource(server, l.path, l.query, l.secrets)
}

func mysqlSource(server, database, parameters string, secrets []string) (Source, error) {
	// The driver looks for the last slash.
	parameters = strings.ReplaceAll(parameters, "/", "%2F")
	more, err := checkParameters(parameters)
	if err != nil {
		return Source{}, err
	}
	if _, err := url.PathUnescape(database); err != nil || strings.ContainsAny(database, "@#;=") {
		return Source{}, errURL
	}
	dsn := server + "/" + database
	if parameters != "" {
		dsn += "?" + parameters
	}
	if !strings.Contains(parameters, "parseTime=") {
		dsn = withParameter(dsn, "parseTime=true")
	}
	return Source{Dialect: "mysql", dsn: dsn, secrets: append(secrets, more...)}, nil
}

// WithVariable makes the connections to MySQL or MariaDB set a variable to a value, even if
// the DSN sets it to another.
func (s Source) WithVariable(name, value string) Source {
	if s.Dialect == "mysql" {
		s.dsn = withParameter(s.dsn, name+"="+url.QueryEscape(value))
	}
	return s
}

// withParameter adds a parameter to a DSN.
func withParameter(dsn, parameter string) string {
	if strings.Contains(dsn[strings.LastIndex(dsn, "/")+1:], "?") {
		return dsn + "&" + parameter
	}
	return dsn + "?" + parameter
}
