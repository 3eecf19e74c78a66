package dsn

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// A location has the parts of a URL.
type location struct {
	user, password string   // decoded
	hosts          []string // host, host:port, [IPv6] or [IPv6]:port
	path           string   // encoded, without the slash in front
	query          string   // encoded
	secrets        []string
}

// parseURL takes a URL apart. It is stricter than [url.Parse]: a special character that is
// not encoded would cut a password into parts, and another part of the URL may be shown.
func parseURL(text string) (location, error) {
	_, rest, _ := strings.Cut(text, "://")
	if strings.Contains(rest, "#") {
		return location{}, errURL
	}
	var l location
	rest, l.query, _ = strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	l.path = path
	if _, err := url.PathUnescape(path); err != nil || strings.ContainsAny(path, "@") {
		return location{}, errURL
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		var userErr, passwordErr error
		l.user, userErr = url.PathUnescape(user)
		l.password, passwordErr = url.PathUnescape(password)
		if userErr != nil || passwordErr != nil {
			return location{}, errURL
		}
		l.secrets = []string{password, l.password}
		authority = authority[at+1:]
	}
	if authority != "" {
		l.hosts = strings.Split(authority, ",")
	}
	for _, host := range l.hosts {
		if err := checkHost(host); err != nil {
			return location{}, err
		}
	}
	secrets, err := checkParameters(l.query)
	l.secrets = append(l.secrets, secrets...)
	return l, err
}

var (
	validHost = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+(%[0-9A-Za-z._%-]+)?\]|[\pL\pN._-]+)$`)
	validName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_. -]*$`)
)

// checkHost checks a host with or without a port.
func checkHost(host string) error {
	if colon := strings.LastIndex(host, ":"); colon >= 0 && !strings.HasSuffix(host, "]") {
		port := host[colon+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errPort
		}
		host = host[:colon]
	}
	if !validHost.MatchString(host) {
		return errHost
	}
	return nil
}

// checkParameters checks the query of a URL. It returns the values that are secret.
func checkParameters(query string) (secrets []string, err error) {
	if query == "" {
		return nil, nil
	}
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, found := strings.Cut(parameter, "=")
		decodedName, nameErr := url.QueryUnescape(name)
		decoded, valueErr := url.QueryUnescape(value)
		if !found || nameErr != nil || valueErr != nil || !validName.MatchString(decodedName) || strings.ContainsAny(value, "@;?") {
			return nil, errParameters
		}
		if isSecret(decodedName) || decodedName == "_pragma" && isSecret(decoded) {
			secrets = append(secrets, value, decoded)
		}
	}
	return secrets, nil
}

func parsePostgresURL(text string) (Source, error) {
	l, err := parseURL(text)
	if err != nil {
		return Source{}, err
	}
	if _, err := url.Parse(text); err != nil { // pgx uses it
		return Source{}, errURL
	}
	return Source{Dialect: "postgres", dsn: text, secrets: l.secrets}, nil
}

func parseSQLServerURL(text string) (Source, error) {
	l, err := parseURL(text)
	if err != nil {
		return Source{}, err
	}
	if len(l.hosts) != 1 {
		return Source{}, errHost
	}
	if _, err := url.Parse(text); err != nil { // go-mssqldb uses it
		return Source{}, errURL
	}
	return Source{Dialect: "sqlserver", dsn: text, secrets: l.secrets}, nil
}
