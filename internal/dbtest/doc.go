// Package dbtest opens the databases that the store is tested on, each test's in a
// schema, database or file of its own. What it proves is in its tests; the README says
// how to run them.
//
// It is a module of its own so that the drivers reach nobody who uses the store.
package dbtest
