package ticket_test

import (
	"encoding/base64"
	"errors"
	"fmt"

	"example.com/usersession/bff/ticket"
)

// A rotation: the second key becomes the primary key, and the first key still opens.
func ExampleParseKeyRing() {
	const first = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="
	second := base64.StdEncoding.EncodeToString([]byte("abcdefghijklmnopqrstuvwxyz012345"))

	before, _ := ticket.ParseKeyRing(first)
	after, _ := ticket.ParseKeyRing(second + "," + first)

	row := ticket.Binding{PartitionKey: "shop", Key: "hash of the id", SubjectID: "alice", SessionID: "s1"}
	sealed, _ := ticket.Seal(before, row, ticket.Ticket{SubjectID: "alice", SessionID: "s1"})

	t, err := ticket.Open(after, row, sealed)
	fmt.Println(t.SubjectID, err, ticket.NeedsReseal(after, sealed))

	row.SubjectID = "mallory"
	_, err = ticket.Open(after, row, sealed)
	fmt.Println(errors.Is(err, ticket.ErrUnreadable))
	// Output:
	// alice <nil> true
	// true
}
