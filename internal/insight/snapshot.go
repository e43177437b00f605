package insight

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// snapshot is the state of a guard as it is stored: no number, address or account is in it, but for the first digits of numbers.
type snapshot struct {
	Version   int
	Key       uint64 // tells whether the hashes were made with this guard's key
	Countries []countryState
	Prefixes  []prefixState
	Addresses []addressState
	Accounts  []accountState
}

type countryState struct {
	Name                         string
	Proven, Fresh, Usual, Bypass rate
	BypassNext                   int64
	TrialNext, TrialPause        int64
}

type prefixState struct {
	Key                             uint64
	Country                         string
	Score, Asked, Weekly, Used, Due float32
	At                              int64
	Flagged                         bool
	TrialAt, Pause                  int64
}

type addressState struct {
	Key            uint64
	Score          float32
	At             int64
	Flagged        bool
	TrialAt, Pause int64
}

type accountState struct {
	Key                        uint64
	Score                      float32
	At, NextAt, Pause, Counted int64
}

const snapshotVersion = 1

// Parts is how many parts the state of a guard is stored in. Each can be stored and restored alone. When the guard has no room left, each
// has some 350 kB: an exchange with a slow store takes one part.
const Parts = 16

// maxState is how long a part may be after it was unpacked. What is longer is none.
const maxState = 1 << 24

// Snapshot returns a part of the guard's state, for [Guard.Restore]; part is from 0 to Parts - 1. It is lost which codes are being waited
// for, and which addresses have just passed flagged ranges.
func (g *Guard) Snapshot(part uint64) ([]byte, error) {
	g.mu.Lock()
	s := g.state(part)
	g.mu.Unlock()
	var b bytes.Buffer
	packed := gzip.NewWriter(&b)
	if err := errors.Join(json.NewEncoder(packed).Encode(s), packed.Close()); err != nil {
		return nil, fmt.Errorf("writing the guard's state: %w", err)
	}
	return b.Bytes(), nil
}

func (g *Guard) state(part uint64) snapshot {
	s := snapshot{Version: snapshotVersion, Key: g.hash(checked, nil)}
	names := map[*country]string{}
	for name, c := range g.countries {
		names[c] = name
		if part != 0 {
			continue
		}
		s.Countries = append(s.Countries, countryState{name, c.proven, c.fresh, c.usual, c.bypass, c.bypassNext, c.trialNext, c.trialPause})
	}
	slices.SortFunc(s.Countries, func(a, b countryState) int { return cmp.Compare(a.Name, b.Name) })
	for _, i := range g.prefixes.ring {
		if i.key%Parts != part {
			continue
		}
		p := &i.value
		s.Prefixes = append(s.Prefixes, prefixState{i.key, names[p.country], float32(p.score), float32(p.asked), float32(p.weekly), float32(p.used), float32(p.due), p.at, p.flagged, p.trialAt, p.pause})
	}
	for _, i := range g.addresses.ring {
		if i.key%Parts != part {
			continue
		}
		a := &i.value
		s.Addresses = append(s.Addresses, addressState{i.key, float32(a.score), a.at, a.flagged, a.trialAt, a.pause})
	}
	for _, i := range g.accounts.ring {
		if i.key%Parts != part {
			continue
		}
		a := &i.value
		s.Accounts = append(s.Accounts, accountState{i.key, float32(a.score), a.at, a.nextAt, a.pause, a.countedAt})
	}
	return s
}

// Restore takes a part of a state over that [Guard.Snapshot] has returned. It counts for prefixes that the guard knows already; what the guard
// knows of addresses and accounts stays. After an error the guard is as before. A state that was written with another key is an error.
func (g *Guard) Restore(data []byte) error {
	var s snapshot
	packed, err := gzip.NewReader(bytes.NewReader(data))
	if err == nil {
		err = json.NewDecoder(io.LimitReader(packed, maxState)).Decode(&s)
	}
	if err != nil {
		return fmt.Errorf("reading the guard's state: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case s.Version != snapshotVersion:
		return fmt.Errorf("the guard's state has version %d, and this program reads %d", s.Version, snapshotVersion)
	case s.Key != g.hash(checked, nil):
		return errors.New("the guard's state was written with the key of another store")
	}
	for _, c := range s.Countries[:min(len(s.Countries), maxCountries)] {
		into := g.country(c.Name)
		into.proven, into.fresh, into.usual, into.bypass = c.Proven, c.Fresh, c.Usual, c.Bypass
		into.bypassNext, into.trialNext, into.trialPause = c.BypassNext, c.TrialNext, c.TrialPause
	}
	for _, p := range s.Prefixes {
		into := g.prefix(p.Key, p.Country, p.At)
		into.score, into.asked, into.weekly = clamp(float64(p.Score), floor, ceiling), float64(p.Asked), float64(p.Weekly)
		into.used, into.due = float64(p.Used), float64(p.Due)
		into.trialAt, into.pause = p.TrialAt, p.Pause
		if p.Flagged != into.flagged {
			into.flagged = p.Flagged
			change := -1
			if p.Flagged {
				change = 1
			}
			g.count(into, change)
		}
	}
	for _, a := range s.Addresses {
		if g.addresses.get(a.Key) == nil {
			*g.addresses.add(a.Key, a.At) = address{clamp(float64(a.Score), addressFloor, addressCeiling), a.At, a.Flagged, a.TrialAt, a.Pause}
		}
	}
	for _, a := range s.Accounts {
		if g.accounts.get(a.Key) == nil {
			*g.accounts.add(a.Key, a.At) = account{clamp(float64(a.Score), 0, accountCeiling), a.At, a.NextAt, a.Pause, a.Counted}
		}
	}
	return nil
}

// Flagged is a prefix that is refused.
type Flagged struct {
	Range   Range
	TrialAt time.Time // when the next trial is due, if the country has none before
	Why     string    // as in [Verdict]
}

// Flagged returns the prefixes that are flagged, in order. There are 65,536 at most.
func (g *Guard) Flagged() []Flagged {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []Flagged
	for _, i := range g.prefixes.ring {
		if i.value.flagged {
			list = append(list, Flagged{Range{Prefix, i.key}, time.Unix(0, max(i.value.trialAt, i.value.country.trialNext)), i.value.why()})
		}
	}
	slices.SortFunc(list, func(a, b Flagged) int { return cmp.Compare(a.Range.Prefix, b.Range.Prefix) })
	return list
}

// Counts returns how many prefixes and address ranges are flagged, how many accounts are slowed, and how many ranges were dropped for
// lack of room although they said something.
func (g *Guard) Counts() (prefixes, addresses, accounts int, evicted uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, i := range g.addresses.ring {
		if i.value.flagged {
			addresses++
		}
	}
	for _, i := range g.accounts.ring {
		if i.value.pause > 0 {
			accounts++
		}
	}
	return g.world.flagged, addresses, accounts, g.prefixes.evicted + g.addresses.evicted
}

// Forget forgets all prefixes that begin with these digits, and returns how many were flagged. What is known of addresses and of other
// ranges stays.
func (g *Guard) Forget(digits string) (flagged int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, i := range slices.Clone(g.prefixes.ring) {
		if begins(i.key, digits) {
			if i.value.flagged {
				flagged++
			}
			g.prefixes.drop(i)
		}
	}
	return flagged
}

// begins reports whether the numbers of a prefix begin with these digits, or may.
func begins(prefix uint64, digits string) bool {
	text := fmt.Sprint(prefix)
	n := min(len(text), len(digits))
	return text[:n] == digits[:n]
}
