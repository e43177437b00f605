package server

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/dispatch"
)

func TestSentences(t *testing.T) {
	s := Sentences{JustSent: "just sent", TooMany: "too many", Number: "bad number", Failed: "failed"}
	for result, want := range map[dispatch.Result]string{
		dispatch.JustSent:  "429 just sent",
		dispatch.TooMany:   "429 too many",
		dispatch.BadNumber: "422 bad number",
		dispatch.Failed:    "422 failed",
	} {
		status, sentence := s.Answer(result)
		require.Equal(t, want, fmt.Sprint(status, " ", sentence), result)
	}
}
