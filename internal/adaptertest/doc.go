// Package adaptertest runs one scenario over HTTP against every adapter of a session library,
// on every database: what an application may expect of its sessions once they are kept in a
// bff.UserSessionStore.
//
// It is a module of its own, so that no adapter's go.mod names a database driver.
package adaptertest
