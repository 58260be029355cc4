// SPDX-License-Identifier: Apache-2.0

// Two pion peers of one process over UDP on loopback, one reliable ordered channel: signalling by hand, host
// candidates of 127.0.0.1 only. What is not pion's default stands at settings.
//
// A rate is of whole messages that arrived in order, from the first to the last of them; CPU is the whole process's,
// user and system, of both peers. The Rust benches share these rules through the crate figures.
package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"github.com/pion/webrtc/v4"
)

const (
	limit = 20 * time.Second
	// Bytes at the start of every message that hold its number.
	number = 8
)

// The message that ends the stream.
var mark = []byte{'.'}

type options struct {
	time                 time.Duration
	message, outstanding int
}

// received is what arrived: whole messages, in order.
type received struct {
	messages, bytes, firstBytes uint64
	first, last                 time.Time
}

// link is the two peers, connected.
type link struct {
	peers    [2]*webrtc.PeerConnection
	sending  *webrtc.DataChannel
	low      chan struct{}
	finished chan received
	failed   chan error
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	o, err := parse()
	if err != nil {
		return err
	}
	l, err := connect(o)
	if err != nil {
		return err
	}
	before, err := usage()
	if err != nil {
		return err
	}
	sent, err := l.send(o)
	if err != nil {
		return err
	}
	var r received
	select {
	case r = <-l.finished:
	case err := <-l.failed:
		return err
	case <-time.After(limit):
		return errors.New("the end never came")
	}
	after, err := usage()
	if err != nil {
		return err
	}
	if err := report(o, sent, r, before, after); err != nil {
		return err
	}
	return errors.Join(l.peers[0].Close(), l.peers[1].Close())
}

func parse() (options, error) {
	seconds := flag.Float64("seconds", 5, "how long the sender sends")
	message := flag.Int("message", 15_000, "bytes of one message")
	outstanding := flag.Int("outstanding", 1<<20, "bytes that the sender keeps buffered")
	flag.Parse()
	if *message < number || *outstanding < *message {
		return options{}, fmt.Errorf("a message takes at least %d bytes, and outstanding a message", number)
	}
	return options{time.Duration(*seconds * float64(time.Second)), *message, *outstanding}, nil
}

// settings are pion's defaults but for buffers: with its own 1 MiB of SCTP, and with the system's 208 KiB of UDP, bursts
// are lost at the receiver, and the rate falls by half and wanders.
func settings() (webrtc.SettingEngine, error) {
	var s webrtc.SettingEngine
	system, err := stdnet.NewNet()
	if err != nil {
		return s, err
	}
	s.SetNet(largeBuffers{system})
	s.SetSCTPMaxReceiveBufferSize(8 << 20)
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.Equal(net.IPv4(127, 0, 0, 1)) })
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	return s, nil
}

// largeBuffers is the system's network with UDP sockets that hold 4 MiB each way.
type largeBuffers struct{ *stdnet.Net }

func (largeBuffers) ListenUDP(network string, address *net.UDPAddr) (transport.UDPConn, error) {
	socket, err := net.ListenUDP(network, address)
	if err != nil {
		return nil, err
	}
	return socket, errors.Join(socket.SetReadBuffer(4<<20), socket.SetWriteBuffer(4<<20))
}

func connect(o options) (*link, error) {
	l := &link{
		low:      make(chan struct{}, 1),
		finished: make(chan received, 1),
		failed:   make(chan error, 1),
	}
	s, err := settings()
	if err != nil {
		return nil, err
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(s))
	for i := range l.peers {
		peer, err := api.NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			return nil, err
		}
		l.peers[i] = peer
	}
	l.peers[1].OnDataChannel(l.receive)
	sending, err := l.peers[0].CreateDataChannel("bench", nil)
	if err != nil {
		return nil, err
	}
	l.sending = sending
	open := make(chan struct{})
	sending.OnOpen(func() { close(open) })
	sending.SetBufferedAmountLowThreshold(uint64(o.outstanding / 2))
	sending.OnBufferedAmountLow(func() {
		select {
		case l.low <- struct{}{}:
		default:
		}
	})
	if err := negotiate(l.peers[0], l.peers[1]); err != nil {
		return nil, err
	}
	select {
	case <-open:
		return l, nil
	case <-time.After(limit):
		return nil, errors.New("no connection")
	}
}

// negotiate exchanges descriptions that hold every candidate.
func negotiate(offerer, answerer *webrtc.PeerConnection) error {
	offer, err := offerer.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(offerer)
	if err := offerer.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	if err := answerer.SetRemoteDescription(*offerer.LocalDescription()); err != nil {
		return err
	}
	answer, err := answerer.CreateAnswer(nil)
	if err != nil {
		return err
	}
	gathered = webrtc.GatheringCompletePromise(answerer)
	if err := answerer.SetLocalDescription(answer); err != nil {
		return err
	}
	<-gathered
	return offerer.SetRemoteDescription(*answerer.LocalDescription())
}

// receive counts the messages of the channel that the other side opened.
func (l *link) receive(channel *webrtc.DataChannel) {
	var r received
	channel.OnMessage(func(m webrtc.DataChannelMessage) {
		switch {
		case len(m.Data) == len(mark):
			l.finished <- r
		case len(m.Data) < number || binary.BigEndian.Uint64(m.Data) != r.messages:
			select {
			case l.failed <- fmt.Errorf("message %d is missing", r.messages):
			default:
			}
		default:
			r.count(m.Data)
		}
	})
}

func (r *received) count(message []byte) {
	r.last = time.Now()
	if r.messages == 0 {
		r.first, r.firstBytes = r.last, uint64(len(message))
	}
	r.messages++
	r.bytes += uint64(len(message))
}

// send keeps the buffer between half full and full for the time given, and gives the number of messages back.
func (l *link) send(o options) (uint64, error) {
	message := make([]byte, o.message)
	for i := range message {
		message[i] = byte(i)
	}
	var sent uint64
	for end := time.Now().Add(o.time); time.Now().Before(end); {
		if l.sending.BufferedAmount()+uint64(o.message) <= uint64(o.outstanding) {
			binary.BigEndian.PutUint64(message, sent)
			if err := l.sending.Send(message); err != nil {
				return sent, err
			}
			sent++
			continue
		}
		select {
		case <-l.low:
		case err := <-l.failed:
			return sent, err
		case <-time.After(limit):
			return sent, errors.New("the buffer stays full")
		}
	}
	return sent, l.sending.Send(mark)
}

func usage() (syscall.Rusage, error) {
	var u syscall.Rusage
	return u, syscall.Getrusage(syscall.RUSAGE_SELF, &u)
}

// report prints the result line, unless one of the messages sent is missing.
func report(o options, sent uint64, r received, before, after syscall.Rusage) error {
	if r.messages != sent {
		return fmt.Errorf("%d of %d messages arrived", r.messages, sent)
	}
	if !r.last.After(r.first) {
		return errors.New("too few messages for a rate")
	}
	seconds := r.last.Sub(r.first).Seconds()
	cpu := cpuSeconds(after) - cpuSeconds(before)
	fmt.Printf(`{"stack":"pion","version":%q,"message_bytes":%d,"outstanding_bytes":%d,`+
		`"seconds":%.3f,"mbit_s":%.1f,"cpu_s_per_gib":%.3f,"peak_rss_mib":%.1f}`+"\n",
		version(), o.message, o.outstanding, seconds,
		float64(r.bytes-r.firstBytes)*8/seconds/1e6,
		cpu/(float64(r.bytes)/(1<<30)),
		float64(after.Maxrss)/1024)
	return nil
}

func cpuSeconds(u syscall.Rusage) float64 {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// version is pion's, as linked.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/pion/webrtc/v4" {
				return module.Version
			}
		}
	}
	return "unknown"
}
