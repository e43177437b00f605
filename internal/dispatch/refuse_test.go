package dispatch

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/ledger"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/providers"
)

// What the lists refuse is on record, but an attack doesn't push out everything else.
func TestRefusedRequestsAreOnRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kazakhs policy.Countries
		require.NoError(t, kazakhs.UnmarshalText([]byte("KZ")))
		d := dispatcher(Settings{Policy: policy.Settings{Lists: policy.Lists{BlockedCountries: kazakhs}}}, new(pigeon))
		send := func(id, phone string) {
			r := request(phone)
			r.ID, r.ReceivedAt, r.Kind = id, time.Now(), ledger.OTP
			require.Equal(t, BadNumber, d.Send(t.Context(), r).Result)
		}
		for i := range 25 {
			send(fmt.Sprint("first second ", i), "77011234567")
		}
		time.Sleep(time.Second)
		send("unreadable", "12")
		page, err := d.ledger.Messages(t.Context(), ledger.Query{})
		require.NoError(t, err)
		require.Len(t, page, 11)
		last := page[1]
		require.Equal(t, "unreadable", page[0].ID)
		require.Equal(t, []string{"", "", "", "refused"}, []string{page[0].Number, page[0].Country, page[0].Rule, string(page[0].State(0))})
		require.Equal(t, []string{"first second 9", "+7701****567", "KZ", "blocked_countries"}, []string{last.ID, last.Number, last.Country, last.Rule})
		require.Equal(t, ledger.OTP, last.Kind)
	})
}

// The attempts of a race are on record with what the provider said of them.
func TestAttemptsAreOnRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuses := &pigeon{wait: 100 * time.Millisecond, err: &providers.Error{Kind: providers.Account, Code: "20003"}}
		d := dispatcher(Settings{}, refuses, new(pigeon))
		r := request("447400123456")
		began := ledger.At(time.Now())
		r.AskedAt = began
		require.Equal(t, Accepted, d.Send(t.Context(), r).Result)
		page, err := d.ledger.Messages(t.Context(), ledger.Query{})
		require.NoError(t, err)
		require.Equal(t, began, page[0].AskedAt)
		got := page[0].Attempts
		require.Len(t, got, 2)
		require.Equal(t, ledger.Attempt{
			Instance: got[0].Instance, Channel: "sms", BegunAt: began, EndedAt: began.Add(100 * time.Millisecond), State: ledger.AttemptFailed, Kind: providers.Account, Code: "20003",
		}, got[0])
		require.Equal(t, got[1].Instance, page[0].Instance)
		require.Equal(t, began.Add(100*time.Millisecond), got[1].BegunAt)
	})
}
