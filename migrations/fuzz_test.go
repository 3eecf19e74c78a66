package migrations

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// goldenFiles returns the contents of the generated files whose names match.
func goldenFiles(f *testing.F, pattern string) (files [][]byte) {
	f.Helper()
	paths, err := filepath.Glob(filepath.Join("migrationstest", "testdata", "golden", "*", pattern))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		files = append(files, data)
	}
	return files
}

// FuzzSnapshot checks the files with a model. A text that is accepted is one JSON document, names
// each table, column and index once, and is the same model after it is written and read again. From
// any two accepted models of one dialect the package makes migrations and a script without a panic.
func FuzzSnapshot(f *testing.F) {
	var last []byte
	for _, data := range goldenFiles(f, "*.json") {
		f.Add(data, data)
		f.Add(data, last)
		last = data
	}
	const head = `{"format":1,"dialect":"postgres","add":"1","tables":[`
	for _, text := range []string{
		``, `{}`, `null`, `{"format":2}`, `{"format":1}`, head + `]}`, head + `]}{}`, head + `]} x`, head + `{}]}`, head + `{},{}]}`, head + `null]}`,
		head + `{"name":"t","columns":[{"name":"a","type":"text"},{"name":"a","type":"bigint"}],"primaryKey":["a"],"indexes":[]}]}`,
		head + `{"name":"t","columns":[{"name":"a","type":"text","notNull":true,"default":"'x'"}],"primaryKey":null,"indexes":[{"name":"i","columns":[],"where":"a > 1 -- ;"},{"name":"i","columns":["b"]}]}]}`,
		head + `{"name":"s.t","columns":[{"name":"","type":"("},{"name":"b\n-- +goose Up","type":"numeric(","identity":true}],"primaryKey":["x","x"],"indexes":[{"name":"\u0000","columns":null}]}]}`,
		head + `{"name":"t","Columns":[{"name":"a"}],"columns":[{"type":"text"}]}],"tables":[{"name":"u"}]}`,
		`{"format":1,"dialect":"oracle","add":"1","tables":[]}`, `{"format":1,"unknown":1}`, "\ufeff{}",
	} {
		f.Add([]byte(text), []byte(head+`]}`))
		f.Add([]byte(text), []byte(strings.Replace(text, "text", "varchar(10)", 1)))
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		old, ok := wantModel(t, before)
		current, ok2 := wantModel(t, after)
		if !ok || !ok2 || old.Dialect != current.Dialect {
			return
		}
		d, err := dialectOf(old.Dialect)
		if err != nil {
			return // openFolder refuses it
		}
		for _, decided := range []decisions{{}, {allowDestructive: true}, {byHand: true}, {concurrently: true}} {
			plan := newPlan(&folder{dialect: d, model: old}, current, decided)
			plan.refused()
			var steps []scriptStep
			for _, m := range plan.migrations(1, "x") {
				data := m.file.encode()
				if read, err := parseFile(m.file.name, data); err == nil {
					read.unfinished()
				}
				steps = append(steps, scriptStep{number: 1, file: m.file, statements: m.file.up.statements, modelled: true, changes: plan.changes})
			}
			d.writeScript(&script{steps: steps})
		}
	})
}

// wantModel decodes a snapshot and checks a model that is accepted.
func wantModel(t *testing.T, data []byte) (Model, bool) {
	t.Helper()
	model, add, err := decodeSnapshot(data)
	if err != nil {
		return model, false
	}
	if !json.Valid(data) {
		t.Errorf("accepted, but not one JSON document: %q", data)
	}
	written, err := encodeSnapshot(model, add)
	if err != nil {
		t.Fatalf("%+v cannot be written: %v", model, err)
	}
	if len(written) > 64*len(data)+256 {
		t.Errorf("%d bytes have become %d", len(data), len(written))
	}
	again, againAdd, err := decodeSnapshot(written)
	if err != nil || againAdd != add || !reflect.DeepEqual(withoutEmpty(again), withoutEmpty(model)) {
		t.Errorf("%q is read as %+v, and after it is written as %+v (%v)", data, model, again, err)
	}
	if rewritten, err := encodeSnapshot(again, againAdd); err != nil || !bytes.Equal(rewritten, written) {
		t.Errorf("it is written as %s, and then as %s (%v)", written, rewritten, err)
	}
	if d, err := dialectOf(model.Dialect); err == nil {
		changes, reasons := diff(d, model, again, nil)
		if len(changes)+len(reasons) > 0 || !sameModel(d, model, again) {
			t.Errorf("the model %+v differs from itself by %+v %v", model, changes, reasons)
		}
	}
	return model, true
}

// withoutEmpty returns the model with nil in place of slices without elements.
func withoutEmpty(m Model) Model {
	m.Tables = slices.Clone(m.Tables)
	if len(m.Tables) == 0 {
		m.Tables = nil
	}
	for i := range m.Tables {
		table := &m.Tables[i]
		if len(table.Columns) == 0 {
			table.Columns = nil
		}
		if len(table.Indexes) == 0 {
			table.Indexes = nil
		}
	}
	return m
}

// FuzzParseFile checks the files with SQL. An error is an [ErrInconsistent]. What is accepted is
// not longer than the text, and is the same file after it is written and read again. Nothing else
// that reads a file panics. That the statements are those that goose runs, FuzzScript in
// migrationstest/goosetest checks.
func FuzzParseFile(f *testing.F) {
	for _, data := range goldenFiles(f, "*.sql") {
		f.Add(data)
	}
	for _, text := range []string{
		"", "SELECT 1;", "-- +goose Up\nSELECT 1", "-- +goose Sideways\n", "-- +goose Up\nSELECT 1\n-- +goose Down\nSELECT 2;\n", "-- +goose Up\nSELECT 1;\n-- +goose Up\nSELECT 2;\n",
		"-- +goose Down\nSELECT 1;\n-- +goose Up\n", "-- +goose Up\nSELECT 1;\t-- a\nSELECT 2; -- it's\nSELECT ';' -- b;\n;\n", "-- +goose Up\n-- +goose StatementBegin\n-- +goose StatementEnd\nSELECT 1;\n",
		"-- +goose Up\n-- +goose StatementBegin\nBEGIN\n  a; -- b\n\nEND $$ -- c\n-- d\n-- +goose StatementEnd\n-- +goose Down\n;\n;;\n -- x\n", "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n",
		"-- +GOOSE up\n-- +goose no transaction\r\n--+gooseUP\r\n-- DESTRUCTIVE: a  b +goose\nDROP TABLE t;\r\nDROP TABLE  IF EXISTS u;ALTER TABLE v RENAME TO u;\n", "-- +goose Up\n-- see +goose Down\nSELECT 1;\n",
		"-- +goose Up\nWRITE_THIS_BY_HAND;\n-- +goose ENVSUB ON\n", "-- +goose Up\n\u00a0SELECT 1;\u00a0\n\vSELECT 2;\f--\n\x00;\n", "\ufeff-- +goose Up\n", "-- +goose Up\nSELECT '\n-- +goose Down\n';\n",
		"-- +goose Up\n-- +goose StatementBegin\nSELECT 'a -- b'\n-- +goose StatementEnd\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := parseFile("x", data)
		if err != nil {
			if !errors.Is(err, ErrInconsistent) {
				t.Errorf("the error does not wrap ErrInconsistent: %v", err)
			}
			return
		}
		size := 0
		for _, s := range []section{file.up, file.down} {
			for _, text := range append(slices.Clone(s.statements), s.comments...) {
				size += len(text)
			}
			if slices.Contains(s.statements, "") {
				t.Errorf("%q has an empty statement", data)
			}
			s.destroys()
		}
		if size > len(data) {
			t.Errorf("%d bytes have become %d", len(data), size)
		}
		again, err := parseFile("x", file.encode())
		if err != nil {
			t.Fatalf("%q is written as %q: %v", data, file.encode(), err)
		}
		if again.noTransaction != file.noTransaction || !slices.Equal(again.up.statements, file.up.statements) || !slices.Equal(again.down.statements, file.down.statements) ||
			len(again.up.comments) != len(file.up.comments) || len(again.down.comments) != len(file.down.comments) {
			t.Errorf("%q is read as %+v, and after it is written as %+v", data, file, again)
		}
		if file.unfinished() {
			return
		}
		for _, d := range dialects {
			up := scriptStep{number: 2, before: 1, file: file, statements: file.up.statements}
			down := scriptStep{number: 2, before: 1, back: true, file: file, statements: file.down.statements}
			d.writeScript(&script{steps: []scriptStep{up, down}})
		}
	})
}
