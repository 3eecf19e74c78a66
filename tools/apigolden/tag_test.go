package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A version must not promise more than the change of the API permits.
func TestCheckTag(t *testing.T) {
	const base = "package p\nfunc New() error\nmethod Store.Get() error\ntype Store interface\n"
	for name, test := range map[string]struct {
		last, api, tag string
		wantErr        string // "" for none
	}{
		"first version":                        {"", base, "v0.1.0", ""},
		"unchanged":                            {"v1.2.3", base, "v1.2.4", ""},
		"addition, patch":                      {"v1.2.3", base + "func Open() error\n", "v1.2.4", "must be v1.3.0"},
		"addition, minor":                      {"v1.2.3", base + "func Open() error\n", "v1.3.0", ""},
		"removal, minor":                       {"v1.2.3", strings.Replace(base, "func New() error\n", "", 1), "v1.3.0", "must be v2.0.0"},
		"other signature, minor":               {"v1.2.3", strings.Replace(base, "New() error", "New(int) error", 1), "v1.3.0", "must be v2.0.0"},
		"method of an interface, minor":        {"v1.2.3", base + "method Store.Put() error\n", "v1.3.0", "must be v2.0.0"},
		"new interface, minor":                 {"v1.2.3", base + "method Lister.List() error\ntype Lister interface\n", "v1.3.0", ""},
		"removal before v1, patch":             {"v0.2.3", strings.Replace(base, "func New() error\n", "", 1), "v0.2.4", "must be v0.3.0"},
		"removal before v1, minor":             {"v0.2.3", strings.Replace(base, "func New() error\n", "", 1), "v0.3.0", ""},
		"version before the last one":          {"v1.2.3", base, "v1.2.2", ""}, // the first of its line
		"no version":                           {"", base, "1.2", "no version"},
		"module that is none":                  {"", base, "nothing/v1.0.0", "no public module"},
		"nested module, unchanged":             {"v1.2.3", strings.Replace(base, "func New() error\n", "", 1), "nested/v0.1.1", ""},
		"nested module, its own tag, addition": {"nested/v0.1.0", base, "nested/v0.1.1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write := func(name, text string) {
				path := filepath.Join(root, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			git := func(args ...string) {
				command := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"}, args...)...)
				command.Dir = root
				if out, err := command.CombinedOutput(); err != nil {
					t.Fatalf("git %s: %v\n%s", args, err, out)
				}
			}
			git("init", "-q")
			write("go.mod", "module p\n")
			write("nested/go.mod", "module p/nested\n")
			write("api/p.txt", base)
			write("api/nested.txt", "package nested\nfunc Nested()\n")
			git("add", ".")
			git("commit", "-q", "-m", "one")
			if test.last != "" {
				git("tag", test.last)
			}
			write("api/p.txt", test.api)
			git("add", ".")
			git("commit", "-q", "--allow-empty", "-m", "two")

			err := checkTag(root, test.tag)
			if test.wantErr == "" && err != nil {
				t.Errorf("checkTag: %v", err)
			}
			if test.wantErr != "" && (err == nil || !strings.Contains(err.Error(), test.wantErr)) {
				t.Errorf("checkTag: %v, want an error with %q", err, test.wantErr)
			}
		})
	}
}
