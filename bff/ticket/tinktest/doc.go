// Package tinktest proves that [example.com/usersession/bff/ticket.KeyRing] and Tink's
// AES256_GCM keys understand each other, both ways. It holds tests only, in a module of its
// own, so that Tink reaches nobody else.
package tinktest
