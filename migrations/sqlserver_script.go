package migrations

import (
	"fmt"
	"strings"
)

// writeScript writes each migration as one batch, which also records the version. It needs
// no flags of sqlcmd. The server has not executed it: see the package's documentation.
func (d sqlserver) writeScript(s *script) {
	s.comment("Each batch is one transaction: it makes all changes of a version and records it, or does nothing.")
	s.comment("Its form was never executed on a SQL Server: try it on a copy of the database first.")
	// Without QUOTED_IDENTIFIER and ANSI_NULLS a filtered index can neither be created nor
	// written to.
	s.text("SET QUOTED_IDENTIFIER ON;", "GO", "SET ANSI_NULLS ON;", "GO", "SET XACT_ABORT ON;", "GO",
		fmt.Sprintf("SET LOCK_TIMEOUT %d000;", lockSeconds), "GO")
	if s.createsVersions() {
		s.text("",
			"IF OBJECT_ID(N'"+VersionTable+"') IS NULL\n    CREATE TABLE "+VersionTable+" (id INT NOT NULL IDENTITY(1,1) PRIMARY KEY, version_id BIGINT NOT NULL, is_applied BIT NOT NULL, tstamp DATETIME NULL DEFAULT CURRENT_TIMESTAMP);", "GO",
			"INSERT INTO "+VersionTable+" (version_id, is_applied) SELECT 0, 1 WHERE NOT EXISTS (SELECT 1 FROM "+VersionTable+" WITH (TABLOCKX, HOLDLOCK) WHERE version_id = 0);", "GO")
	}
	for _, step := range s.steps {
		s.title(step)
		d.batch(s, step)
	}
}

// batch writes a step. EXEC runs its statements, so that CATCH also receives their syntax errors:
// a syntax error in the batch itself would keep all of it from running.
func (d sqlserver) batch(s *script, step scriptStep) {
	not, record := "", fmt.Sprintf("INSERT INTO %s (version_id, is_applied) VALUES (%d, 1);", VersionTable, step.number)
	if step.back {
		not, record = "NOT ", fmt.Sprintf("DELETE FROM %s WHERE version_id = %d;", VersionTable, step.number)
	}
	s.text("BEGIN TRY",
		"    IF OBJECT_ID(N'"+VersionTable+"') IS NULL",
		"        THROW 50000, N'"+step.refused()+", and the table "+VersionTable+" does not exist', 1;")
	if !step.file.noTransaction {
		s.text("    BEGIN TRANSACTION;")
	}
	s.text(
		// The lock of the table makes the scripts of several sessions run one after the other.
		fmt.Sprintf("    IF %sEXISTS (SELECT 1 FROM %s WITH (TABLOCKX, HOLDLOCK) WHERE version_id = %d AND is_applied = 1)", not, VersionTable, step.number),
		"        PRINT N'"+step.done()+"';",
		"    ELSE",
		"    BEGIN",
		fmt.Sprintf("        IF NOT EXISTS (SELECT 1 FROM %s WHERE is_applied = 1 HAVING MAX(version_id) = %d)", VersionTable, step.current()),
		"            THROW 50000, N'"+step.refused()+"', 1;")
	for _, statement := range step.statements {
		// sqlcmd would take $( for one of its variables.
		s.text("        EXEC (N" + strings.ReplaceAll(literal(statement+";"), "$(", "$' + N'(") + ");")
	}
	s.text("        "+record, "    END;")
	if !step.file.noTransaction {
		s.text("    COMMIT TRANSACTION;")
	}
	s.text("END TRY",
		"BEGIN CATCH",
		"    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;",
		"    THROW;",
		"END CATCH;",
		"GO")
}
