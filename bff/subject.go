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

// SubjectIDOf returns the subject id that a row has for the user with a sub claim. OpenID Connect
// permits claims of up to 255 ASCII characters: for a claim that is longer than
// [MaxIdentityLength], the subject id contains the SHA-256 of the claim. Every other claim is
// returned as it is, and so is a subject id that SubjectIDOf has returned. A store refuses a
// subject id that is too long.
//
// Package serverside calls SubjectIDOf for tickets and filters, and package backchannel for
// logout tokens. An application that writes rows itself calls it for sub.
func SubjectIDOf(sub string) string {
	if len(sub) <= MaxIdentityLength || len(sub) > maxSubject {
		return sub
	}
	for i := range len(sub) {
		if sub[i] < ' ' || sub[i] > '~' {
			return sub
		}
	}
	if sub[0] == ' ' || sub[len(sub)-1] == ' ' { // a store refuses it, as it refuses a short claim with such a space
		return sub
	}
	sum := sha256.Sum256([]byte(sub))
	return hashedSubject + base64.RawURLEncoding.EncodeToString(sum[:])
}

// ReservedSubject reports whether a sub claim looks like the subject id that SubjectIDOf returns
// for a long claim. No user may sign in with such a claim.
func ReservedSubject(sub string) bool { return strings.HasPrefix(sub, hashedSubject) }
