package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A version is a program of package hot, built with one version of the library.
type version struct {
	binary string

	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	names   []string // of the operations
}

// A cost is the time and the allocations of one call of an operation.
type cost struct{ nanoseconds, allocs, bytes int64 }

// runAgainst compares the operations with those of another commit of the repository. Both
// programs have the drivers of this one.
func runAgainst(ctx context.Context, c config, ref string, out *report) (err error) {
	directory, err := os.MkdirTemp("", "usersession_bench_")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	root, err := output(ctx, ".", "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	commit, err := output(ctx, root, "git", "rev-parse", "--short", "--verify", ref+"^{commit}")
	if err != nil {
		return err
	}
	tree := filepath.Join(directory, "tree")
	if _, err := output(ctx, root, "git", "worktree", "add", "--detach", tree, commit); err != nil {
		return err
	}
	defer func() {
		_, failed := output(context.WithoutCancel(ctx), root, "git", "worktree", "remove", "--force", tree)
		err = errors.Join(err, failed)
	}()
	announce("building")
	before, err := build(ctx, root, tree, filepath.Join(directory, "before"))
	if err != nil {
		return err
	}
	now, err := build(ctx, root, root, filepath.Join(directory, "now"))
	if err != nil {
		return err
	}
	out.printf("\n## Against %s\n\nBlocks of both versions in turn, %d rounds, medians; a ratio below 1 is faster, or less, than %s.\n", commit, c.rounds, commit)
	if err := against(ctx, c, "tickets, and requests with the store in memory", before, now, nil, 20*c.ops, out); err != nil {
		return err
	}
	for _, e := range engines(c) {
		if err := againstOn(ctx, c, e, before, now, out); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

// build builds package hot with the library in a directory, and returns the program's path.
func build(ctx context.Context, root, library, name string) (string, error) {
	module := filepath.Join(root, "bench")
	for _, file := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(module, file))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(name+strings.TrimPrefix(file, "go"), data, 0o600); err != nil {
			return "", err
		}
	}
	if _, err := output(ctx, module, "go", "mod", "edit", "-replace", "example.com/usersession="+library, name+".mod"); err != nil {
		return "", err
	}
	_, err := output(ctx, module, "go", "build", "-mod=mod", "-modfile", name+".mod", "-o", name, "./hot")
	return name, err
}

func output(ctx context.Context, directory, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.Env = directory, append(os.Environ(), "GOWORK=off")
	text, err := command.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, failed.Stderr)
	}
	return strings.TrimSpace(string(text)), err
}

// againstOn compares the operations of the store. Each version has a database of its own.
func againstOn(ctx context.Context, c config, e *engine, before, now string, out *report) error {
	if !strings.Contains(","+c.engines+",", ","+e.name+",") {
		return nil
	}
	var args [2][]string
	for i := range args {
		own := *e
		own.database = databaseName()
		name := own.database
		if err := e.createDatabase(ctx, name); err != nil {
			out.printf("\n### %s: not run\n\n%v\n", e.title, c.postgres.Redact(c.mysql.Redact(err)))
			return nil
		}
		defer own.drop()
		dsn := map[string]string{"postgres": c.postgres.DSN(), "mysql": c.mysql.DSN(), "sqlite": sqliteDSN(name)}[e.name]
		args[i] = []string{"-dialect", e.name, "-dsn", dsn, "-database", name}
	}
	return against(ctx, c, e.title, before, now, args[:], c.ops, out)
}

// against prints a table with the operations of both programs, in blocks of so many calls.
func against(ctx context.Context, c config, title, before, now string, args [][]string, calls int, out *report) error {
	versions := []*version{{binary: before}, {binary: now}}
	for i, v := range versions {
		var own []string
		if args != nil {
			own = args[i]
		}
		if err := v.start(ctx, own); err != nil {
			return err
		}
		defer v.stop()
	}
	out.printf("\n### %s\n\nBlocks of %d calls.\n\n| operation | before µs | now µs | now ÷ before | allocs/op before → now | bytes/op before → now |\n|---|---:|---:|---:|---:|---:|\n", title, calls)
	for _, name := range versions[1].names {
		if !slices.Contains(versions[0].names, name) || !strings.Contains(name, c.only) {
			continue
		}
		announce("%s: %s", title, name)
		var costs [2][]cost
		var ratios []float64
		for round := range c.rounds + 1 { // the first round warms up
			var pair [2]cost
			for _, i := range [][]int{{0, 1}, {1, 0}}[round%2] {
				var err error
				if pair[i], err = versions[i].measure(name, calls); err != nil {
					return err
				}
			}
			if round == 0 {
				continue
			}
			for i := range costs {
				costs[i] = append(costs[i], pair[i])
			}
			ratios = append(ratios, float64(pair[1].nanoseconds)/float64(pair[0].nanoseconds))
		}
		was, is := medianCost(costs[0]), medianCost(costs[1])
		out.printf("| %s | %.1f | %.1f | %.2f | %d → %d | %d → %d |\n", name,
			float64(was.nanoseconds)/1000, float64(is.nanoseconds)/1000, median(ratios), was.allocs, is.allocs, was.bytes, is.bytes)
	}
	return out.err
}

func medianCost(costs []cost) cost {
	of := func(field func(cost) int64) int64 {
		values := make([]int64, len(costs))
		for i, c := range costs {
			values[i] = field(c)
		}
		return median(values)
	}
	return cost{
		of(func(c cost) int64 { return c.nanoseconds }),
		of(func(c cost) int64 { return c.allocs }),
		of(func(c cost) int64 { return c.bytes }),
	}
}

func (v *version) start(ctx context.Context, args []string) (err error) {
	v.command = exec.CommandContext(ctx, v.binary, args...)
	v.command.Stderr = os.Stderr
	if v.in, err = v.command.StdinPipe(); err != nil {
		return err
	}
	stdout, err := v.command.StdoutPipe()
	if err != nil {
		return err
	}
	v.out = bufio.NewScanner(stdout)
	if err := v.command.Start(); err != nil {
		return err
	}
	if !v.out.Scan() {
		v.stop()
		return errors.New("the program did not start")
	}
	v.names = strings.Split(v.out.Text(), "\t")
	return nil
}

// stop ends the program, whose standard input ends.
func (v *version) stop() {
	_ = v.in.Close()
	_ = v.command.Wait()
}

func (v *version) measure(operation string, calls int) (c cost, err error) {
	if _, err := fmt.Fprintf(v.in, "%s\t%d\n", operation, calls); err != nil {
		return c, err
	}
	if !v.out.Scan() {
		return c, fmt.Errorf("%s: the program ended", operation)
	}
	_, err = fmt.Sscan(v.out.Text(), &c.nanoseconds, &c.allocs, &c.bytes)
	return c, err
}
