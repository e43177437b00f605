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

// environment is a set of variables, and which of them are settings.
type environment struct {
	values map[string]string
	names  map[string]bool // of every setting there is, as fill has met them
}

func newEnvironment(entries []string) *environment {
	env := &environment{values: map[string]string{}, names: map[string]bool{}}
	for _, entry := range entries {
		name, value, _ := strings.Cut(entry, "=")
		env.values[name] = value
	}
	return env
}

// setDefault sets a variable that is set neither itself nor by its file.
func (env *environment) setDefault(name, value string) {
	if env.values[name] == "" && env.values[name+fileSuffix] == "" {
		env.values[name] = value
	}
}

// honourPort takes the port to listen on from where many platforms put it.
func (env *environment) honourPort() error {
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

// lookup returns the value of a setting. An empty variable counts as none.
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

// emptied reports whether a setting is named, and has no value: as SECRET="$SECRET" makes it where the shell has none.
func (env *environment) emptied(name string) bool {
	_, named := env.values[name]
	_, filed := env.values[name+fileSuffix]
	return (named || filed) && env.values[name] == "" && env.values[name+fileSuffix] == ""
}

func problem(setting, want string) error { return providers.Problem{Setting: setting, Want: want} }

// fill reads the settings of a struct, whose fields have the tags that [providers.Driver] describes.
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
			err = problem(s.Name, "is empty, and would protect nothing; give it a value, or take the variable away")
		default:
			err = s.set(target.Field(i), value)
		}
		if err != nil {
			problems = append(problems, err)
		}
	}
	validator, ok := settings.(interface{ Validate() error })
	if !ok {
		return problems
	}
	unread := problems
	for _, found := range prefixed(validator.Validate(), prefix) {
		if !slices.ContainsFunc(unread, sameSetting(found)) {
			problems = append(problems, found)
		}
	}
	return problems
}

// family is a setting of many variables, such as MESSAGE_<LOCALE>. What stands for the part in brackets tells them apart.
type family interface {
	// Add takes the value of the variable whose name ends so. The error says what is wrong with the end, also where the value
	// is empty and counts as none, or with the value.
	Add(end, value string) error
}

func (env *environment) fillFamily(f family, s setting) []error {
	var problems []error
	begin, _, _ := strings.Cut(s.Name, "<")
	for _, name := range env.members(begin) {
		env.names[name] = true
		value, err := env.read(name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if err := f.Add(strings.TrimPrefix(name, begin), value); err != nil {
			problems = append(problems, problem(name, err.Error()))
		}
	}
	return problems
}

// members returns the settings whose names begin so, and that aren't settings of their own, sorted.
func (env *environment) members(begin string) []string {
	var names []string
	for variable, value := range env.values {
		name := strings.TrimSuffix(variable, fileSuffix)
		if strings.HasPrefix(name, begin) && !env.names[name] && !injected(variable, value) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// sameSetting returns whether another problem is of the same setting, or of its file: one that couldn't be read needn't be judged
// too.
func sameSetting(a error) func(error) bool {
	return func(b error) bool {
		var x, y providers.Problem
		return errors.As(a, &x) && errors.As(b, &y) && x.Setting == strings.TrimSuffix(y.Setting, fileSuffix)
	}
}

// prefixed gives the settings that Validate names their prefix.
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

// unknown returns the variables with a prefix that are no settings, sorted.
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

// Kubernetes gives every container variables for the services of its namespace. For one called smshook, or smshook-eu:
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
	if nearest, ok := nearestName(name, known); ok {
		return problem(name, "is not a setting; did you mean "+nearest+"?")
	}
	return problem(name, "is not a setting")
}
