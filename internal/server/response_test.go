package server

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// panicking is a context that panics when the dispatcher asks it.
type panicking struct{ context.Context }

func (panicking) Err() error { panic("028687") }

// The value of a panic may quote the call: the log has only its type, and the number of panics since the start.
func TestPanicIsAnsweredCountedAndLogged(t *testing.T) {
	s, written := newServer(t, accepts)
	handler := s.Handler()
	refusal := `{"error":{"http_code":422,"message":"not sent"}}`
	require.Equal(t, fmt.Sprintf("200 %s %s", head(len(refusal)), refusal), answer(handler, signed(s, newCall).WithContext(panicking{t.Context()})))
	require.Equal(t, fmt.Sprintf("422 %s %s", head(len(refusal)), refusal), answer(handler, signed(s, oldCall).WithContext(panicking{t.Context()})))
	s.Dispatcher = nil
	require.Contains(t, answer(handler, signed(s, newCall)), refusal)

	var panics []string
	for line := range strings.Lines(written.String()) {
		var entry struct {
			Message, Type, Error, Stack string
			Panics                      int
		}
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		if entry.Message == "panic" {
			panics = append(panics, fmt.Sprint(entry.Panics, " ", entry.Type, " ", entry.Error))
			require.Contains(t, entry.Stack, "sendSMS")
		}
	}
	require.Equal(t, []string{
		"1 string ", "2 string ",
		"3 runtime.errorString runtime error: invalid memory address or nil pointer dereference",
	}, panics)
	require.NotContains(t, written.String(), "028687")
}
