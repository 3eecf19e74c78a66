package dsn

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct{ text, dialect, want string }{
		// PostgreSQL: unchanged
		{"postgres://root@127.0.0.1/test", "postgres", ""},
		{"postgresql://root:p%40ss@db.example:5433/test?sslmode=verify-full&application_name=a%20b", "postgres", ""},
		{"postgres://u:p@[::1]:5432/test", "postgres", ""},
		{"postgres://u:p@h1:5432,h2:5433/test?target_session_attrs=read-write", "postgres", ""},
		{"postgres://u:p@/test?host=/var/run/postgresql", "postgres", ""},
		{"postgres:///test", "postgres", ""},
		{"postgres://", "postgres", ""},
		{"host=127.0.0.1 user=root dbname=test", "postgres", ""},
		{"user=postgres dbname=x", "postgres", ""},
		{"dbname=x", "postgres", ""},
		{"service=sessions", "postgres", ""},
		{"port=5432 host=a,b", "postgres", ""},
		{"password=secret host=x", "postgres", ""},
		{`user = 'a b' password='it\'s; a=b' dbname=x`, "postgres", ""},
		{"dbname=x options=-csearch_path=app", "postgres", ""},
		{"dbname=x password=a=b", "postgres", ""},
		{"TimeZone=UTC DateStyle=ISO host=h", "postgres", ""},
		{"user=postgres password= dbname=x.db", "postgres", ""},
		{"default_query_exec_mode=exec host=h", "postgres", ""},
		{"sslnegotiation=direct host=h", "postgres", ""},
		{"keepalives_idle=3 host=h", "postgres", ""},
		{"statement_timeout=10s host=h password='s3 cret'", "postgres", ""},
		{"load_balance_hosts=random host=a,b", "postgres", ""},

		// MySQL: in the driver's form
		{"mysql://root@localhost:3306/db", "mysql", "root@tcp(localhost:3306)/db?parseTime=true"},
		{"mysql://root@localhost/db", "mysql", "root@tcp(localhost:3306)/db?parseTime=true"},
		{"mariadb://root@localhost/db", "mysql", "root@tcp(localhost:3306)/db?parseTime=true"},
		{"mysql://a%40b:p%2Fs%3As%25%40@db.example:3307/db", "mysql", "a@b:p/s:s%@@tcp(db.example:3307)/db?parseTime=true"},
		{"mysql://root:p@ss@localhost/db", "mysql", "root:p@ss@tcp(localhost:3306)/db?parseTime=true"},
		{"mysql://root@[::1]/db", "mysql", "root@tcp([::1]:3306)/db?parseTime=true"},
		{"mysql://root@[fe80::1]:3307/db", "mysql", "root@tcp([fe80::1]:3307)/db?parseTime=true"},
		{"mysql://root@[fe80::1%25eth0]/db", "mysql", "root@tcp([fe80::1%eth0]:3306)/db?parseTime=true"},
		{"mysql://root@localhost/db?loc=Europe/Berlin&parseTime=false", "mysql", "root@tcp(localhost:3306)/db?loc=Europe%2FBerlin&parseTime=false"},
		{"mysql://root@localhost/db?tls=true", "mysql", "root@tcp(localhost:3306)/db?tls=true&parseTime=true"},
		{"mysql://root@/db", "mysql", "root@/db?parseTime=true"},
		{"mysql://root@localhost", "mysql", "root@tcp(localhost:3306)/?parseTime=true"},
		{"mysql://user:pass%word@tcp(localhost:3306)/name", "mysql", "user:pass%word@tcp(localhost:3306)/name?parseTime=true"},
		{"root@tcp(127.0.0.1:3306)/test?parseTime=true", "mysql", "root@tcp(127.0.0.1:3306)/test?parseTime=true"},
		{"root:a/b@c:d@tcp(h)/db", "mysql", "root:a/b@c:d@tcp(h)/db?parseTime=true"},
		{"root:a/b?c@tcp(h)/db", "mysql", "root:a/b?c@tcp(h)/db?parseTime=true"},
		{"root:secret@unix(/run/mysqld.sock)/test", "mysql", "root:secret@unix(/run/mysqld.sock)/test?parseTime=true"},
		{"root:host=x@tcp(h)/db", "mysql", "root:host=x@tcp(h)/db?parseTime=true"},
		{"user@/db", "mysql", "user@/db?parseTime=true"},
		{"user:pw@tcp/db", "mysql", "user:pw@tcp/db?parseTime=true"},
		{"tcp(localhost)/db", "mysql", "tcp(localhost)/db?parseTime=true"},

		// SQL Server: unchanged
		{"sqlserver://sa:secret@127.0.0.1?database=master&encrypt=true", "sqlserver", ""},
		{"sqlserver://sa:secret@[::1]:1433/instance?database=master&app+name=x", "sqlserver", ""},
		{"server=h;user id=sa;password=x;database=d", "sqlserver", ""},
		{`Server=h,1433;User Id=sa;Password="a;b=""c";Database=d;`, "sqlserver", ""},
		{"password=x;server=h", "sqlserver", ""},
		{"Server=tcp:h,1433;Initial Catalog=d;Persist Security Info=False;User ID=u;Password=x;MultipleActiveResultSets=False;Encrypt=True;TrustServerCertificate=False;Connection Timeout=30;", "sqlserver", ""},
		{`Persist Security Info=False;Data Source=h\inst;Integrated Security=SSPI`, "sqlserver", ""},
		{"server=h;database=d;trusted_connection=yes;pooling=true", "sqlserver", ""},
		{"data source=h; initial catalog=d; encrypt=strict", "sqlserver", ""},
		{"server=h;password=YQ==;user id=sa", "sqlserver", ""},
		{"odbc:server=h;user id=sa;password={a;b}}c};database=d", "sqlserver", ""},

		// SQLite
		{"usersessions.db", "sqlite", "file:usersessions.db?_txlock=immediate"},
		{"/var/lib/my app/a.SQLITE3", "sqlite", "file:/var/lib/my app/a.SQLITE3?_txlock=immediate"},
		{`C:\data\a.db`, "sqlite", "file:///C:/data/a.db?_txlock=immediate"},
		{"a#1%41.db", "sqlite", "file:a%231%2541.db?_txlock=immediate"},
		{"file:usersessions", "sqlite", "file:usersessions?_txlock=immediate"},
		{"file:a@b.db?_txlock=deferred", "sqlite", "file:a@b.db?_txlock=deferred"},
		{"file:///var/a.db?mode=ro", "sqlite", "file:///var/a.db?mode=ro&_txlock=immediate"},
		{"sqlite:a", "sqlite", "file:a?_txlock=immediate"},
		{"sqlite://a.db", "sqlite", "file:a.db?_txlock=immediate"},
		{"sqlite:///var/a.db?mode=ro", "sqlite", "file:/var/a.db?mode=ro&_txlock=immediate"},
		{":memory:", "sqlite", "file::memory:?cache=shared&_txlock=immediate"},
		{"sqlite://:memory:", "sqlite", "file::memory:?cache=shared&_txlock=immediate"},
		{"file:a?mode=memory&cache=private", "sqlite", "file:a?mode=memory&cache=private&_txlock=immediate"},
	} {
		got, err := Parse(tt.text)
		if tt.want == "" {
			tt.want = tt.text
		}
		if err != nil || got.Dialect != tt.dialect || got.DSN() != tt.want {
			t.Errorf("%s:\n got %s %s, %v\nwant %s %s", tt.text, got.Dialect, got.DSN(), err, tt.dialect, tt.want)
		}
	}
}

// refused are mistyped DSNs. None becomes the name of a SQLite file, and no error shows
// s3cret.
var refused = []string{
	"", "  ", "a.db\x00", "a.db\n", "\xff.db",

	// URLs
	"pgsql://root:s3cret@h/db", "POSTGRES://root@h/db", "http://h/a.db", "mysql:/root@h/a.db", "postgres:/h/db.db",
	"postgres://root:s3cret%zz@h/db", "mysql://root:s3cret%zz@h/db", "sqlserver://root:s3cret%zz@h",
	"postgres://root:s3#cret@h/db", "mysql://root:s3/s3cret@h/db", "mysql://root:12/s3cret@h/db", "sqlserver://root:12?s3cret@h",
	"postgres://root:12?x=s3cret@h/db", "mysql://root:12#s3cret@h/db",
	"postgres://h:s3cret/db", "mysql://h:99999/db", "sqlserver://h:0", "mysql://h:/db", "mysql://root@::1/db",
	"postgres://root:s3cret space@h/db", "postgres://root@h/db?s3cret", "mysql://root@h/db?a=%zz", "mysql://h1,h2/db",
	"mysql://root@h/a/b", "mysql://a%3Ab@h/db", "mysql://root:s3cret@h h/db", "sqlserver://", "sqlserver://a,b",
	`sqlserver://sa:s3cret@h\instance`,

	// go-sql-driver
	"root:s3cret@h/a.db", "root:s3cret@tcp(h:s3cret)/db", "root:s3cret@tcp(h/db", "root:s3cret@tcp(h)", "root:s3cret@tcp(h)/db?s3cret",
	"root:s3cret@tcp(h)/%zz", "root:s3cret@udp(h)/a.db", "(h)/a.db",

	// keywords
	"Host=h User=u Password=s3cret", "host=h PASSWORD=s3cret", "HOST=h",
	"user=postgres password=s3 cret dbname=x.db", "user='s3cret", "dbname", "user=postgres,password=s3cret dbname=x",
	"database=x;user=sa;password=s3cret", "user=sa;password=s3cret;database=x", "port=s3cret", "host=x port=0", "hots=x user=s3cret a.db",
	`host=x\`, "dbname=x =s3cret",
	"server=h;password=s3;cret", "server=h;password=s3;cret=x", `server=h;password="s3cret`, `server=h;password=s3"cret;x=y"`,
	"server=h,password=s3cret", "user id=sa password=s3cret", "server=h;port=s3cret", "odbc:", "odbc:server=h;pwd={s3cret", "odbc:server=h;pwd={s3}cret}",

	// SQLite
	"sessions", "sessions.txt", ".db", "a.db?mode=ro", "a;b.db", "a=b.db", "a@b.db", "host:a.db", "'a.db'", "/db", " a.db",
	"file:", "file:a#b", "file:%zz", "file:?mode=ro", "file:///", "file://root:s3cret@h/a.db", "sqlite://root:s3cret@h/a.db", "file:a?s3cret", "sqlite:",
}

func TestParse_Refused(t *testing.T) {
	for _, text := range refused {
		source, err := Parse(text)
		if err == nil {
			t.Errorf("%q: accepted as %s %q", text, source.Dialect, source.DSN())
			continue
		}
		if strings.Contains(err.Error(), "s3") || !strings.Contains(err.Error(), forms) {
			t.Errorf("%q: the error shows a part of the DSN, or does not name the forms: %v", text, err)
		}
	}
}

func TestParse_File(t *testing.T) {
	for text, want := range map[string]string{
		"a.db": "a.db", "file:a%20b?mode=ro": "a b", "file:///var/a": "/var/a", "file://localhost/var/a": "/var/a", "sqlite:///var/a": "/var/a",
		`C:\a.db`: `C:\a.db`, "file:///C:/a.db": "C:/a.db", ":memory:": "", "file:a?mode=memory": "", "postgres://h/db": "",
	} {
		if source, err := Parse(text); err != nil || source.File != want {
			t.Errorf("%s: got %q, %v, want %q", text, source.File, err, want)
		}
	}
}

func TestSource_WithPragmas(t *testing.T) {
	for text, want := range map[string]string{
		"a.db":                              "file:a.db?_txlock=immediate&_pragma=busy_timeout(5)&_pragma=journal_mode(WAL)",
		"file:a?_timeout=9&_journal=DELETE": "file:a?_timeout=9&_journal=DELETE&_txlock=immediate",
		"file:a?_pragma=busy_timeout(1)&_txlock=deferred": "file:a?_pragma=busy_timeout(1)&_txlock=deferred&_pragma=journal_mode(WAL)",
		"postgres://h/db": "postgres://h/db",
	} {
		source, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := source.WithPragmas("busy_timeout(5)", "journal_mode(WAL)").DSN(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestSource_WithVariable(t *testing.T) {
	for text, want := range map[string]string{
		"mysql://u:p@h/db":                          "u:p@tcp(h:3306)/db?parseTime=true&a=%27b%27",
		"u:p?/@tcp(h)/db?parseTime=false&a=%27c%27": "u:p?/@tcp(h)/db?parseTime=false&a=%27c%27&a=%27b%27",
		"postgres://h/db":                           "postgres://h/db",
	} {
		source, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := source.WithVariable("a", "'b'").DSN(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestSource_PrintsNoPassword(t *testing.T) {
	source, err := Parse("postgres://root:s3cret@h/db")
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(source)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s %q %s", source, source, source, source, &source, encoded); strings.Contains(text, "s3cret") {
		t.Error(text)
	}
}

// FuzzParse checks that an error is one of the constant ones, and that what is accepted has
// a dialect and prints nothing of itself.
func FuzzParse(f *testing.F) {
	for _, text := range refused {
		f.Add(text)
	}
	for _, text := range []string{
		"postgres://u:p@h:5432/db?sslmode=disable", "host=h user=u password='p q'", "mysql://u:p%40@[::1]/db?loc=Europe/Berlin",
		"u:p@tcp(h:3306)/db", "sqlserver://u:p@h?database=d", `server=h;password="a;b"`, "odbc:server=h;pwd={a}}b}", "a.db", "file:a?mode=memory", ":memory:",
	} {
		f.Add(text)
	}
	constant := map[error]bool{
		errEmpty: true, errCharacters: true, errUnknown: true, errScheme: true, errURL: true, errPort: true, errHost: true, errParameters: true,
		errKeywords: true, errADO: true, errSQLiteName: true, errMySQLUser: true, errSQLiteHosts: true,
	}
	f.Fuzz(func(t *testing.T, text string) {
		source, err := Parse(text)
		if err != nil {
			if !constant[err] {
				t.Errorf("the error is not constant: %v", err)
			}
			return
		}
		switch source.Dialect {
		case "postgres", "mysql", "sqlserver":
			if source.File != "" {
				t.Errorf("%s with a file", source.Dialect)
			}
		case "sqlite":
			plain := isSQLiteName(text)
			if !plain && text != ":memory:" && !strings.HasPrefix(text, "file:") && !strings.HasPrefix(text, "sqlite:") {
				t.Errorf("%q has become the name of a SQLite file", text)
			}
		default:
			t.Errorf("the dialect %q", source.Dialect)
		}
		if source.DSN() == "" || fmt.Sprintf("%+v", source) != "a DSN of "+source.Dialect {
			t.Errorf("%+v", source)
		}
		for _, secret := range source.secrets {
			if shown := source.Redact(fmt.Errorf("%s: %q", secret, secret)).Error(); len(secret) > 3 && strings.Contains(shown, secret) && !strings.Contains("*****: \"*****\"", secret) {
				t.Errorf("%q is shown: %s", secret, shown)
			}
		}
	})
}
