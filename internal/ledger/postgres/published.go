package postgres

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Published are the settings of one replica that matter to the others, and to the functions of the schema: see sql/0002.sql, which
// says what each of them means there. Times are in microseconds.
type Published struct {
	Limits       []PublishedLimit   `json:"limits"`
	Observe      bool               `json:"observe"`
	Allowed      []string           `json:"allowed"`
	Blocked      []string           `json:"blocked"`
	Countries    map[string]string  `json:"countries,omitempty"`
	Sentences    PublishedSentences `json:"sentences"`
	Life         int64              `json:"life"`
	MFALife      int64              `json:"mfa_life"`
	LateFallback bool               `json:"late_fallback"`
	// Compared has the value of each setting that is to be the same at all replicas, by the name of the setting. Instead of the values, keyed
	// hashes of them are stored, also because some are secrets.
	Compared map[string]string `json:"compared"`
}

// PublishedLimit is a rate limit.
type PublishedLimit struct {
	Rule     string `json:"rule"`
	On       bool   `json:"on"`
	Most     int64  `json:"most"`
	Per      int64  `json:"per"`
	Interval int64  `json:"interval"`
}

// PublishedSentences are what the app's user reads if no message is sent.
type PublishedSentences struct {
	JustSent string `json:"just_sent"`
	TooMany  string `json:"too_many"`
	Number   string `json:"number"`
	Failed   string `json:"failed"`
}

type agreeQuestion struct {
	Me       int32     `json:"me"`
	Age      int64     `json:"age"`
	Document Published `json:"document"`
}

type agreeAnswer struct {
	Document *Published `json:"document"`
	Held     bool       `json:"held"`
	Now      int64      `json:"now"`
}

// Agreement is what a replica learns from the others, and of the database.
type Agreement struct {
	// InForce are the settings that count: those of the replica that has started last. If they are another replica's, Compared has hashes.
	InForce Published
	// Differ are the names of the compared settings whose values differ, in order. A setting that only one of the replicas knows is not
	// compared: they may have different versions.
	Differ []string
	// Held: the database is a copy of another one. What waited in it to be sent is held until [Resume].
	Held bool
	// Skew is how much the database's clock is ahead of this replica's.
	Skew time.Duration
}

// Agree tells the other replicas the settings of this one. To be called every few seconds: a replica that doesn't for five minutes counts no
// longer.
func (s *Store) Agree(ctx context.Context, own Published) (Agreement, error) {
	h, err := s.hasher(ctx)
	if err != nil {
		return Agreement{}, err
	}
	document := own
	document.Compared = map[string]string{}
	for name, value := range own.Compared {
		document.Compared[name] = text(h.hash("setting", name, value))
	}
	var a agreeAnswer
	begun := s.settings.Clock()
	if err := s.ask(ctx, "agree", agreeQuestion{s.me, time.Since(s.started).Microseconds(), document}, &a); err != nil {
		return Agreement{}, err
	}
	now := s.settings.Clock()
	agreed := Agreement{InForce: own, Held: a.Held, Skew: time.UnixMicro(a.Now).Sub(begun.Add(now.Sub(begun) / 2))}
	if a.Document == nil {
		return agreed, nil
	}
	agreed.InForce = *a.Document
	for _, name := range slices.Sorted(maps.Keys(document.Compared)) {
		if other, known := a.Document.Compared[name]; known && other != document.Compared[name] {
			agreed.Differ = append(agreed.Differ, name)
		}
	}
	return agreed, nil
}

// Leave tells the other replicas that the settings of this one don't count any more.
func (s *Store) Leave(ctx context.Context) error {
	return s.ask(ctx, "leave", map[string]int32{"me": s.me}, &struct{}{})
}
