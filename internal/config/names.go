package config

import (
	"fmt"
	"slices"
	"strings"
)

// Names are names of instances.
type Names []string

// UnmarshalText reads a list such as "twilio, eu".
func (l *Names) UnmarshalText(text []byte) error {
	var list Names
	for i, name := range strings.Split(string(text), ",") {
		name = strings.TrimSpace(name)
		if !instanceName.MatchString(name) {
			return fmt.Errorf("entry %d: want a name that is in %sPROVIDERS", i+1, Prefix)
		}
		list = append(list, name)
	}
	*l = list
	return nil
}

// unsignedProblems returns a problem for each name in UNSIGNED_RECEIPTS that is no instance's.
func (c Config) unsignedProblems() []error {
	var problems []error
	for i, name := range c.UnsignedReceipts {
		if !slices.ContainsFunc(c.Providers, func(instance Instance) bool { return instance.Name == name }) {
			problems = append(problems, problem("UNSIGNED_RECEIPTS", fmt.Sprintf("entry %d: want a name that is in %sPROVIDERS", i+1, Prefix)))
		}
	}
	return problems
}
