package postgres_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/ledger/ledgertest"
	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
	"github.com/smshook/smshook/providers"
)

const password = "a password"

// made is a database with the schema.
var made = pgtest.Template{Name: "made", Copied: "select smshook.resume()", Prepare: func(d *pgtest.Database) error {
	if _, err := postgres.Migrate(context.Background(), d.Administrator()); err != nil {
		return err
	}
	return d.Run("alter role smshook password '" + password + "'")
}}

// migrated is a database with the schema, and with a clock that a test can move.
var migrated = pgtest.Template{Name: "migrated", Copied: made.Copied, Prepare: func(d *pgtest.Database) error {
	if err := made.Prepare(d); err != nil {
		return err
	}
	return d.Run(`create table smshook.test_clock (at timestamptz);
		alter table smshook.test_clock owner to smshook_owner;
		insert into smshook.test_clock values (null);
		create or replace function smshook.clock() returns timestamptz language plpgsql volatile set search_path = '' as
			$$ begin return coalesce((select at from smshook.test_clock), clock_timestamp()); end $$`)
}}

// plain seals nothing, so that tests can read what is stored.
type plain struct{}

type contents struct{ To, Text, Code string }

func (plain) Seal(m providers.Message) []byte {
	text, _ := json.Marshal(contents{m.To.Reveal(), m.Text.Reveal(), m.Code.Reveal()})
	return text
}

func (plain) Open(id string, sealed []byte) (providers.Message, error) {
	var c contents
	err := json.Unmarshal(sealed, &c)
	return providers.Message{ID: id, To: providers.NewSecret(c.To), Text: providers.NewSecret(c.Text), Code: providers.NewSecret(c.Code)}, err
}

func settings(clock func() time.Time) postgres.Settings {
	return postgres.Settings{Settings: ledgertest.Settings, Keep: 10 * time.Minute, Clock: clock, Sealer: plain{}}
}

// open opens a store of a database.
func open(tb testing.TB, d *pgtest.Database, s postgres.Settings) *postgres.Store {
	store, err := postgres.Open(d.URL("smshook", password), s)
	require.NoError(tb, err)
	tb.Cleanup(store.Close)
	return store
}

// clocked moves the clock of the database before each question to where the clock of the test is. Leases don't end by that, unless they
// are to: replicas that run renew them.
type clocked struct {
	*postgres.Store
	leasesEnd bool
	clock     *ledgertest.Clock
	conn      *pgx.Conn
	mu        *sync.Mutex
	at        *time.Time
}

func withClock(tb testing.TB, d *pgtest.Database, store *postgres.Store, clock *ledgertest.Clock) clocked {
	conn, err := pgx.Connect(tb.Context(), d.Superuser())
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return clocked{store, false, clock, conn, &sync.Mutex{}, &time.Time{}}
}

func (c clocked) set() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	if now.Equal(*c.at) {
		return
	}
	if _, err := c.conn.Exec(context.Background(), "update smshook.test_clock set at = $1", now); err != nil {
		panic(err)
	}
	if !c.leasesEnd {
		if _, err := c.conn.Exec(context.Background(), "update smshook.replica set lease_until = smshook.micros() + 2000000"); err != nil {
			panic(err)
		}
	}
	*c.at = now
}

func (c clocked) Begin(ctx context.Context, call ledger.Call, waitedFor string) (ledger.Begun, ledger.Behind, error) {
	c.set()
	return c.Store.Begin(ctx, call, waitedFor)
}

func (c clocked) Attempt(ctx context.Context, id string, a ledger.Attempt) error {
	c.set()
	return c.Store.Attempt(ctx, id, a)
}

func (c clocked) End(ctx context.Context, e ledger.Ended) (ledger.Result, ledger.News, error) {
	c.set()
	return c.Store.End(ctx, e)
}

func (c clocked) Late(ctx context.Context, id string, a ledger.Attempt) (bool, ledger.News, error) {
	c.set()
	return c.Store.Late(ctx, id, a)
}

func (c clocked) Receipt(ctx context.Context, instance, id string, r providers.Receipt) (ledger.News, error) {
	c.set()
	return c.Store.Receipt(ctx, instance, id, r)
}

func (c clocked) Sweep(ctx context.Context) (bool, ledger.News, error) {
	c.set()
	return c.Store.Sweep(ctx)
}

func (c clocked) Refuse(ctx context.Context, call ledger.Call, result ledger.Result, rule string) error {
	c.set()
	return c.Store.Refuse(ctx, call, result, rule)
}

func (c clocked) Messages(ctx context.Context, q ledger.Query) ([]ledger.Message, error) {
	c.set()
	return c.Store.Messages(ctx, q)
}

func (c clocked) Count(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	c.set()
	return c.Store.Count(ctx, q)
}

func (c clocked) Write(ctx context.Context, w ledger.Written) (ledger.News, error) {
	c.set()
	return c.Store.Write(ctx, w)
}

// polling is a ledger on a store, for the suite: it waits by asking again. Unlike [ledger.Shared], it never goes on without the store, however
// busy the machine is.
type polling struct {
	ledger.Store
	mu     *sync.Mutex
	behind map[string]int
}

func (p polling) Begin(ctx context.Context, c ledger.Call) (ledger.Begun, error) {
	waitedFor := ""
	for {
		begun, behind, err := p.Store.Begin(ctx, c, waitedFor)
		if err != nil || behind.ID == "" {
			return begun, err
		}
		if behind.ID != waitedFor && waitedFor == "" {
			p.mu.Lock()
			p.behind[behind.ID]++
			crowded := p.behind[behind.ID] > 16
			p.mu.Unlock()
			if crowded {
				return ledger.Begun{}, ledger.ErrCrowded
			}
		}
		waitedFor = behind.ID
		select {
		case <-ctx.Done():
			return ledger.Begun{}, ctx.Err()
		case <-time.After(time.Until(c.Deadline)):
			return ledger.Begun{}, ledger.ErrNoTime
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (p polling) Decided(ctx context.Context, id string) (ledger.Message, error) {
	for {
		m, _, err := p.Message(context.WithoutCancel(ctx), id)
		if err != nil || !m.Pending() {
			return m, err
		}
		select {
		case <-ctx.Done():
			return m, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (polling) Forgotten() uint64 { return 0 }

func newPolling(s ledger.Store) polling { return polling{s, &sync.Mutex{}, map[string]int{}} }

func TestStore(t *testing.T) {
	for _, tt := range []struct {
		name    string
		noCache bool
	}{{"prepared statements", false}, {"no prepared statements", true}} {
		t.Run(tt.name, func(t *testing.T) {
			d := pgtest.New(t, migrated)
			ledgertest.Run(t, func(t *testing.T, clock *ledgertest.Clock) ledger.Ledger {
				d.Exec(t, "truncate smshook.message, smshook.content, smshook.flow, smshook.counter, smshook.name")
				s := settings(clock.Now)
				s.NoCache = tt.noCache
				return newPolling(withClock(t, d, open(t, d, s), clock))
			})
		})
	}
}

func TestTwoReplicas(t *testing.T) {
	d := pgtest.New(t, migrated)
	ledgertest.Run(t, func(t *testing.T, clock *ledgertest.Clock) ledger.Ledger {
		d.Exec(t, "truncate smshook.message, smshook.content, smshook.flow, smshook.counter, smshook.name")
		one, other := open(t, d, settings(clock.Now)), open(t, d, settings(clock.Now))
		return ledgertest.NewReplicas(newPolling(withClock(t, d, one, clock)), newPolling(withClock(t, d, other, clock)))
	})
}
