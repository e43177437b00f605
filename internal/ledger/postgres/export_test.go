package postgres

import "context"

// Hash is what stands in the database for a thing of a kind.
func (s *Store) Hash(ctx context.Context, kind string, parts ...string) (int64, error) {
	h, err := s.hasher(ctx)
	return h.hash(kind, parts...), err
}
