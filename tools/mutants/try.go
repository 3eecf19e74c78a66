package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// memory is the kilobytes of address space that a test may have: a change can make a loop endless.
const memory = 6 << 20

// run runs the tests with a change.
func (b *binary) run(ctx context.Context, id int, r testRun) (passed bool, out []byte) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout+10*time.Second)
	defer cancel()
	script := fmt.Sprintf(`ulimit -v %d; exec "$0" "$@"`, memory)
	args := append([]string{"-c", script, b.path, "-test.failfast", "-test.paniconexit0", "-test.benchtime=100x", "-test.timeout=" + r.timeout.String()}, r.args...)
	c := exec.CommandContext(ctx, "sh", args...)
	c.Dir, c.WaitDelay = b.dir, 5*time.Second
	c.Env = append(os.Environ(), "GOWORK=off", environment+"="+strconv.Itoa(id))
	out, err := c.CombinedOutput()
	return err == nil, out
}

// test runs the tests with each of the changes until one fails.
func (m *measurement) test(ctx context.Context, list []change, verbose bool) {
	var lock sync.Mutex
	noticed := map[string][]string{} // the tests that noticed other changes of a function or a file
	each(ctx, len(list), func(n int) {
		c := list[n]
		lock.Lock()
		likely := noticed[c.file+c.in]
		if likely == nil {
			likely = noticed[c.file]
		}
		lock.Unlock()
		result, by := m.try(ctx, c, likely)
		lock.Lock()
		defer lock.Unlock()
		for _, name := range strings.Fields(by) {
			for _, place := range []string{c.file + c.in, c.file} {
				noticed[place] = recent(noticed[place], name)
			}
		}
		m.outcomes[c.id], m.failed[c.id] = result, by
		if verbose {
			fmt.Printf("%s: %s %s\n", c, result, by)
		}
	})
}

// each calls do for 0 to n-1, several at once.
func each(ctx context.Context, n int, do func(int)) {
	var group sync.WaitGroup
	next := make(chan int)
	for range workers {
		group.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	group.Wait()
}

// recent returns the last names, with another one at the end.
func recent(names []string, name string) []string {
	names = append(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name }), name)
	return names[max(0, len(names)-6):]
}

// try runs the tests that reach a change until one fails.
func (m *measurement) try(ctx context.Context, c change, likely []string) (result outcome, by string) {
	rounds := batches(m.reached[c.id], likely)
	if slow := m.reaching(c, m.isSlow); len(slow) > 0 && !m.isSlow(m.reached[c.id][0]) && !isListed(c) {
		rounds = append(rounds, slow)
	}
	for _, tests := range rounds {
		for i, b := range m.binaries {
			var names []string
			timeout := m.patience
			for _, t := range tests {
				if t.binary == i {
					names = append(names, t.name)
					timeout += 4 * duration(t.seconds)
				}
			}
			if len(names) == 0 {
				continue
			}
			passed, out := b.run(ctx, c.id, testRun{[]string{"-test.run=^(" + strings.Join(names, "|") + ")$"}, timeout})
			switch {
			case passed:
			case bytes.Contains(out, []byte("panic: test timed out after")):
				return timedOut, ""
			default:
				return killed, strings.Join(failures(string(out)), " ")
			}
		}
	}
	return survived, ""
}

// batches divides the tests into batches, each of which is one run: first the tests that are likely
// to notice the change, then the others, the fastest first. Each batch of others takes up to four
// times as long as the batch before it.
func batches(tests []*test, likely []string) (list [][]*test) {
	isLikely := func(t *test) bool { return slices.Contains(likely, t.name) }
	others := slices.DeleteFunc(slices.Clone(tests), isLikely)
	if len(others) < len(tests) {
		list = append(list, slices.DeleteFunc(slices.Clone(tests), func(t *test) bool { return !isLikely(t) }))
	}
	for bound := 0.5; len(others) > 0; bound *= 4 {
		n, sum := 0, 0.0
		for n < len(others) && (n == 0 || sum+others[n].seconds <= bound) {
			sum += others[n].seconds
			n++
		}
		list = append(list, others[:n])
		others = others[n:]
	}
	return list
}
