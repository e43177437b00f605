package policy

// Rule is a rule by which a message can be refused.
type Rule int

// The rules that are lists. The rate limits follow them.
const (
	None Rule = iota
	NotAllowed
	BlockedCountry
	BlockedPrefix
	BlockedType
	firstLimit
)

// Guard is the rule by which messages are refused whose range has had codes that were not used. It is neither a list nor a limit: another
// package decides it.
const Guard Rule = -1

// String returns the name of the rule's setting, without its prefix and in lower case.
func (r Rule) String() string {
	if r.limit() {
		return rateLimits[r-firstLimit].setting
	}
	if r == Guard {
		return "guard"
	}
	return [firstLimit]string{"none", "countries", "blocked_countries", "blocked_prefixes", "blocked_types"}[r]
}

// Counts says what a rate limit counts. It is empty for other rules.
func (r Rule) Counts() string {
	if !r.limit() {
		return ""
	}
	return rateLimits[r-firstLimit].counts
}

func (r Rule) limit() bool { return r >= firstLimit }
