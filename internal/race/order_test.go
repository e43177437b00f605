package race

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOrderOfInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(script{}, script{}, script{}, script{}, script{})
		a, b, d, e := f.route[0], f.route[1], f.route[3], f.route[4]
		open := func(i *Instance) {
			for range failuresToOpen {
				i.breaker.begin().done(errFailed)
			}
			require.Equal(t, Open, i.State())
		}
		order := func() (names string) {
			run := f.newRun(Entry{Route: f.route})
			defer run.hedge.Stop()
			for _, i := range run.queue {
				names += i.Name
			}
			return names
		}
		require.Equal(t, "abcde", order(), "all breakers are closed")
		open(d)
		open(e)
		time.Sleep(openTime + ms)
		open(a)
		for range slowToReorder {
			b.slow.add()
		}
		require.Equal(t, "dcbae", order(), "a is open, b is slow, d and e are half-open")
		require.Equal(t, "ecbad", order(), "the trial of d is under way")
		require.Equal(t, "cbade", order(), "the trials of d and e are under way")
	})
}

// The last instance calls, or the first two do.
func TestACallKeepsItsPlace(t *testing.T) {
	voice := script{channel: "voice"}
	for _, tt := range []struct {
		name    string
		scripts []script
		prepare func(f *fixture)
		want    string
	}{
		{"all work", []script{{}, {}, voice}, func(*fixture) {}, "abc"},
		{"the texts are slow", []script{{}, {}, voice}, func(f *fixture) { f.slow(0); f.slow(1) }, "abc"},
		{"one text is slow", []script{{}, {}, voice}, func(f *fixture) { f.slow(0) }, "bac"},
		{"the texts fail", []script{{}, {}, voice}, func(f *fixture) { f.open(0); f.open(1) }, "cab"},
		{"the call is half-open", []script{{}, {}, voice}, func(f *fixture) { f.open(2); time.Sleep(openTime + ms) }, "abc"},
		{"the call fails", []script{voice, {}, {}}, func(f *fixture) { f.open(0) }, "bca"},
		{"a text is half-open", []script{{}, {}, voice}, func(f *fixture) { f.open(1); time.Sleep(openTime + ms) }, "bac"},
		{"calls come first", []script{voice, voice, {}}, func(*fixture) {}, "abc"},
		{"calls come first, and one is slow", []script{voice, voice, {}}, func(f *fixture) { f.slow(0) }, "bac"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(tt.scripts...)
				tt.prepare(f)
				run := f.newRun(Entry{Route: f.route})
				defer run.hedge.Stop()
				names := ""
				for _, i := range run.queue {
					names += i.Name
				}
				require.Equal(t, tt.want, names)
			})
		})
	}
}
