package providers_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// able is a provider that can do everything that a provider may be able to.
type able struct {
	settings ableSettings
	deps     providers.Deps
}

type ableSettings struct {
	Token providers.Secret `env:"TOKEN" help:"x"`
}

var errBadToken = errors.New("bad token")

func openAble(s ableSettings, d providers.Deps) (*able, error) {
	if s.Token.Empty() {
		return nil, errBadToken
	}
	return &able{s, d}, nil
}

func (*able) Send(context.Context, providers.Message) (providers.Sent, error) {
	return providers.Sent{}, nil
}
func (*able) Setup() providers.ReceiptSetup { return providers.ReceiptSetup{} }
func (*able) Receipts(*http.Request, []byte) ([]providers.Receipt, error) {
	return nil, providers.ErrForged
}
func (*able) Challenge(url.Values) (string, error) { return "challenge", nil }
func (*able) Credentials() []string                { return nil }
func (*able) Check(context.Context) error          { return nil }
func (*able) Channel() string                      { return "pigeon" }

func TestDriverKeepsAbilities(t *testing.T) {
	d := providers.NewDriver("able", "Able", openAble)
	require.Equal(t, []any{"able", "Able", false}, []any{d.Name, d.Title, d.Dev})
	settings, open := d.New()
	settings.(*ableSettings).Token = providers.NewSecret("x")
	deps := providers.Deps{HTTP: new(http.Client), Out: new(bytes.Buffer)}
	p, err := open(deps)
	require.NoError(t, err)
	require.Equal(t, &able{ableSettings{settings.(*ableSettings).Token}, deps}, p)
	require.Implements(t, (*providers.Receiver)(nil), p)
	require.Implements(t, (*providers.Challenger)(nil), p)
	require.Implements(t, (*providers.Checker)(nil), p)
	require.Implements(t, (*providers.Channeler)(nil), p)
}

// A nil *able in a Provider isn't nil: who asks would call it.
func TestDriverOpenFails(t *testing.T) {
	_, open := providers.NewDriver("able", "Able", openAble).New()
	p, err := open(providers.Deps{})
	require.ErrorIs(t, err, errBadToken)
	require.True(t, p == nil, "an interface without a value, not one that holds a nil pointer")

	_, open = providers.NewDriver("half", "Half", func(ableSettings, providers.Deps) (*able, error) {
		return new(able), errBadToken
	}).New()
	p, err = open(providers.Deps{})
	require.ErrorIs(t, err, errBadToken)
	require.True(t, p == nil, "what came with an error is not used")
}

// One provider may be set up twice, with two accounts.
func TestDriverSettingsAreIndependent(t *testing.T) {
	d := providers.NewDriver("able", "Able", openAble)
	first, openFirst := d.New()
	second, openSecond := d.New()
	require.NotSame(t, first, second)
	first.(*ableSettings).Token = providers.NewSecret("first")
	second.(*ableSettings).Token = providers.NewSecret("second")

	one, err := openFirst(providers.Deps{})
	require.NoError(t, err)
	two, err := openSecond(providers.Deps{})
	require.NoError(t, err)
	require.Equal(t, "first", one.(*able).settings.Token.Reveal())
	require.Equal(t, "second", two.(*able).settings.Token.Reveal())

	first.(*ableSettings).Token = providers.NewSecret("changed")
	require.Equal(t, "first", one.(*able).settings.Token.Reveal(), "what is open has settings of its own")
}

func TestDevOnly(t *testing.T) {
	d := providers.NewDriver("able", "Able", openAble)
	require.True(t, d.DevOnly().Dev)
	require.False(t, d.Dev, "the driver it was made from is left alone")
}
