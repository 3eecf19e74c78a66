package main

import (
	"bytes"
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// Describe returns the exported API of a package: one sorted line for each exported
// constant, variable, function, type, field and method. A method that is promoted from an
// internal package is listed with the type that embeds it, because the users of that type
// call it. A method that is promoted from another package is not listed: the line of the
// embedded field implies it.
func Describe(pkg *types.Package) []byte {
	d := &description{pkg: pkg}
	scope := pkg.Scope()
	for _, name := range scope.Names() {
		object := scope.Lookup(name)
		if !object.Exported() {
			continue
		}
		switch object := object.(type) {
		case *types.Const:
			d.add("const %s %s = %s", name, d.typeName(object.Type()), object.Val().ExactString())
		case *types.Var:
			d.add("var %s %s", name, d.typeName(object.Type()))
		case *types.Func:
			d.add("func %s%s", name, d.signature(object))
		case *types.TypeName:
			d.addType(object)
		}
	}
	slices.Sort(d.lines)
	var out bytes.Buffer
	fmt.Fprintf(&out, "package %s\n", pkg.Name())
	for _, line := range d.lines {
		fmt.Fprintln(&out, line)
	}
	return out.Bytes()
}

type description struct {
	pkg   *types.Package
	lines []string
}

func (d *description) add(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *description) addType(object *types.TypeName) {
	name := object.Name()
	if object.IsAlias() {
		d.add("type %s = %s", name, d.typeName(types.Unalias(object.Type())))
		return
	}
	if named, ok := object.Type().(*types.Named); ok && named.TypeParams().Len() > 0 {
		name = d.typeName(named)
	}
	switch underlying := object.Type().Underlying().(type) {
	case *types.Struct:
		d.add("type %s struct", name)
		d.addFields(object.Name(), underlying)
	case *types.Interface:
		d.add("type %s interface", name)
		d.addInterface(object.Name(), underlying)
		return
	default:
		d.add("type %s %s", name, d.typeName(underlying))
	}
	d.addMethods(object)
}

func (d *description) addFields(name string, s *types.Struct) {
	for i := range s.NumFields() {
		field := s.Field(i)
		if !field.Exported() {
			continue
		}
		line := fmt.Sprintf("field %s.%s %s", name, field.Name(), d.typeName(field.Type()))
		if field.Embedded() {
			line += " (embedded)"
		}
		if tag := s.Tag(i); tag != "" {
			line += " `" + tag + "`" // the tags are part of the API: they define the schema
		}
		d.lines = append(d.lines, line)
	}
}

func (d *description) addInterface(name string, i *types.Interface) {
	sealed := false
	for method := range i.Methods() {
		if !method.Exported() {
			sealed = true
			continue
		}
		d.add("method %s.%s%s", name, method.Name(), d.signature(method))
	}
	if sealed {
		d.add("method %s: unexported methods", name)
	}
	if !i.IsMethodSet() {
		d.add("constraint %s %s", name, d.typeName(i))
	}
}

// addMethods adds the methods of a pointer to the type. The receiver is (T) if the type
// itself has the method, and (*T) otherwise.
func (d *description) addMethods(object *types.TypeName) {
	values := types.NewMethodSet(object.Type())
	pointers := types.NewMethodSet(types.NewPointer(object.Type()))
	for selection := range pointers.Methods() {
		method := selection.Obj().(*types.Func)
		if !method.Exported() || !d.isListed(method.Pkg()) {
			continue
		}
		receiver := "*" + object.Name()
		if values.Lookup(method.Pkg(), method.Name()) != nil {
			receiver = object.Name()
		}
		d.add("method (%s) %s%s", receiver, method.Name(), d.signature(method))
	}
}

// isListed reports whether the methods of a package are listed: those of the described
// package and of internal packages.
func (d *description) isListed(pkg *types.Package) bool {
	return pkg == d.pkg || pkg != nil && strings.Contains(pkg.Path(), "/internal/")
}

// signature returns a function's signature without the names of parameters and results:
// a change of these names does not break callers.
func (d *description) signature(function *types.Func) string {
	s := function.Signature()
	bare := types.NewSignatureType(nil, nil, slices.Collect(s.TypeParams().TypeParams()),
		nameless(s.Params()), nameless(s.Results()), s.Variadic())
	return strings.TrimPrefix(d.typeName(bare), "func")
}

// nameless returns the tuple without names.
func nameless(tuple *types.Tuple) *types.Tuple {
	var vars []*types.Var
	for v := range tuple.Variables() {
		vars = append(vars, types.NewParam(v.Pos(), v.Pkg(), "", v.Type()))
	}
	return types.NewTuple(vars...)
}

// typeName returns a type with package names instead of paths, because the names stay the
// same when the module is renamed.
func (d *description) typeName(t types.Type) string {
	return types.TypeString(t, func(other *types.Package) string {
		if other == d.pkg {
			return ""
		}
		return other.Name()
	})
}
