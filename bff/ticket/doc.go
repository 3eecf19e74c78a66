// Package ticket defines the payload of a user session (claims, tokens, properties) and
// protects it at rest.
//
// [Seal] seals a [Ticket] into the bytes of [bff.UserSession].Ticket and [Open] opens it
// again. Both bind the ticket to its row ([Binding]): a ticket that was copied to another
// row, partition, user or session does not open. [SealBytes] and [OpenBytes] do the same for
// the bytes of another session library.
//
// # Protection
//
// A [Protector] is an authenticated encryption with associated data. [KeyRing] is the
// default: AES-256-GCM from the standard library. It has the wire format of Tink's AES256_GCM
// keys with the prefix TINK. A tink.AEAD is a Protector, and under the same key and
// key id a KeyRing opens the tickets of a tink.AEAD, and a tink.AEAD the tickets of a KeyRing.
// A team can change between them without sealing its tickets again.
//
// Tickets are sealed under the ring's own keys. Everything else is sealed under keys that are
// derived for its purpose: see [KeyRing.ForPurpose].
//
// # Encodings
//
// [Open] reads every [Encoding]. [Seal] writes [DefaultEncoding], which every host of the release
// before reads too, so that a rolling deployment signs no user out. A newer encoding is written
// on request ([SealAs]), once every host reads it, and by default in a later release.
//
// # Keys
//
// A key is 32 random bytes. This command makes one:
//
//	openssl rand -base64 32
//
// [ParseKeyRing], [KeyRingFromFile], [KeyRingFromEnv] and [NewKeyRing] make a ring. The first
// key is the primary key, which seals; every key of the ring opens. All hosts of an
// application need the same keys, also after a restart: a ticket whose key is not in the ring
// does not open, and its session ends. There is no default key. [InsecureRandomKeyRing] is
// for development.
//
// A key should seal at most 2^32 tickets (NIST SP 800-38D, section 8.3, for random nonces).
// At 100 tickets per second this takes 16 months.
//
// # Key rotation
//
// Sessions go on during a rotation:
//
//  1. Add the new key to the ring as an additional key, after the primary key, and deploy
//     this to every host. Every host can now open tickets that the new key seals.
//  2. Make the new key the primary key: move it to the front, keep the old key after it, and
//     deploy. Hosts of step 1 and hosts of step 2 open each other's tickets.
//  3. Run [Reseal] for each partition, or wait for the longest absolute lifetime of a
//     session. Package serverside also seals a ticket under the primary key when it renews
//     a session. Seal a payload of [SealBytes] again if [NeedsReseal] reports true for it.
//  4. Remove the old key and deploy.
//
// If a key has leaked, replace it by a new primary key at once, without the other steps.
// Tickets under the removed key do not open, so their sessions end.
package ticket
