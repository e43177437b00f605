package insight

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"net/netip"
)

const (
	addressFloor   = -4.0
	addressCeiling = 15.0
	addressFlag    = 9.1
	addressClear   = 6.0
	goodHistory    = -1.2 // one code more used than not
	oneBypass      = hour // one message of an address
)

// address is what is known of a range of addresses.
type address struct {
	score   float64
	at      int64
	flagged bool
	trialAt int64
	pause   int64
}

// halfLife: a good history lasts longer than a bad one.
func (a *address) halfLife() int64 {
	if a.score < 0 {
		return week
	}
	return scoreHalfLife
}

func (a *address) age(now int64) {
	if since := now - a.at; since > 0 {
		a.at = now
		if !a.flagged {
			a.score *= decay(since, a.halfLife())
		}
	}
}

func (a *address) add(score float64, now int64) {
	a.age(now)
	a.score = clamp(a.score+score, addressFloor, addressCeiling)
	switch {
	case !a.flagged && a.score > addressFlag:
		a.flagged, a.pause, a.trialAt = true, hour, now+hour
	case a.flagged && a.score < addressClear:
		a.flagged = false
	}
}

func (a *address) trial(now int64) {
	a.pause = min(2*a.pause, 24*hour)
	a.trialAt = now + a.pause
}

func (a *address) worth(now int64) float64 {
	if a.flagged {
		return 100
	}
	worth := math.Abs(a.score) * decay(now-a.at, a.halfLife())
	if worth < 0.1 {
		return 0
	}
	return worth
}

// places is the ranges that an address is in, the smallest first, as keyed hashes; and the address itself.
type places struct {
	keys  [2]uint64
	kinds [2]Kind
	n     int
	self  uint64
}

func (g *Guard) places(ip netip.Addr) places {
	ip = ip.Unmap().WithZone("")
	switch {
	case ip.Is4():
		four := ip.As4()
		return places{[2]uint64{g.hash(Address4, four[:3])}, [2]Kind{Address4}, 1, g.hash(0, four[:])}
	case ip.Is6():
		all := ip.As16()
		k64 := g.hash(Address6, all[:8])
		return places{[2]uint64{k64, g.hash(Site6, all[:6])}, [2]Kind{Address6, Site6}, 2, k64}
	}
	return places{}
}

// hash is a keyed hash: what is stored doesn't tell the address. It is never 0.
func (g *Guard) hash(kind Kind, data []byte) uint64 {
	if len(data) > 22 { // more than one block of SHA-256 with the key
		sum := sha256.Sum256(data)
		data = sum[:16]
	}
	var block [55]byte
	n := copy(block[:], g.settings.Key[:])
	block[n] = byte(kind)
	n += 1 + copy(block[n+1:], data)
	sum := sha256.Sum256(block[:n])
	return max(1, binary.BigEndian.Uint64(sum[:]))
}

// mix is the finalizer of splitmix64. https://prng.di.unimi.it/splitmix64.c
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// history is what an address's past says of it.
type history int8

const (
	unknown history = iota
	good            // its codes are used
	bad             // they are not
)

// history returns what the ranges of an address say: the worst of them if one is bad.
func (g *Guard) history(p places, now int64) history {
	h := unknown
	for _, key := range p.keys[:p.n] {
		a := g.addresses.get(key)
		if a == nil {
			continue
		}
		a.age(now)
		switch {
		case a.score > 0.5:
			return bad
		case a.score <= goodHistory:
			h = good
		}
	}
	return h
}
