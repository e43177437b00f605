package route

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The grammar:
//
//	rules       = [ rule { ";" rule } [ ";" ] ]
//	rule        = destination { "," destination } ":" instance { "," instance }
//	destination = country | callingCode | "*"
//
// White space, also new lines, is allowed around each of these. Countries are in capital letters and instances in small letters.
// Otherwise a missing comma or colon could turn one into the other.
var (
	country     = regexp.MustCompile(`^[A-Z]{2}$`)
	anyCountry  = regexp.MustCompile(`^[A-Za-z]{2}$`)
	callingCode = regexp.MustCompile(`^\+[1-9][0-9]{0,2}$`)
	instance    = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
)

// UnmarshalText reads rules such as
//
//	IN: plivo, twilio; BR,MX: whatsapp, twilio; +44: vonage; *: twilio, vonage
//
// A destination may be in one rule only, and only once. A rule may have an instance only once. If there is an error, the table doesn't
// change. The error names the character, counted from 1, and quotes nothing, because the text may be a misplaced secret.
func (t *Table) UnmarshalText(text []byte) error {
	p := parser{rest: []rune(string(text)), table: Table{routes: map[Destination][]string{}}}
	p.advance()
	for p.token != "" {
		if err := p.rule(); err != nil {
			return err
		}
	}
	*t = p.table
	return nil
}

// parser holds the next token and the text after it.
type parser struct {
	token string // empty at the end of the text
	at    int    // the token's first character, counted from 1
	read  int    // characters up to the token's end
	rest  []rune
	table Table
}

// Each of marks is a token, with or without space around it.
const marks = ",:;"

func isMark(r rune) bool { return strings.ContainsRune(marks, r) }

func (p *parser) advance() {
	p.skip(unicode.IsSpace)
	p.at = p.read + 1
	switch {
	case len(p.rest) == 0:
		p.token = ""
	case isMark(p.rest[0]):
		p.token = p.take(1)
	default:
		p.token = p.take(p.span(func(r rune) bool { return !unicode.IsSpace(r) && !isMark(r) }))
	}
}

func (p *parser) skip(while func(rune) bool) { p.take(p.span(while)) }

// span counts the next characters for which while is true.
func (p *parser) span(while func(rune) bool) int {
	if n := slices.IndexFunc(p.rest, func(r rune) bool { return !while(r) }); n >= 0 {
		return n
	}
	return len(p.rest)
}

func (p *parser) take(n int) string {
	taken := string(p.rest[:n])
	p.rest = p.rest[n:]
	p.read += n
	return taken
}

// follows reads the mark if it is the next token, and reports whether it was.
func (p *parser) follows(mark string) bool {
	if p.token != mark {
		return false
	}
	p.advance()
	return true
}

// problem returns an error at the token. It must not quote the text.
func (p *parser) problem(want string) error {
	if p.token == "" {
		return errors.New("at the end: " + want)
	}
	return fmt.Errorf("at character %d: %s", p.at, want)
}

func (p *parser) rule() error {
	var to []Destination
	for more := true; more; more = p.follows(",") {
		destination, err := p.destination()
		if err != nil {
			return err
		}
		to = append(to, destination)
	}
	if !p.follows(":") {
		return p.problem("want a comma or a colon")
	}
	var instances []string
	for more := true; more; more = p.follows(",") {
		name, err := p.instance(instances)
		if err != nil {
			return err
		}
		instances = append(instances, name)
	}
	if p.token != "" && !p.follows(";") {
		return p.problem("want a comma or a semicolon")
	}
	for _, destination := range to {
		p.table.routes[destination] = slices.Clip(instances)
	}
	return nil
}

// destination reads a destination that is in no rule yet.
func (p *parser) destination() (Destination, error) {
	destination, problem := parseDestination(p.token)
	if problem != "" {
		return Destination{}, p.problem(problem)
	}
	for at, other := range p.table.Destinations() {
		if other == destination {
			return Destination{}, p.problem(fmt.Sprintf("is at character %d already", at))
		}
	}
	p.table.countries = p.table.countries || destination.Country != ""
	p.table.destinations = append(p.table.destinations, placed[Destination]{p.at, destination})
	p.advance()
	return destination, nil
}

func parseDestination(word string) (_ Destination, problem string) {
	switch {
	case word == "*":
		return Destination{}, ""
	case country.MatchString(word):
		return Destination{Country: word}, ""
	case anyCountry.MatchString(word):
		return Destination{}, "want the country in capital letters"
	case callingCode.MatchString(word):
		code, _ := strconv.Atoi(word[1:])
		return Destination{CallingCode: code}, ""
	case strings.HasPrefix(word, "+"):
		return Destination{}, "want a calling code of one to three digits, such as +44"
	}
	return Destination{}, "want a country such as IN, a calling code such as +44, or *"
}

// instance reads an instance that is not in the rule yet.
func (p *parser) instance(rule []string) (string, error) {
	name := p.token
	if !instance.MatchString(name) {
		return "", p.problem("want an instance's name, in small letters and digits")
	}
	if slices.Contains(rule, name) {
		return "", p.problem("this instance is in the rule already")
	}
	p.table.instances = append(p.table.instances, placed[string]{p.at, name})
	p.advance()
	return name, nil
}
