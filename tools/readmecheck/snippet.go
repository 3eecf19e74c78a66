package main

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Snippet returns the code that source names: "file.go", or "file.go#Name" for a function, a
// type, or a method Type.Method. Several names are separated by commas. Of an example it returns
// the body, without the output comment. A missing file or declaration is an error.
func Snippet(root, source string) (string, error) {
	name, declaration, part := strings.Cut(source, "#")
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return "", err
	}
	if !part {
		return string(text), nil
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, text, parser.ParseComments)
	if err != nil {
		return "", err
	}
	cut := func(from, to token.Pos) string {
		return string(text[files.Position(from).Offset:files.Position(to).Offset])
	}
	var parts []string
	for declaration := range strings.SplitSeq(declaration, ",") {
		part, err := find(file, name, declaration, cut)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "\n\n"), nil
}

// find returns one declaration of a file.
func find(file *ast.File, name, declaration string, cut func(from, to token.Pos) string) (string, error) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			switch {
			case nameOf(decl) != declaration:
			case !strings.HasPrefix(declaration, "Example"):
				return cut(decl.Pos(), decl.End()), nil
			default:
				return body(cut(decl.Body.Lbrace+1, decl.Body.Rbrace))
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok && spec.Name.Name == declaration {
					return cut(decl.Pos(), decl.End()), nil
				}
			}
		}
	}
	return "", fmt.Errorf("%s declares no %s", name, declaration)
}

// nameOf returns the name of a function, or Type.Method.
func nameOf(decl *ast.FuncDecl) string {
	if decl.Recv == nil {
		return decl.Name.Name
	}
	receiver := decl.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if ident, ok := receiver.(*ast.Ident); ok {
		return ident.Name + "." + decl.Name.Name
	}
	return ""
}

var output = regexp.MustCompile(`(?mis)^\s*// (unordered )?output:.*\z`)

// body returns the statements of an example without indentation and output comment.
func body(code string) (string, error) {
	code = output.ReplaceAllString(code, "")
	formatted, err := format.Source([]byte(strings.Trim(code, "\n")))
	if err != nil {
		return "", err
	}
	// format.Source keeps the indentation of the first line of a fragment.
	lines := strings.Split(string(formatted), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "\t")
	}
	return strings.TrimSpace(strings.Join(lines, "\n")), nil
}
