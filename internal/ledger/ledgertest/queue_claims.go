package ledgertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
)

// another returns the queue of another process, or the same one if only one process may use it at a time.
func (b *bench) another() ledger.Queue {
	if b.processes.Several {
		return b.processes.Start()
	}
	return b.Queue
}

// kill ends the first process, and starts another. It skips the test if the items end with the process.
func (b *bench) kill() {
	if b.processes.Kill == nil {
		b.Skip("the items end with the process")
	}
	b.processes.Kill(b.Queue)
	b.Queue = b.processes.Start()
}

func claimRush(b *bench) {
	const items, workers = 1500, 8
	var all []ledger.Item
	for i := range items {
		all = append(all, b.item(fmt.Sprintf("%04d", i), priority(int8(i%3))))
	}
	queues := []ledger.Queue{b.Queue, b.another()}
	b.putAll(all)
	var mu sync.Mutex
	done := map[string]int{}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			q := queues[w%2]
			for {
				claimed, err := q.Claim(b.Context(), ledger.Topics(), 1+rand.IntN(30))
				if err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				for _, c := range claimed {
					done[c.ID]++
				}
				left := items - len(done)
				mu.Unlock()
				for _, c := range claimed {
					if held, err := q.End(b.Context(), c, ledger.ItemEnd{}); err != nil || !held {
						b.Error(c.ID, held, err)
						return
					}
				}
				if left == 0 {
					return
				}
			}
		})
	}
	wg.Wait()
	require.Len(b, done, items)
	for id, times := range done {
		require.Equal(b, 1, times, id)
	}
	b.due()
}

func putRush(b *bench) {
	queues := []ledger.Queue{b.Queue, b.another()}
	var items []ledger.Item
	for i := range 50 {
		items = append(items, b.item(fmt.Sprintf("%02d", i)))
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			mine := slices.Clone(items)
			rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
			if err := queues[w%2].Put(b.Context(), mine...); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	ids := idsOf(b.claim())
	slices.Sort(ids)
	require.Len(b, ids, len(items))
	require.Len(b, slices.Compact(ids), len(items))
}

func fenced(b *bench) {
	b.put(b.item("a"))
	first := b.claimOne()
	b.end(first, ledger.ItemEnd{Again: b.now()})
	second := b.claimOne()
	for _, end := range []ledger.ItemEnd{{}, {Keep: life}, {Again: b.now()}} {
		b.endHeld(first, end, false)
		require.Equal(b, reading{second.Item, ledger.ItemClaimed, true}, b.read("a"))
	}
	b.end(second, ledger.ItemEnd{Keep: life})
	for _, c := range []ledger.Claimed{first, second} {
		b.endHeld(c, ledger.ItemEnd{Again: b.now()}, false)
		require.Equal(b, over(second.Item, ledger.ItemEnded), b.read("a"))
	}
	b.endHeld(ledger.Claimed{Item: b.item("unknown"), Claim: second.Claim}, ledger.ItemEnd{Again: b.now()}, false)
	b.due()
	b.put(b.item("b"))
	first = b.claimOne()
	b.end(first, ledger.ItemEnd{})
	b.put(b.item("b"))
	second = b.claimOne()
	b.endHeld(first, ledger.ItemEnd{}, false)
	b.end(second, ledger.ItemEnd{})
}

// The claims of a process that was killed are handed out to another one within 2 s, and the old ones end nothing.
func workerKilled(b *bench) {
	b.put(b.item("a"), b.item("b"), b.item("c", inSerial("s")), b.item("d", inSerial("s")))
	lost := b.due("a", "b", "c")
	b.end(lost[1], ledger.ItemEnd{})
	b.kill()
	const step = 100 * time.Millisecond
	var claimed []ledger.Claimed
	for passed := time.Duration(0); len(claimed) < 2; passed += step {
		require.LessOrEqual(b, passed, 2*time.Second)
		claimed = append(claimed, b.claim()...)
		if len(claimed) < 2 {
			time.Sleep(step)
			b.clock.Move(step)
		}
	}
	require.Equal(b, []string{"a", "c"}, idsOf(claimed))
	for i, c := range claimed {
		old := lost[2*i]
		require.Equal(b, 1, c.Tries)
		require.NotEqual(b, old.Claim, c.Claim)
		b.endHeld(old, ledger.ItemEnd{}, false)
		b.end(c, ledger.ItemEnd{})
	}
	b.due("d")
}

func putOutlives(b *bench) {
	now, later := b.item("a"), b.item("b", due(time.Minute))
	ended := b.item("c", priority(0))
	b.put(now, later, ended)
	claimed := b.claimFrom(b.Queue, 1)
	b.end(claimed[0], ledger.ItemEnd{Keep: life})
	b.kill()
	require.Equal(b, []reading{{now, ledger.ItemWaiting, true}, {later, ledger.ItemWaiting, true}, over(ended, ledger.ItemEnded)},
		[]reading{b.read("a"), b.read("b"), b.read("c")})
	b.due("a")
	b.clock.Move(time.Minute)
	b.due("b")
}

func workerLives(b *bench) {
	b.put(b.item("a"))
	c := b.claimOne()
	other := b.another()
	for range 5 {
		require.Empty(b, b.claimFrom(other, 10))
		b.clock.Move(time.Second)
		time.Sleep(100 * time.Millisecond)
	}
	require.Empty(b, b.claimFrom(other, 10))
	b.end(c, ledger.ItemEnd{Again: b.now()})
	require.Equal(b, []string{"a"}, idsOf(b.claimFrom(other, 10)))
}

func serial(b *bench) {
	b.put(b.item("a1", inSerial("a"), due(time.Minute)), b.item("a2", inSerial("a"), priority(0)), b.item("b1", inSerial("b")))
	b.put(b.item("b2", inSerial("b")), b.item("alone"))
	b.due("b1", "alone")
	b.clock.Move(time.Minute)
	first := b.due("a1")[0]
	b.due()
	b.end(first, ledger.ItemEnd{Again: b.now().Add(time.Minute)})
	b.due()
	b.clock.Move(time.Minute)
	b.end(b.due("a1")[0], ledger.ItemEnd{Keep: life})
	b.due("a2")
	b.put(b.item("a3", inSerial("a")))
	b.due()
}

func serialCanceled(b *bench) {
	b.put(b.item("a", inSerial("s")), b.item("b", inSerial("s")), b.item("c", inSerial("s")))
	b.cancel("b", true)
	b.cancel("a", true)
	b.due("c")
}

// Of each serial, one item at most is being done at a time, and they come in their order: also where some are tried again.
func serialRush(b *bench) {
	const serials, each, workers = 10, 15, 6
	var items []ledger.Item
	for n := range each {
		for s := range serials {
			items = append(items, b.item(fmt.Sprintf("%d %02d", s, n), inSerial(fmt.Sprint("serial ", s)), priority(int8(rand.IntN(3)))))
		}
	}
	queues := []ledger.Queue{b.Queue, b.another()}
	b.putAll(items)
	var mu sync.Mutex
	busy, order, left := map[string]bool{}, map[string][]string{}, len(items)
	do := func(c ledger.Claimed) (e ledger.ItemEnd) {
		mu.Lock()
		defer mu.Unlock()
		busy[c.Serial] = false
		if c.Tries == 0 && rand.IntN(4) == 0 {
			return ledger.ItemEnd{Again: b.now()}
		}
		order[c.Serial] = append(order[c.Serial], c.ID)
		left--
		return ledger.ItemEnd{}
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			q := queues[w%2]
			for {
				claimed, err := q.Claim(b.Context(), ledger.Topics(), 5)
				if err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				for _, c := range claimed {
					if busy[c.Serial] {
						b.Error("two items at once of ", c.Serial)
					}
					busy[c.Serial] = true
				}
				over := left == 0
				mu.Unlock()
				if over {
					return
				}
				for _, c := range claimed {
					if held, err := q.End(b.Context(), c, do(c)); err != nil || !held {
						b.Error(c.ID, held, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	require.Len(b, order, serials)
	for name, ids := range order {
		require.Len(b, ids, each, name)
		require.True(b, slices.IsSorted(ids), "%s: %v", name, ids)
	}
}

func overtakes(b *bench) {
	overtaken := func(want map[string]bool) {
		b.Helper()
		got := map[string]bool{}
		for _, c := range b.claim() {
			got[c.ID] = c.Overtaken
			b.end(c, ledger.ItemEnd{Again: b.now()})
		}
		require.Equal(b, want, got)
	}
	b.put(b.item("a", ofFlow("f")), b.item("b", ofFlow("g")), b.item("c"), b.item("d"))
	b.put(b.item("a", ofFlow("f"))) // it is there already
	overtaken(map[string]bool{"a": false, "b": false, "c": false, "d": false})
	b.put(b.item("e", ofFlow("f")), b.item("f", ofFlow("f")))
	want := map[string]bool{"a": true, "b": false, "c": false, "d": false, "e": true, "f": false}
	overtaken(want)
	for _, c := range b.claim() { // the newest of the flow has ended, and the others stay overtaken
		if c.ID == "f" {
			b.end(c, ledger.ItemEnd{})
			delete(want, "f")
			continue
		}
		b.end(c, ledger.ItemEnd{Again: b.now()})
	}
	overtaken(want)
	b.put(b.item("f", ofFlow("h")), b.item("g", ofFlow("f")))
	want["f"], want["g"] = false, false
	overtaken(want)
}

func cancelWaiting(b *bench) {
	b.put(b.item("a"), b.item("b", due(time.Minute)))
	retried := b.due("a")[0]
	b.end(retried, ledger.ItemEnd{Again: b.now()})
	for _, id := range []string{"a", "b"} {
		was := b.read(id)
		b.cancel(id, true)
		require.Equal(b, over(was.item, ledger.ItemCanceled), b.read(id))
		b.cancel(id, false)
	}
	b.clock.Move(time.Minute)
	b.due()
	b.clock.Move(life)
	require.Equal(b, reading{}, b.read("a"))
	b.put(b.item("c"))
	canceled, err := b.Cancel(b.Context(), "c", ledger.ItemEnd{Body: []byte("x")})
	require.NoError(b, err)
	require.True(b, canceled)
	require.Equal(b, reading{}, b.read("c"), "it is not kept")
}

func cancelTooLate(b *bench) {
	b.put(b.item("a"))
	c := b.claimOne()
	b.cancel("a", false)
	b.end(c, ledger.ItemEnd{Keep: life})
	b.cancel("a", false)
	b.cancel("unknown", false)
	require.Equal(b, over(c.Item, ledger.ItemEnded), b.read("a"))
}

func cancelRush(b *bench) {
	const items = 200
	var all []ledger.Item
	for i := range items {
		all = append(all, b.item(fmt.Sprintf("%03d", i)))
	}
	b.put(all...)
	other := b.another()
	var canceled, claimed []string
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range items {
			done, err := b.Cancel(b.Context(), all[items-1-i].ID, ledger.ItemEnd{Keep: life})
			if err != nil {
				b.Error(err)
				return
			}
			if done {
				canceled = append(canceled, all[items-1-i].ID)
			}
		}
	})
	wg.Go(func() {
		for {
			got, err := other.Claim(b.Context(), ledger.Topics(), 3)
			if err != nil || len(got) == 0 {
				if err != nil {
					b.Error(err)
				}
				return
			}
			claimed = append(claimed, idsOf(got)...)
		}
	})
	wg.Wait()
	both := append(canceled, claimed...)
	slices.Sort(both)
	require.Len(b, both, items)
	require.Len(b, slices.Compact(both), items, "none was canceled and claimed")
	b.due()
}

func waitForPut(b *bench) {
	other := b.another()
	for i := range 5 {
		ready, claimed := make(chan struct{}), make(chan string, 1)
		go func() {
			id, _ := b.waitUntil(other, ready)
			claimed <- id
		}()
		<-ready
		id := fmt.Sprint(i)
		b.put(b.item(id))
		require.Equal(b, id, <-claimed)
	}
}

func waitForDue(b *bench) {
	b.put(b.item("a", due(300*time.Millisecond)))
	ready, claimed := make(chan struct{}), make(chan string, 1)
	go func() {
		id, waits := b.waitUntil(b.Queue, ready)
		if waits > 100 {
			b.Errorf("it has waited %d times in half a second", waits)
		}
		claimed <- id
	}()
	<-ready
	for len(claimed) == 0 {
		time.Sleep(50 * time.Millisecond)
		b.clock.Move(50 * time.Millisecond)
	}
	require.Equal(b, "a", <-claimed)
}

func waitEnds(b *bench) {
	b.put(b.item("a", due(time.Minute)))
	ctx, cancel := context.WithCancel(b.Context())
	begun := time.Now()
	waits := make(chan struct{})
	go func() {
		b.Wait(b.Context(), ledger.Topics()) // after a second at the latest
		close(waits)
	}()
	select {
	case <-waits:
	case <-time.After(soon):
		b.Error("it waits on")
	}
	cancel()
	b.Wait(ctx, ledger.Topics())
	require.Less(b, time.Since(begun), soon)
}
