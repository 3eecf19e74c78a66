// Package dbtest opens the databases that the store is tested on. Every test has a schema,
// a database or a file of its own. The README says how to run the tests and lists the
// questions that they answer.
//
// The package is a module of its own, so that the users of the store do not depend on the
// database drivers.
package dbtest
