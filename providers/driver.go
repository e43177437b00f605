package providers

import (
	"fmt"
	"io"
	"net/http"
)

// Driver makes Providers of one provider from settings.
type Driver struct {
	Name  string // as in SMSHOOK_PROVIDERS; in capitals, the prefix of its settings
	Title string // as people write it
	Dev   bool   // for development only, because it sends nothing

	// New returns a pointer to an empty settings struct and a function that makes the Provider from what was filled in.
	//
	// The struct is flat. A field has the tags env (the setting's name without prefix) and help, and where they apply
	// default, required, oneof, min and max. If the struct has a method Validate() error, it is called after all fields were
	// read; see [Wants]. If the struct has a method Warnings() []Problem, it returns settings that work and may be a mistake.
	New func() (settings any, open func(Deps) (Provider, error))
}

// Deps is what a provider needs besides its settings.
type Deps struct {
	HTTP     *http.Client // for all its calls, through providers/call
	Out      io.Writer    // where a provider that sends nothing shows its messages
	Callback Callback     // where the provider sends receipts; the zero value if receipts are off
}

// NewDriver returns the Driver of a provider whose settings are a C and whose constructor is open.
func NewDriver[C any, P Provider](name, title string, open func(C, Deps) (P, error)) Driver {
	return Driver{
		Name:  name,
		Title: title,
		New: func() (any, func(Deps) (Provider, error)) {
			settings := new(C)
			return settings, func(d Deps) (Provider, error) {
				p, err := open(*settings, d)
				if err != nil {
					return nil, err // not p: a nil *T in an interface isn't nil
				}
				return p, nil
			}
		},
	}
}

// DevOnly returns d as a driver that only development may use.
func (d Driver) DevOnly() Driver {
	d.Dev = true
	return d
}

// Problem is a setting that can't be used. Several are joined by errors.Join.
type Problem struct {
	Setting string // its name, without prefix if a provider's Validate returns it
	Want    string // what it should be. It never quotes the value, which may be a secret in the wrong place
}

func (p Problem) Error() string { return fmt.Sprintf("%s: %s", p.Setting, p.Want) }
