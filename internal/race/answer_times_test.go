package race

import (
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// addMany adds answers that all took the same time, one after each gap.
func (t *answerTimes) addMany(answers int, took, gap time.Duration) {
	for range answers {
		time.Sleep(gap)
		t.add(took)
	}
}

func TestPatienceFromAnswerTimes(t *testing.T) {
	const most = 1500 * ms
	for _, tt := range []struct {
		name string
		add  func(*answerTimes)
		want time.Duration
	}{
		{"no answers", func(*answerTimes) {}, most},
		{"one answer too few", func(t *answerTimes) { t.addMany(49, 10*ms, 0) }, most},
		{"enough answers", func(t *answerTimes) { t.addMany(50, 10*ms, 0) }, 300 * ms},
		{"at the first bucket's bound", func(t *answerTimes) { t.addMany(50, 100*ms, 0) }, 300 * ms},
		{"200 ms", func(t *answerTimes) { t.addMany(50, 200*ms, 0) }, 600 * ms},
		{"201 ms: rounded up to the bucket's bound", func(t *answerTimes) { t.addMany(50, 201*ms, 0) }, 654_304_638},
		{"600 ms: never longer than SMSHOOK_PATIENCE", func(t *answerTimes) { t.addMany(50, 600*ms, 0) }, most},
		{"in the last bucket", func(t *answerTimes) { t.addMany(50, 8*time.Second, 0) }, most},
		{"one in 50 is slow", func(t *answerTimes) { t.addMany(49, 10*ms, 0); t.addMany(1, 200*ms, 0) }, 600 * ms},
		{"one in 100 is slow", func(t *answerTimes) { t.addMany(99, 10*ms, 0); t.addMany(1, 200*ms, 0) }, 300 * ms},
		{"two in 100 are slow", func(t *answerTimes) { t.addMany(98, 10*ms, 0); t.addMany(2, 200*ms, 0) }, 600 * ms},
		{"ten slow answers outweigh any number of fast ones", func(t *answerTimes) { t.addMany(100_000, 10*ms, 0); t.addMany(10, time.Second, 0) }, most},
		{"nine slow answers don't", func(t *answerTimes) { t.addMany(100_000, 10*ms, 0); t.addMany(9, time.Second, 0) }, 300 * ms},
		{"slow answers are forgotten after 1,000 fast ones", func(t *answerTimes) { t.addMany(5000, time.Second, 0); t.addMany(1000, 10*ms, 0) }, 300 * ms},
		{"all answers are forgotten after 10 minutes", func(t *answerTimes) { t.addMany(1000, 10*ms, 0); time.Sleep(10 * time.Minute) }, most},
		{"none is forgotten before 10 minutes", func(t *answerTimes) { t.addMany(1000, 10*ms, 0); time.Sleep(10*time.Minute - 1) }, 300 * ms},
		{"60 answers in 10 minutes", func(t *answerTimes) { t.addMany(1000, 10*ms, 10*time.Second) }, 300 * ms},
		{"40 answers in 10 minutes", func(t *answerTimes) { t.addMany(1000, 10*ms, 15*time.Second) }, most},
		{"one answer an hour", func(t *answerTimes) { t.addMany(1000, 10*ms, time.Hour) }, most},
		{"after a pause only new answers count", func(t *answerTimes) {
			t.addMany(1000, time.Second, 0)
			time.Sleep(10 * time.Minute)
			t.addMany(50, 10*ms, 0)
		}, 300 * ms},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var times answerTimes
				tt.add(&times)
				require.Equal(t, tt.want, times.patience(most))
				require.Equal(t, 200*ms, times.patience(200*ms), "never longer than SMSHOOK_PATIENCE")
			})
		})
	}
}

// The total counts are always the sums of the periods' counts.
func TestTotalsAreSumsOfPeriods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times answerTimes
		for i := range 20_000 {
			time.Sleep(time.Duration(i*7919%300) * ms)
			times.add(time.Duration(i*104_729%2000) * ms)
			if i%977 == 0 {
				time.Sleep(time.Duration(i) * ms)
				times.patience(time.Second)
			}
			if i%100 != 0 {
				continue
			}
			var want bucketCounts[uint16]
			answers := 0
			for _, period := range times.periods {
				answers += int(period.answers)
				for bucket, count := range period.counts {
					want[bucket] += uint16(count)
				}
			}
			require.Equal(t, want, times.counts)
			require.Equal(t, answers, times.answers)
			require.LessOrEqual(t, answers, 1000)
		}
	})
	require.Less(t, unsafe.Sizeof(answerTimes{}), uintptr(1024))
}

func BenchmarkAnswerTimes(b *testing.B) {
	var times answerTimes
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		times.add(time.Duration(i%1000) * ms)
		times.patience(1500 * ms)
	}
}
