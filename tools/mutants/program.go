package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"strings"
)

// The changes of a package are compiled into one program: each changed function is a copy of its
// own, and the original calls the copy whose number the environment has. So a package is compiled
// once, not once for each change, and a change takes no longer than its tests.

// environment is the variable that chooses the change; without it the program is unchanged.
const environment = "USERSESSION_MUTANT"

// chooser is the file that is added to the package; %s is the package's name.
const chooser = `package %s

import (
	"os"
	"strconv"
)

var chosenMutant, _ = strconv.Atoi(os.Getenv("` + environment + `"))
`

// A span is the lines of a program that have one change.
type span struct{ first, last, id int }

// program returns the file with copies of its functions for the changes that are not left out, and
// where each of them is.
func (s *source) program(without map[int]bool) (text []byte, spans []span) {
	var body, copies bytes.Buffer
	at := 0
	for _, f := range s.functions {
		calls := ""
		header := newHeader(s, f.decl)
		for _, c := range f.changes {
			if without[c.id] {
				continue
			}
			calls += fmt.Sprintf("case %d:\n%s\n", c.id, header.call(c.id))
			spans = append(spans, span{first: lines(copies.Bytes()), id: c.id})
			fmt.Fprintf(&copies, "\n%s{%s%s%s\n", header.declaration(c.id),
				s.text[s.offset(f.decl.Body.Lbrace)+1:c.start], c.text, s.text[c.end:s.offset(f.decl.Body.End())])
			spans[len(spans)-1].last = lines(copies.Bytes())
		}
		if calls == "" {
			continue
		}
		start, open := s.offset(f.decl.Pos()), s.offset(f.decl.Body.Lbrace)
		body.Write(s.text[at:start])
		fmt.Fprintf(&body, "%s{\nswitch chosenMutant {\n%s}\n", header.declaration(0), calls)
		at = open + 1
	}
	body.Write(s.text[at:])
	before := lines(body.Bytes())
	for i := range spans {
		spans[i].first += before
		spans[i].last += before
	}
	return append(body.Bytes(), copies.Bytes()...), spans
}

// lines returns the number of the line on which a text ends, from 1; spans are wider by one.
func lines(text []byte) int { return bytes.Count(text, []byte("\n")) }

// A header is a function's declaration whose receiver and parameters all have names.
type header struct {
	receiver, name, typeParameters, parameters, results string
	self, typeArguments                                 string
	arguments                                           []string
}

func newHeader(s *source, decl *ast.FuncDecl) header {
	h := header{name: decl.Name.Name}
	if decl.Recv != nil {
		fields, names := s.named(decl.Recv, "r")
		h.receiver, h.self = "("+fields+") ", names[0]+"."
	}
	if decl.Type.TypeParams != nil {
		fields, names := s.named(decl.Type.TypeParams, "t")
		h.typeParameters, h.typeArguments = "["+fields+"]", "["+strings.Join(names, ", ")+"]"
	}
	h.parameters, h.arguments = s.named(decl.Type.Params, "p")
	if decl.Type.Results != nil {
		h.results = s.textOf(decl.Type.Results)
	}
	return h
}

// named returns the fields, each with a name, and the names as arguments of a call.
func (s *source) named(fields *ast.FieldList, prefix string) (text string, names []string) {
	var parts []string
	for i, field := range fields.List {
		list := field.Names
		if len(list) == 0 {
			list = []*ast.Ident{{Name: "_"}}
		}
		for j, name := range list {
			n := name.Name
			if n == "_" {
				n = fmt.Sprintf("%sMutant%d_%d", prefix, i, j)
			}
			parts = append(parts, n+" "+s.textOf(field.Type))
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				n += "..."
			}
			names = append(names, n)
		}
	}
	return strings.Join(parts, ", "), names
}

// declaration returns the function's header, for a copy with the name of its number.
func (h header) declaration(id int) string {
	name := h.name
	if id > 0 {
		name = copyName(name, id)
	}
	return fmt.Sprintf("func %s%s%s(%s) %s ", h.receiver, name, h.typeParameters, h.parameters, h.results)
}

// call returns the statements that call a copy and return its results.
func (h header) call(id int) string {
	call := fmt.Sprintf("%s%s%s(%s)", h.self, copyName(h.name, id), h.typeArguments, strings.Join(h.arguments, ", "))
	if h.results == "" {
		return call + "\nreturn"
	}
	return "return " + call
}

func copyName(name string, id int) string { return fmt.Sprintf("%sMutant%d", name, id) }
