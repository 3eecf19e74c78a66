package chart

import (
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Series is a row of values with a name.
type Series struct {
	Name string
	X, Y []float64
}

func (s Series) points() plotter.XYs {
	points := make(plotter.XYs, len(s.X))
	for i := range points {
		points[i].X, points[i].Y = s.X[i], s.Y[i]
	}
	return points
}

// maxPoints bounds the size of the files: a panel has about so many points.
const maxPoints = 400

// thinned returns the series with all of its highest values and some of the others.
func (s Series) thinned(size int) Series {
	if len(s.Y) <= size {
		return s
	}
	sorted := slices.Sorted(slices.Values(s.Y))
	high := sorted[len(sorted)-size/4]
	every := (len(s.Y) + size*3/4 - 1) / (size * 3 / 4)
	thin := Series{Name: s.Name}
	for i := range s.Y {
		if s.Y[i] >= high || i%every == 0 {
			thin.X, thin.Y = append(thin.X, s.X[i]), append(thin.Y, s.Y[i])
		}
	}
	return thin
}

// Lines draws a line for each series over a logarithmic horizontal axis, from 0 up.
func Lines(title, x, y string, series ...Series) Panel {
	return Panel{title, x, y, func(p *plot.Plot, t theme) error {
		p.Add(grid(t))
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, powers{}
		p.Legend.Left = true
		p.Y.Min = 0
		for i, s := range series {
			line, points, err := plotter.NewLinePoints(s.points())
			if err != nil {
				return err
			}
			line.Color, line.Width = t.colour(i), vg.Points(1.5)
			points.Color, points.Radius, points.Shape = t.colour(i), vg.Points(3), shapes[i%len(shapes)]
			p.Add(line, points)
			p.Legend.Add(s.Name, line, points)
			for _, value := range s.Y {
				p.Y.Max = math.Max(p.Y.Max, value*1.35) // room for the legend
			}
		}
		p.Legend.Top = p.Y.Max > 3 // else there is room below the lines, which begin at 1
		p.Y.Tick.Marker = steps{niceStep(p.Y.Max)}
		return nil
	}}
}

var shapes = []draw.GlyphDrawer{
	draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.BoxGlyph{},
}

// Points draws a point for each value, or for the highest and some of the others, over a logarithmic vertical axis within the limits.
func Points(title, x, y string, colour int, s Series, maxX, minY, maxY float64) Panel {
	return Panel{title, x, y, func(p *plot.Plot, t theme) error {
		p.Add(grid(t))
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, powers{}
		points := s.thinned(maxPoints).points()
		for i := range points {
			points[i].X = math.Min(points[i].X, maxX)
			points[i].Y = math.Min(math.Max(points[i].Y, minY), maxY)
		}
		if len(points) > 0 {
			scatter, err := plotter.NewScatter(points)
			if err != nil {
				return err
			}
			scatter.Color, scatter.Radius, scatter.Shape = t.colour(colour), vg.Points(1.2), draw.CircleGlyph{}
			p.Add(scatter)
		}
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, maxX, minY, maxY
		return nil
	}}
}

// Bars draws horizontal bars, the first at the top. Each bar is made of the parts, whose values
// are those of the series at the bar's position.
func Bars(title, x string, bars []string, parts ...Series) Panel {
	return Panel{title, x, "", func(p *plot.Plot, t theme) error {
		lines := grid(t)
		lines.Horizontal.Width = 0
		p.Add(lines)
		names := make([]string, len(bars))
		sums := make([]float64, len(bars))
		var below *plotter.BarChart
		for i, part := range parts {
			values := make(plotter.Values, len(bars))
			for n := range bars {
				values[len(bars)-1-n] = part.Y[n]
				names[len(bars)-1-n] = bars[n]
				sums[n] += part.Y[n]
			}
			chart, err := plotter.NewBarChart(values, vg.Points(16))
			if err != nil {
				return err
			}
			chart.Horizontal, chart.Color, chart.LineStyle.Width = true, t.colour(i), 0
			if below != nil {
				chart.StackOn(below)
			}
			below = chart
			p.Add(chart)
			if part.Name != "" {
				p.Legend.Add(part.Name, chart)
			}
		}
		p.Legend.Top = false
		p.Legend.YOffs = 4
		labels := plotter.XYLabels{}
		for n, sum := range sums {
			labels.XYs = append(labels.XYs, plotter.XY{X: sum, Y: float64(len(bars) - 1 - n)})
			labels.Labels = append(labels.Labels, " "+threeDigits(sum))
			p.X.Max = math.Max(p.X.Max, sum*1.15) // room for the number
		}
		text, err := plotter.NewLabels(labels)
		if err != nil {
			return err
		}
		for i := range text.TextStyle {
			text.TextStyle[i] = p.X.Tick.Label
			text.TextStyle[i].XAlign, text.TextStyle[i].YAlign = draw.XLeft, draw.YCenter
		}
		p.Add(text)
		p.NominalY(names...)
		p.X.Min = 0
		p.X.Tick.Marker = steps{niceStep(p.X.Max)}
		return nil
	}}
}

// threeDigits keeps three digits, or all of a whole number.
func threeDigits(value float64) string {
	if value >= 100 {
		return strconv.FormatFloat(value, 'f', 0, 64)
	}
	return strconv.FormatFloat(value, 'g', 3, 64)
}

func grid(t theme) *plotter.Grid {
	lines := plotter.NewGrid()
	lines.Horizontal.Color, lines.Vertical.Color = t.grid, t.grid
	return lines
}

// powers are the ticks of a logarithmic axis: a number at each power of ten.
type powers struct{}

func (powers) Ticks(lowest, highest float64) (ticks []plot.Tick) {
	for power := math.Pow(10, math.Floor(math.Log10(lowest))); power <= highest*1.0001; power *= 10 {
		if power >= lowest*0.9999 {
			ticks = append(ticks, plot.Tick{Value: power, Label: number(power)})
		}
	}
	return ticks
}

func number(value float64) string {
	switch {
	case value >= 1e6:
		return strconv.FormatFloat(value/1e6, 'g', 4, 64) + " M"
	case value >= 1e4:
		return strconv.FormatFloat(value/1e3, 'g', 4, 64) + " k"
	default:
		return strconv.FormatFloat(value, 'g', 4, 64)
	}
}

// steps are the ticks of an axis that begins at 0: a number at each multiple of the size.
type steps struct{ size float64 }

func (s steps) Ticks(_, highest float64) (ticks []plot.Tick) {
	for value := 0.0; value <= highest; value += s.size {
		ticks = append(ticks, plot.Tick{Value: value, Label: number(value)})
	}
	return ticks
}

// niceStep returns 1, 2 or 5 times a power of ten, so that an axis has four to nine steps.
func niceStep(highest float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(highest/4)))
	for _, times := range []float64{5, 2} {
		if times*power <= highest/4 {
			return times * power
		}
	}
	return power
}
