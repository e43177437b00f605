// Package config is the settings of the whole program: what they are, how they are read from the environment, and what is
// said about them in help texts and in the README.
package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/receipt"
	"github.com/smshook/smshook/internal/route"
	"github.com/smshook/smshook/providers"
)

// Prefix is that of our own settings.
const Prefix = "SMSHOOK_"

// Config is the settings, read and checked. The tags are their documentation.
type Config struct {
	Addr      string        `env:"ADDR" default:":8080" help:"listen address; if it is unset, PORT is honoured"`
	AdminAddr string        `env:"ADMIN_ADDR" help:"a second address, for you alone: /metrics for Prometheus, and a /readyz that tells the health of each provider"`
	Secrets   hook.Secrets  `env:"SECRETS" required:"true" help:"the secrets of the hook as in Auth's own setting: v1,whsec_…, several joined by a vertical bar"`
	Instances Instances     `env:"PROVIDERS" required:"true" help:"providers in the order in which they are tried: twilio, or twilio,eu=twilio, where the second reads EU_ACCOUNT_SID and so on"`
	Routes    route.Table   `env:"ROUTES" help:"providers by country, calling code or *, such as IN: plivo, twilio; +44: twilio; *: twilio, plivo; without it, and where no rule fits, all in the order of PROVIDERS"`
	Budget    time.Duration `env:"BUDGET" default:"4s" min:"1s" max:"4500ms" help:"how long a hook may take; Auth waits 5s"`
	Unknown   race.Unknown  `env:"UNKNOWN" default:"accept" help:"what to answer when a message may have been sent and no provider is sure: accept (the code stays valid) or fail (it becomes void)"`
	Patience  time.Duration `env:"PATIENCE" default:"1500ms" min:"100ms" max:"4500ms" help:"how long a provider may be silent, at most, before the next one is tried beside it; one whose last answers were quick is given less"`
	Resend    time.Duration `env:"RESEND_WINDOW" default:"10m" max:"24h" help:"a user who asks again within this time, without having signed in, is sent the code through the next provider; 0s: never"`
	AtOnce    int           `env:"CONCURRENCY" default:"512" min:"1" max:"100000" help:"how many hooks may run at once, and attempts at each provider; more are answered as failed at once"`
	CodeLife  time.Duration `env:"CODE_LIFE" min:"10s" max:"24h" help:"how long a code stays valid, as in Auth's GOTRUE_SMS_OTP_EXP; if it is unset, Auth's own 60s are assumed; if it is set, providers are told not to deliver later (not for MFA, whose codes live longer)"`

	Message       message.Template     `env:"MESSAGE" help:"the text, with {{ .Code }} and, if you like, {{ .App }}; if it is unset, there are texts in twelve languages: Your code is {{ .Code }}, or with an APP, Your {{ .App }} code is {{ .Code }}"`
	Translations  message.Translations `env:"MESSAGE_<LOCALE>" help:"the text for one language, such as MESSAGE_PT_BR or MESSAGE_DE"`
	MessagesDir   string               `env:"MESSAGES_DIR" help:"a folder with the texts for some languages, in files such as pt-BR.txt; a variable stands above a file"`
	DefaultLocale message.Locale       `env:"DEFAULT_LOCALE" help:"the language of users for whom the app has noted none, or one in which there is no text; if it is unset, they get MESSAGE, or else English"`
	App           string               `env:"APP" help:"the app's name in the text"`
	AppHash       message.AppHash      `env:"APP_HASH" help:"the hash of your Android app, 11 characters; it is added to every text, so that the SMS Retriever API hands it to the app"`
	WebOTPDomain  message.Domain       `env:"WEBOTP_DOMAIN" help:"the domain of your website, such as example.com; @example.com #123456 is added to every text, so that phones fill the code only there"`

	PublicURL      receipt.Site    `env:"PUBLIC_URL" help:"where providers reach this server from outside, to report what became of a message, such as https://sms.example.com; with RECEIPT_SECRET it turns these receipts on"`
	ReceiptSecrets receipt.Secrets `env:"RECEIPT_SECRET" help:"a long random text, of which the addresses for receipts are made; several joined by a vertical bar, the new one first (smshook secret makes one)"`
	Unsigned       Names           `env:"UNSIGNED_RECEIPTS" help:"the providers, by their names in PROVIDERS, whose receipts are taken although no signature can be checked; they are refused otherwise (smshook check tells whose and why)"`
	LateFallback   string          `env:"LATE_FALLBACK" default:"on" oneof:"on off" help:"whether a message that, as a receipt says, won't arrive is sent through the next provider while its code lives"`

	PhoneCheck       phone.Check      `env:"PHONE_CHECK" default:"shape" help:"what is asked of a number: shape (digits and a calling code), possible (a length that its country has) or valid (a range that its country is known to use)"`
	Countries        policy.Countries `env:"COUNTRIES" help:"the only countries whose numbers are texted: GB, IE; numbers whose country can't be told are not"`
	BlockedCountries policy.Countries `env:"BLOCKED_COUNTRIES" help:"countries whose numbers are not texted"`
	BlockedPrefixes  policy.Prefixes  `env:"BLOCKED_PREFIXES" help:"how numbers begin that are not texted: +4470, +882"`
	BlockedTypes     policy.Types     `env:"BLOCKED_TYPES" help:"types of numbers that are not texted: fixed_line, toll_free, premium_rate, shared_cost, voip, personal_number, pager, uan, voicemail"`
	LimitPhone       policy.Limit     `env:"LIMIT_PHONE" default:"5/10m" help:"how many messages one number may get: 5/10m is 5 at once, then one every 2 minutes; an account that asks for a code to its own confirmed number has as many apart from that; or off"`
	LimitUser        policy.Limit     `env:"LIMIT_USER" default:"10/1h" help:"how many messages one account may ask for, over all numbers, its own confirmed one too"`
	LimitIP          policy.Limit     `env:"LIMIT_IP" default:"off" help:"how many one IP address may ask for, or one /64 of IPv6; this and the next three leave out an account that asks for a code to its own confirmed number"`
	LimitPrefix      policy.Limit     `env:"LIMIT_PREFIX" default:"off" help:"how many may go to numbers that differ only in their last four digits"`
	LimitCountry     policy.Limit     `env:"LIMIT_COUNTRY" default:"off" help:"how many may go to one country"`
	LimitTotal       policy.Limit     `env:"LIMIT_TOTAL" default:"off" help:"how many may go out, those to confirmed numbers left out"`
	LimitAll         policy.Limit     `env:"LIMIT_ALL" default:"off" help:"how many may go out in all, those to confirmed numbers too: once it is reached, nobody gets a code"`
	Policy           string           `env:"POLICY" default:"enforce" oneof:"enforce observe" help:"enforce, or observe: limits refuse nothing, and the log tells what they would have refused; COUNTRIES and BLOCKED_… hold all the same"`

	TextJustSent string `env:"TEXT_JUST_SENT" default:"A code was just sent. Please use it." help:"what the app's user reads when a code has been sent that is still valid"`
	TextTooMany  string `env:"TEXT_TOO_MANY" default:"Too many attempts. Please try again later." help:"what the app's user reads when a limit refuses the message"`
	TextNumber   string `env:"TEXT_NUMBER" default:"This number cannot receive codes." help:"what the app's user reads when nobody will reach the number, or it is one that is not texted"`
	TextFailed   string `env:"TEXT_FAILED" default:"The code could not be sent. Please try again." help:"what the app's user reads when no provider took the message"`

	Store      Store           `env:"STORE" default:"memory" help:"where to keep what has to be remembered: memory (a restart forgets it), sqlite:/data/smshook.db (a file that one replica has for itself) or postgres://user:password@host:5432/database"`
	StoreKey   receipt.Secrets `env:"STORE_KEY" help:"a long random text, with which numbers and codes are encrypted in the store; several joined by a vertical bar, the new one first; if it is unset, the secrets of the hook serve (smshook secret makes one)"`
	StoreConns int             `env:"STORE_CONNS" default:"4" min:"2" max:"100" help:"how many connections to Postgres there are at most"`
	Keep       time.Duration   `env:"KEEP" default:"2160h" min:"24h" max:"87600h" help:"how long the store keeps what became of a message, without its text, code and whole number"`

	LogLevel  string `env:"LOG_LEVEL" default:"info" oneof:"debug info warn error" help:"the least level that is logged"`
	LogFormat string `env:"LOG_FORMAT" oneof:"json console" help:"json or console; if it is unset, console on a terminal and json elsewhere"`

	// Texts are made of the settings above, and of the folder's files.
	Texts *message.Texts

	// Warnings are what can be used and is odd: names that look like a provider's setting and are none, texts that cost more
	// than they need, and what a provider finds in its own settings.
	Warnings []string
}

// Validate checks what depends on more than one setting.
func (c Config) Validate() error {
	var problems []error
	if !isAddr(c.Addr) {
		problems = append(problems, providers.Problem{Setting: "ADDR", Want: "want host:port or :port"})
	}
	if c.AdminAddr != "" && !isAddr(c.AdminAddr) {
		problems = append(problems, providers.Problem{Setting: "ADMIN_ADDR", Want: "want host:port or :port"})
	}
	switch on := c.Addresses().On(); {
	case !on && c.PublicURL != (receipt.Site{}):
		problems = append(problems, providers.Problem{Setting: "RECEIPT_SECRET", Want: "is missing, and " + Prefix + "PUBLIC_URL is set"})
	case !on && len(c.ReceiptSecrets) > 0:
		problems = append(problems, providers.Problem{Setting: "PUBLIC_URL", Want: "is missing, and " + Prefix + "RECEIPT_SECRET is set"})
	}
	if c.Budget > 0 && c.Patience > c.Budget { // one that can't be read is 0
		problems = append(problems, providers.Problem{Setting: "PATIENCE",
			Want: fmt.Sprintf("want at most the %v of %sBUDGET: no other provider would be tried in time", c.Budget, Prefix)})
	}
	for country := range c.Countries {
		if c.BlockedCountries[country] {
			problems = append(problems, providers.Problem{Setting: "BLOCKED_COUNTRIES", Want: "has a country that " + Prefix + "COUNTRIES has too"})
			break
		}
	}
	return errors.Join(slices.Concat(problems, c.routeProblems(), c.unsignedProblems())...)
}

// Addresses are where providers report; none if receipts are off.
func (c Config) Addresses() receipt.Addresses {
	return receipt.NewAddresses(c.PublicURL, c.ReceiptSecrets)
}

func isAddr(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	_, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil
}

// PolicySettings are the rules by which numbers are refused.
func (c Config) PolicySettings() policy.Settings {
	return policy.Settings{
		Lists: policy.Lists{
			Countries:        c.Countries,
			BlockedCountries: c.BlockedCountries,
			BlockedPrefixes:  c.BlockedPrefixes,
			BlockedTypes:     c.BlockedTypes,
		},
		Limits: policy.Limits{
			Phone:   c.LimitPhone,
			User:    c.LimitUser,
			IP:      c.LimitIP,
			Prefix:  c.LimitPrefix,
			Country: c.LimitCountry,
			Total:   c.LimitTotal,
			All:     c.LimitAll,
		},
		Observe: c.Policy == "observe",
	}
}

// routeProblems are the names in ROUTES that are of nothing.
func (c Config) routeProblems() []error {
	var problems []error
	want := func(at int, what string) {
		problems = append(problems, providers.Problem{Setting: "ROUTES", Want: fmt.Sprintf("at character %d: %s", at, what)})
	}
	for at, to := range c.Routes.Destinations() {
		if wrong := phone.NoCountry(to.Country); to.Country != "" && wrong != "" {
			want(at, wrong)
		}
		if to.CallingCode != 0 && !phone.IsCallingCode(to.CallingCode) {
			want(at, "there is no such calling code")
		}
	}
	for at, name := range c.Routes.Instances() {
		if !slices.ContainsFunc(c.Instances, func(i Instance) bool { return i.Name == name }) {
			want(at, "want a name that is in "+Prefix+"PROVIDERS")
		}
	}
	return problems
}

// Defaults are values for our own settings, by name without prefix, that stand where the environment has none.
type Defaults map[string]string

// Load reads the settings from an environment of NAME=VALUE entries. Only development may use drivers that send nothing.
// The error holds one [providers.Problem] for each setting that can't be used.
func Load(environ []string, drivers []providers.Driver, dev bool, defaults Defaults) (Config, error) {
	env := newEnvironment(environ)
	for name, value := range defaults {
		env.setDefault(Prefix+name, value)
	}
	var c Config
	var problems []error
	if err := env.honourPort(); err != nil {
		problems = append(problems, err)
	}
	problems = append(problems, env.fill(&c, Prefix)...)
	problems = append(problems, c.loadTexts()...)
	for _, name := range env.unknown(Prefix) {
		problems = append(problems, unknownSetting(name, env.known(Prefix)))
	}
	for i := range c.Instances {
		problems = append(problems, c.Instances[i].load(env, drivers, dev)...)
		c.Warnings = append(c.Warnings, c.Instances[i].warnings...)
		for _, name := range env.unknown(c.Instances[i].Prefix()) {
			c.Warnings = append(c.Warnings, unknownSetting(name, env.known(c.Instances[i].Prefix())).Error())
		}
	}
	c.Warnings = append(c.Warnings, env.ofAuth(c.Instances)...)
	return c, errors.Join(problems...)
}

// Lookup returns one of our own settings, by name without prefix, as text: for commands that need no more than that.
func Lookup(environ []string, name string) (string, error) {
	env := newEnvironment(environ)
	if err := env.honourPort(); err != nil {
		return "", err
	}
	value, err := env.read(Prefix + name)
	if value != "" || err != nil {
		return value, err
	}
	for _, s := range describe(Config{}, Prefix) {
		if s.Name == Prefix+name {
			value = s.Default
		}
	}
	return value, nil
}
