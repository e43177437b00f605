package providers_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

func TestWants(t *testing.T) {
	digits := regexp.MustCompile(`^[0-9]+$`)
	for _, test := range []struct {
		name string
		find func(*providers.Wants)
		want []string
	}{
		{"nothing wanted", func(*providers.Wants) {}, nil},
		{"true", func(w *providers.Wants) { w.That(true, "A", "want x") }, nil},
		{"false", func(w *providers.Wants) { w.That(false, "A", "want x") }, []string{"A: want x"}},
		{"either, first", func(w *providers.Wants) { w.Either("A", true, "B", false) }, nil},
		{"either, second", func(w *providers.Wants) { w.Either("A", false, "B", true) }, nil},
		{"either, both", func(w *providers.Wants) { w.Either("A", true, "B", true) }, nil},
		{"either, none", func(w *providers.Wants) { w.Either("A", false, "B", false) }, []string{"A: is missing, and so is B"}},
		{"both", func(w *providers.Wants) { w.Both("A", true, "B", true) }, nil},
		{"both, none", func(w *providers.Wants) { w.Both("A", false, "B", false) }, nil},
		{"both, first alone", func(w *providers.Wants) { w.Both("A", true, "B", false) }, []string{"B: is missing beside A"}},
		{"both, second alone", func(w *providers.Wants) { w.Both("A", false, "B", true) }, []string{"A: is missing beside B"}},
		{"match", func(w *providers.Wants) { w.Match("A", "1", digits, "want digits") }, nil},
		{"match, empty", func(w *providers.Wants) { w.Match("A", "", digits, "want digits") }, nil},
		{"no match", func(w *providers.Wants) { w.Match("A", "x", digits, "want digits") }, []string{"A: want digits"}},
		{"several, in their order", func(w *providers.Wants) {
			w.That(false, "B", "want x")
			w.That(false, "A", "want y")
			w.That(false, "B", "want z")
		}, []string{"B: want x", "A: want y", "B: want z"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var w providers.Wants
			test.find(&w)
			require.Equal(t, test.want, providertest.Problems(w.Err()))
			require.Equal(t, test.want == nil, w.Err() == nil)
		})
	}
}
