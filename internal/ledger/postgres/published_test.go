package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger/postgres"
	"github.com/smshook/smshook/internal/ledger/postgres/pgtest"
)

func publishedWith(compared map[string]string) postgres.Published {
	return postgres.Published{
		Limits: []postgres.PublishedLimit{
			{Rule: "limit_phone", On: true, Most: 5, Per: 600_000_000, Interval: 120_000_000},
			{Rule: "limit_user"},
		},
		Observe:      true,
		Allowed:      []string{"44"},
		Blocked:      []string{"4470", "882"},
		Sentences:    postgres.PublishedSentences{JustSent: "just sent", TooMany: "too many", Number: "number", Failed: "failed"},
		Life:         60_000_000,
		MFALife:      300_000_000,
		LateFallback: true,
		Compared:     compared,
	}
}

// What functions of the schema read is what sql/0002.sql says, and no compared value is in it.
func TestThePublishedDocument(t *testing.T) {
	d := pgtest.New(t, migrated)
	one := open(t, d, settings(time.Now))
	own := publishedWith(map[string]string{"SMSHOOK_RECEIPT_SECRET": "s3cret"})
	agreed, err := one.Agree(t.Context(), own)
	require.NoError(t, err)
	require.InDelta(t, 0, agreed.Skew.Seconds(), 1)
	agreed.Skew = 0
	require.Equal(t, postgres.Agreement{InForce: own}, agreed)
	var hash, document string
	conn := connect(t, d.Superuser())
	require.NoError(t, conn.QueryRow(t.Context(), "select (document->'compared'->>'SMSHOOK_RECEIPT_SECRET'), (document - 'compared')::text from smshook.settings_in_force()").Scan(&hash, &document))
	require.Regexp(t, "^[0-9a-f]{1,16}$", hash)
	require.JSONEq(t, `{"limits": [{"rule": "limit_phone", "on": true, "most": 5, "per": 600000000, "interval": 120000000},
			{"rule": "limit_user", "on": false, "most": 0, "per": 0, "interval": 0}],
		"observe": true, "allowed": ["44"], "blocked": ["4470", "882"],
		"sentences": {"just_sent": "just sent", "too_many": "too many", "number": "number", "failed": "failed"},
		"life": 60000000, "mfa_life": 300000000, "late_fallback": true, "guard": false}`, document)
}

func TestAgreeTellsClocksThatDiffer(t *testing.T) {
	d := pgtest.New(t, migrated)
	for _, skew := range []time.Duration{-10 * time.Second, 10 * time.Second} {
		agreed, err := open(t, d, settings(func() time.Time { return time.Now().Add(-skew) })).Agree(t.Context(), publishedWith(nil))
		require.NoError(t, err)
		require.InDelta(t, skew.Seconds(), agreed.Skew.Seconds(), 1)
	}
}

// Of replicas that differ, the one counts that has started last; a replica that has ended or is lost doesn't.
func TestAgree(t *testing.T) {
	d := pgtest.New(t, migrated)
	old := open(t, d, settings(time.Now))
	old.StartedBefore(time.Minute)
	newer := open(t, d, settings(time.Now))
	ofOld := publishedWith(map[string]string{"A": "1", "B": "1", "C": "1"})
	ofNewer := publishedWith(map[string]string{"A": "1", "B": "2", "D": "1"})
	ofNewer.Limits[0].Most = 1
	agree := func(s *postgres.Store, own postgres.Published, want postgres.Published, wantDiffer ...string) {
		t.Helper()
		agreed, err := s.Agree(t.Context(), own)
		require.NoError(t, err)
		agreed.InForce.Compared, want.Compared, agreed.Skew = nil, nil, 0
		require.Equal(t, postgres.Agreement{InForce: want, Differ: wantDiffer}, agreed)
	}
	at := func(minutes string) {
		d.Exec(t, "update smshook.test_clock set at = clock_timestamp() + interval '"+minutes+" minutes'")
	}
	agree(old, ofOld, ofOld)
	agree(newer, ofNewer, ofNewer)
	agree(old, ofOld, ofNewer, "B")
	agree(newer, ofNewer, ofNewer)

	ofOld.Compared["B"] = "2"
	agree(old, ofOld, ofNewer) // settings that only one of them knows are not compared
	ofOld.Compared["B"] = "3"
	agree(old, ofOld, ofNewer, "B")

	require.NoError(t, newer.Leave(t.Context()))
	agree(old, ofOld, ofOld)
	agree(newer, ofNewer, ofNewer)
	agree(old, ofOld, ofNewer, "B")

	at("4") // minutes later
	agree(old, ofOld, ofNewer, "B")
	at("6")
	agree(old, ofOld, ofOld) // the newer one is lost
	at("2880")
	agree(old, ofOld, ofOld)
	var rows int
	require.NoError(t, connect(t, d.Superuser()).QueryRow(t.Context(), "select count(*) from smshook.settings").Scan(&rows))
	require.Equal(t, 1, rows)

	require.NoError(t, old.Leave(t.Context()))
	var most int
	require.NoError(t, connect(t, d.Superuser()).QueryRow(t.Context(), "select (document->'limits'->0->>'most')::int from smshook.settings_in_force()").Scan(&most))
	require.Equal(t, 5, most, "of replicas that have all ended, the last one still counts")
}

// The start counts, not when a replica was first heard of: the database may have been away when it started.
func TestTheOrderOfStarts(t *testing.T) {
	d := pgtest.New(t, migrated)
	conn := connect(t, d.URL("smshook", password))
	for _, q := range []struct {
		me, age int
		want    string
	}{{1, 5, ""}, {2, 3600, "1"}, {3, 0, ""}, {1, 6, "3"}} {
		var document *string
		question := fmt.Sprintf(`{"me": %d, "age": %d, "document": {"of": "%d"}}`, q.me, q.age*1_000_000, q.me)
		require.NoError(t, conn.QueryRow(t.Context(), "select smshook.agree($1::text::jsonb)->'document'->>'of'", question).Scan(&document))
		if q.want == "" {
			require.Nil(t, document)
			continue
		}
		require.Equal(t, q.want, *document)
	}
}
