package ledger

// Totals are how many messages came to what, and how long that took.
type Totals struct {
	Messages    int
	Waiting     int // queued, or being sent
	Accepted    int // and what came after that
	Reported    int // of those, the ones with a receipt that says whether they were delivered
	Delivered   int
	Undelivered int
	Failed      int
	Refused     int
	Observed    int // would have been refused; it needs counts ByRule, or is 0
	Used        int
	Unused      int
	Replaced    int
	Segments    int // of those that were accepted

	ToDelivery, ToUse Buckets // from the call; they need counts with Times, or are empty
}

// Known is how many codes are known to be used or not. A code that a newer one replaced says nothing.
func (t *Totals) Known() int { return t.Used + t.Unused }

// Add adds a count.
func (t *Totals) Add(c Count) {
	switch c.Measure {
	case MeasureMessages:
		t.addMessages(c)
	case MeasureDelivery:
		t.ToDelivery.Add(c.Bucket, c.Messages)
	case MeasureUse:
		t.ToUse.Add(c.Bucket, c.Messages)
	}
}

func (t *Totals) addMessages(c Count) {
	n := c.Messages
	t.Messages += n
	switch c.State {
	case Queued, Sending:
		t.Waiting += n
	case Refused:
		t.Refused += n
	case StateFailed, Expired:
		t.Failed += n
	default:
		t.Accepted += n
		t.Segments += c.Segments
	}
	switch c.State {
	case Delivered, Read:
		t.Delivered += n
		t.Reported += n
	case Undelivered:
		t.Undelivered += n
		t.Reported += n
	}
	if c.Rule != "" && c.State != Refused {
		t.Observed += n
	}
	switch c.Use {
	case Used:
		t.Used += n
	case Unused:
		t.Unused += n
	case Replaced:
		t.Replaced += n
	}
}
