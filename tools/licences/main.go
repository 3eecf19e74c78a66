// Command licences lists the licence of every module that the packages and tests of this
// repository compile, and refuses one that is not compatible with the Apache License 2.0.
//
//	licences -root .. MODULE...          compares with docs/licences.md
//	licences -root .. -update MODULE...  rewrites the file
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

func main() {
	root := flag.String("root", ".", "the root of the repository")
	update := flag.Bool("update", false, "rewrite the file instead of comparing")
	flag.Parse()
	if err := run(*root, *update, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

// compatible are the licences whose code may be part of a program under the Apache License 2.0.
// The Mozilla licence asks for the source of its own files only.
var compatible = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "Unlicense", "CC0-1.0", "BlueOak-1.0.0"}

// accepted are modules with another licence, or with none that is known, that no package for users
// compiles, with the reason why that is accepted.
var accepted = map[string]string{
	"github.com/ajstarks/svgo":               "CC-BY-4.0; compiled only by the benchmarks, for their pictures",
	"github.com/golang/freetype":             "FreeType License or GPL-2.0; compiled only by the benchmarks, for their pictures",
	"codeberg.org/go-fonts/liberation":       "OFL-1.1; compiled only by the benchmarks, for their pictures",
	"codeberg.org/go-fonts/latin-modern":     "GUST; compiled only by the benchmarks, for their pictures",
	"github.com/libsql/sqlite-antlr4-parser": "none in its files; compiled only by the tests of the driver go-libsql",
}

func run(root string, update bool, dirs []string) error {
	used := map[string]*dependency{}
	for _, dir := range dirs {
		if err := addDependencies(used, filepath.Join(root, dir), dir); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	var refused []string
	for _, path := range slices.Sorted(maps.Keys(used)) {
		d := used[path]
		var err error
		if d.licences, err = licencesOf(d.dir); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if reason, ok := accepted[path]; ok && !d.library {
			d.licences = []string{reason}
			continue
		}
		for _, licence := range d.licences {
			if !slices.Contains(compatible, licence) {
				refused = append(refused, fmt.Sprintf("%s has the licence %s", path, licence))
			}
		}
		if len(d.licences) == 0 {
			refused = append(refused, path+" has no licence that is known")
		}
	}
	if len(refused) > 0 {
		return errors.New(strings.Join(refused, "\n"))
	}
	file, text := filepath.Join(root, "docs", "licences.md"), table(used)
	if update {
		return os.WriteFile(file, text, 0o644)
	}
	have, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, text) {
		return errors.New("docs/licences.md is not up to date: run make licences-update, and look at what it changes")
	}
	return nil
}

// A dependency is a module of others.
type dependency struct {
	dir      string
	licences []string
	library  bool // compiled by a package that users import
}

// forUsers matches the modules of this repository that users import.
var forUsers = regexp.MustCompile(`^(\.|bff/.*|adapters/.*|migrations)$`)

func addDependencies(used map[string]*dependency, dir, name string) error {
	all, err := modulesOf(dir, "-test")
	if err != nil {
		return err
	}
	compiled, err := modulesOf(dir)
	if err != nil {
		return err
	}
	for path, where := range all {
		if used[path] == nil {
			used[path] = &dependency{dir: where}
		}
		if _, ok := compiled[path]; ok && forUsers.MatchString(name) {
			used[path].library = true
		}
	}
	return nil
}

// modulesOf returns the directories of the modules whose packages the packages in dir compile, by
// path. The modules of this repository are left out.
func modulesOf(dir string, flags ...string) (map[string]string, error) {
	command := exec.CommandContext(context.Background(), "go", append(append([]string{"list", "-deps", "-json=Module"}, flags...), "./...")...)
	command.Dir, command.Stderr = dir, os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	found := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Module *struct {
				Path, Dir string
				Main      bool
				Replace   *struct{ Path string }
			}
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, err
		}
		if m := p.Module; m != nil && !m.Main && (m.Replace == nil || !strings.HasPrefix(m.Replace.Path, ".")) {
			found[m.Path] = m.Dir
		}
	}
}

// licenceFile matches the names of files with a licence.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([-.].*)?$`)

// licencesOf returns the SPDX names of the licences in a module's directory.
func licencesOf(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if entry.IsDir() || !licenceFile.MatchString(entry.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		for _, match := range licensecheck.Scan(text).Match {
			if !match.IsURL && !slices.Contains(names, match.ID) {
				names = append(names, match.ID)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

func table(used map[string]*dependency) []byte {
	var b bytes.Buffer
	b.WriteString("# Licences of the dependencies\n\n" +
		"Written by `make licences-update`; `make check` compares it. All of them may be part of a program under the Apache License 2.0. " +
		"The first table lists the modules of the packages that users import, the second the modules that only tests, examples and benchmarks need.\n")
	for _, library := range []bool{true, false} {
		b.WriteString("\n| module | licence |\n|---|---|\n")
		for _, path := range slices.Sorted(maps.Keys(used)) {
			if d := used[path]; d.library == library {
				fmt.Fprintf(&b, "| %s | %s |\n", path, strings.Join(d.licences, ", "))
			}
		}
	}
	return b.Bytes()
}
