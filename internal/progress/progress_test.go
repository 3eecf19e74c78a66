package progress_test

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/usersession/internal/progress"
)

func TestMeter_Lines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		m := progress.New(&out, "filling", 1000)
		m.Add(100) // too early
		time.Sleep(progress.Interval)
		m.Add(100)
		m.Add(100)
		time.Sleep(progress.Interval)
		m.Set(1000)
		if want := "filling: 200 of 1000, 100/s, 8s left\nfilling: 1000 of 1000, 250/s, 0s left\n"; out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
}

func TestTerminal_Pipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	if progress.Terminal(w) != nil {
		t.Error("a pipe is no terminal")
	}
	synctest.Test(t, func(*testing.T) {
		m := progress.New(nil, "quiet", 1)
		time.Sleep(time.Minute)
		m.Add(1) // writes nothing
	})
}
