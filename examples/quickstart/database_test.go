package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession/examples/usersessiondb/dsn"
)

// TestOpen_PrintsNoPassword opens databases that do not exist, with DSNs that the drivers
// accept and refuse, and looks for the password in the error and in what is logged.
func TestOpen_PrintsNoPassword(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, text := range []string{
		"postgres://root:s3cret@127.0.0.1:1/db", "postgres://root:s3cret@127.0.0.1:1/db?sslmode=perhaps", "postgres://root@127.0.0.1:1/db?password=s3cret&connect_timeout=x",
		"postgres://root:%22s3cret%5C@127.0.0.1:1/db?sslmode=perhaps", "postgres://root:s3cret%zz@h/db", "postgres://root:s3cret@h:port/db",
		"postgres://root:12#s3cret@127.0.0.1/db", "postgres://root:12/s3cret@127.0.0.1/db",
		"host=127.0.0.1 port=1 password=s3cret", `host=127.0.0.1 port=1 password='s3cret \' s3cret' sslmode=perhaps`, "host=127.0.0.1 port=1 user=postgres,password=s3cret",
		"mysql://root:s3cret@127.0.0.1:1/db", "mysql://root:s3cret@127.0.0.1:1/db?parseTime=perhaps", "mysql://root:s3cret@127.0.0.1:1/db?tls=unknown",
		"mysql://root:s3cret%zz@h/db", "mysql://root:s3cret@h:port/db", "root:s3cret@tcp(127.0.0.1:1)/db?timeout=x", "root:s3cret@tcp(127.0.0.1:1)/db?charset=x", "root:s3cret@h/db",
		"sqlserver://sa:s3cret@127.0.0.1:1?database=db&encrypt=true", "sqlserver://sa:s3cret@127.0.0.1:1?encrypt=perhaps", "sqlserver://sa@127.0.0.1:1?password=s3cret&Password=s3cret",
		"sqlserver://sa:s3cret%zz@h", "sqlserver://sa:s3cret@h:port", "sqlserver://sa:s3#cret@h",
		"server=127.0.0.1;port=1;user id=sa;password=s3cret", "server=127.0.0.1;port=1;user id=sa;password=s3cret;connection timeout=x", `server=127.0.0.1;port=1;pwd="s3;cret";encrypt=perhaps`,
		"server=127.0.0.1;password=s3;s3cret", "odbc:server=127.0.0.1;port=1;pwd={s3cret};log=x", "odbc:server=127.0.0.1;pwd={s3cret}x",
		"file:no/such/folder/a.db?_pragma=key('s3cret')", "file:a.db?_pragma=key('s3cret'", "file:a.db?_txlock=perhaps&_key=s3cret",
	} {
		output := captured(t, func() {
			db, err := open(text)
			if err == nil && !strings.HasPrefix(text, "file:") {
				t.Errorf("%s: opened", text)
			}
			if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "s3") || strings.Contains(text, "cret") {
				t.Errorf("%s: the error shows the password: %s", text, text)
			}
			if err == nil {
				closePool(t, db)
			}
		})
		if strings.Contains(output, "s3") || strings.Contains(output, "cret") {
			t.Errorf("%s: the log shows the password: %s", text, output)
		}
	}
}

// captured returns what the function writes to standard output and standard error.
func captured(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stdout, stderr := os.Stdout, os.Stderr
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	os.Stdout, os.Stderr = file, file
	f()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	output, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(output)
}

// TestOpen_MySQLUser signs in as a user with a password of special characters, by each form
// of DSN.
func TestOpen_MySQLUser(t *testing.T) {
	admin := cmp.Or(os.Getenv("USERSESSION_TEST_MYSQL"), "root@tcp(127.0.0.1:3306)/test?parseTime=true")
	db, err := open(admin)
	if err != nil {
		unavailable(t, "mysql", err)
	}
	t.Cleanup(func() { closePool(t, db) })
	source, err := dsn.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(source.DSN(), "tcp(")
	address, rest, found := strings.Cut(rest, ")/")
	if !found {
		t.Skip("the server is not reached by tcp")
	}
	database, _, _ := strings.Cut(rest, "?")
	const password = `p/@s:%s#"?&=\ é`
	user := "dsn_" + strings.ToLower(rand.Text()[:8])
	run := func(statement string) {
		t.Helper()
		if err := db.Exec(statement).Error; err != nil {
			t.Skipf("the tests' user may not make users: %v", err)
		}
	}
	run("CREATE USER '" + user + "'@'%' IDENTIFIED BY '" + strings.ReplaceAll(password, `\`, `\\`) + "'")
	t.Cleanup(func() { run("DROP USER '" + user + "'@'%'") })
	run("GRANT SELECT ON `" + database + "`.* TO '" + user + "'@'%'")
	for _, text := range []string{
		"mysql://" + url.UserPassword(user, password).String() + "@" + address + "/" + database,
		"mysql://" + user + ":" + url.PathEscape(password) + "@" + address + "/" + database + "?loc=Europe/Berlin",
		user + ":" + password + "@tcp(" + address + ")/" + database,
		"mysql://" + user + ":" + password + "@tcp(" + address + ")/" + database,
	} {
		db, err := open(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got string
		if err := db.Raw("SELECT current_user()").Scan(&got).Error; err != nil || !strings.HasPrefix(got, user+"@") {
			t.Errorf("%s: got %q, %v", text, got, err)
		}
		closePool(t, db)
	}
}

// TestOpen_Postgres opens the tests' database by its URL and by keywords.
func TestOpen_Postgres(t *testing.T) {
	text := cmp.Or(os.Getenv("USERSESSION_TEST_POSTGRES"), "postgres://root@127.0.0.1:5432/test?sslmode=disable")
	db, err := open(text)
	if err != nil {
		unavailable(t, "postgres", err)
	}
	closePool(t, db)
	location, err := url.Parse(text)
	if err != nil || location.Port() == "" {
		t.Skip("the tests' DSN is not a URL with a port")
	}
	password, _ := location.User.Password()
	keywords := fmt.Sprintf("host=%s port=%s user='%s' password = '%s' dbname=%s sslmode=disable",
		location.Hostname(), location.Port(), location.User.Username(), password, strings.Trim(location.Path, "/"))
	if db, err = open(keywords); err != nil {
		t.Fatal(err)
	}
	closePool(t, db)
}

// TestOpen_Memory checks that all connections have the same database in memory.
func TestOpen_Memory(t *testing.T) {
	db, err := open(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer closePool(t, db)
	if err := db.Exec("CREATE TABLE a (b int)").Error; err != nil {
		t.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // both stay in use
		conn, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.ExecContext(t.Context(), "INSERT INTO a VALUES (1)"); err != nil {
			t.Error(err)
		}
	}
}

func closePool(t *testing.T, db *gorm.DB) {
	t.Helper()
	pool, err := db.DB()
	if err == nil {
		err = pool.Close()
	}
	if err != nil {
		t.Error(err)
	}
}

// unavailable skips the test, or fails it if USERSESSION_REQUIRE names the engine.
func unavailable(t *testing.T, engine string, err error) {
	t.Helper()
	if strings.Contains(","+os.Getenv("USERSESSION_REQUIRE")+",", ","+engine+",") {
		t.Fatal(err)
	}
	t.Skipf("the server cannot be reached: %v", err)
}

// TestOpen_NewFileIsPrivate: only the owner may read the sessions, also in the files beside them.
func TestOpen_NewFileIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	path := filepath.Join(t.TempDir(), "new.db")
	if _, err := open("file:" + path + "?mode=rw"); err == nil {
		t.Error("mode=rw created a file")
	}
	db, err := open("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer closePool(t, db)
	if err := db.Exec("CREATE TABLE x (y int)").Error; err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
