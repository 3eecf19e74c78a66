package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// A change replaces a part of a function by other text.
type change struct {
	id         int
	file       string // from the root
	in         string // the function
	line       string // the source line, without the space around it
	what       string // old => new
	start, end int    // the offsets of the part in the file
	text       string // in its place
	position   token.Position
	function   token.Position // where the function's body begins
}

// A function is a declaration with all its changes.
type function struct {
	decl    *ast.FuncDecl
	changes []change
}

// A source is a file with the changes of its functions. Declarations outside functions have none.
type source struct {
	file      string // from the root
	text      []byte
	set       *token.FileSet
	functions []function
}

// parseSource finds the changes of a file.
func parseSource(file string, text []byte) (*source, error) {
	s := &source{file: file, text: text, set: token.NewFileSet()}
	tree, err := parser.ParseFile(s.set, file, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, d := range tree.Decls {
		if decl, ok := d.(*ast.FuncDecl); ok && decl.Body != nil {
			f := &finder{source: s, in: s.nameOf(decl), body: s.set.Position(decl.Body.Lbrace)}
			f.walk(decl.Body, decl.Type.Results)
			s.functions = append(s.functions, function{decl: decl, changes: f.list})
		}
	}
	return s, nil
}

func (s *source) nameOf(decl *ast.FuncDecl) string {
	if decl.Recv == nil {
		return decl.Name.Name
	}
	return strings.TrimLeft(s.textOf(decl.Recv.List[0].Type), "*") + "." + decl.Name.Name
}

func (s *source) offset(p token.Pos) int { return s.set.Position(p).Offset }

func (s *source) between(from, to token.Pos) string {
	return string(s.text[s.offset(from):s.offset(to)])
}

func (s *source) textOf(n ast.Node) string { return s.between(n.Pos(), n.End()) }

func (s *source) lineAt(p token.Pos) string {
	start, end := s.offset(p), s.offset(p)
	for start > 0 && s.text[start-1] != '\n' {
		start--
	}
	for end < len(s.text) && s.text[end] != '\n' {
		end++
	}
	return strings.TrimSpace(string(s.text[start:end]))
}

// A finder collects the changes of one function.
type finder struct {
	*source
	in       string
	body     token.Position
	list     []change
	failures []*ast.ReturnStmt // whose error is not nil
}

// walk looks for changes in a node, inside a function with these results.
func (f *finder) walk(root ast.Node, results *ast.FieldList) {
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			f.walk(n.Body, n.Type.Results)
			return false
		case *ast.CallExpr:
			return !isMake(n) // a capacity changes the speed only
		case *ast.BlockStmt:
			f.removals(n.List)
		case *ast.CaseClause:
			f.removals(n.Body)
			for _, e := range n.List {
				f.negateTruth(e)
			}
		case *ast.CommClause:
			f.removals(n.Body)
		case *ast.IfStmt:
			f.negateTruth(n.Cond)
			f.noteFailure(n)
		case *ast.ForStmt:
			f.negateTruth(n.Cond)
		case *ast.BinaryExpr:
			f.binary(n)
		case *ast.UnaryExpr:
			if n.Op == token.NOT {
				f.add(n, n.OpPos, n.OpPos+1, "")
			}
		case *ast.AssignStmt:
			if other, ok := assignments[n.Tok]; ok {
				f.add(n, n.TokPos, n.TokPos+token.Pos(len(n.Tok.String())), other.String())
			}
		case *ast.IncDecStmt:
			other := map[token.Token]string{token.INC: "--", token.DEC: "++"}[n.Tok]
			f.add(n, n.TokPos, n.TokPos+2, other)
		case *ast.BranchStmt:
			if other := map[token.Token]string{token.BREAK: "continue", token.CONTINUE: "break"}[n.Tok]; other != "" {
				f.add(n, n.TokPos, n.TokPos+token.Pos(len(n.Tok.String())), other)
			}
		case *ast.ReturnStmt:
			f.returned(n, results)
		}
		return true
	})
}

func isMake(n *ast.CallExpr) bool {
	name, ok := n.Fun.(*ast.Ident)
	return ok && name.Name == "make"
}

var assignments = map[token.Token]token.Token{
	token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN,
	token.MUL_ASSIGN: token.QUO_ASSIGN, token.QUO_ASSIGN: token.MUL_ASSIGN, token.REM_ASSIGN: token.MUL_ASSIGN,
	token.AND_ASSIGN: token.OR_ASSIGN, token.OR_ASSIGN: token.AND_ASSIGN, token.XOR_ASSIGN: token.AND_ASSIGN,
	token.SHL_ASSIGN: token.SHR_ASSIGN, token.SHR_ASSIGN: token.SHL_ASSIGN, token.AND_NOT_ASSIGN: token.AND_ASSIGN,
}

var operators = map[token.Token][]token.Token{
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
	token.LSS: {token.LEQ, token.GEQ}, token.GEQ: {token.GTR, token.LSS},
	token.GTR: {token.GEQ, token.LEQ}, token.LEQ: {token.LSS, token.GTR},
	token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.MUL},
	token.AND: {token.OR}, token.OR: {token.AND}, token.XOR: {token.AND}, token.AND_NOT: {token.AND},
	token.SHL: {token.SHR}, token.SHR: {token.SHL},
}

func (f *finder) binary(n *ast.BinaryExpr) {
	for _, other := range operators[n.Op] {
		f.add(n, n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), other.String())
	}
}

// negateTruth negates a condition that is a call or a variable. The operators of others change.
func (f *finder) negateTruth(e ast.Expr) {
	switch e.(type) {
	case *ast.Ident, *ast.CallExpr, *ast.SelectorExpr, *ast.IndexExpr:
		f.add(e, e.Pos(), e.End(), "!"+f.textOf(e))
	}
}

// removals removes statements of a list.
func (f *finder) removals(list []ast.Stmt) {
	for _, statement := range list {
		switch n := statement.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.ASSIGN || blank(n) {
				continue
			}
		case *ast.ExprStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt:
		default:
			continue
		}
		f.add(statement, statement.Pos(), statement.End(), "")
	}
}

// blank reports whether an assignment only says that a variable is not used.
func blank(n *ast.AssignStmt) bool {
	for i := range n.Lhs {
		if name, ok := n.Lhs[i].(*ast.Ident); !ok || name.Name != "_" {
			return false
		}
	}
	_, call := n.Rhs[0].(*ast.CallExpr)
	return !call
}

// returned changes the returned values, one at a time, to the zero value or to the other truth.
func (f *finder) returned(n *ast.ReturnStmt, results *ast.FieldList) {
	if results == nil || len(n.Results) != results.NumFields() {
		return
	}
	var types []ast.Expr
	for _, field := range results.List {
		types = append(types, slices.Repeat([]ast.Expr{field.Type}, max(1, len(field.Names)))...)
	}
	failure := f.isFailure(n, types)
	for i, e := range n.Results {
		if name := f.textOf(types[i]); failure && name != "error" && !strings.HasPrefix(name, "int") {
			continue // callers do not look at it; a number says how far the function came
		}
		if zero := f.otherThan(e, types[i]); zero != "" {
			f.add(n, e.Pos(), e.End(), zero)
		}
	}
}

// noteFailure notes the return of x in a condition x != nil.
func (f *finder) noteFailure(n *ast.IfStmt) {
	cond, ok := n.Cond.(*ast.BinaryExpr)
	if !ok || cond.Op != token.NEQ || f.textOf(cond.Y) != "nil" {
		return
	}
	for _, statement := range n.Body.List {
		if r, ok := statement.(*ast.ReturnStmt); ok && len(r.Results) > 0 && f.textOf(r.Results[len(r.Results)-1]) == f.textOf(cond.X) {
			f.failures = append(f.failures, r)
		}
	}
}

// isFailure reports whether a function certainly returns an error there.
func (f *finder) isFailure(n *ast.ReturnStmt, types []ast.Expr) bool {
	last := len(types) - 1
	if f.textOf(types[last]) != "error" {
		return false
	}
	text := f.textOf(n.Results[last])
	return slices.Contains(f.failures, n) || strings.HasPrefix(text, "errors.New(") || strings.HasPrefix(text, "fmt.Errorf(")
}

// otherThan returns the text of another value than the expression's, or "".
func (f *finder) otherThan(e, typ ast.Expr) string {
	text, name := f.textOf(e), f.textOf(typ)
	other := "*new(" + name + ")"
	switch t := typ.(type) {
	case *ast.StarExpr, *ast.MapType, *ast.ChanType, *ast.FuncType, *ast.InterfaceType:
		other = "nil"
	case *ast.ArrayType:
		if t.Len == nil {
			other = "nil"
		}
	case *ast.Ident:
		switch {
		case name == "bool":
			return negated(e, text)
		case name == "string":
			other = `""`
		case name == "error" || name == "any":
			other = "nil"
		case strings.HasPrefix(name, "int") || strings.HasPrefix(name, "uint") || strings.HasPrefix(name, "float"):
			other = "0"
		}
	}
	if literal, ok := e.(*ast.CompositeLit); ok && len(literal.Elts) == 0 && strings.HasPrefix(other, "*new") ||
		text == other || text == "nil" || text == `""` || text == "0" {
		return ""
	}
	return other
}

// negated returns the other truth; operators of their own have their own changes.
func negated(e ast.Expr, text string) string {
	switch e := e.(type) {
	case *ast.BinaryExpr, *ast.UnaryExpr:
		return ""
	case *ast.Ident:
		switch e.Name {
		case "true":
			return "false"
		case "false":
			return "true"
		}
	}
	return "!" + text
}

// add adds the change of [from, to) within the node, whose text describes it.
func (f *finder) add(within ast.Node, from, to token.Pos, text string) {
	start, end := f.offset(from), f.offset(to)
	before, old, after := f.between(within.Pos(), from), f.between(from, to), f.between(to, within.End())
	before, after = last(before, 40), first(after, 40)
	c := change{
		file: f.file, in: f.in, line: f.lineAt(from),
		what:  phrase(before, first(old, 60), after) + " => " + phrase(before, text, after),
		start: start, end: end, text: text, position: f.set.Position(from), function: f.body,
	}
	n := 1
	for _, other := range f.list {
		if other.start == c.start && other.end == c.end && other.text == c.text {
			return
		}
		if other.line == c.line && (other.what == c.what || strings.HasPrefix(other.what, c.what+" #")) {
			n++
		}
	}
	if n > 1 {
		c.what += fmt.Sprintf(" #%d", n) // of equal ones in one function
	}
	f.list = append(f.list, c)
}

// phrase returns texts in one line.
func phrase(texts ...string) string {
	if line := strings.Join(strings.Fields(strings.Join(texts, "")), " "); line != "" {
		return line
	}
	return "nothing"
}

func first(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n]) + "…"
	}
	return text
}

func last(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return "…" + string(r[len(r)-n:])
	}
	return text
}
