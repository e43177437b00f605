package postgres

import "context"

type learnt struct {
	Name string `json:"name,omitempty"`
	Body []byte `json:"body"` // base64 in JSON
}

// KeepLearnt keeps what a replica has learnt, in place of what was kept under the name before, by whichever replica.
func (s *Store) KeepLearnt(ctx context.Context, name string, body []byte) error {
	return s.ask(ctx, "keep_learnt", learnt{name, body}, &struct{}{})
}

// Learnt returns what was kept last under a name; nothing if nothing was.
func (s *Store) Learnt(ctx context.Context, name string) ([]byte, error) {
	var l learnt
	err := s.ask(ctx, "learnt", map[string]string{"name": name}, &l)
	return l.Body, err
}

// HashKey returns the random key that the database was given when its schema was made.
func (s *Store) HashKey(ctx context.Context) ([]byte, error) { return s.hasher(ctx) }
