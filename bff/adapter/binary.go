package adapter

import (
	"encoding/binary"
	"errors"
	"time"
)

var errNotASession = errors.New("adapter: the bytes are not a marshalled session")

// MarshalBinary returns the session with its payload, as bytes that are not encrypted. It is
// for the memory of one process: for a session library that passes only bytes from its load
// to its save. The format may change with any version.
func (s *Session) MarshalBinary() ([]byte, error) {
	var b []byte
	for _, field := range []string{s.SubjectID, s.SessionID, s.key, string(s.Payload)} {
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	b = binary.AppendVarint(b, s.version)
	for _, t := range []time.Time{s.Created, s.Renewed, s.Expires, s.read} {
		b = binary.AppendVarint(b, t.UnixMicro())
	}
	return b, nil
}

// UnmarshalBinary sets s to the session whose bytes MarshalBinary returned. For other bytes it
// returns an error and changes nothing.
func (s *Session) UnmarshalBinary(data []byte) error {
	var fields [4]string
	for i := range fields {
		length, n := binary.Uvarint(data)
		if n <= 0 || length > uint64(len(data)-n) {
			return errNotASession
		}
		fields[i] = string(data[n : n+int(length)])
		data = data[n+int(length):]
	}
	var numbers [5]int64
	for i := range numbers {
		number, n := binary.Varint(data)
		if n <= 0 {
			return errNotASession
		}
		numbers[i], data = number, data[n:]
	}
	if len(data) != 0 {
		return errNotASession
	}
	at := func(i int) time.Time { return time.UnixMicro(numbers[i]).UTC() }
	*s = Session{
		SubjectID: fields[0], SessionID: fields[1], Payload: []byte(fields[3]),
		Created: at(1), Renewed: at(2), Expires: at(3),
		key: fields[2], version: numbers[0], read: at(4),
	}
	return nil
}
