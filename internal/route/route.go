// Package route says through which providers, and in which order, a message to a number goes.
package route

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Table is the routes as the operator has set them. The zero value has none. It may be used concurrently.
type Table struct {
	routes    map[Destination][]string
	countries bool // whether any route is a country's

	// As they stand in the text, for what can only be checked elsewhere.
	destinations []placed[Destination]
	instances    []placed[string]
}

// placed is something in the text, and the character it starts at, counted from 1.
type placed[T any] struct {
	at   int
	what T
}

// Destination is where numbers are: in a country or under a calling code, and if both are empty, anywhere.
type Destination struct {
	Country     string // ISO 3166-1, two capital letters
	CallingCode int
}

// String returns the destination as it is written in the setting: "IN", "+44" or "*".
func (d Destination) String() string {
	switch {
	case d.Country != "":
		return d.Country
	case d.CallingCode != 0:
		return "+" + strconv.Itoa(d.CallingCode)
	}
	return "*"
}

// compare puts countries first, then calling codes, then the rest: as a number's route is looked up.
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

// Lookup returns the instances for a number in the order in which they are tried: its country's, else its calling code's,
// else those for anywhere. If no rule is for the number it returns nil, and the order is the caller's own.
//
// The country is asked for only if some rule names one, since to find it is most of the work. It is empty if the number is
// in no country that is known, and then the calling code decides.
//
// The instances are the table's own: they must not be changed.
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

// Route is what the table says of one destination.
type Route struct {
	To        Destination
	Instances []string
}

// String returns the route as a rule of the setting: "IN: plivo, twilio".
func (r Route) String() string { return r.To.String() + ": " + strings.Join(r.Instances, ", ") }

// Routes returns a copy of the whole table, one route for each destination: countries first, then calling codes, both
// sorted, then the rest.
func (t Table) Routes() []Route {
	var routes []Route
	for _, to := range slices.SortedFunc(maps.Keys(t.routes), Destination.compare) {
		routes = append(routes, Route{to, slices.Clone(t.routes[to])})
	}
	return routes
}

// Destinations goes through the destinations as they stand in the text, each with the character it starts at. Whether a
// country or a calling code exists, only a table of numbers knows.
func (t Table) Destinations() iter.Seq2[int, Destination] { return places(t.destinations) }

// Instances goes through the instances as they stand in the text, each with the character it starts at, and again for each
// rule that has it. Whether one exists, only the list of them knows.
func (t Table) Instances() iter.Seq2[int, string] { return places(t.instances) }

func places[T any](list []placed[T]) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for _, p := range list {
			if !yield(p.at, p.what) {
				return
			}
		}
	}
}
