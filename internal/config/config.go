// Package config has the settings of the whole program: it reads them from the environment, and describes them for help texts and the
// README.
package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/smshook/smshook/internal/api"
	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/phone"
	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/internal/receipt"
	"github.com/smshook/smshook/internal/route"
	"github.com/smshook/smshook/providers"
)

// Prefix is the prefix of the program's own settings. Those of an instance have its name for a prefix.
const Prefix = "SMSHOOK_"

// Config holds the settings, read and checked. Each field has the name of its setting, and its tags document it.
type Config struct {
	Addr         string        `env:"ADDR" default:":8080" help:"listen address; if it is unset, PORT is used"`
	AdminAddr    string        `env:"ADMIN_ADDR" help:"a second listen address, for the operator alone: a page that shows what was sent, /metrics for Prometheus, and a /readyz that shows the circuit breaker of each instance"`
	Secrets      hook.Secrets  `env:"SECRETS" help:"the secrets of the hook, in the form of Auth's own setting: v1,whsec_…, several joined by a vertical bar; required unless AUTH0_SECRETS or the message API is set"`
	Auth0Secrets hook.Secrets  `env:"AUTH0_SECRETS" help:"the secrets of Auth0's Actions, in the same form; together with SECRETS or alone"`
	Providers    Instances     `env:"PROVIDERS" required:"true" help:"the providers, in the order in which they are tried: twilio, or for two accounts twilio,eu=twilio, where the second account (the instance eu) reads EU_ACCOUNT_SID and so on"`
	Routes       route.Table   `env:"ROUTES" help:"the instances for a country, a calling code or all others (*), such as IN: plivo, twilio; +44: twilio; *: twilio, plivo; where no rule fits, all instances are tried in the order of PROVIDERS"`
	RouteBy      string        `env:"ROUTE_BY" default:"order" oneof:"order conversion" help:"the order of the instances of a route: order (as it is written) or conversion (those first whose codes are used most in the country, as far as that is known)"`
	Budget       time.Duration `env:"BUDGET" default:"4s" min:"1s" max:"4500ms" help:"the time in which a call of the hook is answered; Auth waits 5s"`
	Unknown      race.Unknown  `env:"UNKNOWN" default:"accept" help:"the answer when a message may have been sent and no provider has confirmed it: accept (the code stays valid) or fail (the code is no longer valid)"`
	Patience     time.Duration `env:"PATIENCE" default:"1500ms" min:"100ms" max:"4500ms" help:"the longest time to wait for an instance's answer before the next instance is tried as well (a hedged request); an instance whose last answers were fast gets less time"`
	ResendWindow time.Duration `env:"RESEND_WINDOW" default:"10m" max:"24h" help:"a user who asks again within this time, and has not signed in since, gets the code through the next instance; 0s: never"`
	Concurrency  int           `env:"CONCURRENCY" default:"512" min:"1" max:"100000" help:"how many calls of the hook may be handled at the same time, and how many attempts each instance may have; all others fail at once"`
	CodeLife     time.Duration `env:"CODE_LIFE" min:"10s" max:"24h" help:"how long a code stays valid: the value of Auth's GOTRUE_SMS_OTP_EXP; if it is unset, Auth's default of 60s is assumed; if it is set, providers are asked not to deliver later (except codes for MFA, which stay valid longer)"`

	Message       message.Template     `env:"MESSAGE" help:"the text, with {{ .Code }} and, if you like, {{ .App }}; if it is unset, there are texts in twelve languages: Your code is {{ .Code }}, or with an APP, Your {{ .App }} code is {{ .Code }}"`
	Translations  message.Translations `env:"MESSAGE_<LOCALE>" help:"the text for one language, such as MESSAGE_PT_BR or MESSAGE_DE"`
	MessagesDir   string               `env:"MESSAGES_DIR" help:"a folder with the texts for some languages, in files such as pt-BR.txt; if a language has a variable too, the variable is used"`
	DefaultLocale message.Locale       `env:"DEFAULT_LOCALE" help:"the language for users whose language is unknown or has no text; if it is unset, they get MESSAGE, or else English"`
	App           string               `env:"APP" help:"the app's name in the text"`
	AppHash       message.AppHash      `env:"APP_HASH" help:"the hash of your Android app, 11 characters; it is added to every text, and the SMS Retriever API passes the text to the app"`
	WebOTPDomain  message.Domain       `env:"WEBOTP_DOMAIN" help:"the domain of your website, such as example.com; @example.com #123456 is added to every text, and phones fill in the code only on that website"`

	PublicURL        receipt.Site    `env:"PUBLIC_URL" help:"the address at which providers reach this server, such as https://sms.example.com; together with RECEIPT_SECRET it turns on delivery receipts"`
	ReceiptSecret    receipt.Secrets `env:"RECEIPT_SECRET" help:"a long random text (smshook secret makes one), from which the addresses for receipts are made; several joined by a vertical bar, the new one first"`
	UnsignedReceipts Names           `env:"UNSIGNED_RECEIPTS" help:"the instances whose receipts are accepted although no signature can be checked; they are refused otherwise (smshook check says which instances, and why)"`
	LateFallback     string          `env:"LATE_FALLBACK" default:"on" oneof:"on off" help:"whether a message that was not delivered, as a receipt says, is sent through the next instance while its code is valid"`

	PhoneCheck       phone.Check      `env:"PHONE_CHECK" default:"shape" help:"how a number is checked: shape (digits and a calling code), possible (a length that its country uses) or valid (a range that its country is known to use)"`
	Countries        policy.Countries `env:"COUNTRIES" help:"the only countries whose numbers get messages: GB, IE; numbers whose country is unknown get none"`
	BlockedCountries policy.Countries `env:"BLOCKED_COUNTRIES" help:"countries whose numbers get no messages"`
	BlockedPrefixes  policy.Prefixes  `env:"BLOCKED_PREFIXES" help:"numbers that start with one of these get no messages: +4470, +882"`
	BlockedTypes     policy.Types     `env:"BLOCKED_TYPES" help:"types of numbers that get no messages: fixed_line, toll_free, premium_rate, shared_cost, voip, personal_number, pager, uan, voicemail"`
	LimitPhone       policy.Limit     `env:"LIMIT_PHONE" default:"5/10m" help:"rate limit for one number: 5/10m is 5 messages at once, then one every 2 minutes; messages that an account asks for to its own confirmed number are counted apart; off: no limit"`
	LimitUser        policy.Limit     `env:"LIMIT_USER" default:"10/1h" help:"rate limit for one account, over all numbers, its own confirmed number included"`
	LimitIP          policy.Limit     `env:"LIMIT_IP" default:"off" help:"rate limit for one IPv4 address, or one /64 of IPv6, except messages that an account asks for to its own confirmed number"`
	LimitPrefix      policy.Limit     `env:"LIMIT_PREFIX" default:"off" help:"rate limit for the numbers that differ only in their last four digits, except messages to confirmed numbers"`
	LimitCountry     policy.Limit     `env:"LIMIT_COUNTRY" default:"off" help:"rate limit for one country, except messages to confirmed numbers"`
	LimitTotal       policy.Limit     `env:"LIMIT_TOTAL" default:"off" help:"rate limit for all messages, except those to confirmed numbers"`
	LimitAll         policy.Limit     `env:"LIMIT_ALL" default:"off" help:"rate limit for all messages, those to confirmed numbers included: while it is reached, no user gets a code"`
	Policy           string           `env:"POLICY" default:"enforce" oneof:"enforce observe" help:"enforce, or observe: rate limits refuse nothing, and the log says what they would have refused; COUNTRIES and BLOCKED_… refuse in both cases"`

	Guard string `env:"GUARD" default:"observe" oneof:"observe enforce off" help:"what to do with messages to ranges of numbers, addresses and accounts whose codes are not used: enforce (refuse them), observe (only tell what would be refused) or off"`

	TextJustSent string `env:"TEXT_JUST_SENT" default:"A code was just sent. Please use it." help:"what the app's user reads when a code has been sent that is still valid"`
	TextTooMany  string `env:"TEXT_TOO_MANY" default:"Too many attempts. Please try again later." help:"what the app's user reads when a rate limit refuses the message"`
	TextNumber   string `env:"TEXT_NUMBER" default:"This number cannot receive codes." help:"what the app's user reads when no provider can reach the number, or the settings refuse it"`
	TextFailed   string `env:"TEXT_FAILED" default:"The code could not be sent. Please try again." help:"what the app's user reads when no provider accepted the message"`

	Store      Store           `env:"STORE" default:"memory" help:"where to keep what has to be remembered: memory (a restart forgets it), sqlite:/data/smshook.db (a file that one replica has for itself) or postgres://user:password@host:5432/database"`
	StoreKey   receipt.Secrets `env:"STORE_KEY" help:"a long random text, with which numbers and codes are encrypted in the store; several joined by a vertical bar, the new one first; if it is unset, the secrets of the hook serve (smshook secret makes one)"`
	StoreConns int             `env:"STORE_CONNS" default:"4" min:"2" max:"100" help:"how many connections to Postgres each replica has at most, beside one that shows that it runs"`
	Worker     string          `env:"WORKER" default:"on" oneof:"on off" help:"whether this replica sends what Auth asks for by SQL, where STORE is Postgres; off for replicas that only answer HTTP"`
	Keep       time.Duration   `env:"KEEP" default:"2160h" min:"24h" max:"87600h" help:"how long it is kept what became of a message, without its text, code and whole number; in memory, of the last 65,536 at most"`

	AdminPassword providers.Secret `env:"ADMIN_PASSWORD" help:"the password of the operator's page, at least 12 characters; without one, the page is on only if ADMIN_ADDR is an address that only this machine can reach, such as 127.0.0.1:9090"`
	AdminURL      URL              `env:"ADMIN_URL" help:"the address of the operator's page in a browser, if a proxy is before it, such as https://ops.example.com/smshook"`
	MetricsToken  providers.Secret `env:"METRICS_TOKEN" help:"the bearer token that /metrics asks for, at least 12 characters; if it is unset, it asks for none"`

	APIKeys         api.Keys         `env:"API_KEYS" help:"who may use the message API, each by a name and the SHA-256 of a key: name:sha256, several joined by a vertical bar (smshook secret -api NAME makes both)"`
	APILimit        policy.Limit     `env:"API_LIMIT" default:"off" help:"rate limit for the messages of each key of the message API: 1000/1m is 1000 messages at once, and 1000 more in each minute; each replica counts for itself"`
	APIJWKS         api.Address      `env:"API_JWKS" help:"lets the project's signed-in users use the message API: where its public keys are, https://PROJECT.supabase.co/auth/v1/.well-known/jwks.json"`
	APIJWTSecret    providers.Secret `env:"API_JWT_SECRET" help:"the same for a project that signs by HS256: its JWT secret"`
	APIUserLimit    policy.Limit     `env:"API_USER_LIMIT" default:"10/1h" help:"rate limit for the messages that each user sends through the message API; each replica counts for itself"`
	APIEventsURL    api.Address      `env:"API_EVENTS_URL" help:"the address of your server that is told of each message of the message API when it is sent, delivered, undelivered or failed"`
	APIEventsSecret hook.Secrets     `env:"API_EVENTS_SECRET" help:"the secret by which these events are signed, v1,whsec_… (smshook secret makes one); several joined by a vertical bar, and each signs"`

	LogLevel  string `env:"LOG_LEVEL" default:"info" oneof:"debug info warn error" help:"the lowest level that is logged"`
	LogFormat string `env:"LOG_FORMAT" oneof:"json console" help:"json or console; if it is unset, console on a terminal and json elsewhere"`

	// Texts are made from the settings above and the files in MESSAGES_DIR.
	Texts *message.Texts

	// Read are the settings as they were read, without secrets.
	Read []Read

	// Warnings name settings that can be used, but are probably a mistake: names that look like a provider's setting and are none,
	// texts that cost more than they need to, and what a provider warns of in its own settings.
	Warnings []string
}

// Validate checks the settings that depend on each other.
func (c Config) Validate() error {
	var problems []error
	if len(c.Secrets)+len(c.Auth0Secrets) == 0 && !c.Works() && !c.API() {
		problems = append(problems, providers.Problem{Setting: "SECRETS", Want: "is missing: the secrets of the hook, in the form of Auth's own setting: v1,whsec_…; or set " + Prefix + "AUTH0_SECRETS for Auth0, or " + Prefix + "API_KEYS for the message API"})
	}
	if (c.Works() || c.API()) && len(c.StoreSecrets()) == 0 {
		problems = append(problems, providers.Problem{Setting: "STORE_KEY", Want: "is missing: without it, the secrets of the hook would serve, and there are none"})
	}
	if !isAddr(c.Addr) {
		problems = append(problems, providers.Problem{Setting: "ADDR", Want: "want host:port or :port"})
	}
	if c.AdminAddr != "" && !isAddr(c.AdminAddr) {
		problems = append(problems, providers.Problem{Setting: "ADMIN_ADDR", Want: "want host:port or :port"})
	}
	switch on := c.Addresses().On(); {
	case !on && c.PublicURL != (receipt.Site{}):
		problems = append(problems, providers.Problem{Setting: "RECEIPT_SECRET", Want: "is missing, and " + Prefix + "PUBLIC_URL is set"})
	case !on && len(c.ReceiptSecret) > 0:
		problems = append(problems, providers.Problem{Setting: "PUBLIC_URL", Want: "is missing, and " + Prefix + "RECEIPT_SECRET is set"})
	}
	if c.Budget > 0 && c.Patience > c.Budget { // a setting that can't be read is 0
		problems = append(problems, providers.Problem{Setting: "PATIENCE",
			Want: fmt.Sprintf("want at most %v, the value of %sBUDGET: otherwise no other instance would be tried", c.Budget, Prefix)})
	}
	problems = append(problems, c.adminProblems()...)
	for country := range c.Countries {
		if c.BlockedCountries[country] {
			problems = append(problems, providers.Problem{Setting: "BLOCKED_COUNTRIES", Want: "has a country that " + Prefix + "COUNTRIES has too"})
			break
		}
	}
	return errors.Join(slices.Concat(problems, c.apiProblems(), c.routeProblems(), c.unsignedProblems())...)
}

// Addresses returns the addresses to which providers send delivery receipts; none if receipts are off.
func (c Config) Addresses() receipt.Addresses {
	return receipt.NewAddresses(c.PublicURL, c.ReceiptSecret)
}

func isAddr(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	_, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil
}

// PolicySettings returns the rules by which messages are refused.
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

// routeProblems returns a problem for each name in ROUTES that doesn't exist.
func (c Config) routeProblems() []error {
	var problems []error
	add := func(at int, want string) {
		problems = append(problems, providers.Problem{Setting: "ROUTES", Want: fmt.Sprintf("at character %d: %s", at, want)})
	}
	for at, to := range c.Routes.Destinations() {
		if wrong := phone.NoCountry(to.Country); to.Country != "" && wrong != "" {
			add(at, wrong)
		}
		if to.CallingCode != 0 && !phone.IsCallingCode(to.CallingCode) {
			add(at, "there is no such calling code")
		}
	}
	for at, name := range c.Routes.Instances() {
		if !slices.ContainsFunc(c.Providers, func(i Instance) bool { return i.Name == name }) {
			add(at, "want a name that is in "+Prefix+"PROVIDERS")
		}
	}
	return problems
}

// Defaults are values for the program's own settings, by name without prefix. The environment overrides them.
type Defaults map[string]string

// Load reads the settings from an environment of NAME=VALUE entries. Drivers that only print messages are for dev alone. The error
// holds one [providers.Problem] for each setting that can't be used. Warnings are set also if there is an error.
func Load(environ []string, drivers []providers.Driver, dev bool, defaults Defaults) (Config, error) {
	env := newEnvironment(environ)
	for name, value := range defaults {
		env.setDefault(Prefix+name, value)
	}
	var c Config
	var problems []error
	if err := env.usePort(); err != nil {
		problems = append(problems, err)
	}
	problems = append(problems, env.fill(&c, Prefix)...)
	problems = append(problems, c.loadTexts()...)
	for _, name := range env.unknown(Prefix) {
		problems = append(problems, unknownSetting(name, env.known(Prefix)))
	}
	for i := range c.Providers {
		problems = append(problems, c.Providers[i].load(env, drivers, dev)...)
		c.Warnings = append(c.Warnings, c.Providers[i].warnings...)
		for _, name := range env.unknown(c.Providers[i].Prefix()) {
			c.Warnings = append(c.Warnings, unknownSetting(name, env.known(c.Providers[i].Prefix())).Error())
		}
	}
	c.Warnings = append(c.Warnings, env.authWarnings(c.Providers)...)
	c.Read = env.noted
	return c, errors.Join(problems...)
}

// Lookup returns one of the program's own settings as text, by name without prefix. It doesn't check it. It is for commands that need no
// other setting.
func Lookup(environ []string, name string) (string, error) {
	env := newEnvironment(environ)
	if err := env.usePort(); err != nil {
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
