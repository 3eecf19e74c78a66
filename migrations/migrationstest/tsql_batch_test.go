package migrationstest

import (
	"fmt"
	"strings"

	"github.com/sqlc-dev/teesql/ast"
)

// unpack returns the statements that a script's batch executes with EXEC. The batch must make
// all of them and the record in one transaction, only in the right version, and roll it back
// after an error.
func unpack(batch string, s *ast.TryCatchStatement) (statements []string, err error) {
	kinds := func(list []ast.Statement) (all string) {
		for _, statement := range list {
			name := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", statement), "*ast."), "Statement")
			all += " " + name
		}
		return strings.TrimSpace(all)
	}
	try, catch := s.TryStatements.Statements, s.CatchStatements.Statements
	if kinds(try) != "If BeginTransaction If CommitTransaction" || kinds(catch) != "If Throw" {
		return nil, fmt.Errorf("the batch is TRY %s CATCH %s", kinds(try), kinds(catch))
	}
	if undo := catch[0].(*ast.IfStatement); !strings.Contains(source(undo.Predicate, batch), "@@TRANCOUNT > 0") || kinds([]ast.Statement{undo.ThenStatement}) != "RollbackTransaction" {
		return nil, fmt.Errorf("CATCH does not roll back")
	}
	choice := try[2].(*ast.IfStatement)
	block, ok := choice.ElseStatement.(*ast.BeginEndBlockStatement)
	if !ok || kinds([]ast.Statement{try[0].(*ast.IfStatement).ThenStatement, choice.ThenStatement}) != "Throw Print" {
		return nil, fmt.Errorf("the batch does not look for the version table and for the version")
	}
	inner := block.StatementList.Statements
	last := len(inner) - 1
	guard, ok := inner[0].(*ast.IfStatement)
	if !ok || kinds([]ast.Statement{guard.ThenStatement}) != "Throw" || !strings.Contains(source(guard, batch), "MAX(version_id)") {
		return nil, fmt.Errorf("the batch does not look for the last version")
	}
	switch record := source(inner[last], batch); inner[last].(type) {
	case *ast.InsertStatement, *ast.DeleteStatement:
		if !strings.Contains(record, "usersession_schema_version") {
			return nil, fmt.Errorf("the batch does not end with the record: %s", record)
		}
	default:
		return nil, fmt.Errorf("the batch does not end with the record: %s", record)
	}
	for _, statement := range inner[1:last] {
		execute, ok := statement.(*ast.ExecuteStatement)
		if !ok {
			return nil, fmt.Errorf("a %T is not generated", statement)
		}
		list, ok := execute.ExecuteSpecification.ExecutableEntity.(*ast.ExecutableStringList)
		if !ok || len(list.Strings) != 1 {
			return nil, fmt.Errorf("EXEC does not have one text: %s", source(execute, batch))
		}
		text, ok := strings.CutPrefix(source(list.Strings[0], batch), "N'")
		if !ok {
			return nil, fmt.Errorf("the text is not N'…': %s", source(execute, batch))
		}
		statements = append(statements, strings.ReplaceAll(strings.TrimSuffix(text, "'"), "''", "'"))
	}
	return statements, nil
}
