package ticket

import (
	"encoding/binary"
	"errors"
	"fmt"

	"example.com/usersession/bff"
)

// ErrUnreadable means that a ticket does not open: it was tampered with or cut short,
// it belongs to another row, it was sealed under a key that is not in the ring, or by
// something else altogether. To a BFF each of these is "no session". The wrapping error
// says which, as far as that can be told, and is fit for a log.
var ErrUnreadable = errors.New("the ticket cannot be opened")

// ErrUnavailable is for a [Protector] that depends on something else, such as a key
// management service: with an error that wraps it, Decrypt says that it cannot tell
// now. That is a failure of the BFF, not the end of a session.
var ErrUnavailable = errors.New("the ticket's protection is not available")

// purpose separates these ciphertexts from everything else that the same key may seal.
const purpose = "example.com/usersession ticket v1"

// A Protector encrypts and authenticates tickets. It is safe for concurrent use.
//
// It has the methods of tink.AEAD, which therefore is one. [KeyRing] is the default.
type Protector interface {
	// Encrypt seals the plaintext. The associated data is authenticated, not kept.
	Encrypt(plaintext, associatedData []byte) ([]byte, error)
	// Decrypt opens what Encrypt sealed with the same associated data. Everything
	// else is an error, never a panic.
	Decrypt(ciphertext, associatedData []byte) ([]byte, error)
}

// A Binding names the row that a ticket belongs to.
type Binding struct {
	PartitionKey string
	Key          string
	SubjectID    string
	SessionID    string
}

// BindingOf returns the binding of a session's ticket.
func BindingOf(s bff.UserSession) Binding {
	return Binding{s.PartitionKey, s.Key, s.SubjectID, s.SessionID}
}

// associatedData is the purpose and the four identities, each behind its length, so
// that no two bindings have the same.
func (b Binding) associatedData() []byte {
	var data []byte
	for _, s := range []string{purpose, b.PartitionKey, b.Key, b.SubjectID, b.SessionID} {
		data = binary.BigEndian.AppendUint32(data, uint32(len(s)))
		data = append(data, s...)
	}
	return data
}

// Seal encodes and encrypts a ticket for the row that b names. It refuses a ticket of
// another subject or session than b's, since [Open] would.
func Seal(p Protector, b Binding, t Ticket) ([]byte, error) {
	if t.SubjectID != b.SubjectID || t.SessionID != b.SessionID {
		return nil, errors.New("ticket: subject id or session id differs from the row's")
	}
	data, err := encode(t)
	if err != nil {
		return nil, err
	}
	sealed, err := p.Encrypt(data, b.associatedData())
	if err != nil {
		return nil, errors.New("ticket: the protector could not seal it")
	}
	return sealed, nil
}

// Open decrypts and decodes the ticket of the row that b names. Whatever is wrong with
// it, the error wraps [ErrUnreadable], or [ErrUnavailable] if the protector says so. It
// never quotes the ticket, and quotes no error of a protector that is not a [KeyRing].
func Open(p Protector, b Binding, sealed []byte) (Ticket, error) {
	data, err := p.Decrypt(sealed, b.associatedData())
	if err != nil {
		_, ours := p.(*KeyRing)
		switch {
		case ours:
			return Ticket{}, err
		case errors.Is(err, ErrUnavailable):
			return Ticket{}, ErrUnavailable
		default:
			return Ticket{}, ErrUnreadable
		}
	}
	t, err := decode(data)
	if err != nil {
		return Ticket{}, err
	}
	if t.SubjectID != b.SubjectID || t.SessionID != b.SessionID {
		return Ticket{}, fmt.Errorf("%w: it names another subject or session", ErrUnreadable)
	}
	return t, nil
}
