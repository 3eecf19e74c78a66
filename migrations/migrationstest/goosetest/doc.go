// Package goosetest compares package migrations with goose. It is a package of its own, so that
// the fuzzer does not compile the drivers.
package goosetest
