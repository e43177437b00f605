package providertest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

type settings struct {
	Token   providers.Secret `env:"TOKEN" required:"true"`
	Mode    string           `env:"MODE" default:"fast" oneof:"fast slow"`
	Wait    time.Duration    `env:"WAIT"`
	Tries   int              `env:"TRIES" default:"3"`
	Loud    bool             `env:"LOUD"`
	BaseURL call.BaseURL     `env:"BASE_URL" default:"https://api.example.com"`
}

func (s settings) Validate() error {
	var w providers.Wants
	w.That(s.Tries > 0, "TRIES", "want 1 or more")
	return w.Err()
}

// opened is a provider that shows what it was opened with.
type opened struct {
	settings settings
	deps     providers.Deps
}

func (*opened) Send(context.Context, providers.Message) (providers.Sent, error) {
	return providers.Sent{}, nil
}

var opener = providertest.NewOpener(providers.NewDriver("opened", "Opened", func(s settings, d providers.Deps) (*opened, error) {
	return &opened{s, d}, nil
}), map[string]string{"TOKEN": "t"})

func TestOpenerReadsSettings(t *testing.T) {
	p, err := opener.With("WAIT", "2s", "LOUD", "true", "TRIES", "5").Changed(func(s any) { s.(*settings).Tries++ }).Open("http://127.0.0.1:1", providers.Deps{})
	require.NoError(t, err)
	got := p.(*opened).settings
	require.Equal(t, "t", got.Token.Reveal())
	got.Token = providers.Secret{}
	require.Equal(t, settings{Mode: "fast", Wait: 2 * time.Second, Tries: 6, Loud: true, BaseURL: "http://127.0.0.1:1"}, got)
}

func TestOpenerRefusesSettings(t *testing.T) {
	for _, test := range []struct {
		pairs []string
		want  string
	}{
		{[]string{"TOKEN", ""}, "TOKEN is missing"},
		{[]string{"MODE", "slower"}, "MODE: want one of [fast slow]"},
		{[]string{"TRIES", "x"}, `TRIES: strconv.Atoi: parsing "x": invalid syntax`},
		{[]string{"TRY", "1"}, "there is no setting TRY"},
		{[]string{"TRIES", "0"}, "TRIES: want 1 or more"},
	} {
		_, err := opener.With(test.pairs...).Open("", providers.Deps{})
		require.EqualError(t, err, test.want)
	}
}

func TestOpenerIsNotChangedByItsCopies(t *testing.T) {
	_, changed := opener.With("MODE", "slow").Reporting().Start(t)
	require.Equal(t, opener.ReceiptAddress(), changed.(*opened).deps.Callback.For(providertest.Message()))
	_, p := opener.Start(t)
	require.Equal(t, "fast", p.(*opened).settings.Mode)
	require.Empty(t, p.(*opened).deps.Callback.Whole())
	_, err := opener.Receiver()
	require.EqualError(t, err, "the provider reads no receipts")
}
