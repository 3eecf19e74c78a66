package devprovider

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// notThisMachine ends every refusal of a host that is not this machine.
const notThisMachine = "its users have no passwords, so it works on this machine only"

// loopback reports whether the host, without a port, is this machine.
func loopback(host string) bool {
	host = strings.ToLower(host)
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// checkIssuer requires a scheme and a loopback host, without a path.
func checkIssuer(issuer string) error {
	if issuer == "" {
		return errors.New(`devprovider: the Issuer is missing, such as "http://127.0.0.1:9000"`)
	}
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || issuer != u.Scheme+"://"+u.Host {
		return fmt.Errorf("devprovider: the Issuer %q is not a scheme and a host, such as http://127.0.0.1:9000", issuer)
	}
	if !loopback(u.Hostname()) {
		return fmt.Errorf("devprovider: the host of the Issuer, %q, is not loopback: %s", u.Hostname(), notThisMachine)
	}
	return nil
}

// onlyLoopback refuses requests that are not from this machine or not to a loopback name.
// The name matters too: a page of the web could reach the provider under a name of its own
// that resolves to 127.0.0.1.
func onlyLoopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reason := foreign(r); reason != "" {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			http.Error(w, "devprovider refuses this request: "+reason+": "+notThisMachine, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign returns why a request is refused, or "". A proxy on this machine that forwards
// requests of others is recognized by its headers.
func foreign(r *http.Request) string {
	if remote := hostOf(r.RemoteAddr); !loopback(remote) {
		return fmt.Sprintf("it comes from %q, which is not loopback", remote)
	}
	if host := hostOf(r.Host); !loopback(host) {
		return fmt.Sprintf("its Host header names %q, which is not loopback", host)
	}
	for _, header := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Forwarded"} {
		for _, value := range r.Header[header] {
			for _, host := range forwarded(value) {
				if !loopback(host) {
					return fmt.Sprintf("its header %s names %q, which is not loopback", header, host)
				}
			}
		}
	}
	return ""
}

// hostOf returns the host without its port and brackets.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.Trim(address, "[]")
}

// forwarded returns the hosts of a forwarding header: a list of hosts, or of the parameters
// for, host, by and proto.
func forwarded(value string) []string {
	var hosts []string
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == ';' }) {
		name, host, parameter := strings.Cut(strings.TrimSpace(part), "=")
		switch name = strings.ToLower(name); {
		case !parameter:
			host = name
		case name != "for" && name != "host":
			continue
		}
		hosts = append(hosts, hostOf(strings.Trim(host, `" `)))
	}
	return hosts
}
