package webhook

import (
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

func TestValidate(t *testing.T) {
	const auth = "HEADERS: want one Authorization: by USER and PASSWORD, by TOKEN alone, or by a header"
	for _, test := range []struct {
		name   string
		change env
		want   []string
	}{
		{"as it is", nil, nil},
		{"get", getEnv, nil},
		{"placed", placedEnv, nil},
		{"basic, and a token in the body", placedEnv.with(env{"HEADERS": "", "USER": "me", "PASSWORD": "x"}), nil},
		{"signed", env{"SIGNING_SECRET": testSigning}, nil},

		{"a national number", nationalEnv, nil},
		{"another channel", env{"CHANNEL": "telegram"}, nil},

		{"a channel that is none", env{"CHANNEL": "hunter 2"}, []string{"CHANNEL: want sms, whatsapp, telegram or the like, in small letters and digits"}},
		{"a GET with a body", env{"METHOD": "GET"}, []string{"BODY: a GET has none: put it into the URL, behind a question mark"}},
		{"nobody to send to", env{"BODY": "text={{ .Code }}&from={{ .From }}"}, []string{"BODY: want {{ .To }}, {{ .ToDigits }} or {{ .ToNational }} in it, or in the URL"}},
		{"nothing to send", env{"BODY": "to={{ .To }}&from={{ .From }}"}, []string{"BODY: want {{ .Text }} or {{ .Code }} in it, or in the URL"}},
		{"no sender", env{"FROM": ""}, []string{"FROM: is missing, and {{ .From }} is used"}},
		{"a number as people write it", env{"FROM": "(555) 555-0100"}, []string{"FROM: want a number in digits with its calling code, or a name with a letter in it"}},
		{"a number as sender", env{"FROM": "+15555550100"}, nil},
		{"a name as sender", env{"FROM": "Ärzte 24"}, nil},
		{"a sender for nothing", env{"BODY": "to={{ .To }}&text={{ .Text }}"}, []string{"FROM: is set, but {{ .From }} stands nowhere"}},
		{"no token", placedEnv.with(env{"TOKEN": ""}), []string{"TOKEN: is missing, and {{ .Token }} is used"}},
		{"a token of two lines", env{"TOKEN": "hunter2\nhunter2"}, []string{"TOKEN: want printable ASCII without spaces"}},
		{"half a user", env{"TOKEN": "", "USER": "me"}, []string{"PASSWORD: is missing beside USER"}},
		{"half a password", env{"PASSWORD": "hunter2"}, []string{"USER: is missing beside PASSWORD"}},
		{"a colon", env{"TOKEN": "", "USER": "hunter2:x", "PASSWORD": "hunter2"}, []string{"USER: want no colon: HTTP Basic can't carry it"}},
		{"basic and bearer", env{"USER": "me", "PASSWORD": "hunter2"}, []string{auth}},
		{"bearer and a header", env{"HEADERS": "authorization: App hunter2"}, []string{auth}},
		{"a key that is none", env{"SIGNING_SECRET": "hunter2"}, []string{"SIGNING_SECRET: want v1,whsec_… as `smshook secret` makes it"}},
		{"a short key", env{"SIGNING_SECRET": "whsec_aHVudGVyMg=="}, []string{"SIGNING_SECRET: want v1,whsec_… as `smshook secret` makes it"}},
		{"a signature of nothing", getEnv.with(env{"SIGNING_SECRET": testSigning}), []string{"SIGNING_SECRET: signs the body, and there is no BODY"}},
		{"all at once", env{"METHOD": "GET", "BODY": "a={{ .From }}", "FROM": "", "USER": "me", "SIGNING_SECRET": "hunter2"}, []string{
			"BODY: a GET has none: put it into the URL, behind a question mark",
			"BODY: want {{ .To }}, {{ .ToDigits }} or {{ .ToNational }} in it, or in the URL",
			"BODY: want {{ .Text }} or {{ .Code }} in it, or in the URL",
			"FROM: is missing, and {{ .From }} is used",
			"PASSWORD: is missing beside USER",
			auth,
			"SIGNING_SECRET: want v1,whsec_… as `smshook secret` makes it",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, unread := jsonEnv.with(test.change).settings("https://api.example.com")
			require.Empty(t, unread)
			err := s.Validate()
			if test.want == nil {
				require.NoError(t, err)
				return
			}
			var got []string
			for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
				got = append(got, one.(providers.Problem).Error())
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestSign(t *testing.T) {
	// The example of the specification's libraries: https://github.com/standard-webhooks/standard-webhooks
	key, err := signingKey(providers.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
	require.NoError(t, err)
	header := http.Header{}
	sign(header, key, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), `{"test": 2432232314}`)
	require.Equal(t, http.Header{
		"Webhook-Id":        {"msg_p5jXN8AQM9LWM0D4loKWxJek"},
		"Webhook-Timestamp": {"1614265330"},
		"Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	}, header)
}

func TestSignedRequest(t *testing.T) {
	f := providertest.NewFake(t, accepted)
	p, err := jsonEnv.with(env{"SIGNING_SECRET": testSigning}).open(f.Base, providers.Deps{HTTP: f.Client()})
	require.NoError(t, err)
	_, err = p.Send(t.Context(), message(func(m *providers.Message) { m.ID = "a\r\nb" }))
	require.NoError(t, err)
	r := f.Requests()[0]
	require.Equal(t, "ab", r.Header.Get("webhook-id"))
	var seconds int64
	for _, digit := range r.Header.Get("webhook-timestamp") {
		seconds = seconds*10 + int64(digit-'0')
	}
	require.InDelta(t, time.Now().Unix(), seconds, 60)
	key, err := base64.StdEncoding.DecodeString("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	require.NoError(t, err)
	want := http.Header{}
	sign(want, key, "ab", time.Unix(seconds, 0), r.Body)
	require.Equal(t, want.Get("webhook-signature"), r.Header.Get("webhook-signature"))
}
