package ledger

import (
	"context"

	"github.com/smshook/smshook/providers"
)

// MemoryStore is a store for replicas in one process.
type MemoryStore struct {
	memory *Memory
	Alone  bool // one replica uses it
}

// NewMemoryStore returns a store that keeps its records in a memory.
func NewMemoryStore(m *Memory) *MemoryStore { return &MemoryStore{memory: m} }

func (s *MemoryStore) Begin(ctx context.Context, c Call, waitedFor string) (Begun, Behind, error) {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	answer, other, err := s.memory.decide(ctx, c, s.memory.messages.get(waitedFor))
	if other != nil {
		return Begun{}, Behind{other.ID, s.Alone}, nil
	}
	return answer, Behind{}, err
}

func (s *MemoryStore) Attempt(ctx context.Context, id string, a Attempt) error {
	return s.memory.Attempt(ctx, id, a)
}

func (s *MemoryStore) End(ctx context.Context, e Ended) (Result, News, error) {
	return s.memory.End(ctx, e)
}

func (s *MemoryStore) Late(ctx context.Context, id string, a Attempt) (bool, News, error) {
	return s.memory.Late(ctx, id, a)
}

func (s *MemoryStore) Receipt(ctx context.Context, instance, id string, r providers.Receipt) (News, error) {
	return s.memory.Receipt(ctx, instance, id, r)
}

func (s *MemoryStore) Sweep(ctx context.Context) (bool, News, error) { return s.memory.Sweep(ctx) }

func (s *MemoryStore) Refuse(ctx context.Context, c Call, result Result, rule string) error {
	return s.memory.Refuse(ctx, c, result, rule)
}

func (s *MemoryStore) Messages(ctx context.Context, q Query) ([]Message, error) {
	return s.memory.Messages(ctx, q)
}

func (s *MemoryStore) Count(ctx context.Context, q CountQuery) ([]Count, error) {
	return s.memory.Count(ctx, q)
}

func (s *MemoryStore) Message(_ context.Context, id string) (Message, bool, error) {
	m, found := s.memory.Export(id)
	return m, found, nil
}

func (s *MemoryStore) Write(ctx context.Context, w Written) (News, error) {
	if _, found := s.memory.Export(w.Call.Message.ID); !found {
		s.memory.mirror(ctx, w.Call, Begun{Go: true, FirstAt: w.Call.ReceivedAt})
	}
	_, news, err := s.memory.End(ctx, w.Ended)
	return news, err
}

var _ Store = (*MemoryStore)(nil)
