package main

import (
	"fmt"
	"time"

	"example.com/usersession/bench/chart"
)

// draw writes a picture into the directory of -charts, if that is set.
func (c config) draw(p chart.Picture) error {
	if c.charts == "" {
		return nil
	}
	return p.Write(c.charts)
}

// drawCleanup draws the rows/s of the cleaners, and the updates beside each of them in the last
// round.
func drawCleanup(c config, e *engine, cleaners []cleaner, results [][]cleaning) error {
	names := make([]string, len(cleaners))
	rate := chart.Series{Y: make([]float64, len(cleaners))}
	updates := chart.Picture{Name: "cleanup-updates-" + e.name, PanelHeight: 135}
	var seconds float64
	for i, by := range cleaners {
		names[i] = by.name
		rate.Y[i] = medianOf(results[i], func(r cleaning) float64 { return r.perSecond })
		for _, x := range results[i][len(results[i])-1].updates.X {
			seconds = max(seconds, x)
		}
	}
	for i, by := range cleaners {
		last := results[i][len(results[i])-1].updates
		updates.Panels = append(updates.Panels, chart.Points(fmt.Sprintf("%s: updates beside %s", e.title, by.name), "seconds", "ms", i, last, seconds, 0.1, 10_000))
	}
	if err := c.draw(updates); err != nil {
		return err
	}
	return c.draw(chart.Picture{Name: "cleanup-rows-" + e.name, PanelHeight: 170, Panels: []chart.Panel{
		chart.Bars(e.title+": cleanup", "rows/s", names, rate),
	}})
}

// drawScale draws the cost of the operations over the size of the table.
func drawScale(c config, operations []scaleOperation, tables []*scaled) error {
	if len(tables) < 2 {
		return nil
	}
	first := tables[0]
	var lines []chart.Series
	for _, op := range operations {
		line := chart.Series{Name: op.name}
		for _, s := range tables {
			line.X = append(line.X, float64(s.rows))
			line.Y = append(line.Y, s.slower(first, op.name))
		}
		lines = append(lines, line)
	}
	title := fmt.Sprintf("%s: cost of an operation, with %d sessions = 1", first.title, first.rows)
	return c.draw(chart.Picture{Name: "scale-" + first.name, PanelHeight: 260, Panels: []chart.Panel{
		chart.Lines(title, "sessions in the table", "", lines...),
	}})
}

// requestParts are the microseconds of a request's parts.
type requestParts struct{ plainRead, cachedRead, opening, rest float64 }

// drawRequest draws the parts of a request's cost.
func drawRequest(c config, e *engine, parts requestParts) error {
	return c.draw(chart.Picture{Name: "request-" + e.name, PanelHeight: 170, Panels: []chart.Panel{
		chart.Bars(e.title+": a request through serverside", "µs", []string{"no ticket remembered", "tickets remembered (default)", "and a read cache"},
			chart.Series{Name: "reading the session", Y: []float64{parts.plainRead, parts.plainRead, parts.cachedRead}},
			chart.Series{Name: "opening the ticket", Y: []float64{parts.opening, 0, 0}},
			chart.Series{Name: "the rest", Y: []float64{parts.rest, parts.rest, parts.rest}}),
	}})
}

// millis is a time for a picture.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
