package race

import (
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// teach gives a pace answers that took so long, one after each gap.
func (p *pace) teach(answers int, took, gap time.Duration) {
	for range answers {
		time.Sleep(gap)
		p.learn(took)
	}
}

func TestPatienceIsLearned(t *testing.T) {
	const most = 1500 * ms
	for _, tt := range []struct {
		name  string
		teach func(*pace)
		want  time.Duration
	}{
		{"nothing known", func(*pace) {}, most},
		{"not enough", func(p *pace) { p.teach(49, 10*ms, 0) }, most},
		{"enough", func(p *pace) { p.teach(50, 10*ms, 0) }, 300 * ms},
		{"at the first step", func(p *pace) { p.teach(50, 100*ms, 0) }, 300 * ms},
		{"200 ms", func(p *pace) { p.teach(50, 200*ms, 0) }, 600 * ms},
		{"201 ms: to the end of its step", func(p *pace) { p.teach(50, 201*ms, 0) }, 654_304_638},
		{"500 ms: never longer than the most", func(p *pace) { p.teach(50, 600*ms, 0) }, most},
		{"slower than any step", func(p *pace) { p.teach(50, 8*time.Second, 0) }, most},
		{"one in 50 is slow", func(p *pace) { p.teach(49, 10*ms, 0); p.teach(1, 200*ms, 0) }, 600 * ms},
		{"one in 100 is slow", func(p *pace) { p.teach(99, 10*ms, 0); p.teach(1, 200*ms, 0) }, 300 * ms},
		{"two in 100 are slow", func(p *pace) { p.teach(98, 10*ms, 0); p.teach(2, 200*ms, 0) }, 600 * ms},
		{"ten slow ones outweigh any number of fast ones", func(p *pace) { p.teach(100_000, 10*ms, 0); p.teach(10, time.Second, 0) }, most},
		{"nine don't", func(p *pace) { p.teach(100_000, 10*ms, 0); p.teach(9, time.Second, 0) }, 300 * ms},
		{"1,000 fast ones make slow ones forgotten", func(p *pace) { p.teach(5000, time.Second, 0); p.teach(1000, 10*ms, 0) }, 300 * ms},
		{"after 10 minutes nothing is known", func(p *pace) { p.teach(1000, 10*ms, 0); time.Sleep(10 * time.Minute) }, most},
		{"and before that, all", func(p *pace) { p.teach(1000, 10*ms, 0); time.Sleep(10*time.Minute - 1) }, 300 * ms},
		{"50 in 10 minutes", func(p *pace) { p.teach(1000, 10*ms, 10*time.Second) }, 300 * ms},
		{"40 in 10 minutes", func(p *pace) { p.teach(1000, 10*ms, 15*time.Second) }, most},
		{"one an hour", func(p *pace) { p.teach(1000, 10*ms, time.Hour) }, most},
		{"after a pause, the new ones alone", func(p *pace) { p.teach(1000, time.Second, 0); time.Sleep(10 * time.Minute); p.teach(50, 10*ms, 0) }, 300 * ms},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p pace
				tt.teach(&p)
				require.Equal(t, tt.want, p.patience(most))
				require.Equal(t, 200*ms, p.patience(200*ms), "never longer than SMSHOOK_PATIENCE")
			})
		})
	}
}

// The counts of all parts are those of the whole, whatever was forgotten.
func TestPaceCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		for i := range 20_000 {
			time.Sleep(time.Duration(i*7919%300) * ms)
			p.learn(time.Duration(i*104_729%2000) * ms)
			if i%977 == 0 {
				time.Sleep(time.Duration(i) * ms)
				p.patience(time.Second)
			}
			if i%100 != 0 {
				continue
			}
			var want paceCounts[uint16]
			answers := 0
			for _, part := range p.parts {
				answers += int(part.answers)
				for step, count := range part.counts {
					want[step] += uint16(count)
				}
			}
			require.Equal(t, want, p.counts)
			require.Equal(t, answers, p.answers)
			require.LessOrEqual(t, answers, 1000)
		}
	})
	require.Less(t, unsafe.Sizeof(pace{}), uintptr(1024))
}

func BenchmarkPace(b *testing.B) {
	var p pace
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.learn(time.Duration(i%1000) * ms)
		p.patience(1500 * ms)
	}
}
