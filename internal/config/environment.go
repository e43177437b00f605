package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/smshook/smshook/providers"
)

// environment has the variables of the program, and knows which of them are settings.
type environment struct {
	values map[string]string
	names  map[string]bool // of every setting that fill has read
	noted  []Read
}

func newEnvironment(entries []string) *environment {
	env := &environment{values: map[string]string{}, names: map[string]bool{}}
	for _, entry := range entries {
		name, value, _ := strings.Cut(entry, "=")
		env.values[name] = value
	}
	return env
}

// setDefault sets a variable if neither it nor its _FILE variable has a value.
func (env *environment) setDefault(name, value string) {
	if env.values[name] == "" && env.values[name+fileSuffix] == "" {
		env.values[name] = value
	}
}

// usePort takes the port to listen on from PORT, which many platforms set.
func (env *environment) usePort() error {
	port := env.values["PORT"]
	if port == "" || env.values[Prefix+"ADDR"] != "" || env.values[Prefix+"ADDR"+fileSuffix] != "" {
		return nil
	}
	if !isAddr(":" + port) {
		return problem("PORT", "want the number of a port")
	}
	env.setDefault(Prefix+"ADDR", ":"+port)
	return nil
}

// lookup returns the value of a setting. An empty variable counts as unset.
func (env *environment) lookup(name string) (string, error) {
	value, path := env.values[name], env.values[name+fileSuffix]
	switch {
	case value != "" && path != "":
		return "", problem(name, "is set, and so is "+name+fileSuffix)
	case path == "":
		return value, nil
	}
	return readFile(name, path)
}

// emptied reports whether a setting is in the environment without a value. SECRET="$SECRET" has this effect if the shell doesn't know
// SECRET.
func (env *environment) emptied(name string) bool {
	_, found := env.values[name]
	_, fileFound := env.values[name+fileSuffix]
	return (found || fileFound) && env.values[name] == "" && env.values[name+fileSuffix] == ""
}

func problem(setting, want string) error { return providers.Problem{Setting: setting, Want: want} }

// fill reads the settings of a struct. The tags of its fields are described at [providers.Driver].
func (env *environment) fill(settings any, prefix string) []error {
	var problems []error
	target := reflect.ValueOf(settings).Elem()
	for i := range target.NumField() {
		s, ok := settingOf(target.Type().Field(i), prefix)
		if !ok {
			continue
		}
		if f, ok := target.Field(i).Addr().Interface().(family); ok {
			problems = append(problems, env.fillFamily(f, s)...)
			continue
		}
		env.names[s.Name] = true
		value, err := env.read(s.Name)
		switch {
		case err != nil:
		case !s.Required && s.protects(target.Field(i)) && env.emptied(s.Name):
			err = problem(s.Name, "is empty and would protect nothing: give it a value, or remove the variable")
		default:
			err = s.set(target.Field(i), value)
			env.note(s, target.Field(i), value)
		}
		if err != nil {
			problems = append(problems, err)
		}
	}
	validator, ok := settings.(interface{ Validate() error })
	if !ok {
		return problems
	}
	unreadable := problems
	for _, found := range prefixed(validator.Validate(), prefix) {
		if !slices.ContainsFunc(unreadable, sameSetting(found)) {
			problems = append(problems, found)
		}
	}
	return problems
}

// family is a setting with many variables, such as MESSAGE_<LOCALE>.
type family interface {
	// Add takes the value of one variable. end is the part of its name in place of the brackets. The error is about end, also if the
	// value is empty and counts as unset, or about the value.
	Add(end, value string) error
}

func (env *environment) fillFamily(f family, s setting) []error {
	var problems []error
	prefix, _, _ := strings.Cut(s.Name, "<")
	for _, name := range env.members(prefix) {
		env.names[name] = true
		value, err := env.read(name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if err := f.Add(strings.TrimPrefix(name, prefix), value); err != nil {
			problems = append(problems, problem(name, err.Error()))
			continue
		}
		env.noted = append(env.noted, Read{Name: name, Value: value, Help: s.Help})
	}
	return problems
}

// members returns the settings with a prefix, sorted, without those that fill has read before.
func (env *environment) members(prefix string) []string {
	var names []string
	for variable, value := range env.values {
		name := strings.TrimSuffix(variable, fileSuffix)
		if strings.HasPrefix(name, prefix) && !env.names[name] && !injected(variable, value) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// sameSetting returns a function that reports whether an earlier problem is about the same setting, or about its _FILE variable. A setting
// that can't be read has one problem, not two.
func sameSetting(a error) func(error) bool {
	return func(b error) bool {
		var x, y providers.Problem
		return errors.As(a, &x) && errors.As(b, &y) && x.Setting == strings.TrimSuffix(y.Setting, fileSuffix)
	}
}

// prefixed returns the problems with the prefix added to the names of their settings.
func prefixed(err error, prefix string) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var problems []error
		for _, one := range joined.Unwrap() {
			problems = append(problems, prefixed(one, prefix)...)
		}
		return problems
	}
	var p providers.Problem
	if errors.As(err, &p) {
		return []error{problem(prefix+p.Setting, p.Want)}
	}
	return []error{fmt.Errorf("%s…: %w", prefix, err)}
}

// unknown returns the variables with a prefix that are not settings, sorted.
func (env *environment) unknown(prefix string) []string {
	var names []string
	for name := range env.values {
		setting := strings.TrimSuffix(name, fileSuffix)
		if strings.HasPrefix(name, prefix) && !env.names[name] && !env.names[setting] && !injected(name, env.values[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// known returns the settings with a prefix, sorted.
func (env *environment) known(prefix string) []string {
	var names []string
	for name := range env.names {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Kubernetes sets variables for each service of the namespace in every container. For a service called smshook, they are:
//
//	SMSHOOK_SERVICE_HOST  SMSHOOK_SERVICE_PORT  SMSHOOK_SERVICE_PORT_HTTP
//	SMSHOOK_PORT=tcp://…  SMSHOOK_PORT_8080_TCP=tcp://…  SMSHOOK_PORT_8080_TCP_PROTO  …_PORT  …_ADDR
//
// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
var (
	serviceVariable = regexp.MustCompile(`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)$`)
	serviceAddress  = regexp.MustCompile(`_PORT(_\d+_(TCP|UDP|SCTP))?$`)
)

func injected(name, value string) bool {
	return serviceVariable.MatchString(name) || serviceAddress.MatchString(name) && strings.Contains(value, "://")
}

func unknownSetting(name string, known []string) error {
	if nearest, ok := Nearest(name, known); ok {
		return problem(name, "is not a setting; did you mean "+nearest+"?")
	}
	return problem(name, "is not a setting")
}
