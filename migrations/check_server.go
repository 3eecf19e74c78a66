package migrations

import (
	"database/sql"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
)

// CheckDSN sets the DSN with which the application connects, so that [Check] also looks at
// a PostgreSQL DSN that names several hosts. No finding quotes the DSN.
func CheckDSN(dsn string) CheckOption { return func(c *checkConfig) { c.dsn = dsn } }

// storeTimeout is the default of serverside.Config.StoreTimeout.
const storeTimeout = 5 * time.Second

// failover reports a PostgreSQL DSN with several hosts whose connect_timeout keeps the driver
// waiting for a host that is down for longer than a request may wait for the store.
func (c *checker) failover(dsn string) {
	hosts, timeout := hostsOf(dsn)
	if c.dialect.name() != "postgres" || hosts < 2 {
		return
	}
	remedy := fmt.Sprintf("set connect_timeout so that %d times its value is less than StoreTimeout", hosts-1)
	switch {
	case timeout == 0:
		c.harmless("dsn", fmt.Sprintf("the DSN names %d hosts and has no connect_timeout: if one drops all packets, the driver never tries the next", hosts), remedy)
	case time.Duration(hosts-1)*timeout >= storeTimeout:
		c.harmless("dsn", fmt.Sprintf("the DSN names %d hosts and its connect_timeout is %s: the driver may try the last host only after StoreTimeout (by default %s)", hosts, timeout, storeTimeout), remedy)
	}
}

// hostsOf returns the number of hosts in a PostgreSQL DSN and its connect_timeout. It
// returns 0 for a DSN that it cannot read.
func hostsOf(dsn string) (hosts int, timeout time.Duration) {
	var host, seconds string
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		at, err := url.Parse(dsn)
		if err != nil {
			return 0, 0
		}
		host, seconds = at.Host, at.Query().Get("connect_timeout")
		if given := at.Query().Get("host"); given != "" {
			host = given
		}
	} else {
		settings := keywords(dsn)
		host, seconds = settings["host"], settings["connect_timeout"]
	}
	number, err := strconv.Atoi(seconds)
	if err != nil {
		number = 0
	}
	return len(strings.Split(host, ",")), time.Duration(number) * time.Second
}

// keywords returns the settings of a DSN in the form keyword=value keyword='value'.
func keywords(dsn string) map[string]string {
	settings := make(map[string]string)
	for {
		keyword, rest, ok := strings.Cut(strings.TrimSpace(dsn), "=")
		if !ok {
			return settings
		}
		var value strings.Builder
		rest = strings.TrimLeft(rest, " ")
		quoted := strings.HasPrefix(rest, "'")
		i := 0
		if quoted {
			i = 1
		}
		for ; i < len(rest) && (quoted && rest[i] != '\'' || !quoted && rest[i] != ' '); i++ {
			if rest[i] == '\\' && i+1 < len(rest) {
				i++
			}
			value.WriteByte(rest[i])
		}
		settings[strings.TrimSpace(keyword)] = value.String()
		dsn = rest[min(i+1, len(rest)):]
	}
}

// idleTransactions reports a server that leaves a transaction open for as long as its
// connection lasts. A server without such a setting is not reported.
func (c *checker) idleTransactions(db *gorm.DB) error {
	query, remedy := c.dialect.idleTimeouts()
	if query == "" {
		return nil
	}
	var names []string
	set := false
	err := eachOf(db.Raw(query), func(rows *sql.Rows) error {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		names = append(names, name)
		timeout, err := strconv.ParseFloat(value, 64)
		set = set || err != nil || timeout > 0
		return nil
	})
	if err == nil && len(names) > 0 && !set {
		c.harmless("server", names[0]+" is 0: a host that freezes in a transaction keeps its locks until its connection ends, and other hosts wait", remedy)
	}
	return err
}
