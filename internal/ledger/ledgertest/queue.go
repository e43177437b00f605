package ledgertest

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
)

// Processes is a queue under test, as the processes see it that use it.
type Processes struct {
	// Start returns the queue as one more process sees it. The first is started before anything else is done.
	Start func() ledger.Queue
	// Kill ends the process of a queue as kill -9 does. It is nil if the items end with the process.
	Kill func(ledger.Queue)
	// Several: more than one process may use the queue at a time.
	Several bool
}

// OpenQueue makes an empty queue that lives by a clock.
type OpenQueue func(*testing.T, *Clock) Processes

// RunQueue holds the queues that open returns to the contract of [ledger.Queue].
func RunQueue(t *testing.T, open OpenQueue) {
	for _, tt := range []struct {
		name string
		test func(*bench)
	}{
		{"items come out as they were put", outAsIn},
		{"the most urgent come first, then the oldest", inOrder},
		{"nothing comes before it is due", notBeforeDue},
		{"an item whose time is over is handed out", expiredItem},
		{"a worker gets items of its topics", topics},
		{"an item is put once", putOnce},
		{"an item that has ended is not put again while it is kept", putAfterEnd},
		{"all items of a put, or none", allOrNone},
		{"bodies and names are bounded", itemBounds},
		{"a claim is bounded", claimBounds},
		{"of many workers at once, one gets an item", claimRush},
		{"of many puts at once, one counts", putRush},
		{"an old claim ends nothing", fenced},
		{"the claims of a process that was killed come back", workerKilled},
		{"what was put outlives the process", putOutlives},
		{"the claims of a process that lives stay with it", workerLives},
		{"an item comes again when it is to", again},
		{"items of a serial come one after the other", serial},
		{"a serial goes on after what has ended without a worker", serialCanceled},
		{"many workers keep a serial in order", serialRush},
		{"a newer item overtakes the older ones of its flow", overtakes},
		{"an item that waits can be canceled", cancelWaiting},
		{"an item that is claimed or has ended can't be canceled", cancelTooLate},
		{"of a claim and a cancel at once, one counts", cancelRush},
		{"an item that has ended is kept without its body", kept},
		{"the depth counts what there is to do", depth},
		{"a wait ends when an item is put", waitForPut},
		{"a wait ends when an item is due", waitForDue},
		{"a wait ends with its context, and after a second", waitEnds},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clock := &Clock{now: time.Now().UTC().Truncate(time.Microsecond)}
			p := open(t, clock)
			tt.test(&bench{T: t, Queue: p.Start(), clock: clock, processes: p})
		})
	}
}

// bench is a queue under test, and what is done with it.
type bench struct {
	*testing.T
	ledger.Queue
	clock     *Clock
	processes Processes
}

// life is how long the items of the tests have time.
const life = time.Hour

func (b *bench) now() ledger.Time { return ledger.At(b.clock.Now()) }

// item is an item that is due now.
func (b *bench) item(id string, change ...func(*ledger.Item)) ledger.Item {
	i := ledger.Item{ID: id, Topic: ledger.Hooked, Priority: 1, DueAt: b.now(), ExpiresAt: b.now().Add(life), Body: []byte("body of " + id)}
	for _, f := range change {
		f(&i)
	}
	return i
}

func due(in time.Duration) func(*ledger.Item) {
	return func(i *ledger.Item) { i.DueAt = i.DueAt.Add(in) }
}

func expires(in time.Duration) func(*ledger.Item) {
	return func(i *ledger.Item) { i.ExpiresAt = i.ExpiresAt.Add(in - life) }
}

func priority(p int8) func(*ledger.Item)      { return func(i *ledger.Item) { i.Priority = p } }
func inSerial(s string) func(*ledger.Item)    { return func(i *ledger.Item) { i.Serial = s } }
func ofFlow(f string) func(*ledger.Item)      { return func(i *ledger.Item) { i.Flow = f } }
func about(t ledger.Topic) func(*ledger.Item) { return func(i *ledger.Item) { i.Topic = t } }

func (b *bench) put(items ...ledger.Item) {
	b.Helper()
	require.NoError(b, b.Put(b.Context(), items...))
}

// putAll puts items that may be more than one Put takes.
func (b *bench) putAll(items []ledger.Item) {
	for len(items) > 0 {
		n := min(len(items), ledger.MaxPut)
		b.put(items[:n]...)
		items = items[n:]
	}
}

// claim claims all that is due, of all topics.
func (b *bench) claim() []ledger.Claimed { return b.claimFrom(b.Queue, 100) }

func (b *bench) claimFrom(q ledger.Queue, most int) []ledger.Claimed {
	b.Helper()
	claimed, err := q.Claim(b.Context(), ledger.Topics(), most)
	require.NoError(b, err)
	return claimed
}

// claimOne claims the one item that is due.
func (b *bench) claimOne() ledger.Claimed {
	b.Helper()
	claimed := b.claim()
	require.Len(b, claimed, 1)
	return claimed[0]
}

// due requires that these items are due, in this order.
func (b *bench) due(ids ...string) []ledger.Claimed {
	b.Helper()
	claimed := b.claim()
	require.Equal(b, ids, idsOf(claimed))
	return claimed
}

func idsOf(claimed []ledger.Claimed) (ids []string) {
	for _, c := range claimed {
		ids = append(ids, c.ID)
	}
	return ids
}

// end ends a claim that is held.
func (b *bench) end(c ledger.Claimed, e ledger.ItemEnd) {
	b.Helper()
	b.endHeld(c, e, true)
}

func (b *bench) endHeld(c ledger.Claimed, e ledger.ItemEnd, want bool) {
	b.Helper()
	held, err := b.End(b.Context(), c, e)
	require.NoError(b, err)
	require.Equal(b, want, held)
}

// cancel cancels an item, and requires that this was possible, or not.
func (b *bench) cancel(id string, want bool) {
	b.Helper()
	canceled, err := b.Cancel(b.Context(), id, ledger.ItemEnd{Keep: life})
	require.NoError(b, err)
	require.Equal(b, want, canceled, id)
}

// reading is what can be read of an item.
type reading struct {
	item  ledger.Item
	state ledger.ItemState
	found bool
}

func (b *bench) read(id string) reading {
	b.Helper()
	item, state, there, err := b.Item(b.Context(), id)
	require.NoError(b, err)
	if len(item.Body) == 0 {
		item.Body = nil
	}
	return reading{item, state, there}
}

// over is an item that has ended as it can be read.
func over(i ledger.Item, s ledger.ItemState) reading {
	i.Body = nil
	return reading{i, s, true}
}

func outAsIn(b *bench) {
	long := strings.Repeat("é", ledger.MaxItemName/2)
	items := []ledger.Item{
		b.item("a", priority(-128), about(ledger.Event), inSerial("to one receiver"), ofFlow("f"), func(i *ledger.Item) { i.Body = []byte{0, 0xff, '\n', '\'', 0} }),
		b.item("B", priority(0), due(-time.Minute), expires(time.Microsecond)),
		b.item("c:é '\\", priority(5), func(i *ledger.Item) { i.Body = []byte(strings.Repeat("x", ledger.MaxItemBody)) }),
		b.item(long, priority(127), inSerial(long), ofFlow(long), about(ledger.Scheduled)),
	}
	b.put(items...)
	putAt := b.now()
	for _, i := range items {
		require.Equal(b, reading{i, ledger.ItemWaiting, true}, b.read(i.ID))
	}
	b.clock.Move(0)
	claimed := b.claim()
	require.Len(b, claimed, len(items))
	for n, i := range items {
		got := claimed[n]
		require.NotZero(b, got.Claim)
		got.Claim = 0
		require.Equal(b, ledger.Claimed{Item: i, PutAt: putAt}, got)
		require.Equal(b, reading{i, ledger.ItemClaimed, true}, b.read(i.ID))
	}
	b.put(b.item("no body", func(i *ledger.Item) { i.Body = nil }))
	require.Empty(b, b.claimOne().Body)
	require.Equal(b, reading{}, b.read("unknown"))
}

func inOrder(b *bench) {
	b.put(b.item("late", due(-time.Second), priority(2)), b.item("urgent", priority(-1)), b.item("old", due(-time.Minute)))
	b.put(b.item("first"), b.item("second"))
	b.put(b.item("third"), b.item("older", due(-time.Hour)))
	claimed := b.claimFrom(b.Queue, 3)
	require.Equal(b, []string{"urgent", "older", "old"}, idsOf(claimed))
	b.due("first", "second", "third", "late")
	b.due()
}

func notBeforeDue(b *bench) {
	b.put(b.item("in 2 s", due(2*time.Second)), b.item("in 1 s", due(time.Second)), b.item("urgent, in 2 s", due(2*time.Second), priority(0)))
	b.due()
	b.clock.Move(time.Second - time.Microsecond)
	b.due()
	b.clock.Move(time.Microsecond)
	b.due("in 1 s")
	b.clock.Move(time.Second)
	b.due("urgent, in 2 s", "in 2 s")
}

// An item that nobody has done in time is not lost. Nor is one whose time is over before it is due.
func expiredItem(b *bench) {
	in := expires(time.Second)
	b.put(b.item("a", in), b.item("b", in, due(time.Minute)))
	b.clock.Move(time.Second - time.Microsecond)
	first := b.due("a")[0]
	b.end(first, ledger.ItemEnd{Again: b.now().Add(time.Minute)})
	b.clock.Move(time.Microsecond)
	for _, c := range b.due("a", "b") {
		require.LessOrEqual(b, c.ExpiresAt, b.now())
		b.end(c, ledger.ItemEnd{State: ledger.ItemExpired, Keep: life})
		require.Equal(b, ledger.ItemExpired, b.read(c.ID).state)
	}
	b.clock.Move(time.Hour / 2)
	b.due()
}

func topics(b *bench) {
	b.put(b.item("hook"), b.item("message", about(ledger.Scheduled)), b.item("event", about(ledger.Event)))
	for _, tt := range []struct {
		topics []ledger.Topic
		want   []string
	}{
		{nil, nil},
		{[]ledger.Topic{ledger.Scheduled}, []string{"message"}},
		{[]ledger.Topic{ledger.Scheduled}, nil},
		{[]ledger.Topic{ledger.Event, ledger.Hooked}, []string{"hook", "event"}},
	} {
		claimed, err := b.Claim(b.Context(), tt.topics, 10)
		require.NoError(b, err)
		require.Equal(b, tt.want, idsOf(claimed))
	}
}

func putOnce(b *bench) {
	first := b.item("a")
	b.put(first)
	b.put(b.item("a", due(-time.Hour), priority(9), about(ledger.Event), func(i *ledger.Item) { i.Body = []byte("another") }), b.item("b"), b.item("b", priority(9)))
	require.Equal(b, []reading{{first, ledger.ItemWaiting, true}, {b.item("b"), ledger.ItemWaiting, true}}, []reading{b.read("a"), b.read("b")})
	claimed := b.due("a", "b")
	b.put(first)
	b.due()
	b.end(claimed[0], ledger.ItemEnd{Again: b.now()})
	b.put(first)
	b.due("a")
}

func putAfterEnd(b *bench) {
	ended, canceled, gone := b.item("a"), b.item("b"), b.item("c")
	b.put(ended, canceled, gone)
	b.cancel("b", true)
	for _, c := range b.due("a", "c") {
		b.end(c, ledger.ItemEnd{Keep: map[string]time.Duration{"a": life}[c.ID]})
	}
	b.put(ended, canceled)
	b.due()
	b.put(gone)
	b.due("c")
	b.clock.Move(life)
	b.put(ended, canceled)
	b.due("a", "b")
}

func allOrNone(b *bench) {
	b.put()
	require.ErrorIs(b, b.Put(b.Context(), b.item("a"), b.item(""), b.item("b")), ledger.ErrItem)
	var many []ledger.Item
	for i := range ledger.MaxPut + 1 {
		many = append(many, b.item(fmt.Sprintf("%04d", i)))
	}
	require.ErrorIs(b, b.Put(b.Context(), many...), ledger.ErrItem)
	b.due()
	b.put(many[1:]...)
	require.Len(b, b.claimFrom(b.Queue, ledger.MaxClaim), ledger.MaxPut)
}

func itemBounds(b *bench) {
	tooLong := strings.Repeat("x", ledger.MaxItemName+1)
	for name, change := range map[string]func(*ledger.Item){
		"no ID":         func(i *ledger.Item) { i.ID = "" },
		"a long ID":     func(i *ledger.Item) { i.ID = tooLong },
		"a long serial": inSerial(tooLong),
		"a long flow":   ofFlow(tooLong),
		"a long body":   func(i *ledger.Item) { i.Body = make([]byte, ledger.MaxItemBody+1) },
		"no topic":      about(""),
		"another topic": about("another"),
		"no time":       func(i *ledger.Item) { i.DueAt = 0 },
		"no end":        func(i *ledger.Item) { i.ExpiresAt = 0 },
		"no text":       func(i *ledger.Item) { i.ID = "a\xff" },
		"a zero":        func(i *ledger.Item) { i.Serial = "a\x00b" },
	} {
		require.ErrorIs(b, b.Put(b.Context(), b.item("a", change)), ledger.ErrItem, name)
	}
	b.due()
}

func claimBounds(b *bench) {
	var items []ledger.Item
	for i := range ledger.MaxClaim + 5 {
		items = append(items, b.item(fmt.Sprintf("%04d", i)))
	}
	b.putAll(items)
	require.Empty(b, b.claimFrom(b.Queue, 0))
	require.Empty(b, b.claimFrom(b.Queue, -1))
	require.Len(b, b.claimFrom(b.Queue, 2), 2)
	require.Len(b, b.claimFrom(b.Queue, 1<<30), ledger.MaxClaim)
	require.Len(b, b.claimFrom(b.Queue, 1<<30), 3)
}

func again(b *bench) {
	b.put(b.item("a", inSerial("s"), ofFlow("f")))
	want := b.claimOne()
	for tries := range 3 {
		if tries > 0 {
			later := b.now().Add(time.Minute)
			b.end(want, ledger.ItemEnd{Again: later, Keep: life, State: ledger.ItemExpired})
			want.DueAt = later
			require.Equal(b, reading{want.Item, ledger.ItemWaiting, true}, b.read("a"))
			b.due()
			b.clock.Move(time.Minute)
			want.Tries = tries
			got := b.claimOne()
			require.NotEqual(b, want.Claim, got.Claim)
			want.Claim = got.Claim
			require.Equal(b, want, got)
		}
	}
	b.end(want, ledger.ItemEnd{})
	require.Equal(b, reading{}, b.read("a"))
}

func kept(b *bench) {
	items := map[string]ledger.ItemEnd{
		"a": {Keep: time.Minute, Body: []byte("what became of it")},
		"b": {Keep: time.Minute, State: ledger.ItemExpired},
		"c": {Keep: time.Minute, State: ledger.ItemOvertaken},
		"d": {Keep: time.Minute, State: ledger.ItemClaimed}, // no state of one that has ended
		"e": {},
	}
	b.put(b.item("a"), b.item("b"), b.item("c"), b.item("d"), b.item("e"))
	for _, c := range b.due("a", "b", "c", "d", "e") {
		e := items[c.ID]
		b.end(c, e)
		if c.ID == "e" {
			require.Equal(b, reading{}, b.read("e"), "it is not kept")
			continue
		}
		want := over(c.Item, cmp.Or(map[string]ledger.ItemState{"b": ledger.ItemExpired, "c": ledger.ItemOvertaken}[c.ID], ledger.ItemEnded))
		want.item.Body = e.Body
		require.Equal(b, want, b.read(c.ID))
	}
	b.clock.Move(time.Minute - time.Microsecond)
	require.Equal(b, ledger.ItemEnded, b.read("a").state)
	b.clock.Move(time.Microsecond)
	for id := range items {
		require.Equal(b, reading{}, b.read(id), id)
	}
}

func depth(b *bench) {
	read := func() map[ledger.Topic]ledger.Depth {
		all, err := b.Depth(b.Context())
		require.NoError(b, err)
		for topic, d := range all {
			if d == (ledger.Depth{}) {
				delete(all, topic)
			}
		}
		return all
	}
	require.Empty(b, read())
	b.put(b.item("a", due(-time.Minute)), b.item("b", due(-time.Second)), b.item("c"), b.item("d", due(time.Minute)), b.item("e", due(life), expires(time.Minute)))
	b.put(b.item("event", about(ledger.Event), due(-time.Hour)), b.item("message", about(ledger.Scheduled), due(time.Second)))
	require.Equal(b, map[ledger.Topic]ledger.Depth{
		ledger.Hooked:    {Waiting: 3, Later: 2, Oldest: time.Minute},
		ledger.Event:     {Waiting: 1, Oldest: time.Hour},
		ledger.Scheduled: {Later: 1},
	}, read())
	claimed, err := b.Claim(b.Context(), []ledger.Topic{ledger.Hooked}, 2)
	require.NoError(b, err)
	b.end(claimed[0], ledger.ItemEnd{Keep: life})
	b.cancel("message", true)
	b.clock.Move(time.Minute + time.Second)
	require.Equal(b, map[ledger.Topic]ledger.Depth{
		ledger.Hooked: {Waiting: 3, Claimed: 1, Oldest: time.Minute + time.Second},
		ledger.Event:  {Waiting: 1, Oldest: time.Hour + time.Minute + time.Second},
	}, read())
}

// soon is how long the tests wait for what has to come, on a machine that may be busy.
const soon = 20 * time.Second

// waitUntil waits as a worker does, until an item is handed out, and returns how often it has waited.
func (b *bench) waitUntil(q ledger.Queue, ready chan<- struct{}) (id string, waits int) {
	ctx, cancel := context.WithTimeout(b.Context(), soon)
	defer cancel()
	for {
		claimed, err := q.Claim(ctx, ledger.Topics(), 1)
		if err != nil {
			b.Error(err)
			return "", waits
		}
		if len(claimed) > 0 {
			return claimed[0].ID, waits
		}
		if waits++; waits == 1 {
			close(ready)
		}
		q.Wait(ctx, ledger.Topics())
	}
}
