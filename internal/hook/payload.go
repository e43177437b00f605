// Package hook is the wire between Supabase Auth and us: the call it signs, the answer it understands, and, for tests and
// for trying things out, its own side of the conversation.
//
// What Auth sends and accepts differs by version. Statements about it here were measured on v2.196.0 and on the versions
// named; the source is https://github.com/supabase/auth, internal/hooks.
package hook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/smshook/smshook/providers"
)

// MaxBody is the longest body that is read, in bytes. Calls take 1 to 2 KiB. user_metadata makes them longer, and it is there twice
// after a sign-up, for the user and for the identity: so a call may have 2 MiB of it, and 64 KiB of what Auth adds.
const MaxBody = 2<<20 + 64<<10

// MFA is the sms_type of a second-factor challenge. All other calls have none.
const MFA = "mfa"

// Payload is the part of a call that matters here.
type Payload struct {
	Metadata *Metadata `json:"metadata"` // absent before Auth v2.187.0
	User     User      `json:"user"`
	SMS      SMS       `json:"sms"`
}

// Metadata is about the call itself.
type Metadata struct {
	// UUID stays the same when Auth repeats a call; the webhook-id header doesn't.
	UUID string `json:"uuid"`
	Time string `json:"time"` // when Auth made the call, by its own clock
	// IPAddress is the first address of the X-Forwarded-For that Auth got, or else that of who connected: the user's, or
	// whatever the user wants it to be where no proxy before Auth sets the header.
	IPAddress string `json:"ip_address"`
}

// User is the account that asked for the code.
type User struct {
	ID         string           `json:"id"`
	Phone      providers.Secret `json:"phone"`
	Confirmed  string           `json:"phone_confirmed_at"` // when the account has shown that the phone is its own
	LastSignIn string           `json:"last_sign_in_at"`    // changes only when a session is issued: not by MFA, not by reauthentication
	// When the last code of each kind was sent that Auth has stored: for a sign-in or sign-up, a phone change, and a
	// reauthentication. The hook is called before its own code is stored.
	// https://github.com/supabase/auth/blob/008bb4d13965f06b546f2bc3eb6b7fe21175354e/internal/models/user.go
	ConfirmationSent     string `json:"confirmation_sent_at"`
	PhoneChangeSent      string `json:"phone_change_sent_at"`
	ReauthenticationSent string `json:"reauthentication_sent_at"`
	Locale               Locale `json:"user_metadata"` // of all that the app put there
}

// SMS is the code and where it goes.
type SMS struct {
	OTP   providers.Secret `json:"otp"`
	Phone providers.Secret `json:"phone"` // absent before Auth v2.180.0
	Type  string           `json:"sms_type"`
}

// Decode reads the body of a call. An error names the field and never quotes what it holds.
func Decode(body []byte) (Payload, error) {
	var p Payload
	if err := json.Unmarshal(body, &p); err != nil {
		return Payload{}, unreadable(err)
	}
	if p.SMS.OTP.Empty() {
		return Payload{}, errors.New("sms.otp is missing")
	}
	if p.Phone().Empty() {
		return Payload{}, errors.New("sms.phone is missing, and so is user.phone")
	}
	return p, nil
}

// unreadable says what is wrong without the parser's words, which quote the body.
func unreadable(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("the body is not JSON, at byte %d", syntax.Offset)
	}
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) && mismatch.Field != "" {
		return fmt.Errorf("%s is not of the right type", mismatch.Field)
	}
	return errors.New("the body is not a Send SMS call")
}

// Phone is the number to send to, as Auth wrote it: without a plus, usually.
//
// It is sms.phone: the new number in a phone change, the factor's in a challenge. Servers before v2.180.0 send user.phone
// alone. It is never user.new_phone, which may be left over from a change that was not completed, and was never verified.
func (p Payload) Phone() providers.Secret {
	if p.SMS.Phone.Empty() {
		return p.User.Phone
	}
	return p.SMS.Phone
}

// Proven reports whether the code goes to a number that its account has shown to be its own. In a phone change or a challenge
// it goes to another one, which phone_confirmed_at says nothing about.
func (p Payload) Proven() bool {
	return p.User.Confirmed != "" && withoutPlus(p.Phone()) == withoutPlus(p.User.Phone)
}

// Stored is a mark of the codes that Auth had stored for the user when it made the call: another one, once one more has been.
func (u User) Stored() string {
	if u.ConfirmationSent == "" && u.PhoneChangeSent == "" && u.ReauthenticationSent == "" {
		return ""
	}
	return u.ConfirmationSent + " " + u.PhoneChangeSent + " " + u.ReauthenticationSent
}

func withoutPlus(number providers.Secret) string { return strings.TrimPrefix(number.Reveal(), "+") }

// IP is the address of the app's user; the zero Addr if there is none that can be read.
func (p Payload) IP() netip.Addr {
	if p.Metadata == nil {
		return netip.Addr{}
	}
	ip, _ := netip.ParseAddr(p.Metadata.IPAddress) // the zero Addr, if it can't be read
	return ip
}

// ID names the call, the same for all of Auth's attempts at it: metadata.uuid, or else a hash of the body.
func (p Payload) ID(body []byte) string {
	if p.Metadata != nil && isUUID(p.Metadata.UUID) {
		return p.Metadata.UUID
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}

// isUUID keeps an ID that ends up in logs to what Auth sends.
func isUUID(s string) bool {
	const pattern = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(s) != len(pattern) {
		return false
	}
	for i := range len(s) {
		dash := s[i] == '-'
		if dash != (pattern[i] == '-') || !dash && !strings.ContainsRune("0123456789abcdefABCDEF", rune(s[i])) {
			return false
		}
	}
	return true
}

// Auth makes its second and third attempt 2 seconds after the one before has failed. A refused connection fails at once.
// https://github.com/supabase/auth/blob/02a07864e79d80968bf250cea56325f2fe735eb1/internal/hooks/v0hooks/v0http/v0http.go
const (
	secondAttempt = backoff
	thirdAttempt  = 2 * backoff
)

// longestWay is the most that a request is taken to be under way from Auth to us, a new connection with TLS included.
const longestWay = 500 * time.Millisecond

// Spent is how long Auth had been waiting when this attempt at the call arrived; 0 for a first attempt, where that isn't known,
// and for a fixture that is played by hand. arrived is by our clock.
//
// metadata.time says when Auth made the call, to the nanosecond. webhook-timestamp says when Auth made the attempt, by the same
// clock, cut to whole seconds: so the attempt is known to within a second. Where our clock agrees with that second, it says the
// rest, and the request's way is in it. Where it doesn't, the attempt is taken for a second or third one after refused
// connections if that is possible within the second, and else for as late as possible.
func (p Payload) Spent(header http.Header, arrived time.Time) time.Duration {
	if p.Metadata == nil {
		return 0
	}
	made, err := time.Parse(time.RFC3339Nano, p.Metadata.Time)
	seconds, headerErr := strconv.ParseInt(header.Get(timestampHeader), 10, 64)
	if err != nil || headerErr != nil {
		return 0
	}
	attempt := time.Unix(seconds, 0)
	earliest := attempt.Sub(made)
	latest := earliest + time.Second
	if earliest < time.Second || earliest > AuthWaits {
		return 0
	}
	var spent time.Duration
	for _, usual := range []time.Duration{secondAttempt, thirdAttempt} {
		if earliest <= usual && usual < latest {
			spent = usual
		}
	}
	if late := arrived.Sub(attempt); late >= 0 && late < time.Second+longestWay {
		return max(spent, arrived.Sub(made))
	}
	if spent == 0 {
		return latest
	}
	return spent
}

// localeShape is that of a BCP 47 tag, with the underscore that many apps write.
var localeShape = regexp.MustCompile(`^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,3}$`)

// Locale is the language that the app noted for its user, in user_metadata.locale, .language or .lang; Auth itself sends
// none. It is empty if there is none that looks like one.
type Locale string

// UnmarshalJSON reads user_metadata, whatever it is. It never fails.
func (l *Locale) UnmarshalJSON(metadata []byte) error {
	*l = ""
	if !bytes.Contains(metadata, []byte(`"l`)) { // as all three begin; most users have none, and reading takes time
		return nil
	}
	var noted map[string]json.RawMessage
	if json.Unmarshal(metadata, &noted) != nil {
		return nil
	}
	for _, key := range []string{"locale", "language", "lang"} {
		var tag string
		if json.Unmarshal(noted[key], &tag) == nil && localeShape.MatchString(tag) {
			*l = Locale(tag)
			return nil
		}
	}
	return nil
}

// Refused answers that there will be no message, with a text for the app's user. The status is a 4xx: supabase-js drops
// the text of a 502, 503 or 504.
//
// From v2.187.0 on, Auth passes the text on only if the answer itself is a 200. Versions before send no metadata, and
// some of them (v2.174.0 to v2.186.x) take that same answer for a success: there the status has to say it.
func (p Payload) Refused(status int, message string) Reply {
	reply := Problem(status, message)
	if p.Metadata != nil {
		reply.Status = http.StatusOK
	}
	return reply
}
