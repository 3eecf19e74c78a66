package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programVariable makes the test binary run as the program, with the same arguments.
const programVariable = "USERSESSION_BFF_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A program is a process of this program. Its host has no app but the options that a client
// needs.
type program struct {
	*host
	command *exec.Cmd
	ended   chan struct{} // closed when the process has ended
	err     error         // of the process, after ended
}

// programPatience is the time after which the start or the end of a process counts as hanging.
const programPatience = time.Minute

var openLine = regexp.MustCompile(`Open +(http://\S+)/\n`)

// startProgram starts the program with the fake provider, and kills it when the test ends.
func startProgram(t *testing.T, op *fakeOP, dsn, keys string) *program {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{host: &host{t: t, log: &bytes.Buffer{}, logMu: &sync.Mutex{}}, ended: make(chan struct{})}
	p.command = exec.CommandContext(context.WithoutCancel(t.Context()), executable,
		"-addr", "localhost:0", "-dsn", dsn, "-keys", keys, "-issuer", op.issuer, "-client-id", fakeClient, "-client-secret", fakeSecret)
	p.command.Env = append(os.Environ(), programVariable+"=1")
	output := lockedWriter{p.logMu, p.log}
	p.command.Stdout, p.command.Stderr = output, output
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.err = p.command.Wait()
	}()
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("the program's output:\n%s", p.logged())
		}
	})
	opts, err := parseOptions([]string{
		"-issuer", op.issuer, "-client-id", fakeClient, "-base-url", p.address(), "-dsn", dsn, "-keys", keys,
	}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	if err := opts.complete(0); err != nil {
		t.Fatal(err)
	}
	p.app = &app{opts: opts}
	return p
}

// address returns the URL that the program prints when it listens.
func (p *program) address() string {
	p.t.Helper()
	for end := time.Now().Add(programPatience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if match := openLine.FindStringSubmatch(p.logged()); match != nil {
			return match[1]
		}
		select {
		case <-p.ended:
			p.t.Fatalf("the program ended: %v", p.err)
		default:
		}
	}
	p.t.Fatal("the program does not listen")
	return ""
}

// terminate sends SIGTERM, waits for the end of the process and checks its status.
func (p *program) terminate() {
	p.t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(programPatience):
		p.t.Fatal("the program does not end")
	}
	if p.err != nil {
		p.t.Errorf("the program ended with %v, want status 0", p.err)
	}
}
