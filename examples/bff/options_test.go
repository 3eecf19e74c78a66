package main

import (
	"bytes"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/usersession/bff/ticket"
)

// completed parses the arguments in an empty folder and completes the options for port 8080.
func completed(t *testing.T, args ...string) (options, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	o, err := parseOptions(args, io.Discard)
	if err != nil {
		return o, err
	}
	return o, o.complete(8080)
}

func TestOptions_BaseURL(t *testing.T) {
	for args, want := range map[string]string{
		"":                                   "http://localhost:8080",
		"-addr :8080":                        "http://localhost:8080",
		"-base-url https://app.example":      "https://app.example",
		"-base-url https://app.example/":     "https://app.example",
		"-base-url http://app.localhost:999": "http://app.localhost:999",
		"-base-url http://127.0.0.1:8080":    "http://127.0.0.1:8080",
	} {
		o, err := completed(t, strings.Fields(args)...)
		if err != nil || o.baseURL != want {
			t.Errorf("%q: %s, %v", args, o.baseURL, err)
		}
	}
	for _, args := range []string{"-issuer https://id.example", "-client-id x", "-nonsense", "word"} {
		if _, err := completed(t, strings.Fields(args)...); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
	for _, base := range []string{"http://app.example", "app.example", "https://app.example/path", "ftp://app.example", "https://app.example?x"} {
		o, err := completed(t, "-issuer", "https://id.example", "-client-id", "x", "-base-url", base)
		if err == nil {
			_, err = newApp(o, nil, ticket.InsecureRandomKeyRing(), slog.New(slog.DiscardHandler))
		}
		if err == nil || !strings.Contains(err.Error(), "BaseURL") && !strings.Contains(err.Error(), "-base-url") {
			t.Errorf("%q: %v", base, err)
		}
	}
}

// A mistyped DSN is refused before a file or a folder is made, and its password is not shown.
func TestOptions_MistypedDSN(t *testing.T) {
	for _, args := range [][]string{
		{"-dsn", "user=sa;password=s3cret;database=x"}, {"-dsn", "root:s3cret@localhost/bff.db"}, {"-dsn", "host=h", "password=s3cret"},
	} {
		t.Chdir(t.TempDir())
		var out bytes.Buffer
		_, err := parseOptions(args, &out)
		if err == nil || strings.Contains(err.Error()+out.String(), "s3cret") {
			t.Errorf("%q: %v\n%s", args, err, &out)
		}
	}
}

// The inner provider has another host name than the application, so that browsers treat it
// as another site.
func TestOptions_InnerProviderIsAnotherSite(t *testing.T) {
	for base, want := range map[string]string{
		"http://localhost:8080": "http://127.0.0.1:8081",
		"http://127.0.0.1:8080": "http://localhost:8081",
	} {
		o, err := completed(t, "-base-url", base)
		if err != nil {
			t.Fatal(err)
		}
		if o.issuer != want {
			t.Errorf("%s: %s", base, o.issuer)
		}
	}
}

// The inner provider serves this machine only: the error names the flags that help.
func TestRun_InnerProviderElsewhere(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for args, flags := range map[string][]string{
		"-base-url http://app.example -provider-addr 127.0.0.1:0": {"-base-url", "-issuer"},
		"-provider-addr app.example:9000":                         {"-provider-addr", "-issuer"},
		"-provider-addr " + taken.Addr().String():                 {"-provider-addr"},
	} {
		t.Chdir(t.TempDir())
		o, err := parseOptions(strings.Fields("-addr 127.0.0.1:0 "+args), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		err = run(t.Context(), o, io.Discard)
		for _, name := range flags {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: the error does not name %s: %v", args, name, err)
			}
		}
	}
}

// With -issuer the program prints the addresses to register at the provider, and not the
// client secret.
func TestAnnounce_OwnProvider(t *testing.T) {
	o, err := completed(t, "-issuer", "https://id.example", "-client-id", "x", "-client-secret", "hidden", "-base-url", "https://app.example")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o.announce(&out)
	for _, want := range []string{
		"Open      https://app.example/\n", "https://app.example/bff/callback", "post-logout redirect URI  https://app.example/\n",
		"https://app.example/bff/backchannel", "https://id.example", o.keys,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %s:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "hidden") {
		t.Error("the output has the secret")
	}
}

// The key file is next to the database, is readable by its owner only, and is used again
// after a restart.
func TestKeyRing_File(t *testing.T) {
	o, err := completed(t)
	if err != nil {
		t.Fatal(err)
	}
	if o.dsn != filepath.Join(dataDir, "bff.db") || o.keys != filepath.Join(dataDir, "bff.keys") {
		t.Errorf("the files are %s and %s", o.dsn, o.keys)
	}
	if ignored, err := os.ReadFile(filepath.Join(dataDir, ".gitignore")); err != nil || string(ignored) != "*\n" {
		t.Errorf("the folder's .gitignore: %q, %v", ignored, err)
	}
	first, err := keyRing(o.keys)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(o.keys)
	if err != nil || info.Mode().Perm() != fs.FileMode(0o600) {
		t.Errorf("the key file: mode %v, %v", info.Mode(), err)
	}
	sealed, err := first.Encrypt([]byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := keyRing(o.keys)
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := second.Decrypt(sealed, nil); err != nil || string(opened) != "x" {
		t.Errorf("after a restart: %v", err)
	}
	if err := os.WriteFile(o.keys, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keyRing(o.keys); err == nil || strings.Contains(err.Error(), "nonsense") {
		t.Errorf("an invalid key file: %v", err)
	}
	if o, err = completed(t, "-dsn", "shop.sqlite"); err != nil || o.keys != "shop.keys" {
		t.Errorf("the key file for shop.sqlite: %s, %v", o.keys, err)
	}
}

func TestDeviceName(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36 Edg/150.0":        "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile Safari/537.36":                     "Chrome on Android",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                           "Firefox on Linux",
		"": "Unknown browser on unknown system",
	} {
		if got := deviceName(agent); got != want {
			t.Errorf("%s: %s", agent, got)
		}
	}
}

// The help shows the defaults of the flags, and no secret from the environment.
func TestParseOptions_HelpShowsNoSecret(t *testing.T) {
	t.Setenv(secretEnv, "a client's secret")
	var help strings.Builder
	if _, err := parseOptions([]string{"-help"}, &help); err == nil || strings.Contains(help.String(), "a client's secret") {
		t.Errorf("the help, %v:\n%s", err, help.String())
	}
	o, err := parseOptions([]string{"-issuer", "https://id.example", "-client-id", "bff"}, &help)
	if err != nil || o.clientSecret != "a client's secret" {
		t.Errorf("the secret of the environment is not used: %v", err)
	}
}
