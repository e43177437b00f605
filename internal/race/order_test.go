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
