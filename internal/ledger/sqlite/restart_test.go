package sqlite_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/sqlite"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// Variables of the process that is killed.
const (
	childCase = "SQLITE_TEST_CASE"
	childPath = "SQLITE_TEST_PATH"
	childTime = "SQLITE_TEST_TIME"
)

func TestMain(m *testing.M) {
	sqlite.WaitLong()
	if name := os.Getenv(childCase); name != "" {
		child(name)
	}
	os.Exit(m.Run())
}

// child does what comes before the restart, says that it has, and waits until it is killed.
func child(name string) {
	micros, err := strconv.ParseInt(os.Getenv(childTime), 10, 64)
	must(err)
	clock := time.UnixMicro(micros)
	l, err := sqlite.Open(options(os.Getenv(childPath), func() time.Time { return clock }))
	must(err)
	for _, c := range restarts {
		if c.name == name {
			c.before(desk{l, &clock})
		}
	}
	if name == "queue" {
		fillQueue(l.Queue(), ledger.At(clock))
	}
	fmt.Println("done")
	select {}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// desk is a ledger at a time, in a process that may have no test.
type desk struct {
	ledger.Ledger
	now *time.Time
}

func (d desk) call(id string, change ...func(*ledger.Call)) ledger.Call {
	c := ledger.Call{
		Message: providers.Message{
			ID: id, To: providers.NewSecret("+447700900123"), Text: providers.NewSecret("Your code is 028687"), Code: providers.NewSecret("028687"),
		},
		Flow:       ledger.Flow{User: "6a0ed0a4-4d2b-4f3e-9a0d-7d3f8f0d1c11", Number: "447700900123"},
		Number:     "+4477*****123",
		Country:    "GB",
		LastSignIn: "2026-01-02T03:04:05Z",
		ReceivedAt: ledger.At(*d.now),
		Deadline:   time.Now().Add(time.Minute),
		Life:       time.Minute,
		Charges: []policy.Charge{
			{Rule: policy.PerPhone, Limit: policy.Limit{Most: 2, Per: time.Hour}, Key: 447700900123},
			{Rule: policy.InAll, Limit: policy.Limit{Most: 100, Per: time.Hour}},
		},
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func (d desk) begin(c ledger.Call) ledger.Begun {
	begun, err := d.Begin(background, c)
	must(err)
	begun.FirstAt = 0
	return begun
}

func (d desk) attempt(id, instance string) {
	must(d.Attempt(background, id, ledger.Attempt{Instance: instance, BegunAt: ledger.At(*d.now)}))
}

func (d desk) send(id, instance, name string, change ...func(*ledger.Call)) {
	d.begin(d.call(id, change...))
	d.attempt(id, instance)
	_, _, err := d.End(background, ledger.Ended{ID: id, Result: ledger.Accepted, Instance: instance, Attempts: []ledger.Attempt{
		{Instance: instance, BegunAt: ledger.At(*d.now), State: ledger.AttemptAccepted, Parts: []ledger.Part{{ID: name}}},
	}})
	must(err)
}

func (d desk) report(instance, name string, state providers.State) ledger.News {
	news, err := d.Receipt(background, instance, "", providers.Receipt{ID: name, State: state, Kind: providers.Temporary})
	must(err)
	return news
}

func (d desk) move(by time.Duration) { *d.now = d.now.Add(by) }

// restarts are what must hold after a restart because of what was before it.
var restarts = []struct {
	name   string
	before func(desk)
	after  func(*testing.T, desk)
}{
	{"a repeat is answered like the call before", func(d desk) {
		d.send("1", "a", "SM1")
	}, func(t *testing.T, d desk) {
		d.move(9 * time.Minute)
		require.Equal(t, ledger.Begun{Repeat: true, Result: ledger.Accepted, Over: -1}, d.begin(d.call("1")))
	}},
	{"a limit that is used up refuses", func(d desk) {
		d.send("1", "a", "SM1")
		d.move(2 * time.Second)
		d.send("2", "a", "SM2")
	}, func(t *testing.T, d desk) {
		d.move(2 * time.Minute)
		refused := d.begin(d.call("3"))
		require.Equal(t, ledger.TooMany, refused.Result)
		require.Equal(t, 0, refused.Over)
		require.InDelta(t, 30*time.Minute-124*time.Second, refused.After, float64(5*time.Second))
	}},
	{"a repeat is not charged again", func(d desk) {
		d.begin(d.call("1"))
		d.begin(d.call("2", func(c *ledger.Call) { c.Flow.User = "another" }))
	}, func(t *testing.T, d desk) {
		require.True(t, d.begin(d.call("1")).Go)
	}},
	{"a user who asks again is told which instance lost the message", func(d desk) {
		d.send("1", "a", "SM1")
	}, func(t *testing.T, d desk) {
		d.move(30 * time.Second)
		require.Equal(t, ledger.Begun{Go: true, Over: -1, Lost: "a"}, d.begin(d.call("2")))
	}},
	{"a user who has signed in since isn't", func(d desk) {
		d.send("1", "a", "SM1")
	}, func(t *testing.T, d desk) {
		d.move(30 * time.Second)
		require.Empty(t, d.begin(d.call("2", func(c *ledger.Call) { c.LastSignIn = "since then" })).Lost)
	}},
	{"a second tap is refused", func(d desk) {
		d.send("1", "a", "SM1")
	}, func(t *testing.T, d desk) {
		d.move(500 * time.Millisecond)
		require.Equal(t, ledger.Begun{Result: ledger.JustSent, Over: -1}, d.begin(d.call("2")))
	}},
	{"a message that failed by a receipt is sent again", func(d desk) {
		d.send("1", "a", "SM1")
	}, func(t *testing.T, d desk) {
		news := d.report("a", "SM1", providers.StateUndelivered)
		require.NotNil(t, news.Resend)
		require.Equal(t, []string{"+447700900123", "Your code is 028687", "028687", "a", "a"}, []string{news.Resend.Message.To.Reveal(),
			news.Resend.Message.Text.Reveal(), news.Resend.Message.Code.Reveal(), news.Resend.Instance, news.Resend.Tried[0].Instance})
		require.Equal(t, []ledger.Report{{ID: "1", Number: "+4477*****123", Country: "GB", Instance: "a",
			Receipt: providers.Receipt{State: providers.StateUndelivered, Kind: providers.Temporary}}}, news.Reports)
	}},
	{"a message whose code is no longer valid is not", func(d desk) {
		d.send("1", "a", "SM1")
		d.move(2 * time.Second)
		d.send("2", "a", "SM2")
	}, func(t *testing.T, d desk) {
		require.Nil(t, d.report("a", "SM1", providers.StateUndelivered).Resend)
		require.NotNil(t, d.report("a", "SM2", providers.StateUndelivered).Resend)
	}},
	{"a message that was delivered is not", func(d desk) {
		d.send("1", "a", "SM1")
		d.report("a", "SM1", providers.StateDelivered)
	}, func(t *testing.T, d desk) {
		require.Zero(t, d.report("a", "SM1", providers.StateUndelivered))
	}},
	{"a resending that was interrupted goes on", func(d desk) {
		d.send("1", "a", "SM1")
		d.report("a", "SM1", providers.StateUndelivered)
		d.attempt("1", "b")
	}, func(t *testing.T, d desk) {
		_, news, err := d.Sweep(t.Context())
		require.NoError(t, err)
		require.NotNil(t, news.Resend)
		require.Equal(t, []string{"a", "b"}, []string{news.Resend.Tried[0].Instance, news.Resend.Tried[1].Instance})
		_, news, err = d.Sweep(t.Context())
		require.NoError(t, err)
		require.Zero(t, news)
	}},
	{"a race that was interrupted begins again, and what was tried is known", func(d desk) {
		d.begin(d.call("1"))
		d.attempt("1", "a")
	}, func(t *testing.T, d desk) {
		at := ledger.At(*d.now)
		d.move(2 * time.Second)
		tried := []ledger.Attempt{{Instance: "a", BegunAt: at, State: ledger.AttemptFailed, Kind: providers.Temporary}}
		require.Equal(t, ledger.Begun{Go: true, Over: -1, Tried: tried}, d.begin(d.call("1")))
	}},
	{"a call whose caller has given up is not sent", func(d desk) {
		d.begin(d.call("1"))
	}, func(t *testing.T, d desk) {
		d.move(5 * time.Second)
		_, err := d.Begin(t.Context(), d.call("1"))
		require.ErrorIs(t, err, ledger.ErrReplayed)
	}},
	{"what has expired is not sent", func(d desk) {
		d.send("1", "a", "SM1")
	}, func(t *testing.T, d desk) {
		d.move(time.Minute)
		require.Nil(t, d.report("a", "SM1", providers.StateUndelivered).Resend)
	}},
}

// What the queue has put is there after a kill, and what a process had claimed comes again.
func TestRestartOfAQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smshook.db")
	clock := time.Now().Truncate(time.Microsecond)
	kill(t, "queue", path, clock)
	q := open(t, options(path, func() time.Time { return clock })).Queue()
	claimed, err := q.Claim(t.Context(), ledger.Topics(), 10)
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2", "3"}, []string{claimed[0].ID, claimed[1].ID, claimed[2].ID})
	require.Equal(t, []int{1, 0, 0}, []int{claimed[0].Tries, claimed[1].Tries, claimed[2].Tries})
	require.Len(t, claimed, 3)
}

// fillQueue puts three items, and claims one.
func fillQueue(q ledger.Queue, now ledger.Time) {
	for i := range 3 {
		must(q.Put(background, ledger.Item{ID: strconv.Itoa(i + 1), Topic: ledger.Event, DueAt: now, ExpiresAt: now.Add(time.Hour)}))
	}
	_, err := q.Claim(background, ledger.Topics(), 1)
	must(err)
}

// A restart forgets nothing, whether the process has closed the file or was killed.
func TestRestart(t *testing.T) {
	for _, c := range restarts {
		for _, killed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, killed=%t", c.name, killed), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "smshook.db")
				clock := time.Now().Truncate(time.Microsecond)
				if killed {
					kill(t, c.name, path, clock)
				} else {
					l, err := sqlite.Open(options(path, func() time.Time { return clock }))
					require.NoError(t, err)
					c.before(desk{l, &clock})
					require.NoError(t, l.Close())
				}
				l := open(t, options(path, func() time.Time { return clock }))
				require.NotZero(t, l.Restored)
				require.Zero(t, l.Unopened)
				c.after(t, desk{l, &clock})
				require.Zero(t, l.Missed())
			})
		}
	}
}

// kill has another process do what comes before the restart, and kills it.
func kill(t *testing.T, name, path string, clock time.Time) {
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), childCase+"="+name, childPath+"="+path, childTime+"="+strconv.FormatInt(clock.UnixMicro(), 10))
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	process.Stderr = os.Stderr
	require.NoError(t, process.Start())
	line, _ := bufio.NewReader(out).ReadString('\n')
	require.Equal(t, "done\n", line)
	require.NoError(t, process.Process.Kill())
	_ = process.Wait() // it was killed
}

// Secrets are changed without loss: the new one stands first, and the old one is there until what it has sealed has expired.
func TestSecretsAreChangedOverARestart(t *testing.T) {
	for _, tt := range []struct {
		secrets []string
		resent  bool
	}{
		{[]string{"new", "old"}, true},
		{[]string{"new"}, false},
	} {
		path := filepath.Join(t.TempDir(), "smshook.db")
		clock := time.Now().Truncate(time.Microsecond)
		o := options(path, func() time.Time { return clock })
		o.Sealer = ledger.NewSealer(providers.NewSecret("old"))
		l, err := sqlite.Open(o)
		require.NoError(t, err)
		desk{l, &clock}.send("1", "a", "SM1")
		require.NoError(t, l.Close())

		o = options(path, func() time.Time { return clock })
		var secrets []providers.Secret
		for _, s := range tt.secrets {
			secrets = append(secrets, providers.NewSecret(s))
		}
		o.Sealer = ledger.NewSealer(secrets...)
		l = open(t, o)
		require.Equal(t, tt.resent, l.Unopened == 0)
		require.Equal(t, tt.resent, desk{l, &clock}.report("a", "SM1", providers.StateUndelivered).Resend != nil)
	}
}
