package migrations

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// snapshotFormat grows when a file can't be read as the older ones are.
const snapshotFormat = 1

// A snapshot is a model as it is committed: one column or index on a line, so that a
// review shows what has changed, and two branches that both add a migration conflict.
type snapshot struct {
	Format  int             `json:"format"`
	Dialect string          `json:"dialect"`
	Add     string          `json:"add"` // the version of the add that wrote it
	Tables  []snapshotTable `json:"tables"`
}

type snapshotTable struct {
	Name       string   `json:"name"`
	Columns    []Column `json:"columns"`
	PrimaryKey []string `json:"primaryKey"`
	Indexes    []Index  `json:"indexes"`
}

func encodeSnapshot(model Model, add string) ([]byte, error) {
	var b bytes.Buffer
	var failed error
	value := func(v any) []byte {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false) // conditions read as they are
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

func decodeSnapshot(data []byte) (Model, string, error) {
	var s snapshot
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return Model{}, "", err
	}
	if s.Format != snapshotFormat {
		return Model{}, "", fmt.Errorf("format %d, want %d: it was written by another version of this package", s.Format, snapshotFormat)
	}
	model := Model{Dialect: s.Dialect}
	for _, table := range s.Tables {
		model.Tables = append(model.Tables, Table(table))
	}
	return model, s.Add, nil
}
