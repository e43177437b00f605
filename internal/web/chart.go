package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/smshook/smshook/internal/ledger"
)

// chartData is the data of the chart: for each step its time in seconds, and how many messages were used, otherwise accepted, failed and refused.
func chartData(f figures) string {
	steps := int(f.Window.Long / f.Window.Step)
	at := make([]int64, steps)
	var series [4][]int
	for i := range series {
		series[i] = make([]int, steps)
	}
	since := ledger.At(f.Since)
	for i := range at {
		at[i] = since.Add(f.Window.Step*time.Duration(i) + f.Window.Step/2).Time().Unix() // the middle of the step
	}
	for _, c := range f.Steps {
		step := int(c.At.Sub(since) / f.Window.Step)
		if step < 0 || step >= steps {
			continue
		}
		var t totals
		t.Add(c)
		series[0][step] += t.Used
		series[1][step] += t.Accepted + t.Waiting - t.Used
		series[2][step] += t.Failed
		series[3][step] += t.Refused
	}
	data, _ := json.Marshal(map[string]any{"at": at, "series": series, "step": f.Window.Step.Seconds()}) // numbers always marshal
	return string(data)
}

// chartWords says what the chart shows.
func chartWords(f figures) string {
	t := total(f.Counts)
	return fmt.Sprintf("Messages over time %s: %d used, %d otherwise accepted, %d failed, %d refused", since(f), t.Used, t.Accepted-t.Used, t.Failed, t.Refused)
}

func byInstance(c ledger.Count) (first, second string, ok bool) {
	return c.Instance, "", c.Instance != ""
}

func rowOf(rows []row, key string) row {
	for _, r := range rows {
		if r.Key == key {
			return r
		}
	}
	return row{Key: key}
}

// of returns the attempts of an instance; none if it had none.
func (s sample) of(instance string) *tries { return cmp.Or(s.Instances[instance], &tries{}) }

func breakerWords(state string) string {
	switch state {
	case "closed":
		return "works"
	case "open":
		return "breaker open"
	}
	return "breaker half-open"
}
