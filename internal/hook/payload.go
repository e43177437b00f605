// Package hook is the protocol of Supabase Auth's Send SMS hook: the call that Auth signs, and the answer that it understands. Caller is
// Auth's side, for tests and for trying things out.
//
// What Auth sends and accepts differs by version. The statements here were measured on v2.196.0 and on the versions named. The source is
// https://github.com/supabase/auth, internal/hooks.
package hook

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/smshook/smshook/providers"
)

// MaxBody is the longest body that is read, in bytes. A call has 1 to 2 KiB without user_metadata. After a sign-up it has user_metadata
// twice: for the user and for the identity. The limit is 2 MiB for both, and 64 KiB for what Auth adds.
const MaxBody = 2<<20 + 64<<10

// MFA is the sms_type of a second-factor challenge. No other call has an sms_type.
const MFA = "mfa"

// Payload is the part of a call that smshook uses.
type Payload struct {
	Metadata *Metadata `json:"metadata"` // absent before Auth v2.187.0
	User     User      `json:"user"`
	SMS      SMS       `json:"sms"`
}

// Metadata is about the call itself.
type Metadata struct {
	// UUID stays the same when Auth repeats a call. The webhook-id header changes.
	UUID string `json:"uuid"`
	Time string `json:"time"` // when Auth made the call, by Auth's clock
	// IPAddress is the first address of the X-Forwarded-For that Auth got, or else the address of the client. The user can forge it,
	// unless a proxy in front of Auth sets the header.
	IPAddress string `json:"ip_address"`
}

// User is the account that asked for the code.
type User struct {
	ID         string           `json:"id"`
	Phone      providers.Secret `json:"phone"`
	Confirmed  string           `json:"phone_confirmed_at"` // when the account proved that the phone is its own
	LastSignIn string           `json:"last_sign_in_at"`    // changes when a session is issued; not by MFA, nor by reauthentication
	// When the last stored code of each kind was sent: for a sign-in or sign-up, for a phone change, and for a reauthentication. Auth
	// calls the hook before it stores the code of that call.
	// https://github.com/supabase/auth/blob/008bb4d13965f06b546f2bc3eb6b7fe21175354e/internal/models/user.go
	ConfirmationSent     string `json:"confirmation_sent_at"`
	PhoneChangeSent      string `json:"phone_change_sent_at"`
	ReauthenticationSent string `json:"reauthentication_sent_at"`
	Locale               Locale `json:"user_metadata"` // the rest of user_metadata isn't used
}

// SMS is the code and the number that it goes to.
type SMS struct {
	OTP   providers.Secret `json:"otp"`
	Phone providers.Secret `json:"phone"` // absent before Auth v2.180.0
	Type  string           `json:"sms_type"`
}

// Decode reads the body of a call. An error names the field, and never quotes its value.
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

// unreadable describes an error of the parser without its text, which quotes the body.
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

// Phone is the number to send to, as Auth wrote it: usually without a plus.
//
// It is sms.phone: the new number in a phone change, the factor's number in a challenge. Servers before v2.180.0 send only user.phone.
// It is never user.new_phone: that number is not verified, and may be left over from a change that was not completed.
func (p Payload) Phone() providers.Secret {
	if p.SMS.Phone.Empty() {
		return p.User.Phone
	}
	return p.SMS.Phone
}

// Proven reports whether the account has proved that the number is its own. In a phone change or a challenge, the code goes to another
// number, and phone_confirmed_at says nothing about that.
func (p Payload) Proven() bool {
	return p.User.Confirmed != "" && withoutPlus(p.Phone()) == withoutPlus(p.User.Phone)
}

// The kinds of a code, as smshook names them.
const (
	SignIn      = "otp"          // a sign-in or a sign-up
	PhoneChange = "phone_change" // to prove that a new number is the user's
)

// Kind is what the code is for: [SignIn], [PhoneChange] or [MFA]. It is empty if the call doesn't say: that for a reauthentication is
// the same as that for a sign-in.
func (p Payload) Kind() string {
	switch {
	case p.SMS.Type == MFA:
		return MFA
	case !p.SMS.Phone.Empty() && withoutPlus(p.SMS.Phone) != withoutPlus(p.User.Phone):
		return PhoneChange
	case p.User.Confirmed == "" || p.User.LastSignIn == "": // to reauthenticate, one has to be signed in
		return SignIn
	}
	return ""
}

// AskedAt is when Auth made the call, by its own clock: some microseconds after the *_sent_at that Auth stores with the code. It is zero if
// the call doesn't say.
func (p Payload) AskedAt() time.Time {
	if p.Metadata == nil {
		return time.Time{}
	}
	at, _ := time.Parse(time.RFC3339Nano, p.Metadata.Time)
	return at
}

// Times are when something happened to a user's codes, by Auth's clock; the zero Time is never, or a time that can't be read.
type Times struct {
	Confirmed, OTPSent, PhoneChangeSent, ReauthenticationSent time.Time
}

// Times returns what the call says of the user's codes before this one.
func (u User) Times() Times {
	at := func(text string) time.Time {
		t, _ := time.Parse(time.RFC3339Nano, text)
		return t
	}
	return Times{at(u.Confirmed), at(u.ConfirmationSent), at(u.PhoneChangeSent), at(u.ReauthenticationSent)}
}

// Stored identifies the set of codes that Auth had stored for the user when it made the call. It changes when Auth stores another code,
// and is empty if there are none.
func (u User) Stored() string {
	if u.ConfirmationSent == "" && u.PhoneChangeSent == "" && u.ReauthenticationSent == "" {
		return ""
	}
	return u.ConfirmationSent + " " + u.PhoneChangeSent + " " + u.ReauthenticationSent
}

func withoutPlus(number providers.Secret) string { return strings.TrimPrefix(number.Reveal(), "+") }

// IP is the address of the app's user; the zero Addr if the call has none, or an invalid one.
func (p Payload) IP() netip.Addr {
	if p.Metadata == nil {
		return netip.Addr{}
	}
	ip, _ := netip.ParseAddr(p.Metadata.IPAddress)
	return ip
}

// ID is the idempotency key of the call, the same for all of Auth's attempts: metadata.uuid, or else a hash of the body, in the form of a UUID.
func (p Payload) ID(body []byte) string {
	if p.Metadata != nil && isUUID(p.Metadata.UUID) {
		return p.Metadata.UUID
	}
	sum := sha256.Sum256(body)
	return providers.FormatUUID([16]byte(sum[:16]))
}

// isUUID bounds what a call can write into the log: the ID is logged.
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

// Auth makes its second and third attempt 2 seconds after the previous one failed. A refused connection fails at once.
// https://github.com/supabase/auth/blob/02a07864e79d80968bf250cea56325f2fe735eb1/internal/hooks/v0hooks/v0http/v0http.go
const (
	secondAttempt = backoff
	thirdAttempt  = 2 * backoff
)

// maxTransit is the longest time that a request is assumed to take from Auth to smshook, with a new TLS connection.
const maxTransit = 500 * time.Millisecond

// Spent is how long Auth had been waiting when this attempt was received. It is 0 for a first attempt, if the time isn't known, and for
// a fixture that is sent by hand. receivedAt is by our clock.
//
// metadata.time is when Auth made the call, in nanoseconds. webhook-timestamp is when Auth made the attempt, by the same clock, cut to
// whole seconds. The attempt is therefore known to within a second. If our clock agrees with that second, the result is by our clock,
// and includes the request's transit. If it doesn't agree, Auth's usual times of a second and third attempt are assumed if one of them
// is within the second, or else the end of the second.
func (p Payload) Spent(header http.Header, receivedAt time.Time) time.Duration {
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
	if late := receivedAt.Sub(attempt); late >= 0 && late < time.Second+maxTransit {
		return max(spent, receivedAt.Sub(made))
	}
	if spent == 0 {
		return latest
	}
	return spent
}

// Locale is the user's language as the app stored it, in user_metadata.locale, .language or .lang. Auth itself has no such field. It is
// empty if none of the three looks like a language tag.
type Locale string

// UnmarshalJSON reads user_metadata. It never fails: the app may put any JSON there.
func (l *Locale) UnmarshalJSON(metadata []byte) error {
	*l = ""
	if !bytes.Contains(metadata, []byte(`"l`)) { // all three begin so; most users have none, and parsing is slow
		return nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(metadata, &fields) != nil {
		return nil
	}
	for _, key := range []string{"locale", "language", "lang"} {
		var tag string
		if json.Unmarshal(fields[key], &tag) == nil && providers.LanguageTag.MatchString(tag) {
			*l = Locale(tag)
			return nil
		}
	}
	return nil
}

// Refused answers that no message is sent, with a text for the app's user. The status must be a 4xx: supabase-js drops the text of a
// 502, 503 or 504.
//
// From v2.187.0 on, Auth passes the text on only if the HTTP status is 200. Earlier versions send no metadata. Some of them (v2.174.0 to
// v2.186.x) take a 200 for a success, whatever the body is. They get the status as the HTTP status.
func (p Payload) Refused(status int, message string) Reply {
	reply := Problem(status, message)
	if p.Metadata != nil {
		reply.Status = http.StatusOK
	}
	return reply
}
