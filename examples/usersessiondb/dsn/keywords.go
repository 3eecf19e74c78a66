package dsn

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// libpqKeywords are keywords that a connection string of libpq may begin with: its own and
// those of pgx, which are in lower case, and settings of the server that a DSN often has.
var libpqKeywords = slices.Concat(lowerKeywords, []string{
	"application_name", "client_encoding",
	"datestyle", "default_transaction_isolation", "default_transaction_read_only", "idle_in_transaction_session_timeout", "lock_timeout",
	"search_path", "statement_timeout", "timezone",
})

// lowerKeywords are the keywords that pgx knows in lower case only. In another case it takes them
// for settings of the server: it would connect to another host, and send the password there.
var lowerKeywords = []string{
	"channel_binding", "connect_timeout", "database", "dbname", "fallback_application_name",
	"gssdelegation", "gssencmode", "gsslib", "host", "hostaddr", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval",
	"krbsrvname", "load_balance_hosts", "options", "passfile", "password", "port", "replication", "require_auth", "requirepeer",
	"service", "servicefile", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcertmode", "sslcompression", "sslcrl",
	"sslcrldir", "sslkey", "sslmode", "sslnegotiation", "sslpassword", "sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout", "user",

	"default_query_exec_mode", "description_cache_capacity", "krbspn", "statement_cache_capacity",
}

// adoKeywords are the keywords of go-mssqldb, and those of .NET in the strings that its tools
// write, which go-mssqldb ignores.
var adoKeywords = []string{
	"addr", "address", "app", "app name", "application name", "application intent", "applicationclientid", "applicationintent",
	"certificate", "change password", "clientcertpath", "column encryption setting", "columnencryption", "connect timeout",
	"connection timeout", "data source", "database", "dial timeout", "disableretry", "driver", "encrypt", "epa enabled",
	"failover partner", "failover partner spn", "failoverpartner", "failoverpartnerspn", "failoverport", "fedauth",
	"guid conversion", "host name in certificate", "hostnameincertificate", "initial catalog", "keepalive", "krb5-configfile",
	"krb5-credcachefile", "krb5-dnslookupkdc", "krb5-keytabfile", "krb5-realm", "krb5-udppreferencelimit", "log",
	"multi subnet failover", "multisubnetfailover", "network address", "nocopyslices", "notraceid", "packet size", "password", "pipe", "port",
	"protocol", "pwd", "resource id", "server", "server certificate", "server spn", "servercertificate", "serverspn",
	"sendcertificatechain", "tenant id", "timeout", "timezone", "tlsmin", "trust server certificate", "trustservercertificate",
	"uid", "user", "user id", "workstation id", "wsid",

	"asynchronous processing", "integrated security", "max pool size", "min pool size", "multipleactiveresultsets",
	"persist security info", "pooling", "trusted_connection",
}

// keywordForm returns libpq or ado for a list of keywords, and "" for any other text. A
// keyword that both forms have leaves the decision to the others.
func keywordForm(text string) string {
	first, _, found := strings.Cut(text, "=")
	if !found {
		return ""
	}
	libpq, ado := isKeyword(libpqKeywords, first), isKeyword(adoKeywords, first)
	switch {
	case libpq && ado:
		for part := range strings.SplitSeq(text, ";") {
			if name, _, found := strings.Cut(part, "="); found && isKeyword(adoKeywords, name) && !isKeyword(libpqKeywords, name) {
				return "ado"
			}
		}
		return "libpq"
	case libpq:
		return "libpq"
	case ado:
		return "ado"
	}
	return ""
}

func isKeyword(keywords []string, name string) bool {
	return slices.Contains(keywords, strings.ToLower(strings.TrimSpace(name)))
}

// libpqPair is a pair of libpq's form at the start of a text. A backslash quotes a
// character.
var libpqPair = regexp.MustCompile(`^ *([A-Za-z_][A-Za-z0-9_.]*) *= *(?:'((?:[^'\\]|\\.)*)'|((?:[^ '\\]|\\.)(?:[^ \\]|\\.)*|))(?: +|$)`)

func parseKeywords(text string) (Source, error) {
	var secrets []string
	for rest := text; rest != ""; {
		pair := libpqPair.FindStringSubmatch(rest)
		if pair == nil {
			return Source{}, errKeywords
		}
		rest = rest[len(pair[0]):]
		name, quoted, plain := strings.ToLower(pair[1]), pair[2], pair[3]
		switch {
		case name != pair[1] && slices.Contains(lowerKeywords, name):
			return Source{}, errKeywords
		case isSecret(name):
			value := quoted + plain
			secrets = append(secrets, value, strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(value))
			if strings.Contains(plain, ";") { // rather the ADO form
				return Source{}, errKeywords
			}
		case strings.Contains(plain, ";"), strings.Contains(plain, "=") && name != "options":
			return Source{}, errKeywords
		case name == "port":
			for port := range strings.SplitSeq(quoted+plain, ",") {
				if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
					return Source{}, errPort
				}
			}
		}
	}
	return Source{Dialect: "postgres", dsn: text, secrets: secrets}, nil
}

// A value of the ADO form is quoted in "…"; "" is a quote in it. The driver counts quotes
// in other values too, so they are refused.
var (
	adoPair  = regexp.MustCompile(`^ *([^=;"]+)=(?: *"((?:[^"]|"")*)" *|([^;"]*))(?:;+ *|$)`)
	odbcPair = regexp.MustCompile(`^ *([^=;{}]+)=(?: *\{((?:[^}]|\}\})*)\} *|([^;{}]*))(?:;+ *|$)`)
)

func parseADO(text string) (Source, error) {
	return parseSQLServer(text, text, adoPair, `""`, `"`)
}

func parseODBC(text string) (Source, error) {
	return parseSQLServer(text, strings.TrimPrefix(text, "odbc:"), odbcPair, "}}", "}")
}

func parseSQLServer(text, rest string, form *regexp.Regexp, doubled, single string) (Source, error) {
	if rest == "" {
		return Source{}, errADO
	}
	var secrets []string
	for rest != "" {
		pair := form.FindStringSubmatch(rest)
		if pair == nil || !isKeyword(adoKeywords, pair[1]) {
			return Source{}, errADO
		}
		rest = rest[len(pair[0]):]
		name, quoted, plain := strings.ToLower(strings.TrimSpace(pair[1])), pair[2], strings.TrimSpace(pair[3])
		switch {
		case isSecret(name):
			secrets = append(secrets, plain, quoted, strings.ReplaceAll(quoted, doubled, single))
		case strings.Contains(plain, "="):
			return Source{}, errADO
		case name == "port":
			if n, err := strconv.ParseUint(plain, 10, 16); err != nil || n == 0 {
				return Source{}, errPort
			}
		}
	}
	return Source{Dialect: "sqlserver", dsn: text, secrets: secrets}, nil
}
