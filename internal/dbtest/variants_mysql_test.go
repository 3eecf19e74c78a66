package dbtest_test

import (
	"net/url"

	"example.com/usersession"
	"example.com/usersession/internal/dbtest"
)

// mysqlVariants are settings of the server and of the driver that a DSN, or the server's
// configuration, can make in the MySQL family.
func mysqlVariants() []variant {
	variants := []variant{
		{name: "loc", params: url.Values{"loc": {"America/New_York"}}},
		{name: "loc, no parseTime", params: url.Values{"parseTime": {"false"}, "loc": {"America/New_York"}}},
		{name: "no parseTime", params: url.Values{"parseTime": {"false"}}},
		{name: "interpolateParams", params: url.Values{"interpolateParams": {"true"}}},
		{name: "interpolateParams, without prepared statements",
			params:  url.Values{"interpolateParams": {"true"}, "loc": {"America/New_York"}},
			options: []usersession.Option{usersession.WithoutPreparedStatements()}},
		{name: "interpolateParams, NO_BACKSLASH_ESCAPES",
			params:  url.Values{"interpolateParams": {"true"}, "sql_mode": {"'NO_BACKSLASH_ESCAPES'"}},
			options: []usersession.Option{usersession.WithoutPreparedStatements()}},
		{name: "clientFoundRows", params: url.Values{"clientFoundRows": {"true"}}},
		{name: "server's time zone", params: url.Values{"time_zone": {"'-03:30'"}}},
		{name: "server's time zone, loc", params: url.Values{"time_zone": {"'+05:45'"}, "loc": {"Asia/Kathmandu"}}},
		{name: "timeTruncate", params: url.Values{"timeTruncate": {"1h"}}},
		{name: "binlog_format=STATEMENT", params: url.Values{"binlog_format": {"'STATEMENT'"}}, supported: (*dbtest.Database).HasBinaryLog},
		{name: "completion_type=RELEASE", params: url.Values{"completion_type": {"'RELEASE'"}}},
		{name: "character_set_results", params: url.Values{"character_set_results": {"latin1"}}},
		{name: "sql_safe_updates", params: url.Values{"sql_safe_updates": {"1"}}},
		{name: "sql_require_primary_key", params: url.Values{"sql_require_primary_key": {"1"}}, supported: (*dbtest.Database).IsMySQL},
		{name: "invisible primary keys", params: url.Values{"sql_generate_invisible_primary_key": {"1"}}, supported: (*dbtest.Database).IsMySQL},
		{name: "everything at once", params: url.Values{
			"parseTime": {"false"}, "loc": {"America/New_York"}, "time_zone": {"'-03:30'"}, "clientFoundRows": {"true"}, "sql_safe_updates": {"1"},
			"collation": {"latin1_swedish_ci"}, "interpolateParams": {"false"}, "sql_mode": {"'ANSI,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,HIGH_NOT_PRECEDENCE'"},
		}, isolation: "READ-UNCOMMITTED", supported: isNotTiDB},
	}
	for _, mode := range []string{
		"", "ANSI", "ANSI,STRICT_TRANS_TABLES", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PAD_CHAR_TO_FULL_LENGTH", "STRICT_ALL_TABLES",
		"PIPES_AS_CONCAT", "HIGH_NOT_PRECEDENCE", "NO_UNSIGNED_SUBTRACTION", "NO_AUTO_VALUE_ON_ZERO", "TRADITIONAL",
		"TIME_TRUNCATE_FRACTIONAL", "TIME_ROUND_FRACTIONAL", "ORACLE", "MSSQL",
	} {
		v := variant{name: "sql_mode=" + mode, params: url.Values{"sql_mode": {"'" + mode + "'"}}}
		switch mode {
		case "TIME_TRUNCATE_FRACTIONAL":
			v.supported = (*dbtest.Database).IsMySQL
		case "TIME_ROUND_FRACTIONAL", "ORACLE", "MSSQL":
			v.supported = (*dbtest.Database).IsMariaDB
		}
		variants = append(variants, v)
	}
	for _, collation := range []string{"utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin", "latin1_swedish_ci", "utf8_general_ci"} {
		variants = append(variants, variant{name: "collation=" + collation, params: url.Values{"collation": {collation}}, supported: isNotTiDB})
	}
	for _, isolation := range []string{"READ-UNCOMMITTED", "READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE"} {
		variants = append(variants, variant{name: isolation, isolation: isolation, supported: isNotTiDB})
	}
	for i := range variants {
		variants[i].engine = dbtest.MySQL
		if !variants[i].params.Has("parseTime") && variants[i].params != nil {
			variants[i].params.Set("parseTime", "true")
		}
	}
	return variants
}
