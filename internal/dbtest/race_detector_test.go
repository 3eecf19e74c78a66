//go:build race

package dbtest_test

func init() { raceDetector = true }
