package dbtest_test

import (
	"net"
	"sync"
	"testing"
	"time"
)

// A proxy is a TCP proxy in front of a database. It can lose all packets without a word to
// either side, as a network does that drops them, and it can cut a connection before an
// answer arrives.
type proxy struct {
	listener        net.Listener
	network, target string
	running         sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond
	hole    bool // nothing is forwarded; connections stay open, new ones get no answer
	closed  bool
	conns   map[net.Conn]bool

	countdown int                               // chunks until hole; negative: no countdown
	answer    func(request, answer []byte) bool // reports whether to cut the connection; may be nil
}

// startProxy starts a proxy to the address and stops it when the test ends.
func startProxy(t *testing.T, network, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{listener: listener, network: network, target: target, conns: make(map[net.Conn]bool), countdown: -1}
	p.changed = sync.NewCond(&p.mu)
	p.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(p.close)
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for conn := range p.conns {
		_ = conn.Close()
	}
	p.changed.Broadcast()
	p.mu.Unlock()
	p.running.Wait()
}

// setHole begins or ends the black hole. Data that is sent in between arrives at its end, as TCP
// sends lost packets again.
func (p *proxy) setHole(hole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hole, p.countdown = hole, -1
	p.changed.Broadcast()
}

func (p *proxy) recovery() time.Duration { return 0 }

// holeAfter makes the black hole begin after so many chunks, in either direction.
func (p *proxy) holeAfter(chunks int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.countdown = chunks
}

// isHole reports whether the black hole has begun.
func (p *proxy) isHole() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hole
}

// setAnswer sets the function that sees each answer with the request before it and reports
// whether to cut the connection instead of forwarding the answer. Nil forwards everything.
func (p *proxy) setAnswer(answer func(request, answer []byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// add registers a connection, to be closed with the proxy. It reports false if the proxy is closed.
func (p *proxy) add(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = conn.Close()
		return false
	}
	p.conns[conn] = true
	return true
}

func (p *proxy) remove(conn net.Conn) {
	_ = conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}

// serve forwards a connection.
func (p *proxy) serve(client net.Conn) {
	if !p.add(client) {
		return
	}
	defer p.remove(client)
	if !p.pass(0) {
		return
	}
	server, err := net.Dial(p.network, p.target)
	if err != nil || !p.add(server) {
		return
	}
	defer p.remove(server)
	var (
		mu      sync.Mutex
		request []byte
		both    sync.WaitGroup
	)
	both.Go(func() {
		p.forward(server, client, func(chunk []byte) bool {
			mu.Lock()
			defer mu.Unlock()
			request = append(request[:0], chunk...)
			return false
		})
	})
	both.Go(func() {
		p.forward(client, server, func(chunk []byte) bool {
			p.mu.Lock()
			answer := p.answer
			p.mu.Unlock()
			mu.Lock()
			defer mu.Unlock()
			return answer != nil && answer(request, chunk)
		})
	})
	both.Wait()
}

// forward forwards one direction until a side closes the connection or cut returns true.
func (p *proxy) forward(to, from net.Conn, cut func(chunk []byte) bool) {
	defer func() {
		p.pass(0) // the end of a connection is a packet, too
		_ = to.Close()
		_ = from.Close()
	}()
	for buffer := make([]byte, 64<<10); ; {
		n, err := from.Read(buffer)
		if n > 0 {
			if !p.pass(1) || cut(buffer[:n]) {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass counts chunks and waits until there is no black hole. It reports false if the proxy
// is closed.
func (p *proxy) pass(chunks int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.countdown >= 0 && chunks > 0 {
		if p.countdown == 0 {
			p.hole = true
		}
		p.countdown--
	}
	for p.hole && !p.closed {
		p.changed.Wait()
	}
	return !p.closed
}
