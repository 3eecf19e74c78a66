package main

import (
	"context"
	"log"
	"os"
	"path/filepath"
)

// The second run finds the table and does the same as the first, which creates it.
func Example() {
	dir, err := os.MkdirTemp("", "quickstart")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	for range 2 {
		db, err := open(filepath.Join(dir, "quickstart.db"))
		if err != nil {
			log.Fatal(err)
		}
		if err := run(context.Background(), db); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// created   four sessions; bob's has expired already
	// read      laptop: alice, sid-1, "sealed claims and tokens"
	// listed    alice sid-3
	// listed    alice sid-2
	// listed    alice sid-1
	// revoked   1, since the identity provider has ended sid-2
	// revoked   2, since alice has changed her password
	// read      laptop: usersession: get user session: user session not found
	// cleaned   up: 1 expired
	// created   four sessions; bob's has expired already
	// read      laptop: alice, sid-1, "sealed claims and tokens"
	// listed    alice sid-3
	// listed    alice sid-2
	// listed    alice sid-1
	// revoked   1, since the identity provider has ended sid-2
	// revoked   2, since alice has changed her password
	// read      laptop: usersession: get user session: user session not found
	// cleaned   up: 1 expired
}
