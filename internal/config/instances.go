package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/smshook/smshook/providers"
)

// Instance is one account of one provider.
type Instance struct {
	Name   string // in small letters and digits
	Driver providers.Driver
	Codes  providers.Codes // the operator's own kinds for the provider's codes
	Open   func(providers.Deps) (providers.Provider, error)

	warnings []string

	settings any    // of the driver's type
	entry    int    // position in PROVIDERS, from 1
	driver   string // name of the driver
}

// Instances are the configured accounts of all providers, in the order in which they are tried.
type Instances []Instance

var instanceName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// UnmarshalText reads a list such as "twilio,eu=twilio".
func (l *Instances) UnmarshalText(text []byte) error {
	var list Instances
	for i, entry := range strings.Split(string(text), ",") {
		name, driver, found := strings.Cut(strings.TrimSpace(entry), "=")
		if !found {
			driver = name
		}
		if !instanceName.MatchString(name) || !instanceName.MatchString(driver) {
			return fmt.Errorf("entry %d: want a provider's name, or name=provider, in small letters and digits", i+1)
		}
		if slices.ContainsFunc(list, func(o Instance) bool { return o.Name == name }) {
			return fmt.Errorf("entry %d: this name is used before; write another=%s", i+1, driver)
		}
		list = append(list, Instance{Name: name, entry: i + 1, driver: driver})
	}
	*l = list
	return nil
}

// Prefix is the prefix of the instance's settings: its name in capital letters.
func (i Instance) Prefix() string { return strings.ToUpper(i.Name) + "_" }

// common has the settings that every provider has.
type common struct {
	Codes providers.Codes `env:"CODES" help:"your own kinds for the provider's error codes, CODE=KIND with commas between them; a KIND is temporary, account, rejected, channel, recipient or unknown"`
}

func (i *Instance) load(env *environment, drivers []providers.Driver, dev bool) []error {
	refuse := func(want string) []error {
		return []error{providers.Problem{Setting: Prefix + "PROVIDERS", Want: want}}
	}
	at := slices.IndexFunc(drivers, func(d providers.Driver) bool { return d.Name == i.driver })
	if at < 0 {
		return refuse(fmt.Sprintf("entry %d: there is no such provider; want one of %s", i.entry, names(drivers, dev)))
	}
	i.Driver = drivers[at]
	if i.Driver.Dev && !dev {
		return refuse(fmt.Sprintf("%s sends nothing and prints codes: it is only for `smshook dev`", i.Driver.Name))
	}
	if i.Prefix() == Prefix {
		return refuse("an instance can't be called smshook: its settings would have the prefix of smshook's own settings")
	}
	var own common
	settings, open := i.Driver.New()
	i.Open, i.settings = open, settings
	problems := env.fill(&own, i.Prefix())
	i.Codes = own.Codes
	problems = append(problems, env.fill(settings, i.Prefix())...)
	if checked, ok := settings.(interface{ Warnings() []providers.Problem }); ok && len(problems) == 0 {
		for _, found := range checked.Warnings() {
			i.warnings = append(i.warnings, problem(i.Prefix()+found.Setting, found.Want).Error())
		}
	}
	return problems
}

// Same reports whether two instances have the same name, provider and settings. CODES may differ.
func (i Instance) Same(other Instance) bool {
	return i.Name == other.Name && i.driver == other.driver && reflect.DeepEqual(i.settings, other.settings)
}

func names(drivers []providers.Driver, dev bool) string {
	var list []string
	for _, d := range drivers {
		if !d.Dev || dev {
			list = append(list, d.Name)
		}
	}
	return strings.Join(list, ", ")
}

// Provider opens the account.
func (i Instance) Provider(d providers.Deps) (providers.Provider, error) {
	p, err := i.Open(d)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", i.Name, err)
	}
	return p, nil
}
