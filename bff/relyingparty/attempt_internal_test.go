package relyingparty

import (
	"encoding/base64"
	"testing"
	"time"

	"example.com/usersession/bff/ticket"
)

// The keys of the tickets open no attempt, and the keys of attempts open no ticket.
func TestAttempts_KeysOfTheirOwn(t *testing.T) {
	keys := ticket.InsecureRandomKeyRing()
	a := newAttempts(Config{Issuer: "https://id.example", ClientID: "bff", Protector: keys, Clock: time.Now})
	state, err := a.seal(statePart, sealedState{ID: "id", Expires: time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ticket.OpenBytes(keys, ticket.Binding{PartitionKey: a.client, Key: statePart}, sealed); err == nil {
		t.Error("the keys for other payloads open an attempt")
	}
	if _, ok := a.openState(state); !ok {
		t.Error("the attempt does not open")
	}
}
