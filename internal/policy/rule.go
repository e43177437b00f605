package policy

// Rule is one of those by which a call can be refused.
type Rule int

const (
	None Rule = iota
	NotAllowed
	BlockedCountry
	BlockedPrefix
	BlockedType
	PerPhone // from here on, limits
	PerUser
	PerIP
	PerPrefix
	PerCountry
	InTotal
	InAll

	rules       int = iota
	mostCharges     = rules - int(PerPhone)
)

// String names a rule as its setting is named, without the prefix and in lower case.
func (r Rule) String() string {
	return [...]string{
		"none", "countries", "blocked_countries", "blocked_prefixes", "blocked_types",
		"limit_phone", "limit_user", "limit_ip", "limit_prefix", "limit_country", "limit_total", "limit_all",
	}[r]
}

func (r Rule) limit() bool { return r >= PerPhone }
