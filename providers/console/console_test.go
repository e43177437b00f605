package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

func TestSend(t *testing.T) {
	plain := providers.Message{
		ID:       "msg-2",
		To:       providers.NewSecret("+15555550100"),
		Text:     providers.NewSecret("482913 is your code"),
		Code:     providers.NewSecret("482913"),
		Segments: 3,
	}
	for _, test := range []struct {
		message providers.Message
		want    string
		sent    providers.Sent
	}{
		{providertest.Message(),
			"\n  to    +447700900123\n  text  Ma & Pa's <shop>: \"482913\" is your code/clé\n        1 segment(s), UCS-2\n\n",
			providers.Sent{IDs: []string{"msg-1"}, Parts: 1}},
		{plain,
			"\n  to    +15555550100\n  text  482913 is your code\n        3 segment(s), GSM-7\n\n",
			providers.Sent{IDs: []string{"msg-2"}, Parts: 3}},
	} {
		var out bytes.Buffer
		p, err := New(Settings{}, providers.Deps{Out: &out})
		require.NoError(t, err)
		sent, err := p.Send(t.Context(), test.message)
		require.NoError(t, err)
		require.Equal(t, test.sent, sent)
		require.Equal(t, test.want, out.String())
	}
}

// Two messages at once are not mixed, and each is one write.
func TestConcurrentUse(t *testing.T) {
	out := new(writes)
	p, err := New(Settings{}, providers.Deps{Out: out})
	require.NoError(t, err)
	var want []string
	var wg sync.WaitGroup
	for i := range 32 {
		m := providertest.Message()
		m.To = providers.NewSecret(fmt.Sprintf("+4477009001%02d", i))
		want = append(want, show(m))
		wg.Go(func() { p.Send(t.Context(), m) })
	}
	wg.Wait()
	require.ElementsMatch(t, want, out.texts)
}

// writes has no lock of its own: the race detector would tell.
type writes struct{ texts []string }

func (w *writes) Write(text []byte) (int, error) {
	w.texts = append(w.texts, string(text))
	return len(text), nil
}

func TestContextOver(t *testing.T) {
	var out bytes.Buffer
	p, err := New(Settings{}, providers.Deps{Out: &out})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sent, err := p.Send(ctx, providertest.Message())
	requireFailure(t, sent, err, "temporary: context canceled")
	require.Empty(t, out.String(), "nobody is told of a message that wasn't sent")
}

func TestOutputBroken(t *testing.T) {
	p, err := New(Settings{}, providers.Deps{Out: brokenPipe{}})
	require.NoError(t, err)
	sent, err := p.Send(t.Context(), providertest.Message())
	requireFailure(t, sent, err, "temporary: printing the message: broken pipe")
	require.ErrorIs(t, err, errBroken)
}

var errBroken = errors.New("broken pipe")

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errBroken }

func requireFailure(t *testing.T, sent providers.Sent, err error, text string) {
	t.Helper()
	require.Equal(t, providers.Sent{}, sent)
	require.EqualError(t, err, text)
	providertest.AssertClean(t, err.Error())
}

// It has no Check and no Channel: it stands for plain SMS.
func TestAbilities(t *testing.T) {
	p, err := New(Settings{}, providers.Deps{Out: new(strings.Builder)})
	require.NoError(t, err)
	require.NotImplements(t, (*providers.Checker)(nil), p)
	require.NotImplements(t, (*providers.Channeler)(nil), p)
	require.NotImplements(t, (*providers.Receiver)(nil), p)
}
