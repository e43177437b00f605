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
	Name   string // in lower case; in capitals, the prefix of its settings
	Driver providers.Driver
	Codes  providers.Codes // the operator's own classes for the provider's codes
	Open   func(providers.Deps) (providers.Provider, error)

	warnings []string

	settings any // as the driver reads them
	entry    int // its place in the list, from 1
	driver   string
}

// Instances are the configured accounts, in the order in which they are tried.
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
			return fmt.Errorf("entry %d: the name is taken; write another=%s", i+1, driver)
		}
		list = append(list, Instance{Name: name, entry: i + 1, driver: driver})
	}
	*l = list
	return nil
}

// Prefix is that of the instance's settings.
func (i Instance) Prefix() string { return strings.ToUpper(i.Name) + "_" }

// common is what every provider has.
type common struct {
	Codes providers.Codes `env:"CODES" help:"your own classes for the provider's codes: 21610=account, 30007=temporary"`
}

func (i *Instance) load(env *environment, drivers []providers.Driver, dev bool) []error {
	refuse := func(want string) []error {
		return []error{providers.Problem{Setting: Prefix + "PROVIDERS", Want: want}}
	}
	at := slices.IndexFunc(drivers, func(d providers.Driver) bool { return d.Name == i.driver })
	if at < 0 {
		return refuse(fmt.Sprintf("entry %d: there is no such provider; there are: %s", i.entry, names(drivers, dev)))
	}
	i.Driver = drivers[at]
	if i.Driver.Dev && !dev {
		return refuse(fmt.Sprintf("%s sends nothing and shows codes: it is for `smshook dev` alone", i.Driver.Name))
	}
	if i.Prefix() == Prefix {
		return refuse("an account can't be called smshook: its settings would mix with our own")
	}
	var own common
	settings, open := i.Driver.New()
	i.Open, i.settings = open, settings
	problems := env.fill(&own, i.Prefix())
	i.Codes = own.Codes
	problems = append(problems, env.fill(settings, i.Prefix())...)
	if odd, ok := settings.(interface{ Warnings() []providers.Problem }); ok && len(problems) == 0 {
		for _, found := range odd.Warnings() {
			i.warnings = append(i.warnings, problem(i.Prefix()+found.Setting, found.Want).Error())
		}
	}
	return problems
}

// Same reports whether two instances have the same name and settings, those of CODES left out.
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

// Provider opens the instance.
func (i Instance) Provider(d providers.Deps) (providers.Provider, error) {
	p, err := i.Open(d)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", i.Name, err)
	}
	return p, nil
}
