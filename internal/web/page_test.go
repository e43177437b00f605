package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
)

// slow is a Source that takes a second to count what a window needs.
type slow struct {
	*stage
	counted atomic.Int64
}

func (s *slow) Count(ctx context.Context, q ledger.CountQuery) ([]ledger.Count, error) {
	s.counted.Add(1)
	time.Sleep(time.Second / 2)
	return s.stage.Count(ctx, q)
}

// However many look at a page, its figures are counted by one of them at a time.
func TestFiguresAreCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{stage: seeded(10)}
		p := &Page{Source: s}
		week := windowOf("week")
		look := func() time.Duration {
			start := time.Now()
			require.Equal(t, 10, total(p.figures(week).Counts).Messages)
			return time.Since(start)
		}
		for range 3 {
			go look()
		}
		require.Equal(t, time.Second, look(), "the first figures are waited for")
		synctest.Wait()
		require.EqualValues(t, 2, s.counted.Load(), "for the chart, and for the rest")
		require.Zero(t, look(), "they are fresh")

		time.Sleep(week.fresh())
		go look()
		synctest.Wait()
		require.Zero(t, look(), "while new ones are counted, the last ones are shown")
		require.EqualValues(t, 3, s.counted.Load())
		time.Sleep(2 * time.Second) // the other one has them too
	})
}

// The overview asks how deep the queues are.
func TestAnOldQueueIsShown(t *testing.T) {
	s := seeded(1)
	s.queues = []Queue{{"hook", 5, time.Minute}}
	answer := httptest.NewRecorder()
	(&Page{Source: s}).Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Contains(t, answer.Body.String(), "The queue of hook is old: 5 waiting")
}

// written counts events that a stream has written.
type written struct {
	*httptest.ResponseRecorder
	events atomic.Int64
}

func (w *written) WriteString(text string) (int, error) {
	w.events.Add(int64(strings.Count(text, "event: changed")))
	return w.ResponseRecorder.WriteString(text)
}

// A stream tells of changes, but not more often than anybody can read, and of nothing else. Without viewers there is no timer.
func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c changes
		c.happened() // nobody looks
		ctx, leave := context.WithCancel(t.Context())
		w := &written{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequest(http.MethodGet, "/events", nil).WithContext(ctx)
		ended := make(chan struct{})
		go func() {
			c.stream(w, r, 0)
			close(ended)
		}()
		synctest.Wait()
		require.EqualValues(t, 1, w.events.Load(), "one at the start")
		time.Sleep(time.Second)
		for range 100 {
			c.happened()
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		require.EqualValues(t, 3, w.events.Load(), "the first of many at once, and one for all others")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.EqualValues(t, 3, w.events.Load())
		require.Contains(t, w.Body.String(), ":\n\n", "a sign that it works")
		leave()
		<-ended

		var leaving []func()
		for range maxViewers {
			leave, ok := c.enter()
			require.True(t, ok)
			leaving = append(leaving, leave)
		}
		refused := httptest.NewRecorder()
		c.stream(refused, httptest.NewRequest(http.MethodGet, "/events", nil), 0)
		require.Equal(t, http.StatusServiceUnavailable, refused.Code)
		for _, leave := range leaving {
			leave()
		}
		_, ok := c.enter()
		require.True(t, ok)
	})
}

// Whatever somebody types, what is asked for is a number or nothing.
func FuzzDialled(f *testing.F) {
	for _, typed := range []string{"+44 (0)7700 900-123", "0044 7700 900123", "SM00000000000000000000000000000001", "٤٤٧٧٠٠", "+", "00"} {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		number := dialled(typed)
		require.Equal(t, digits(number), number)
		require.True(t, number == "" || len(number) >= 7 && len(number) <= 15, number)
	})
}

// An address is read as far as it can be, and written as it was read.
func FuzzFilter(f *testing.F) {
	f.Add("state=refused&country=gb&before=1795283013000000_a_b")
	f.Add("before=_&rule=%00&kind=mfa")
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		read := readFilter(values)
		again, err := url.ParseQuery(strings.TrimPrefix(read.address(), "?"))
		require.NoError(t, err)
		require.Equal(t, read, readFilter(again))
	})
}

// No window is counted message by message.
func TestWindowsAreWholeSteps(t *testing.T) {
	for _, w := range windows {
		for _, now := range []time.Time{time.Now(), time.Date(2026, 3, 19, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 18, 23, 59, 59, 0, time.UTC)} {
			chart, rest := w.queries(now)
			for _, q := range []ledger.CountQuery{chart, rest} {
				for _, r := range q.Periods(ledger.At(now)) {
					require.NotZero(t, r.Span, "%s at %s", w.Name, now)
				}
			}
		}
	}
}
