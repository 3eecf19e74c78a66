package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// A change is the kind of difference between the API of a module and the API of its last version.
type change int

const (
	none     change = iota
	addition        // code that compiled before still compiles
	breaking        // a name is gone or has another type, or an interface has a new method
)

// checkTag returns an error unless the number of the version that the tag names fits the change
// of the API since the module's last version: Semantic Versioning 2.0.0, items 4 to 8. The tag
// is v1.2.3, or DIRECTORY/v1.2.3 for a nested module, and need not exist yet.
func checkTag(root, tag string) error {
	dir, version := path.Split(tag)
	dir = strings.TrimSuffix(dir, "/")
	if semver.Canonical(version) != version {
		return fmt.Errorf("%q is no version: use v1.2.3, or DIRECTORY/v1.2.3 for a nested module", tag)
	}
	modules, err := moduleDirs(root)
	if err != nil {
		return err
	}
	if !slices.Contains(modules, dir) {
		return fmt.Errorf("there is no public module in %q", dir)
	}
	tags, err := git(root, "tag", "--list", "--merged", "HEAD")
	if err != nil {
		return err
	}
	last := lastVersion(strings.Fields(string(tags)), dir, version)
	if last == "" {
		fmt.Printf("api: %s is the first version\n", tag)
		return nil
	}
	before, err := apiOf(root, path.Join(dir, last), modules, dir)
	if err != nil {
		return err
	}
	after, err := apiOf(root, "HEAD", modules, dir)
	if err != nil {
		return err
	}
	found, reasons := changes(before, after)
	need := required(last, found)
	if semver.Compare(version, need) < 0 {
		return fmt.Errorf("the API has changed since %s, so that the version must be %s or later:\n  %s", last, need, strings.Join(reasons, "\n  "))
	}
	fmt.Printf("api: %s may follow %s\n", tag, last)
	return nil
}

// lastVersion returns the highest version of the module below the given one, "" if there is none.
func lastVersion(tags []string, dir, version string) string {
	last := ""
	for _, tag := range tags {
		d, v := path.Split(tag)
		if strings.TrimSuffix(d, "/") == dir && semver.IsValid(v) && semver.Compare(v, version) < 0 && (last == "" || semver.Compare(v, last) > 0) {
			last = v
		}
	}
	return last
}

// required returns the lowest version that may follow last. Before v1 a breaking change needs a
// new minor version only.
func required(last string, found change) string {
	var major, minor, patch int
	core, _, _ := strings.Cut(strings.TrimPrefix(last, "v"), "-")
	if _, err := fmt.Sscanf(core, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return last
	}
	switch {
	case semver.Prerelease(last) != "":
		return last // whatever follows a pre-release of the same version
	case found == breaking && major > 0:
		return fmt.Sprintf("v%d.0.0", major+1)
	case found != none:
		return fmt.Sprintf("v%d.%d.0", major, minor+1)
	}
	return fmt.Sprintf("v%d.%d.%d", major, minor, patch+1)
}

// changes compares the recorded API of two versions.
func changes(before, after map[string][]byte) (change, []string) {
	found, reasons := none, []string(nil)
	for _, name := range names(before, after) {
		pkg := strings.TrimSuffix(name, ".txt")
		if before[name] == nil {
			found, reasons = max(found, addition), append(reasons, pkg+": a new package")
			continue
		}
		removed, added := difference(before[name], after[name])
		for _, line := range removed {
			found, reasons = breaking, append(reasons, pkg+": - "+line)
		}
		for _, line := range added {
			found, reasons = max(found, addition), append(reasons, pkg+": + "+line)
			// A method of an interface has no receiver in parentheses.
			iface, _, _ := strings.Cut(strings.TrimPrefix(line, "method "), ".")
			if strings.HasPrefix(line, "method ") && !strings.HasPrefix(line, "method (") && slices.Contains(lines(before[name]), "type "+iface+" interface") {
				found = breaking
			}
		}
	}
	return found, reasons
}

// moduleDirs returns the directories of the public modules, relative to root, "" for the root.
func moduleDirs(root string) ([]string, error) {
	found, err := findModules(root)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, dir := range found {
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, strings.TrimPrefix(filepath.ToSlash(rel), "."))
	}
	return dirs, nil
}

// apiOf returns the recorded API of a module at a commit, by file name.
func apiOf(root, commit string, modules []string, dir string) (map[string][]byte, error) {
	listed, err := git(root, "ls-tree", "--name-only", commit, "api/")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, file := range strings.Fields(string(listed)) {
		name := path.Base(file)
		if owner(strings.TrimSuffix(name, ".txt"), modules) != dir {
			continue
		}
		if files[name], err = git(root, "show", commit+":"+file); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// owner returns the directory of the module that has the package: the deepest above it.
func owner(pkg string, modules []string) string {
	deepest := ""
	for _, dir := range modules {
		if name := strings.ReplaceAll(dir, "/", "."); dir != "" && len(dir) > len(deepest) && (pkg == name || strings.HasPrefix(pkg, name+".")) {
			deepest = dir
		}
	}
	return deepest
}

func git(root string, args ...string) ([]byte, error) {
	command := exec.CommandContext(context.Background(), "git", args...)
	command.Dir = root
	out, err := command.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(string(exit.Stderr)))
	}
	return out, err
}
