package serverside

import (
	"testing"
	"time"

	"example.com/usersession/bff/ticket"
)

// An encodingSpy notes the encodings of the tickets that it seals. It is a ticket.Rotator under
// whose old key every ticket is.
type encodingSpy struct {
	ticket.Protector
	sealed []ticket.Encoding
}

func (p *encodingSpy) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	p.sealed = append(p.sealed, ticket.Encoding(plaintext[0]))
	return p.Protector.Encrypt(plaintext, associatedData)
}

func (p *encodingSpy) NeedsReseal([]byte) bool { return true }

// TestTicketEncoding_EveryWrite: a sign-in, an update and a renewal write the encoding of the
// configuration, and hosts with different ones read each other's tickets.
func TestTicketEncoding_EveryWrite(t *testing.T) {
	for _, test := range []struct{ configured, want ticket.Encoding }{
		{0, ticket.EncodingV1}, {ticket.EncodingV1, ticket.EncodingV1}, {ticket.EncodingV2, ticket.EncodingV2},
	} {
		p := &encodingSpy{Protector: testKeys}
		b := newTestBFF(t, func(c *Config) { c.Protector, c.TicketEncoding = p, test.configured })
		br := b.browser()
		for _, encoding := range []ticket.Encoding{ticket.EncodingV1, ticket.EncodingV2} {
			other := newTestBFF(t, func(c *Config) { c.Store, c.Clock, c.TicketEncoding = b.store, b.clock.Now, encoding })
			there := &browser{other, br.cookies}
			p.sealed = nil
			br.signIn(alice())
			there.want("alice")
			there.change(func(tk *ticket.Ticket) { tk.Properties["device"] = "Chrome" })
			br.want("alice")
			br.change(func(tk *ticket.Ticket) { tk.Properties["device"] += " on Linux" })
			b.clock.pass(31 * time.Minute)
			br.want("alice") // renews and seals again
			there.want("alice")
			if got := b.openedFor(t, br).Properties["device"]; got != "Chrome on Linux" {
				t.Errorf("the device is %q", got)
			}
			if len(p.sealed) != 3 {
				t.Errorf("%d tickets were sealed, want 3", len(p.sealed))
			}
			for _, sealed := range p.sealed {
				if sealed != test.want {
					t.Errorf("configured %d: a ticket has the encoding %d, want %d", test.configured, sealed, test.want)
				}
			}
		}
	}
}

// openedFor returns the ticket of the browser's session.
func (b *testBFF) openedFor(t *testing.T, br *browser) ticket.Ticket {
	t.Helper()
	key, _ := b.requestKey(br.request("/"))
	opened, err := b.load(t.Context(), key)
	if err != nil || opened == nil {
		t.Fatalf("no session: %v", err)
	}
	return opened.ticket
}
