// Package sqlitedrivers runs the store on SQLite drivers other than those of the root
// module's tests. It is a module of its own: a program can register only one driver under
// the names "sqlite" and "sqlite3".
package sqlitedrivers
