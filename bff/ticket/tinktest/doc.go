// Package tinktest tests that [example.com/usersession/bff/ticket.KeyRing] and Tink's
// AES256_GCM keys open each other's tickets. It contains only tests and is a module of its
// own, so that no other module depends on Tink.
package tinktest
