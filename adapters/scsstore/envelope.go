package scsstore

import (
	"encoding/binary"
	"errors"
	"time"

	"example.com/usersession/bff/adapter"
)

// An envelope is the value that the store and the codec of a manager pass each other as bytes.
// It exists only within the process: the row has the sealed payload.
type envelope struct {
	// saved is true in an envelope of Encode, and false in an envelope of Find.
	saved bool
	// unchanged says that the values and the deadline are those of origins[0].
	unchanged bool
	identity  adapter.Identity
	// origins are the loaded sessions from which the values come. They have no payload.
	origins []*adapter.Session
	// payload is the output of the inner codec.
	payload []byte
}

// magic begins an envelope. No gob and no text begins so.
const magic = "\x00usersession.scs1"

var errForeignBytes = errors.New("scsstore: the bytes are not from the codec that Use has set: was the manager's Codec replaced after Use?")

// bytes encodes the envelope for openEnvelope.
func (e envelope) bytes() ([]byte, error) {
	b := append(make([]byte, 0, len(magic)+len(e.payload)+512), magic...)
	var flags byte
	if e.saved {
		flags |= 1
	}
	if e.unchanged {
		flags |= 2
	}
	b = append(b, flags)
	b = appendField(b, []byte(e.identity.SubjectID))
	b = appendField(b, []byte(e.identity.SessionID))
	issuedAt, err := e.identity.IDTokenIssuedAt.UTC().MarshalBinary()
	if err != nil {
		return nil, err
	}
	b = appendField(b, issuedAt)
	b = binary.AppendUvarint(b, uint64(len(e.origins)))
	for _, origin := range e.origins {
		session, err := withPayload(origin, nil).MarshalBinary()
		if err != nil {
			return nil, err
		}
		b = appendField(b, session)
	}
	return append(b, e.payload...), nil
}

// openEnvelope returns errForeignBytes for bytes that are no envelope. The payload shares
// their memory.
func openEnvelope(b []byte) (envelope, error) {
	if len(b) <= len(magic) || string(b[:len(magic)]) != magic {
		return envelope{}, errForeignBytes
	}
	r := reader{b: b[len(magic):]}
	flags := r.next(1)
	e := envelope{saved: len(flags) == 1 && flags[0]&1 != 0, unchanged: len(flags) == 1 && flags[0]&2 != 0}
	e.identity.SubjectID, e.identity.SessionID = string(r.field()), string(r.field())
	var issuedAt time.Time
	if err := issuedAt.UnmarshalBinary(r.field()); err != nil {
		return envelope{}, errForeignBytes
	}
	e.identity.IDTokenIssuedAt = issuedAt
	for range r.number() {
		origin := new(adapter.Session)
		if err := origin.UnmarshalBinary(r.field()); err != nil || r.failed {
			return envelope{}, errForeignBytes
		}
		e.origins = append(e.origins, origin)
	}
	if r.failed {
		return envelope{}, errForeignBytes
	}
	e.payload = r.b
	return e, nil
}

func appendField(b, field []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(field))), field...)
}

// A reader reads the parts of an envelope. After a failure all parts are empty.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) number() uint64 {
	number, n := binary.Uvarint(r.b)
	if n <= 0 || r.failed {
		r.b, r.failed = nil, true
		return 0
	}
	r.b = r.b[n:]
	return number
}

func (r *reader) next(n uint64) []byte {
	if n > uint64(len(r.b)) || r.failed {
		r.b, r.failed = nil, true
		return nil
	}
	part := r.b[:n]
	r.b = r.b[n:]
	return part
}

func (r *reader) field() []byte { return r.next(r.number()) }

// withPayload returns a copy of the session with the payload.
func withPayload(session *adapter.Session, payload []byte) *adapter.Session {
	c := *session
	c.Payload = payload
	return &c
}
