package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestPicture_Write: both files of a picture are XML, and have the texts.
func TestPicture_Write(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "charts")
	x := []float64{1e4, 1e5, 1e6}
	err := Picture{Name: "all", PanelHeight: 200, Panels: []Panel{
		Lines("lines", "sessions", "ratio", Series{"Get", x, []float64{1, 1.1, 1.2}}, Series{"Create", x, []float64{1, 2, 3}}),
		Points("points", "s", "ms", 1, Series{"", []float64{0, 1, 5}, []float64{0, 0.5, 1e9}}, 4, 0.1, 1000),
		Points("no points", "s", "ms", 1, Series{}, 4, 0.1, 1000),
		Bars("bars", "µs", []string{"first", "second"}, Series{"store", nil, []float64{100, 0}}, Series{"rest", nil, []float64{23, 9.790000000000001}}),
	}}.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"all-light.svg", "all-dark.svg"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for decoder := xml.NewDecoder(bytes.NewReader(data)); err == nil; {
			_, err = decoder.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
		for _, text := range []string{">lines<", ">Create<", ">10 k<", ">1 M<", ">points<", ">µs<", "> 123<", "> 9.79<", ">second<", `textLength="`, "sans-serif"} {
			if !bytes.Contains(data, []byte(text)) {
				t.Errorf("%s has no %s", name, text)
			}
		}
		if bytes.Contains(data, []byte("NaN")) || bytes.Contains(data, []byte("Inf")) {
			t.Errorf("%s has a coordinate that is no number", name)
		}
	}
}

func TestSeries_Thinned(t *testing.T) {
	s := Series{Name: "many"}
	for i := range 10_000 {
		s.X, s.Y = append(s.X, float64(i)), append(s.Y, float64(i*7919%10_000))
	}
	thin := s.thinned(400)
	if n := len(thin.Y); n < 300 || n > 410 || len(thin.X) != n || !slices.Contains(thin.Y, 9_999) || !slices.Contains(thin.Y, 9_950) {
		t.Errorf("%d points of %d", len(thin.Y), len(s.Y))
	}
	if n := len(thin.thinned(500).Y); n != len(thin.Y) {
		t.Errorf("%d points are few, and became %d", len(thin.Y), n)
	}
}
