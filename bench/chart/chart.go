// Package chart writes the results of the benchmarks as SVG pictures, for a light and for a dark
// page.
package chart

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A Picture is drawn once for each theme.
type Picture struct {
	// Name is the name of the files without -light.svg and -dark.svg.
	Name string
	// Panels are drawn one below the other.
	Panels []Panel
	// PanelHeight is the height of a panel in points. The width is always the same.
	PanelHeight float64
}

// A Panel is one diagram.
type Panel struct {
	Title, X, Y string
	// draw adds the contents.
	draw func(p *plot.Plot, t theme) error
}

type theme struct {
	name             string
	back, text, grid color.Color
	series           []color.Color
}

// The colours are those of the page of a code host, and the series those of Okabe and Ito, which
// the colour-blind can tell apart.
var themes = []theme{
	{
		"light", rgb(0xffffff), rgb(0x1f2328), rgb(0xd1d9e0),
		[]color.Color{rgb(0x0072b2), rgb(0xd55e00), rgb(0x009e73), rgb(0xcc79a7), rgb(0xb8860b), rgb(0x6e7781)},
	},
	{
		"dark", rgb(0x0d1117), rgb(0xf0f6fc), rgb(0x3d444d),
		[]color.Color{rgb(0x56b4e9), rgb(0xff8c42), rgb(0x2ec4a0), rgb(0xe69ac7), rgb(0xf0e442), rgb(0x9198a1)},
	},
}

func rgb(hex uint32) color.Color {
	return color.RGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 0xff} //nolint:gosec // the bytes of the number
}

func (t theme) colour(i int) color.Color { return t.series[i%len(t.series)] }

const width = 560 // points

// Write writes the picture's files into the directory, which it creates if necessary.
func (p Picture) Write(directory string) error {
	if err := os.MkdirAll(directory, 0o755); err != nil { //nolint:gosec // the pictures are public
		return err
	}
	for _, t := range themes {
		data, err := p.render(t)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		if err := os.WriteFile(filepath.Join(directory, p.Name+"-"+t.name+".svg"), data, 0o644); err != nil { //nolint:gosec // the pictures are public
			return err
		}
	}
	return nil
}

func (p Picture) render(t theme) ([]byte, error) {
	canvas := vgsvg.New(width, vg.Length(p.PanelHeight*float64(len(p.Panels))))
	page := draw.New(canvas)
	page.SetColor(t.back)
	page.Fill(page.Rectangle.Path())
	grid := make([][]*plot.Plot, len(p.Panels))
	for i, panel := range p.Panels {
		drawn := plot.New()
		drawn.BackgroundColor = nil
		drawn.Title.Text, drawn.X.Label.Text, drawn.Y.Label.Text = panel.Title, panel.X, panel.Y
		paint(drawn, t)
		if err := panel.draw(drawn, t); err != nil {
			return nil, err
		}
		grid[i] = []*plot.Plot{drawn}
	}
	tiles := draw.Tiles{Rows: len(p.Panels), Cols: 1, PadY: 8, PadTop: 8, PadBottom: 6, PadLeft: 8, PadRight: 20}
	for i, row := range plot.Align(grid, tiles, page) {
		grid[i][0].Draw(row[0])
	}
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, err
	}
	return fitted(out.Bytes()), nil
}

var (
	family = []byte("font-family:Liberation Sans;")
	text   = regexp.MustCompile(`(?s)<text ([^>]*font-size:([0-9.]+)px[^>]*)>([^<]*)</text>`)
)

// fitted returns the picture with the length of each text: the viewer may lack the font, and a
// wider one would run into the bars. Arial and Helvetica have the same widths.
func fitted(svg []byte) []byte {
	svg = text.ReplaceAllFunc(svg, func(element []byte) []byte {
		parts := text.FindSubmatch(element)
		size, err := strconv.ParseFloat(string(parts[2]), 64)
		if err != nil || len(bytes.TrimSpace(parts[3])) == 0 {
			return element
		}
		face := font.DefaultCache.Lookup(font.Font{Typeface: "Liberation", Variant: "Sans"}, vg.Length(size))
		length := face.Width(html.UnescapeString(string(parts[3]))).Points()
		return fmt.Appendf(nil, `<text textLength="%.1f" lengthAdjust="spacingAndGlyphs" %s>%s</text>`, length, parts[1], parts[3])
	})
	return bytes.ReplaceAll(svg, family, []byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"))
}

// paint sets the colours and the font.
func paint(p *plot.Plot, t theme) {
	p.Title.Padding = 6
	p.Legend.Padding = 3
	p.Legend.YOffs, p.Legend.XOffs = -2, -4
	p.Legend.Top = true
	for _, style := range []*draw.TextStyle{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		style.Color = t.text
		style.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 10}
	}
	p.Title.TextStyle.Font.Size = 12
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.LineStyle.Color = t.text
		axis.Tick.LineStyle.Color = t.text
		axis.Label.Padding = 4
	}
}
