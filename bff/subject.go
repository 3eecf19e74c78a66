package bff

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const (
	// maxSubject is the maximum length of a sub claim in ASCII characters (OpenID Connect Core
	// 1.0, section 2).
	maxSubject = 255
	// hashedSubject begins the subject id of a long sub. No sub claim that follows the
	// specification begins with it, since it is not ASCII.
	hashedSubject = "…sha256:"
)

// SubjectIDOf returns the subject id under which a row keeps the user with a sub claim. It is
// the claim itself unless that is longer than [MaxIdentityLength]: a claim of up to 255 ASCII
// characters, which OpenID Connect permits, has a subject id with its SHA-256. Other claims,
// and the subject ids that SubjectIDOf returns, are returned as they are; a store refuses those
// that are too long.
//
// Package serverside applies it to the tickets and filters that it is given, and package
// backchannel to logout tokens. An application that writes rows itself applies it to sub.
func SubjectIDOf(sub string) string {
	if len(sub) <= MaxIdentityLength || len(sub) > maxSubject {
		return sub
	}
	for i := range len(sub) {
		if sub[i] < ' ' || sub[i] > '~' {
			return sub
		}
	}
	if sub[0] == ' ' || sub[len(sub)-1] == ' ' { // refused, as a short one is
		return sub
	}
	sum := sha256.Sum256([]byte(sub))
	return hashedSubject + base64.RawURLEncoding.EncodeToString(sum[:])
}

// ReservedSubject reports whether a sub claim looks like the subject id of another, long one.
// No user may sign in with it.
func ReservedSubject(sub string) bool { return strings.HasPrefix(sub, hashedSubject) }
