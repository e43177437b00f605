package phone

import "github.com/nyaruka/phonenumbers"

// types are libphonenumber's types in lower case, without UNKNOWN.
var types = map[phonenumbers.PhoneNumberType]string{
	phonenumbers.FIXED_LINE:           "fixed_line",
	phonenumbers.MOBILE:               "mobile",
	phonenumbers.FIXED_LINE_OR_MOBILE: FixedLineOrMobile,
	phonenumbers.TOLL_FREE:            "toll_free",
	phonenumbers.PREMIUM_RATE:         "premium_rate",
	phonenumbers.SHARED_COST:          "shared_cost",
	phonenumbers.VOIP:                 "voip",
	phonenumbers.PERSONAL_NUMBER:      "personal_number",
	phonenumbers.PAGER:                "pager",
	phonenumbers.UAN:                  "uan",
	phonenumbers.VOICEMAIL:            "voicemail",
}

// FixedLineOrMobile is the type of every mobile number of the United States and Canada: their fixed and mobile numbers share ranges.
const FixedLineOrMobile = "fixed_line_or_mobile"

// Type returns the type of a number, such as mobile or premium_rate. It is empty if the number is in no known range, as some numbers
// for tests. It takes some 20 µs.
func (n Number) Type() string {
	parsed, err := n.parsed()
	if err != nil {
		return ""
	}
	return types[phonenumbers.GetNumberType(parsed)]
}

// IsType reports whether Type may return a name.
func IsType(name string) bool {
	for _, known := range types {
		if known == name {
			return true
		}
	}
	return false
}
