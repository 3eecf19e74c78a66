package migrations

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// snapshotFormat is the version of the file format. It changes when older code could not
// read a new file correctly.
const snapshotFormat = 1

// A snapshot is a committed model. It has one column or index on a line, so that a review
// shows each change, and git reports a conflict between two branches that both add a
// migration.
type snapshot struct {
	Format  int             `json:"format"`
	Dialect string          `json:"dialect"`
	Add     string          `json:"add"` // the first version of the add that wrote it
	Tables  []snapshotTable `json:"tables"`
}

type snapshotTable struct {
	Name       string   `json:"name"`
	Columns    []Column `json:"columns"`
	PrimaryKey []string `json:"primaryKey"`
	Indexes    []Index  `json:"indexes"`
}

// encodeSnapshot writes the file by hand, since encoding/json cannot put a whole column on
// one line of an indented document.
func encodeSnapshot(model Model, add string) ([]byte, error) {
	var b bytes.Buffer
	var failed error
	value := func(v any) []byte {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false) // keeps conditions such as a > 1 readable
		if err := encoder.Encode(v); err != nil {
			failed = err
		}
		return bytes.TrimSpace(line.Bytes())
	}
	fmt.Fprintf(&b, "{\n  \"format\": %d,\n  \"dialect\": %s,\n  \"add\": %s,\n  \"tables\": [", snapshotFormat, value(model.Dialect), value(add))
	for i, table := range model.Tables {
		fmt.Fprintf(&b, "%s\n    {\n      \"name\": %s,\n      \"columns\": [", comma(i), value(table.Name))
		for i, column := range table.Columns {
			fmt.Fprintf(&b, "%s\n        %s", comma(i), value(column))
		}
		fmt.Fprintf(&b, "\n      ],\n      \"primaryKey\": %s,\n      \"indexes\": [", value(table.PrimaryKey))
		for i, index := range table.Indexes {
			fmt.Fprintf(&b, "%s\n        %s", comma(i), value(index))
		}
		b.WriteString("\n      ]\n    }")
	}
	b.WriteString("\n  ]\n}\n")
	return b.Bytes(), failed
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// decodeSnapshot returns the model and the add that wrote it. It refuses what a merge can leave:
// a second document, and two tables, columns or indexes of one name.
func decodeSnapshot(data []byte) (Model, string, error) {
	var s snapshot
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return Model{}, "", err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Model{}, "", errors.New("there is data after the model")
	}
	if s.Format != snapshotFormat {
		return Model{}, "", fmt.Errorf("its format is %d, want %d: another version of this package wrote it", s.Format, snapshotFormat)
	}
	model := Model{Dialect: s.Dialect}
	for _, table := range s.Tables {
		model.Tables = append(model.Tables, Table{
			Name: table.Name, Columns: table.Columns, PrimaryKey: table.PrimaryKey, Indexes: table.Indexes,
		})
	}
	return model, s.Add, model.checkNames()
}

// checkNames returns an error if two tables, or two columns or indexes of a table, have one name.
func (m Model) checkNames() error {
	seen := map[[3]string]bool{}
	once := func(table, kind, name string) error {
		if id := [3]string{table, kind, name}; !seen[id] {
			seen[id] = true
			return nil
		}
		return fmt.Errorf("the %s %s occurs twice", kind, name)
	}
	for _, table := range m.Tables {
		err := once("", "table", table.Name)
		for _, column := range table.Columns {
			err = cmp.Or(err, once(table.Name, "column", column.Name))
		}
		for _, index := range table.Indexes {
			err = cmp.Or(err, once(table.Name, "index", index.Name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
