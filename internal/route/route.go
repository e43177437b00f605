// Package route chooses the instances for a message by its number: their order is a setting, by country and calling code.
package route

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Table has the operator's routes. The zero value has none. It may be used concurrently.
type Table struct {
	routes    map[Destination][]string
	countries bool // whether there is a route for a country

	// The names in the order of the text, with their places: only the caller can check whether they exist.
	destinations []placed[Destination]
	instances    []placed[string]
}

// placed is a value and its place in the text: the character at which it starts, counted from 1.
type placed[T any] struct {
	at    int
	value T
}

// Destination stands for some numbers: those of a country or of a calling code. If both are empty, it stands for all numbers.
type Destination struct {
	Country     string // ISO 3166-1, two capital letters
	CallingCode int
}

// String returns the destination in the form of the setting: "IN", "+44" or "*".
func (d Destination) String() string {
	switch {
	case d.Country != "":
		return d.Country
	case d.CallingCode != 0:
		return "+" + strconv.Itoa(d.CallingCode)
	}
	return "*"
}

// compare sorts destinations in the order in which Lookup tries them: countries, calling codes, all numbers.
func (d Destination) compare(other Destination) int {
	return cmp.Or(cmp.Compare(d.rank(), other.rank()), cmp.Compare(d.Country, other.Country), cmp.Compare(d.CallingCode, other.CallingCode))
}

func (d Destination) rank() int {
	switch {
	case d.Country != "":
		return 0
	case d.CallingCode != 0:
		return 1
	}
	return 2
}

// Lookup returns the instances for a number, in the order in which they are tried. It takes the route of the number's country, else the
// route of its calling code, else the route for all numbers. If there is no route for the number, it returns nil.
//
// Lookup calls country only if there is a route for a country, because finding the country is most of the work. country returns "" if
// the country is unknown.
//
// The caller must not change the elements of the result. It may append to it.
func (t Table) Lookup(callingCode int, country func() string) []string {
	if t.countries {
		if name := country(); name != "" {
			if instances, ok := t.routes[Destination{Country: name}]; ok {
				return instances
			}
		}
	}
	if instances, ok := t.routes[Destination{CallingCode: callingCode}]; ok {
		return instances
	}
	return t.routes[Destination{}]
}

// Route is one destination and its instances.
type Route struct {
	To        Destination
	Instances []string
}

// String returns the route in the form of the setting: "IN: plivo, twilio".
func (r Route) String() string { return r.To.String() + ": " + strings.Join(r.Instances, ", ") }

// Routes returns a copy of the whole table, one route for each destination: countries first, then calling codes, both sorted, then the
// route for all numbers.
func (t Table) Routes() []Route {
	var routes []Route
	for _, to := range slices.SortedFunc(maps.Keys(t.routes), Destination.compare) {
		routes = append(routes, Route{to, slices.Clone(t.routes[to])})
	}
	return routes
}

// Destinations iterates over the destinations in the order of the text, each with the character at which it starts. The table doesn't
// check whether a country or a calling code exists.
func (t Table) Destinations() iter.Seq2[int, Destination] { return places(t.destinations) }

// Instances iterates over the names of instances in the order of the text, each with the character at which it starts. A name that is
// in several rules comes several times. The table doesn't check whether an instance exists.
func (t Table) Instances() iter.Seq2[int, string] { return places(t.instances) }

func places[T any](list []placed[T]) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for _, p := range list {
			if !yield(p.at, p.value) {
				return
			}
		}
	}
}
