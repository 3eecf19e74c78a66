package migrations

import "strconv"

// Bits of @@OPTIONS.
const (
	implicitTransactions = 2
	noCount              = 512
	xactAbort            = 16384
)

func (d sqlserver) probes(table string) []probe {
	object := d.quote(table)
	return []probe{
		{query: "SELECT @@OPTIONS", find: func(c *checker, row []string) {
			options, err := strconv.Atoi(row[0])
			if err != nil {
				return
			}
			if options&implicitTransactions != 0 {
				c.add("connection", "IMPLICIT_TRANSACTIONS is ON, so that writes are lost when the connection closes", "SET IMPLICIT_TRANSACTIONS OFF")
			}
			if options&noCount != 0 {
				c.harmless("connection", "NOCOUNT is ON: the store counts its rows itself, GORM's own statements report none", "SET NOCOUNT OFF")
			}
			if options&xactAbort != 0 {
				c.add("connection", "XACT_ABORT is ON: with WithTx, a conflict of the store ends the application's transaction", "SET XACT_ABORT OFF")
			}
		}},
		{query: "SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS nvarchar(60))", find: func(c *checker, row []string) {
			if row[0] == "READ_ONLY" {
				c.add("connection", readOnlyProblem, "connect to the primary replica")
			}
		}},
		{query: "SELECT CASE WHEN is_read_committed_snapshot_on = 1 THEN 1 ELSE 0 END FROM sys.databases WHERE name = DB_NAME()", find: func(c *checker, row []string) {
			if row[0] == "0" {
				c.harmless("database", "READ_COMMITTED_SNAPSHOT is OFF: a read waits for writers, and may deadlock with a delete",
					"ALTER DATABASE … SET READ_COMMITTED_SNAPSHOT ON")
			}
		}},
		{query: "SELECT transaction_isolation_level FROM sys.dm_exec_sessions WHERE session_id = @@SPID", find: func(c *checker, row []string) {
			switch row[0] {
			case "1":
				isolation(c, "read uncommitted")
			case "4":
				isolation(c, "serializable")
			}
		}},
		{query: `SELECT f.name, OBJECT_NAME(f.parent_object_id) FROM sys.foreign_keys f
			WHERE f.referenced_object_id = OBJECT_ID(?) AND f.delete_referential_action = 0 ORDER BY f.name`, args: []any{object}, find: foreignKeyKeepsRows(table)},
		{query: `SELECT p.name FROM sys.security_predicates s JOIN sys.security_policies p ON p.object_id = s.object_id
			WHERE s.target_object_id = OBJECT_ID(?) AND p.is_enabled = 1`, args: []any{object}, find: func(c *checker, row []string) {
			c.add(table, "the security policy "+row[0]+" may hide rows: the cleanup, or a user's sign-out everywhere, may miss some without an error",
				"exempt the store's account from the policy")
		}},
	}
}
