package providers_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

func TestForms(t *testing.T) {
	for text, want := range map[string][3]bool{ // a UUID, an error code, a code of WhatsApp
		"00000000-0000-4000-8000-0000000000Af":   {true, false, false},
		"00000000-0000-4000-8000-0000000000af\n": {false, false, false},
		"00000000-0000-4000-8000-0000000000ag":   {false, false, false},
		"00000000000040008000000000000001":       {false, false, false},
		"0":                                      {false, true, true},
		"30003":                                  {false, true, true},
		"482913":                                 {false, false, false},
		"131026":                                 {false, false, true},
		"1310260":                                {false, false, false},
		"30003\n":                                {false, false, false},
		"-1":                                     {false, false, false},
		"٣":                                      {false, false, false},
		"":                                       {false, false, false},
	} {
		got := [3]bool{providers.UUID.MatchString(text), providers.ErrorCode.MatchString(text), providers.WhatsAppCode.MatchString(text)}
		require.Equal(t, want, got, text)
	}
}

func TestInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			age, repeats time.Duration
			want         bool
		}{
			{0, 0, true},
			{5 * time.Minute, 0, true},
			{5*time.Minute + 1, 0, false},
			{-5 * time.Minute, 0, true},
			{-5*time.Minute - 1, 0, false},
			{24*time.Hour + 5*time.Minute, 24 * time.Hour, true},
			{24*time.Hour + 5*time.Minute + 1, 24 * time.Hour, false},
			{-5*time.Minute - 1, 24 * time.Hour, false},
		} {
			require.Equal(t, test.want, providers.InTime(time.Now().Add(-test.age), test.repeats), test)
		}
		require.False(t, providers.InTime(time.Time{}, 0))
		require.False(t, providers.InTime(time.Unix(1<<62, 0), 0))
		require.False(t, providers.InTime(time.Unix(-1<<62, 0), 0))
	})
}
