// Package postgres is the ledger that several replicas share, in the Postgres database that every user of Supabase has. [Store] asks
// it, [Migrate] makes its schema. Each question is one function of the schema, called with one JSON document: the decisions that need
// several rows at once are made there, under locks; the transitions of one record are those of package ledger, computed here, and
// stored if the row hasn't changed since it was read.
package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/providers"
)

const (
	// queryTime is how long a query may take. The caller waits less, see [ledger.Shared]: pgx closes a connection whose query is
	// cancelled, and while the database is slow, new connections would make it slower.
	queryTime = 2 * time.Second
	// readTime is how long a query of a [Reader] may take, for which a person waits: as long as counts are not rolled up, messages are read one by one.
	readTime = time.Minute
	// lease is how long a replica is taken for alive without a sign of it, and renewEvery how often it gives one.
	lease      = 2 * time.Second
	renewEvery = lease / 4

	defaultConnections = 4
	// transactionPort is where Supabase's pooler gives each transaction another session of the database:
	// https://supabase.com/docs/guides/database/connecting-to-postgres
	transactionPort = 6543
)

// Settings are what an operator decides about the store.
type Settings struct {
	ledger.Settings
	Keep        time.Duration    // how long records are kept
	Connections int              // to the database at once, beside one that shows that the replica is alive; 0 is 4
	NoCache     bool             // statements are not prepared: for a pooler that can't. A pooler is also detected
	Clock       func() time.Time // the replica's clock; it may differ from the database's
	Sealer      Sealer
	// Settling is called when it becomes known, or changes, whether the database can judge from Auth's tables if codes were used. off says
	// why it can't; then the next call of a user tells. It must not block, and may be nil.
	Settling func(off string)
	// RollingUp is called when it changes whether counts can be kept. The problem says why they can't, and is empty if they can. It must not
	// block, and may be nil.
	RollingUp func(problem string)
}

// Sealer encrypts the contents of messages, and decrypts those of the message with an ID.
type Sealer interface {
	Seal(m providers.Message) []byte
	Open(id string, sealed []byte) (providers.Message, error)
}

// Store is a [ledger.Store] in Postgres. It may be used concurrently.
type Store struct {
	settings    Settings
	pool        *pgxpool.Pool
	me          int32 // names this replica in the database; another one after each start
	started     time.Time
	queryTime   time.Duration
	pooled      atomic.Bool
	noCache     bool
	counters    atomic.Bool // the last sweep has left counters that are over
	refusedOver atomic.Bool // the last sweep has left too many messages that were refused
	mostRefused int
	hints       hints
	refusal     refusal
	accounts    accounts
	sweeps      atomic.Uint64
	rollUpSize  atomic.Int32 // how many messages are rolled up at once; 0 before the first time
	wakeups     wakeups
	claiming    chan struct{} // full while items are being claimed
	claims      claims
	stop        context.CancelFunc
	stopped     chan struct{}

	mu        sync.Mutex
	ready     bool
	hash      hasher
	settling  *string // why the database can't judge; nil before that is known
	rollingUp string  // why counts can't be kept
}

var _ ledger.Store = (*Store)(nil)

// Open returns a store. It connects when it is first used: an error means that the address can't be read. Close has to be called.
func Open(address string, s Settings) (*Store, error) {
	store, err := newStore(address, s)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	store.stop = stop
	go store.stayAlive(ctx, store.pool.Config().ConnConfig.Copy())
	return store, nil
}

// Reader reads messages. It is no replica. It may be used concurrently.
type Reader struct{ store *Store }

// OpenReader returns a reader of a database, with one connection. Close has to be called.
func OpenReader(address string) (Reader, error) {
	store, err := newStore(address, Settings{Connections: 1, Clock: time.Now})
	if err != nil {
		return Reader{}, err
	}
	store.queryTime = readTime
	return Reader{store}, nil
}

// Messages is described at [ledger.Ledger].
func (r Reader) Messages(ctx context.Context, q ledger.Query) ([]ledger.Message, error) {
	return r.store.Messages(ctx, q)
}

// Count is described at [ledger.Ledger].
func (r Reader) Count(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	return r.store.Count(ctx, q)
}

// Close closes the connection.
func (r Reader) Close() error {
	r.store.pool.Close()
	return nil
}

func newStore(address string, s Settings) (*Store, error) {
	address, noCache := withoutPgbouncer(address)
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, addressProblem(err)
	}
	config.MaxConns = defaultConnections
	if s.Connections > 0 {
		config.MaxConns = int32(s.Connections)
	}
	config.MinConns = 0
	config.MaxConnIdleTime = 5 * time.Minute
	config.ConnConfig.ConnectTimeout = queryTime
	store := &Store{
		settings:    s,
		me:          rand.Int32(),
		started:     time.Now(),
		queryTime:   queryTime,
		noCache:     s.NoCache || noCache || config.ConnConfig.Port == transactionPort || config.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeExec,
		hints:       hints{byID: map[string]hint{}},
		claiming:    make(chan struct{}, 1),
		mostRefused: mostRefused,
		stopped:     make(chan struct{}),
	}
	// Each connection is asked who is behind it, and must do so before a statement is prepared.
	config.AfterConnect = store.detectPooler
	config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { return store.refusal.recent() }
	store.pool, err = pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, errAddress
	}
	return store, nil
}

// Warm makes all connections, and finds out whether the program can work with the schema. Without it, the first calls wait for that. It
// returns when that is done, when it fails, or when ctx ends.
func (s *Store) Warm(ctx context.Context) error {
	if _, err := s.hasher(ctx); err != nil {
		return err
	}
	var held []*pgxpool.Conn // so that the next one is another
	defer func() {
		for _, conn := range held {
			conn.Release()
		}
	}()
	for range s.pool.Config().MaxConns {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return explain(err)
		}
		held = append(held, conn)
	}
	return nil
}

// withoutPgbouncer removes pgbouncer=true, which other programs want in the address of a transaction pooler. Postgres knows no such parameter.
func withoutPgbouncer(address string) (without string, found bool) {
	before, query, hasQuery := strings.Cut(address, "?")
	if !hasQuery {
		return address, false
	}
	var kept []string
	for parameter := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(parameter, "="); name == "pgbouncer" {
			found = found || value == "true"
			continue
		}
		kept = append(kept, parameter)
	}
	if len(kept) == 0 {
		return before, found
	}
	return before + "?" + strings.Join(kept, "&"), found
}

// Close ends all connections. Messages that this replica is still sending can be taken over by others.
func (s *Store) Close() {
	s.stop()
	<-s.stopped
	s.pool.Close()
}

// detectPooler finds out whether a pooler is between: it then has told a process of its own. In a pooler's session, neither prepared
// statements nor session locks can be relied on.
func (s *Store) detectPooler(ctx context.Context, conn *pgx.Conn) error {
	pid, err := backend(ctx, conn)
	if err != nil {
		return err
	}
	if pid != conn.PgConn().PID() {
		s.pooled.Store(true)
	}
	return nil
}

func (s *Store) mode() pgx.QueryExecMode {
	if s.noCache || s.pooled.Load() {
		return pgx.QueryExecModeExec
	}
	return pgx.QueryExecModeCacheStatement
}

// ask calls a function of the schema. If ctx ends, it returns at once; the query goes on, for queryTime at most. There are no more such
// queries than connections, since each has one.
func (s *Store) ask(ctx context.Context, function string, question, answer any) error {
	text, err := json.Marshal(question)
	if err != nil {
		return err
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		s.refusal.note(err)
		return explain(err)
	}
	answered := make(chan error, 1)
	var reply string
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.queryTime)
		defer cancel()
		defer conn.Release()
		answered <- conn.QueryRow(ctx, "select smshook."+function+"($1::text::jsonb)::text", s.mode(), string(text)).Scan(&reply)
	}()
	select {
	case err := <-answered:
		if err != nil {
			return explain(err)
		}
		return json.Unmarshal([]byte(reply), answer)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// greeting is what the schema says of itself.
type greeting struct {
	Version int    `json:"version"`
	Key     []byte `json:"key"`
	Now     int64  `json:"now"`
	PID     uint32 `json:"pid"`
}

// errVersion says what to do if the program can't work with the schema; nil if it can.
func (g greeting) errVersion() error {
	switch {
	case g.Version < Version:
		return fmt.Errorf("the schema smshook has version %d, and this program needs version %d: run `smshook migrate`", g.Version, Version)
	case g.Version > Version+1:
		return fmt.Errorf("the schema smshook has version %d, and this program works with %d and %d: use a newer smshook", g.Version, Version, Version+1)
	}
	return nil
}

// hasher returns the hashes of this database, once it is known that the program can work with it.
func (s *Store) hasher(ctx context.Context) (hasher, error) {
	s.mu.Lock()
	ready, hash := s.ready, s.hash
	s.mu.Unlock()
	if ready {
		return hash, nil
	}
	var g greeting
	if err := s.ask(ctx, "hello", struct{}{}, &g); err != nil {
		return nil, err
	}
	if err := g.errVersion(); err != nil {
		return nil, err
	}
	if len(g.Key) < 16 {
		return nil, errors.New("the schema smshook has lost the key of its hashes: restore the table smshook.hash_key from a backup")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready, s.hash = true, g.Key
	return s.hash, nil
}

func (s *Store) now() ledger.Time { return ledger.At(s.settings.Clock()) }
