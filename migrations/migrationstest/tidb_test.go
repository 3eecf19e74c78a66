package migrationstest

import (
	"strings"
	"testing"

	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// TestTiDB_TableOptions: a migration that was edited as docs/scale.md says creates the table of
// the entities, and Check finds nothing. Without the options Check warns of the order of ids, and
// it refuses AUTO_RANDOM.
func TestTiDB_TableOptions(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		if !d.IsTiDB() {
			t.Run("left out", func(t *testing.T) { t.Skipf("%s is not TiDB: make test-tidb", d.Version) })
			return
		}
		const end = "\n);\n\n-- +goose Down"
		for name, tt := range map[string]struct {
			edits    [][2]string
			problem  string // of the only finding
			harmless bool
		}{
			"as in docs/scale.md": {edits: [][2]string{
				{"PRIMARY KEY (`id`),", "PRIMARY KEY (`id`) NONCLUSTERED,"},
				{end, strings.Replace(end, ");", ") SHARD_ROW_ID_BITS = 4 PRE_SPLIT_REGIONS = 4 AUTO_ID_CACHE = 1;", 1)},
			}},
			"as generated": {problem: "user_sessions.id: every TiDB server takes", harmless: true},
			"AUTO_RANDOM":  {edits: [][2]string{{"AUTO_INCREMENT", "AUTO_RANDOM"}}, problem: "user_sessions.id: AUTO_RANDOM ids"},
		} {
			t.Run(name, func(t *testing.T) {
				d, dir := d.Engine.New(t), t.TempDir()
				add(t, dir, steps[0])
				for _, e := range tt.edits {
					edit(t, dir, "mysql", "init", e[0], e[1])
				}
				project := team(dir, steps[0].models...)
				if name != "AUTO_RANDOM" { // no auto-increment
					mustRun(t, project, "verify", dsnOf(t, d.Engine.New(t)))
				}
				mustRun(t, project, "up", dsnOf(t, d))
				findings, err := migrations.Check(t.Context(), d.Open(t, dbtest.Setup{}))
				switch {
				case err != nil:
					t.Fatal(err)
				case tt.problem == "" && len(findings) > 0:
					t.Errorf("got the findings %v", findings)
				case tt.problem != "" && (len(findings) != 1 || findings[0].Harmless != tt.harmless || !strings.HasPrefix(findings[0].String(), tt.problem)):
					t.Errorf("want only the finding %q, got %v", tt.problem, findings)
				}
			})
		}
	})
}
