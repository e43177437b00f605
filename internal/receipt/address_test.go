package receipt

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

const secret = "the-first-secret-0123456789"

func addresses(t *testing.T, site, secrets string) Addresses {
	t.Helper()
	var s Site
	var parsed Secrets
	require.NoError(t, s.UnmarshalText([]byte(site)))
	require.NoError(t, parsed.UnmarshalText([]byte(secrets)))
	return NewAddresses(s, parsed)
}

func TestSite(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"https://sms.example.com", "https://sms.example.com"},
		{"https://sms.example.com:8443/", "https://sms.example.com:8443"},
		{"https://example.com/sms//", "https://example.com/sms"},
		{"http://sms.example.com", "want an address such as https://sms.example.com"},
		{"sms.example.com", "want an address such as https://sms.example.com"},
		{"https://", "want an address such as https://sms.example.com"},
		{"https://sms.example.com\x7f", "want an address such as https://sms.example.com"},
		{"https://user@sms.example.com", "want an address without user, query or fragment"},
		{"https://sms.example.com/?a=b", "want an address without user, query or fragment"},
		{"https://sms.example.com/?", "want an address without user, query or fragment"},
		{"https://sms.example.com/#a", "want an address without user, query or fragment"},
		{"https://my_sms.example.com", "want a host without _: providers refuse it"},
		{"https://bücher.example.com", "want a host in ASCII: xn--…"},
		{"https://b%C3%BCcher.example.com", "want a host in ASCII: xn--…"},
		{"https://LOCALHOST", "want an address that providers can reach from outside"},
		{"https://localhost.:8080", "want an address that providers can reach from outside"},
		{"https://localhost:8080", "want an address that providers can reach from outside"},
		{"https://hook.localhost", "want an address that providers can reach from outside"},
		{"https://127.0.0.1", "want an address that providers can reach from outside"},
		{"https://[::1]", "want an address that providers can reach from outside"},
		{"https://0.0.0.0", "want an address that providers can reach from outside"},
	} {
		var s Site
		got := ""
		if err := s.UnmarshalText([]byte(tt.text)); err != nil {
			got = err.Error()
		} else {
			got = s.base
		}
		require.Equal(t, tt.want, got, tt.text)
	}
}

func TestSecrets(t *testing.T) {
	var parsed Secrets
	require.NoError(t, parsed.UnmarshalText([]byte(secret+" | "+strings.ToUpper(secret))))
	require.Equal(t, []string{secret, strings.ToUpper(secret)}, []string{parsed[0].Reveal(), parsed[1].Reveal()})
	require.EqualError(t, parsed.UnmarshalText([]byte(secret+"|short")), "secret 2: has 5 characters, want 22 or more; smshook secret makes one")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", parsed, addresses(t, "https://sms.example.com", secret), parsed), "first")
}

func TestAddresses(t *testing.T) {
	require.False(t, Addresses{}.On())
	require.Empty(t, Addresses{}.Of("twilio").For(providers.Message{ID: "1"}))
	require.False(t, NewAddresses(Site{"https://sms.example.com"}, nil).On())

	a := addresses(t, "https://example.com/sms", secret)
	given := a.Of("twilio").Token().Reveal()
	require.Len(t, given, 22)
	require.Equal(t, "https://example.com/sms/receipts/twilio/"+given+"?m=an-id", a.Of("twilio").For(providers.Message{ID: "an-id"}))
	address, ok := a.Called("twilio", given, "m=an-id&x=%20")
	require.True(t, ok)
	require.Equal(t, "https://example.com/sms/receipts/twilio/"+given+"?m=an-id&x=%20", address)
	address, ok = a.Called("twilio", given, "")
	require.True(t, ok)
	require.Equal(t, "https://example.com/sms/receipts/twilio/"+given, address)
	for _, wrong := range []string{"", given[1:], given + "A", strings.ToLower(given), a.Of("eu").Token().Reveal()} {
		_, ok := a.Called("twilio", wrong, "")
		require.False(t, ok, wrong)
	}
	_, ok = Addresses{}.Called("twilio", "", "")
	require.False(t, ok)
}

// After a new secret is put first, addresses by the old one are valid until the old one is removed.
func TestOldSecretStaysValidUntilItIsRemoved(t *testing.T) {
	old, both := addresses(t, "https://example.com", secret), addresses(t, "https://example.com", "the-second-secret-012345|"+secret)
	fresh := addresses(t, "https://example.com", "the-second-secret-012345")
	require.Equal(t, fresh.Of("twilio").Token().Reveal(), both.Of("twilio").Token().Reveal())
	_, ok := both.Called("twilio", old.Of("twilio").Token().Reveal(), "")
	require.True(t, ok)
	_, ok = fresh.Called("twilio", old.Of("twilio").Token().Reveal(), "")
	require.False(t, ok)
}

// A secret that is replaced is valid for ten more minutes, whatever is loaded in these.
func TestReplacedSecretsExpireAfterTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const site = "https://example.com"
		a, b, c := strings.Repeat("a", 43), strings.Repeat("b", 43), strings.Repeat("c", 43)
		now := addresses(t, site, a)
		load := func(secrets string) {
			replaced, err := addresses(t, site, secrets).Replacing(now, time.Now())
			require.NoError(t, err)
			now = replaced
		}
		valid := func() (list []bool) {
			for _, secret := range []string{a, b, c} {
				_, ok := now.Called("twilio", addresses(t, site, secret).Of("twilio").Token().Reveal(), "")
				list = append(list, ok)
			}
			return list
		}
		load(b)
		require.Equal(t, addresses(t, site, b).Of("twilio"), now.Of("twilio"), "new messages get the new address")
		require.Equal(t, []bool{true, true, false}, valid())
		time.Sleep(6 * time.Minute)
		load(b)
		load(c + "|" + b)
		require.Equal(t, []bool{true, true, true}, valid())
		time.Sleep(4 * time.Minute)
		require.Equal(t, []bool{true, true, true}, valid())
		time.Sleep(time.Second)
		require.Equal(t, []bool{false, true, true}, valid(), "ten minutes after it was replaced, not after the last load")
		load(c)
		require.Len(t, now.replaced, 1, "expired secrets are dropped")
		load(b)
		time.Sleep(time.Hour)
		require.Equal(t, []bool{false, true, false}, valid(), "a secret that is loaded again doesn't expire")
		for i := range 10 * maxReplaced {
			load(fmt.Sprintf("%043d", i))
		}
		require.Len(t, now.replaced, maxReplaced)
		load(b)
		require.Equal(t, []bool{false, true, false}, valid())
	})
}

// A text that a file can hold while a secret is written is refused, if it can be told from a complete secret.
func TestHalfWrittenSecretsAreRefused(t *testing.T) {
	const short = "is shorter than the old secrets, or the beginning of one, as if its file were half written; if it is complete, restart to use it"
	long, other, brief := strings.Repeat("a", 43), strings.Repeat("b", 43), strings.Repeat("c", 30)
	for _, tt := range []struct{ old, fresh, want string }{
		{long, long, ""},
		{long, other, ""},
		{long, strings.Repeat("b", 64), ""},
		{long, other + "|" + long, ""},
		{long + "|" + brief, other + "|" + brief, ""},
		{long + "|" + brief, brief, ""},
		{long, long[:30], "secret 1: " + short},
		{long, other[:42], "secret 1: " + short},
		{long, other + "|" + long[:42], "secret 2: " + short},
		{long + "|" + brief, long[:42], "secret 1: " + short},
	} {
		var old, fresh Secrets
		require.NoError(t, old.UnmarshalText([]byte(tt.old)))
		require.NoError(t, fresh.UnmarshalText([]byte(tt.fresh)))
		got := ""
		if err := fresh.Complete(old); err != nil {
			got = err.Error()
		}
		require.Equal(t, tt.want, got, "%s after %s", tt.fresh, tt.old)
		_, err := NewAddresses(Site{"https://example.com"}, fresh).Replacing(NewAddresses(Site{"https://example.com"}, old), time.Now())
		require.Equal(t, tt.want != "", err != nil)
	}
}
