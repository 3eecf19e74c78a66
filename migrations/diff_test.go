package migrations

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestInverse_EqualsDiffBack compares the inverse of random changes, from which Down is
// generated, with the difference in the other direction.
func TestInverse_EqualsDiffBack(t *testing.T) {
	renames := []rename{{"t0", "c0", "r0"}, {"t1", "c1", "r1"}, {"t1", "c2", "r2"}}
	var back []rename
	for _, r := range renames {
		back = append(back, rename{r.table, r.new, r.old})
	}
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 0))
		before, after := randomModel(random), randomModel(random)
		changes, _ := diff(postgres{}, before, after, renames)
		var got []tableChange
		for _, change := range changes {
			got = append(got, change.inverse())
		}
		want, _ := diff(postgres{}, after, before, back)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d:\n got %+v\nwant %+v", seed, got, want)
		}
		if same := sameModel(postgres{}, before, after); same != (len(changes) == 0) {
			t.Fatalf("seed %d: sameModel is %t, the changes are %+v", seed, same, changes)
		}
	}
}

// TestSameModel_ColumnOrder checks that the order of columns does not count.
func TestSameModel_ColumnOrder(t *testing.T) {
	model := randomModel(rand.New(rand.NewPCG(1, 1)))
	other := Model{Dialect: model.Dialect, Tables: slices.Clone(model.Tables)}
	for i := range other.Tables {
		other.Tables[i].Columns = slices.Clone(other.Tables[i].Columns)
		slices.Reverse(other.Tables[i].Columns)
	}
	if len(model.Tables) == 0 || !sameModel(postgres{}, model, other) {
		t.Errorf("%+v differs from the same model with reversed columns", model)
	}
}

// randomModel returns up to three tables with columns in any order.
func randomModel(random *rand.Rand) Model {
	model := Model{Dialect: "postgres"}
	for i := range 3 {
		if random.IntN(4) == 0 {
			continue
		}
		table := Table{Name: fmt.Sprintf("t%d", i), PrimaryKey: []string{"id"}, Columns: []Column{{Name: "id", Type: "bigint"}}}
		for _, name := range []string{"c0", "c1", "c2", "r0", "r1", "r2"} {
			if random.IntN(2) == 0 {
				types := []string{"bigint", "text", "varchar(10)"}
				table.Columns = append(table.Columns, Column{Name: name, Type: types[random.IntN(len(types))], NotNull: random.IntN(2) == 0})
			}
			if random.IntN(3) == 0 && table.Column(name) != nil {
				table.Indexes = append(table.Indexes, Index{Name: fmt.Sprintf("i%d", len(table.Indexes)), Columns: []string{name}})
			}
		}
		random.Shuffle(len(table.Columns), func(i, j int) { table.Columns[i], table.Columns[j] = table.Columns[j], table.Columns[i] })
		model.Tables = append(model.Tables, table)
	}
	return model
}
