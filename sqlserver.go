package usersession

import (
	"fmt"
	"strings"
)

// sqlserverTypes are the types of the placeholders in SQL Server, see bind.
var sqlserverTypes = map[byte]string{
	'i': "nvarchar(200)",
	't': "datetimeoffset(6)",
	'n': "bigint",
	'b': "varbinary(max)",
}

// reportColumn is the name of the first column of the row with which a statement reports what it
// has done.
const reportColumn = "usersession_rows"

// fixTypes returns a text that runs the statement in sp_executesql, with parameters of fixed
// types. The driver declares a parameter with the length of its value, and SQL Server keeps a
// plan for each combination of lengths. The plan of the inner statement is the same for all.
//
// A statement that writes returns its own count of rows. The count in the protocol is missing
// if the connection has NOCOUNT ON, and includes the rows that triggers have changed. A trigger
// may also return rows of its own, before those of the statement, see [conn.report].
//
// A SELECT begins with a SELECT without effect, because the dbresolver plugin sends only
// texts that begin so to a replica.
func fixTypes(statement string, kinds []byte) string {
	begin := ""
	switch {
	case strings.HasPrefix(statement, "SELECT"):
		begin = "SELECT @p1 = @p1; "
	case strings.Contains(statement, "@gone"): // it reports the batch, see deleteReadPast
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
