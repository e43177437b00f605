package providertest

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// ReceiptToken is the secret end of the address to which an Opener's provider is told to send receipts.
const ReceiptToken = "Zm9yIC9yZWNlaXB0cw"

// Opener opens a provider as the program does: from settings, by their names and as an operator writes them. Its methods return changed
// copies.
type Opener struct {
	driver    providers.Driver
	values    map[string]string
	changes   []func(settings any)
	reporting bool
}

// NewOpener returns an Opener for a provider with these settings.
func NewOpener(d providers.Driver, values map[string]string) Opener {
	return Opener{driver: d, values: values}
}

// With adds settings, each a name and a value. An empty value takes a setting away.
func (o Opener) With(pairs ...string) Opener {
	o.values = maps.Clone(o.values)
	for pair := range slices.Chunk(pairs, 2) {
		o.values[pair[0]] = pair[1]
	}
	return o
}

// Changed changes the settings once they are filled in: settings is what the driver's New returns.
func (o Opener) Changed(change func(settings any)) Opener {
	o.changes = append(slices.Clip(o.changes), change)
	return o
}

// ReceiptAddress is where the provider sends the receipts of the message that [Message] returns.
func (o Opener) ReceiptAddress() string { return o.callback().For(Message()) }

func (o Opener) callback() providers.Callback {
	return providers.NewCallback("https://hook.example.com/receipts/" + o.driver.Name + "/" + ReceiptToken)
}

// Reporting tells the provider to send receipts to ReceiptAddress.
func (o Opener) Reporting() Opener {
	o.reporting = true
	return o
}

// Settings returns a pointer to the filled-in settings, before they are validated. It panics if a value can't be read.
func (o Opener) Settings() any {
	settings, _, err := o.fill("")
	if err != nil {
		panic(err)
	}
	return settings
}

// Open opens the provider. If base is set, it is the setting BASE_URL.
func (o Opener) Open(base call.BaseURL, d providers.Deps) (providers.Provider, error) {
	settings, open, err := o.fill(base)
	if err != nil {
		return nil, err
	}
	if validator, ok := settings.(interface{ Validate() error }); ok {
		if err := validator.Validate(); err != nil {
			return nil, err
		}
	}
	if o.reporting {
		d.Callback = o.callback()
	}
	return open(d)
}

func (o Opener) fill(base call.BaseURL) (settings any, open func(providers.Deps) (providers.Provider, error), err error) {
	settings, open = o.driver.New()
	if base != "" {
		o = o.With("BASE_URL", string(base))
	}
	if err := Fill(settings, o.values); err != nil {
		return nil, nil, err
	}
	for _, change := range o.changes {
		change(settings)
	}
	return settings, open, nil
}

// Receiver opens the provider, which must be a Receiver, without a server.
func (o Opener) Receiver() (providers.Receiver, error) {
	p, err := o.Open("", providers.Deps{})
	if err != nil {
		return nil, err
	}
	receiver, ok := p.(providers.Receiver)
	if !ok {
		return nil, errors.New("the provider reads no receipts")
	}
	return receiver, nil
}

// Start opens the provider before a Fake that answers so.
func (o Opener) Start(t testing.TB, answers ...Answer) (*Fake, providers.Provider) {
	t.Helper()
	f := NewFake(t, answers...)
	p, err := o.Open(f.Base, providers.Deps{HTTP: f.Client()})
	require.NoError(t, err)
	return f, p
}

// Fill sets the fields of a settings struct, which settings points to, from values and from their defaults, as the program's loader
// does. The error is for a value that can't be read, a required setting without one, and a name that is no setting.
func Fill(settings any, values map[string]string) error {
	left := maps.Clone(values)
	target := reflect.ValueOf(settings).Elem()
	for i := range target.NumField() {
		tag := target.Type().Field(i).Tag
		name := tag.Get("env")
		text := values[name]
		delete(left, name)
		if text == "" {
			text = tag.Get("default")
		}
		if text == "" && tag.Get("required") == "true" {
			return fmt.Errorf("%s is missing", name)
		}
		if text == "" {
			continue
		}
		if oneOf := strings.Fields(tag.Get("oneof")); len(oneOf) > 0 && !slices.Contains(oneOf, text) {
			return fmt.Errorf("%s: want one of %v", name, oneOf)
		}
		if err := SetField(target.Field(i), text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for name := range left {
		return fmt.Errorf("there is no setting %s", name)
	}
	return nil
}

// SetField sets one field of a settings struct, of any type that the program's loader knows.
func SetField(field reflect.Value, text string) (err error) {
	switch target := field.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return target.UnmarshalText([]byte(text))
	case *string:
		*target = text
	case *bool:
		*target, err = strconv.ParseBool(text)
	case *int:
		*target, err = strconv.Atoi(text)
	case *time.Duration:
		*target, err = time.ParseDuration(text)
	default:
		err = errors.New("the loader doesn't know the type")
	}
	return err
}
