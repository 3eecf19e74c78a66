// Command apigolden keeps the exported API of every public package in text files. So every
// change of the API is visible as a diff, and is a decision.
//
// Each line has one exported name. The lines are sorted. They leave out comments and the
// names of parameters.
//
//	apigolden -root ..           compares, and prints the differences
//	apigolden -root .. -update   rewrites the files
//	apigolden -root .. -tag v1.2.0   checks that the version fits the change of the API
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	root := flag.String("root", ".", "the root of the repository")
	update := flag.Bool("update", false, "rewrite the files instead of comparing")
	tag := flag.String("tag", "", "check the number of this version against the change of the API, and do nothing else")
	flag.Parse()

	check := func() error { return run(*root, *update) }
	if *tag != "" {
		check = func() error { return checkTag(*root, *tag) }
	}
	if err := check(); err != nil {
		fmt.Fprintln(os.Stderr, "apigolden:", err)
		os.Exit(1)
	}
}

func run(root string, update bool) error {
	modules, err := findModules(root)
	if err != nil {
		return err
	}
	want := map[string][]byte{} // by file name
	for _, module := range modules {
		if err := describeModule(root, module, want); err != nil {
			return fmt.Errorf("%s: %w", module, err)
		}
	}
	dir := filepath.Join(root, "api")
	have, err := readGolden(dir)
	if err != nil {
		return err
	}
	if update {
		return writeGolden(dir, have, want)
	}
	return compare(have, want)
}

// findModules returns the directories of the public modules: the root module and the
// adapters, but not the tools, examples and benchmarks.
func findModules(root string) ([]string, error) {
	var modules []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && rel != "." {
			if strings.HasPrefix(name, ".") || slices.Contains(notPublic, name) {
				return fs.SkipDir
			}
		}
		if name == "go.mod" {
			modules = append(modules, filepath.Dir(path))
		}
		return nil
	})
	return modules, err
}

// notPublic are the names of directories without public packages.
var notPublic = []string{"internal", "testdata", "tools", "examples", "bench", "scripts", "node_modules"}

func describeModule(root, dir string, files map[string][]byte) error {
	pkgs, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedTypes,
		Dir:  dir,
		Env:  append(os.Environ(), "GOWORK=off"),
	}, "./...")
	if err != nil {
		return err
	}
	for _, pkg := range pkgs {
		for _, problem := range pkg.Errors {
			return problem
		}
		elements := strings.Split(pkg.PkgPath, "/")
		if pkg.Name == "main" || slices.ContainsFunc(elements, func(element string) bool {
			return slices.Contains(notPublic, element)
		}) {
			continue
		}
		name, err := fileName(root, pkg)
		if err != nil {
			return err
		}
		if text := Describe(pkg.Types); bytes.Count(text, []byte("\n")) > 1 {
			files[name] = text // a package that has only tests has no API
		}
	}
	return nil
}

// fileName returns the name of a package's file: usersession.txt for the root, and for the
// other packages the path in the repository, such as bff.bfftest.txt. It stays the same when
// the module is renamed.
func fileName(root string, pkg *packages.Package) (string, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	path, err := filepath.Rel(root, pkg.Dir)
	if err != nil {
		return "", err
	}
	if path == "." {
		return pkg.Name + ".txt", nil
	}
	return strings.ReplaceAll(filepath.ToSlash(path), "/", ".") + ".txt", nil
}

func readGolden(dir string) (map[string][]byte, error) {
	have := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return have, nil
	}
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".txt" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		have[entry.Name()] = text
	}
	return have, err
}

func writeGolden(dir string, have, want map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	for name, text := range want {
		if bytes.Equal(have[name], text) {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
		fmt.Println("wrote api/" + name)
	}
	return nil
}

func compare(have, want map[string][]byte) error {
	changed := false
	for _, name := range names(have, want) {
		removed, added := difference(have[name], want[name])
		if len(removed)+len(added) == 0 {
			continue
		}
		changed = true
		fmt.Println("api/" + name)
		for _, line := range removed {
			fmt.Println("  -", line)
		}
		for _, line := range added {
			fmt.Println("  +", line)
		}
	}
	if changed {
		return errors.New("the exported API differs from api/*.txt; if that is intended, run make api-update and describe the change in CHANGELOG.md")
	}
	fmt.Printf("api: %d packages, as recorded\n", len(want))
	return nil
}

// names returns the names of the files of both, sorted.
func names(have, want map[string][]byte) []string {
	all := slices.Concat(slices.Collect(maps.Keys(have)), slices.Collect(maps.Keys(want)))
	slices.Sort(all)
	return slices.Compact(all)
}

// difference returns the lines that only one of the texts has, in any order.
func difference(before, after []byte) (removed, added []string) {
	a, b := lines(before), lines(after)
	for _, line := range a {
		if !slices.Contains(b, line) {
			removed = append(removed, line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			added = append(added, line)
		}
	}
	return removed, added
}

func lines(text []byte) []string {
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}
