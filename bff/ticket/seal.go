package ticket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"

	"example.com/usersession/bff"
)

// ErrUnreadable means that sealed data does not open: it was changed or cut short, it
// was sealed for another row or purpose, its key is not in the ring, or it is not sealed
// data at all. A BFF treats each of these as "no session". The wrapping error says which
// case it is, as far as that is known, and is safe to log.
var ErrUnreadable = errors.New("the sealed data cannot be opened")

// ErrUnavailable is for a [Protector] that depends on another service, such as a key
// management service. Decrypt wraps it if that service fails, so that Decrypt can not
// tell whether the ciphertext opens. This is a failure of the BFF, not the end of a
// session.
var ErrUnavailable = errors.New("the protector is not available")

// The associated data of every ciphertext begins with one of these purposes, so that a
// ticket never opens as a payload and a payload never as a ticket, with any Protector.
// The keys of a [KeyRing] differ as well: tickets are sealed under its own keys, payloads
// under the keys of payloadPurpose.
const (
	ticketPurpose  = "example.com/usersession ticket v1"
	payloadPurpose = "example.com/usersession payload v1"
)

// A Protector encrypts and authenticates tickets. It is safe for concurrent use.
//
// A tink.AEAD has the same methods and is a Protector. [KeyRing] is the default.
type Protector interface {
	// Encrypt returns the sealed plaintext. The associated data is authenticated but
	// is not part of the result. Encrypt changes and keeps neither argument.
	Encrypt(plaintext, associatedData []byte) ([]byte, error)
	// Decrypt returns the plaintext of a ciphertext that Encrypt returned for the
	// same associated data. For any other input it returns an error and does not
	// panic. An error that wraps [ErrUnavailable] means that Decrypt cannot tell now.
	Decrypt(ciphertext, associatedData []byte) ([]byte, error)
}

// CheckProtector returns an error that says what to do if a Protector cannot be used: it is nil, a
// nil pointer, or a [KeyRing] without a key. The packages of this module call it when they are
// configured.
func CheckProtector(p Protector) error {
	if p == nil {
		return errors.New("the Protector is nil: make one with ticket.KeyRingFromFile or KeyRingFromEnv, " +
			"or for development with ticket.InsecureRandomKeyRing")
	}
	if ring, ok := p.(*KeyRing); ok && !ring.hasKey() {
		return errNoKey
	}
	if v := reflect.ValueOf(p); v.Kind() == reflect.Pointer && v.IsNil() {
		return fmt.Errorf("the Protector is a nil %T", p)
	}
	return nil
}

// A Binding names the row to which a ticket or a payload belongs. Any of its fields may
// be empty; an anonymous session has neither a subject id nor a session id.
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

// associatedData returns the purpose and the four identities, each preceded by its length,
// so that different bindings never have the same associated data.
func (b Binding) associatedData(purpose string) []byte {
	parts := [...]string{purpose, b.PartitionKey, b.Key, b.SubjectID, b.SessionID}
	size := 0
	for _, s := range parts {
		size += 4 + len(s)
	}
	data := make([]byte, 0, size)
	for _, s := range parts {
		data = binary.BigEndian.AppendUint32(data, uint32(len(s)))
		data = append(data, s...)
	}
	return data
}

// Seal encodes and encrypts a ticket for the row that b names. It refuses a ticket whose
// subject id ([bff.SubjectIDOf]) or session id differs from b's, because [Open] would refuse it
// too; both subject ids may be empty. A ticket that cannot be encoded without loss is refused
// with [bff.ErrInvalidSession]. Its errors quote neither the ticket nor an error of the Protector.
func Seal(p Protector, b Binding, t Ticket) ([]byte, error) { return SealAs(p, b, t, DefaultEncoding) }

// SealAs is [Seal] with an encoding of the caller's choice. An encoding that does not exist is
// an error.
func SealAs(p Protector, b Binding, t Ticket, e Encoding) ([]byte, error) {
	if bff.SubjectIDOf(t.SubjectID) != b.SubjectID || t.SessionID != b.SessionID {
		return nil, errors.New("ticket: subject id or session id differs from the row's")
	}
	data, err := encode(t, e)
	if err != nil {
		return nil, err
	}
	return encrypt(p, data, b.associatedData(ticketPurpose))
}

// Open decrypts and decodes the ticket of the row that b names. Every error wraps
// [ErrUnreadable], or [ErrUnavailable] if the Protector's error does. The error never
// quotes the ticket, nor the error of a Protector that is not a [KeyRing].
func Open(p Protector, b Binding, sealed []byte) (Ticket, error) {
	data, err := decrypt(p, sealed, b.associatedData(ticketPurpose))
	if err != nil {
		return Ticket{}, err
	}
	t, err := decode(data)
	if err != nil {
		return Ticket{}, err
	}
	if bff.SubjectIDOf(t.SubjectID) != b.SubjectID || t.SessionID != b.SessionID {
		return Ticket{}, fmt.Errorf("%w: it names another subject or session", ErrUnreadable)
	}
	return t, nil
}

// SealBytes encrypts a payload that is not a [Ticket], such as the bytes of a session
// library, for the row that b names. The payload may be empty. SealBytes does not keep it.
//
// If p is a [KeyRing], the payload is sealed under keys derived from the ring's own keys:
// see [KeyRing.ForPurpose]. With any other Protector, also one that wraps a KeyRing, the
// associated data alone separates payloads from tickets. In both cases [Open] does not
// open a payload and [OpenBytes] does not open a ticket. Payloads sealed with a KeyRing do
// not open with a Protector that wraps the same ring.
//
// [NeedsReseal] works for payloads as it does for tickets, and so does [Reseal] with Payloads.
func SealBytes(p Protector, b Binding, payload []byte) ([]byte, error) {
	return encrypt(payloadProtector(p), payload, b.associatedData(payloadPurpose))
}

// OpenBytes decrypts a payload that [SealBytes] sealed for the row that b names. The
// payload is the caller's own. OpenBytes returns the same errors as [Open].
func OpenBytes(p Protector, b Binding, sealed []byte) ([]byte, error) {
	payload, err := decrypt(payloadProtector(p), sealed, b.associatedData(payloadPurpose))
	if err != nil {
		return nil, err
	}
	if _, ok := p.(*KeyRing); ok {
		return payload, nil
	}
	return bytes.Clone(payload), nil // another Protector may keep what it returned
}

func payloadProtector(p Protector) Protector {
	if r, ok := p.(*KeyRing); ok {
		return r.ForPurpose(payloadPurpose)
	}
	return p
}

func encrypt(p Protector, plaintext, associatedData []byte) ([]byte, error) {
	sealed, err := p.Encrypt(plaintext, associatedData)
	if err != nil {
		// The error of a foreign Protector may quote the plaintext.
		return nil, errors.New("ticket: the Protector could not encrypt the data")
	}
	return sealed, nil
}

// decrypt returns errors that wrap [ErrUnreadable] or [ErrUnavailable]. It drops the text
// of a foreign Protector's error, which may quote the plaintext or a key.
func decrypt(p Protector, sealed, associatedData []byte) ([]byte, error) {
	plaintext, err := p.Decrypt(sealed, associatedData)
	if err == nil {
		return plaintext, nil
	}
	_, isKeyRing := p.(*KeyRing)
	switch {
	case isKeyRing:
		return nil, err
	case errors.Is(err, ErrUnavailable):
		return nil, ErrUnavailable
	default:
		return nil, ErrUnreadable
	}
}
