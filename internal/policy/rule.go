package policy

// Rule is a rule by which a message can be refused.
type Rule int

const (
	None Rule = iota
	NotAllowed
	BlockedCountry
	BlockedPrefix
	BlockedType
	PerPhone // this and all after it are limits
	PerUser
	PerIP
	PerPrefix
	PerCountry
	InTotal
	InAll

	rules      int = iota
	maxCharges     = rules - int(PerPhone)
)

// String returns the name of the rule's setting, without its prefix and in lower case.
func (r Rule) String() string {
	return [...]string{
		"none", "countries", "blocked_countries", "blocked_prefixes", "blocked_types",
		"limit_phone", "limit_user", "limit_ip", "limit_prefix", "limit_country", "limit_total", "limit_all",
	}[r]
}

// Counts says what a rate limit counts. It is empty for other rules.
func (r Rule) Counts() string {
	if !r.limit() {
		return ""
	}
	return [...]string{
		"one number", "one account", "one IP address", "one prefix", "one country", "all messages but those to confirmed numbers", "all messages",
	}[r-PerPhone]
}

func (r Rule) limit() bool { return r >= PerPhone }
