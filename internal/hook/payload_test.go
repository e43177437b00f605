package hook

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCapturedCallsDecode(t *testing.T) {
	const login = "15555219508"
	type want struct{ phone, code, sms string }
	wants := map[string]want{
		"otp-new-user":                  {login, "577765", ""},
		"otp-existing-user":             {login, "416465", ""},
		"otp-channel-whatsapp":          {login, "646007", ""},
		"otp-number-with-spaces":        {login, "982890", ""},
		"signup-phone-password":         {"15555219510", "028687", ""},
		"signup-again-unconfirmed":      {"15555219510", "306734", ""},
		"resend-sms":                    {"15555219510", "181285", ""},
		"phone-change":                  {"15555219512", "210432", ""}, // the new number
		"resend-phone-change":           {"15555219512", "130753", ""}, // the new number
		"phone-change-of-email-user":    {"15555219513", "220994", ""}, // the new number
		"reauthenticate":                {"15555219512", "527810", ""},
		"mfa-challenge":                 {"15555219514", "619427", MFA}, // the factor's number
		"mfa-challenge-verified-factor": {"15555219514", "548642", MFA}, // the factor's number
		"otp-two-secrets":               {"19990000702", "045425", ""},
	}
	_, list := captures(t)
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			p, err := Decode(c.body)
			require.NoError(t, err)
			w, known := wants[c.name]
			require.True(t, known)
			require.Equal(t, w, want{p.Phone().Reveal(), p.SMS.OTP.Reveal(), p.SMS.Type})
			require.Equal(t, p.Metadata.UUID, p.ID(c.body))
			require.Len(t, p.ID(c.body), 36)
		})
	}
}

func TestPhone(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"sms.phone", `{"user":{"phone":"1"},"sms":{"otp":"0","phone":"2"}}`, "2"},
		{"sms.phone before new_phone", `{"user":{"phone":"1","new_phone":"3"},"sms":{"otp":"0","phone":"2"}}`, "2"},
		{"user.phone where sms.phone is absent", `{"user":{"phone":"1"},"sms":{"otp":"0"}}`, "1"},
		{"user.phone where sms.phone is empty", `{"user":{"phone":"1"},"sms":{"otp":"0","phone":""}}`, "1"},
		{"user.phone where sms.phone is null", `{"user":{"phone":"1"},"sms":{"otp":"0","phone":null}}`, "1"},
		{"not a stale new_phone", `{"user":{"phone":"1","new_phone":"3"},"sms":{"otp":"0"}}`, "1"},
		{"unchanged", `{"user":{},"sms":{"otp":"0","phone":"+44 77"}}`, "+44 77"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Decode([]byte(tt.body))
			require.NoError(t, err)
			require.Equal(t, tt.want, p.Phone().Reveal())
		})
	}
}

// phone_confirmed_at is about user.phone, not about another number.
func TestProven(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       bool
	}{
		{"a confirmed number", `{"user":{"phone":"1","phone_confirmed_at":"2026-01-01T00:00:00Z"},"sms":{"otp":"0","phone":"1"}}`, true},
		{"written with a plus", `{"user":{"phone":"1","phone_confirmed_at":"2026-01-01T00:00:00Z"},"sms":{"otp":"0","phone":"+1"}}`, true},
		{"of an old server", `{"user":{"phone":"+1","phone_confirmed_at":"2026-01-01T00:00:00Z"},"sms":{"otp":"0"}}`, true},
		{"not confirmed", `{"user":{"phone":"1"},"sms":{"otp":"0","phone":"1"}}`, false},
		{"null", `{"user":{"phone":"1","phone_confirmed_at":null},"sms":{"otp":"0","phone":"1"}}`, false},
		{"empty", `{"user":{"phone":"1","phone_confirmed_at":""},"sms":{"otp":"0","phone":"1"}}`, false},
		{"a new number", `{"user":{"phone":"1","phone_confirmed_at":"2026-01-01T00:00:00Z"},"sms":{"otp":"0","phone":"2"}}`, false},
		{"a new number of a user without one", `{"user":{"phone":"","phone_confirmed_at":"2026-01-01T00:00:00Z"},"sms":{"otp":"0","phone":"2"}}`, false},
		{"a prefix of the number", `{"user":{"phone":"12","phone_confirmed_at":"2026-01-01T00:00:00Z"},"sms":{"otp":"0","phone":"1"}}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Decode([]byte(tt.body))
			require.NoError(t, err)
			require.Equal(t, tt.want, p.Proven())
		})
	}
	proven := map[string]bool{
		"otp-existing-user": true, "otp-channel-whatsapp": true, "otp-number-with-spaces": true, "reauthenticate": true,
	}
	_, list := captures(t)
	for _, c := range list {
		p, err := Decode(c.body)
		require.NoError(t, err)
		require.Equal(t, proven[c.name], p.Proven(), c.name)
		require.Contains(t, []string{"127.0.0.1", "203.0.113.7"}, p.IP().String(), c.name)
	}
}

func TestIP(t *testing.T) {
	for address, want := range map[string]string{
		`"203.0.113.7"`: "203.0.113.7", `"2001:db8::1"`: "2001:db8::1", `"::ffff:203.0.113.7"`: "::ffff:203.0.113.7",
		`""`: "invalid IP", `null`: "invalid IP", `"unknown"`: "invalid IP", `"203.0.113.7:443"`: "invalid IP", `"203.0.113.7, 10.0.0.1"`: "invalid IP",
	} {
		p, err := Decode(fmt.Appendf(nil, `{"metadata":{"ip_address":%s},"user":{},"sms":{"otp":"0","phone":"2"}}`, address))
		require.NoError(t, err)
		require.Equal(t, want, p.IP().String(), address)
	}
	require.False(t, Payload{}.IP().IsValid())
}

func TestDecodeRefuses(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{``, "the body is not JSON, at byte 0"},
		{`{"sms":`, "the body is not JSON, at byte 7"},
		{`{"sms":{"otp":"987654","phone":"1"}} 987654`, "the body is not JSON, at byte 38"},
		{`[987654]`, "the body is not a Send SMS call"},
		{`null`, "sms.otp is missing"},
		{`{}`, "sms.otp is missing"},
		{`{"user":{"phone":"1"},"sms":{"otp":""}}`, "sms.otp is missing"},
		{`{"user":{"phone":"1"},"sms":{"otp":987654}}`, "sms.otp is not of the right type"},
		{`{"user":{"phone":"1"},"sms":{"otp":["987654"]}}`, "sms.otp is not of the right type"},
		{`{"user":{"phone":987654},"sms":{"otp":"1"}}`, "user.phone is not of the right type"},
		{`{"user":"987654","sms":{"otp":"1"}}`, "user is not of the right type"},
		{`{"user":{},"sms":{"otp":"987654"}}`, "sms.phone is missing, and so is user.phone"},
		{`{"user":{"new_phone":"987654"},"sms":{"otp":"1"}}`, "sms.phone is missing, and so is user.phone"},
		{strings.Repeat(`{"user":`, 20000), "the body is not JSON, at byte 80001"},
	} {
		_, err := Decode([]byte(tt.body))
		require.EqualError(t, err, tt.want, "%.60s", tt.body)
	}
}

func TestIDWithoutMetadata(t *testing.T) {
	a, b := []byte(`{"user":{"phone":"1"},"sms":{"otp":"1"}}`), []byte(`{"user":{"phone":"1"},"sms":{"otp":"2"}}`)
	var p Payload
	require.True(t, isUUID(p.ID(a)))
	require.Equal(t, p.ID(a), p.ID(bytes.Clone(a)))
	require.NotEqual(t, p.ID(a), p.ID(b))
	for _, uuid := range []string{"", "not a uuid\n", strings.Repeat("a", 36), "15555550100", "028687",
		"17b0fe8e-a689-4d05-8fe5-d66826bf6c8g", "17b0fe8e-a689-4d05-8fe5d-66826bf6c83", "17b0fe8e-a689-4d05-8fe5-d66826bf6c831"} {
		odd := Payload{Metadata: &Metadata{UUID: uuid}}
		require.Equal(t, p.ID(a), odd.ID(a), "an odd uuid is not put into logs")
	}
}

func TestLocale(t *testing.T) {
	for _, tt := range []struct{ metadata, want string }{
		{`{}`, ""}, {`null`, ""}, {`"de"`, ""}, {`{"locale":7}`, ""}, {`{"locale":""}`, ""},
		{`{"locale":"de"}`, "de"}, {`{"language":"pt-BR"}`, "pt-BR"}, {`{"lang":"zh_Hant_TW"}`, "zh_Hant_TW"},
		{`{"locale":"de","language":"fr","lang":"es"}`, "de"},
		{`{"locale":"<script>","lang":"es"}`, "es"},
		{`{"locale":"` + strings.Repeat("x", 100) + `"}`, ""},
	} {
		p, err := Decode(fmt.Appendf(nil, `{"user":{"phone":"1","user_metadata":%s},"sms":{"otp":"1"}}`, tt.metadata))
		require.NoError(t, err)
		require.EqualValues(t, tt.want, p.User.Locale, tt.metadata)
	}
}

// The times of the call and of the attempt are by Auth's clock; the time at which it is received is by ours. They count only if the
// attempt can be a repeat.
func TestSpent(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name                        string
		made, timestamp, receivedAt string
		want                        time.Duration
	}{
		{"first attempt, in the same second", "2026-11-21T00:05:07.5Z", "1795219507", "00:05:07.51", 0},
		{"first attempt, in the next second", "2026-11-21T00:05:07.5Z", "1795219508", "00:05:08.01", 0},
		{"second attempt", "2026-11-21T00:05:07.5Z", "1795219509", "00:05:09.502", 2002 * ms},
		{"second attempt, in the next second", "2026-11-21T00:05:07.999Z", "1795219510", "00:05:10.003", 2004 * ms},
		{"second attempt, after a connection that broke late", "2026-11-21T00:05:07.5Z", "1795219510", "00:05:10.7", 3200 * ms},
		{"third attempt", "2026-11-21T00:05:07.5Z", "1795219511", "00:05:11.504", 4004 * ms},
		{"third attempt, after a long transit", "2026-11-21T00:05:07.9Z", "1795219511", "00:05:12.3", 4400 * ms},
		{"our clock is 0.4 s behind", "2026-11-21T00:05:07.5Z", "1795219511", "00:05:11.104", 4000 * ms},
		{"our clock is 2 s behind", "2026-11-21T00:05:07.5Z", "1795219511", "00:05:09.504", 4000 * ms},
		{"our clock is 2 s ahead", "2026-11-21T00:05:07.5Z", "1795219509", "00:05:11.504", 2000 * ms},
		{"the time within the second is unknown", "2026-11-21T00:05:07.5Z", "1795219510", "00:06:00", 3500 * ms},
		{"no time is left", "2026-11-21T00:05:07Z", "1795219512", "00:05:12", 5000 * ms},
		{"a fixture with an old time, sent by hand", "2026-11-21T00:05:07Z", "1795219513", "00:05:13", 0},
		{"made after the attempt", "2026-11-21T00:05:07Z", "1795219500", "00:05:00", 0},
		{"no time of a call", "yesterday", "1795219509", "00:05:09", 0},
		{"an empty time of a call", "", "1795219509", "00:05:09", 0},
		{"no time of the attempt", "2026-11-21T00:05:07Z", "", "00:05:09", 0},
	} {
		p := Payload{Metadata: &Metadata{Time: tt.made}}
		header := http.Header{"Webhook-Timestamp": {tt.timestamp}}
		receivedAt, err := time.Parse("2006-01-02 15:04:05", "2026-11-21 "+tt.receivedAt)
		require.NoError(t, err)
		require.Equal(t, tt.want, p.Spent(header, receivedAt), tt.name)
	}
	require.Zero(t, Payload{}.Spent(http.Header{"Webhook-Timestamp": {"1795219509"}}, time.Now()))
}

// Each call except the first has the time of the previous one, by its kind.
func TestStored(t *testing.T) {
	for _, tt := range []struct{ call, want string }{
		{"otp-new-user", ""},
		{"otp-existing-user", "2026-11-21T00:05:07.576228Z  "},
		{"otp-channel-whatsapp", "2026-11-21T00:05:07.806736Z  "},
		{"resend-phone-change", "2026-11-21T00:05:08.148416Z 2026-11-21T00:05:08.365808Z "},
		{"reauthenticate", "2026-11-21T00:05:08.148416Z 2026-11-21T00:05:08.409912Z "},
	} {
		p, err := Decode(readCall(t, tt.call))
		require.NoError(t, err)
		require.Equal(t, tt.want, p.User.Stored(), tt.call)
	}
	p, err := Decode([]byte(`{"user":{"phone":"1","reauthentication_sent_at":"now"},"sms":{"otp":"1"}}`))
	require.NoError(t, err)
	require.Equal(t, "  now", p.User.Stored())
}

func TestReplies(t *testing.T) {
	now, old := Payload{Metadata: &Metadata{}}, Payload{}
	refusal := `{"error":{"http_code":422,"message":"no \"such\" number"}}`
	for _, tt := range []struct {
		name  string
		reply Reply
		want  string
	}{
		{"accepted", Accepted(), `200 {}`},
		{"refused, with metadata", now.Refused(422, `no "such" number`), `200 ` + refusal},
		{"refused, without", old.Refused(422, `no "such" number`), `422 ` + refusal},
		{"too many, with metadata", now.Refused(429, "later"), `200 {"error":{"http_code":429,"message":"later"}}`},
		{"bad signature", Problem(401, "no"), `401 {"error":{"http_code":401,"message":"no"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, fmt.Sprintf("%d %s", tt.reply.Status, tt.reply.Body))
		})
	}
}

// FuzzDecode looks for a body that panics, or whose error quotes it.
func FuzzDecode(f *testing.F) {
	_, list := captures(f)
	for _, c := range list {
		f.Add(c.body)
	}
	f.Add(readCall(f, "published-example"))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := Decode(body)
		if err != nil {
			for word := range bytes.FieldsSeq(body) {
				if len(word) > 12 && bytes.ContainsAny(word, "0123456789") && strings.Contains(err.Error(), string(word)) {
					t.Fatalf("the error %q quotes the body", err)
				}
			}
			return
		}
		if p.SMS.OTP.Empty() || p.Phone().Empty() || p.ID(body) == "" || len(p.ID(body)) > 36 {
			t.Fatalf("decoded without a code, a phone or an ID: %s", body)
		}
	})
}

// What the captured calls say of their codes.
func TestKindOfCapturedCalls(t *testing.T) {
	kinds := map[string]string{}
	_, list := captures(t)
	for _, c := range list {
		p, err := Decode(c.body)
		require.NoError(t, err)
		kinds[c.name] = p.Kind()
		require.WithinDuration(t, c.at, p.AskedAt(), time.Second+time.Millisecond, c.name)
		before := p.User.Times()
		for _, at := range []time.Time{before.Confirmed, before.OTPSent, before.PhoneChangeSent, before.ReauthenticationSent} {
			require.True(t, at.Before(p.AskedAt()), "%s: it was before this call", c.name)
		}
	}
	require.Equal(t, map[string]string{
		"otp-new-user": SignIn, "otp-existing-user": "", "otp-channel-whatsapp": "", "otp-number-with-spaces": "", "otp-two-secrets": SignIn,
		"signup-phone-password": SignIn, "signup-again-unconfirmed": SignIn, "resend-sms": SignIn, "phone-change": PhoneChange, "resend-phone-change": PhoneChange,
		"phone-change-of-email-user": PhoneChange, "reauthenticate": "", "mfa-challenge": MFA, "mfa-challenge-verified-factor": MFA,
	}, kinds)
}

func TestTimes(t *testing.T) {
	at := func(second int) time.Time { return time.Date(2026, 1, 2, 3, 4, second, 5000, time.UTC) }
	u := User{Confirmed: "2026-01-02T03:04:01.000005Z", ConfirmationSent: "2026-01-02T03:04:02.000005Z", PhoneChangeSent: "2026-01-02T03:04:03.000005Z", ReauthenticationSent: "2026-01-02T03:04:04.000005Z"}
	require.Equal(t, Times{at(1), at(2), at(3), at(4)}, u.Times())
	require.Equal(t, Times{OTPSent: at(2)}, User{Confirmed: "yesterday", ConfirmationSent: u.ConfirmationSent}.Times())
	require.Zero(t, Payload{}.AskedAt())
	require.Zero(t, Payload{Metadata: &Metadata{Time: "yesterday"}}.AskedAt())
}
