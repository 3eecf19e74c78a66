// Package loopback recognizes the hosts to which a secret may go without encryption.
package loopback

import (
	"net"
	"strings"
)

// Is reports whether the host, without a port, is this machine's loopback interface.
func Is(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
