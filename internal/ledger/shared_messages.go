package ledger

import "context"

// Refuse is described at [Ledger]. If the store can't be reached, it never learns of the call.
func (s *Shared) Refuse(ctx context.Context, c Call, result Result, rule string) error {
	_ = s.memory.Refuse(ctx, c, result, rule)
	_, _, err := exchange(ctx, s, newBudget(mostWait), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.store.Refuse(ctx, c, result, rule)
	}, func(struct{}, error) {})
	return err
}

// Messages is described at [Ledger]. A slow answer says nothing about the store, since somebody may ask for much.
func (s *Shared) Messages(ctx context.Context, q Query) ([]Message, error) {
	if !s.Away() {
		asking, cancel := context.WithTimeout(ctx, runsOn)
		defer cancel()
		page, err := guarded(asking, func(ctx context.Context) ([]Message, error) { return s.store.Messages(ctx, q) })
		if err == nil || ctx.Err() != nil {
			return page, err
		}
	}
	page, _ := s.memory.Messages(ctx, q)
	return page, ErrAway
}
