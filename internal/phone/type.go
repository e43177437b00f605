package phone

import "github.com/nyaruka/phonenumbers"

// types are libphonenumber's, in lower case. Its UNKNOWN is none.
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

// FixedLineOrMobile is the type of every mobile number of the United States and Canada: their ranges don't tell.
const FixedLineOrMobile = "fixed_line_or_mobile"

// Type returns what a number is for, such as mobile or premium_rate. It is empty if the number is in no known range, as
// numbers for tests may be. That takes some 20 µs.
func (n Number) Type() string {
	parsed, err := n.parsed()
	if err != nil {
		return ""
	}
	return types[phonenumbers.GetNumberType(parsed)]
}

// IsType reports whether a name is that of a type, as Type writes it.
func IsType(name string) bool {
	for _, known := range types {
		if known == name {
			return true
		}
	}
	return false
}
