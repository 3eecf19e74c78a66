package usersession

import (
	"database/sql"
	"fmt"
	"strings"
)

var sqlserver = dialect{
	name:          "sqlserver",
	ordinal:       "CAST(%[1]s AS varbinary(400)) = CAST(?i AS varbinary(400))",
	limit:         " OFFSET 0 ROWS FETCH NEXT ?n ROWS ONLY",
	isolation:     sql.LevelReadCommitted,
	savepoint:     "SAVE TRANSACTION usersession",
	rollbackTo:    "ROLLBACK TRANSACTION usersession",
	wrap:          fixTypes,
	countsItself:  true,
	settingsQuery: sqlserverSettings,
	judge:         judgeSQLServer,
	cleanup:       formReadPast,
	cleanupBatch:  250,
	duplicate:     []string{msDuplicateIndexKey, msDuplicateConstraint},
	retry:         []string{msDeadlock, msSnapshotUpdateConflict},
	remedies:      map[string]string{msInvalidObject: missingTable, msInvalidColumn: missingTable, msReadOnly: readOnly, msPermission: noPrivilege, msColumnPermission: noPrivilege, msSetOptions: "the connection has QUOTED_IDENTIFIER or another ANSI option OFF, which the filtered index forbids: leave them ON, as the driver does"},
	// Babelfish may refuse to delete from the result of a query.
	cleanupRefused: []string{msIncorrectSyntax, msInvalidObject, msNotUpdatable, babelfishUnmapped},
	refusal: []string{
		msConstraintConflict, msTriggerEndedBatch, msNull, msDuplicateIndexKey, msDuplicateConstraint, msTruncated, msTruncatedColumn,
	},
}

// sqlserverTypes are the types of the placeholders in SQL Server, see bind.
var sqlserverTypes = map[byte]string{
	'i': "nvarchar(200)",
	't': "datetimeoffset(6)",
	'n': "bigint",
	'b': "varbinary(max)",
}

// reportColumn is the name of the first column of the row in which a statement returns its
// result, see [conn.report].
const reportColumn = "usersession_rows"

// fixTypes returns a text that runs the statement in sp_executesql, with parameters of fixed
// types. The driver declares a parameter with the length of its value, and SQL Server keeps a
// plan for each combination of lengths. The plan of the inner statement is the same for all.
//
// A statement that writes returns its own count of rows. The count in the protocol is missing
// if the connection has NOCOUNT ON, and includes the rows that triggers have changed. A trigger
// may also return rows of its own, before those of the statement, see [conn.report].
//
// The text for a SELECT begins with a SELECT without effect, because the dbresolver plugin sends
// only texts that begin with SELECT to a replica.
func fixTypes(statement string, kinds []byte) string {
	begin := ""
	switch {
	case strings.HasPrefix(statement, "SELECT"):
		begin = "SELECT @p1 = @p1; "
	case strings.Contains(statement, "@gone"): // deleteReadPast returns its result itself
		statement = "SET NOCOUNT ON; " + statement
	default:
		statement = "SET NOCOUNT ON; " + statement + "; SELECT CAST(@@ROWCOUNT AS bigint) AS " + reportColumn
	}
	declared, passed := make([]string, len(kinds)), make([]string, len(kinds))
	for i, kind := range kinds {
		passed[i] = fmt.Sprintf("@p%d", i+1)
		declared[i] = passed[i] + " " + sqlserverTypes[kind]
	}
	return begin + "EXEC sp_executesql N'" + strings.ReplaceAll(statement, "'", "''") + "', N'" +
		strings.Join(declared, ", ") + "', " + strings.Join(passed, ", ")
}
