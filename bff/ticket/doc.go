// Package ticket holds what a user session keeps for its user (claims, tokens,
// properties) and protects it at rest.
//
// A [Ticket] is sealed into the bytes of [bff.UserSession].Ticket with [Seal] and comes
// back with [Open]. Both bind it to the row it belongs to ([Binding]): a ticket that
// was copied to another row, partition, user or session does not open.
//
// # Protection
//
// [Protector] is an authenticated encryption with associated data. [KeyRing] is the
// default: AES-256-GCM from the standard library. Its wire format is the one of
// Tink's AES256_GCM keys, both ways, so that a tink.AEAD is a Protector as it is and a
// team can move between the two without encrypting anything anew.
//
// # Keys
//
// A key is 32 random bytes; this makes one:
//
//	openssl rand -base64 32
//
// [NewKeyRing], [ParseKeyRing], [KeyRingFromFile] and [KeyRingFromEnv] make a ring. The
// first key is the primary one, which seals. All of them open. Every host of an
// application, and every start of it, needs the same keys: tickets sealed under a key
// that is gone are no sessions any more. There is no key by default, and
// [InsecureRandomKeyRing] is for development.
//
// A key should seal no more than 2^32 tickets (NIST SP 800-38D, section 8.3, for random
// nonces); at 100 seals a second that is 16 months.
//
// # Rotation without downtime
//
//  1. Append the new key to the ring, behind the primary one, and deploy it to every
//     host: from now on all of them can open what it seals.
//  2. Move it to the front and deploy: it seals from now on. Hosts of step 1 and hosts
//     of step 2 understand each other.
//  3. Run [Reseal], or wait until the longest absolute lifetime of a session has
//     passed. Package serverside also seals anew whenever it renews a session.
//  4. Remove the old key.
//
// After a key has leaked, put the new one in front at once and skip the rest: the
// sessions under the removed key end.
package ticket
