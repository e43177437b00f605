package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/policy"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// pigeon has the settings of a provider: one of every type.
type pigeon struct {
	Token providers.Secret `env:"TOKEN" required:"true" help:"the pigeon's ring"`
	From  string           `env:"FROM" default:"loft" help:"where it starts"`
	Loud  bool             `env:"LOUD" help:"whether it coos"`
	Rest  time.Duration    `env:"REST" default:"2h" min:"1h" max:"3h" help:"how long it rests"`
	Kind  string           `env:"KIND" oneof:"homing fantail" help:"its breed"`
	Ring  providers.Secret `env:"RING" help:"the number on its ring"`

	_ bool // without a tag: not a setting
}

func (p pigeon) Validate() error {
	if p.From == "nowhere" {
		return errors.Join(
			providers.Problem{Setting: "FROM", Want: "want a place"},
			providers.Problem{Setting: "TOKEN", Want: "want another"},
		)
	}
	return nil
}

func (p pigeon) Warnings() []providers.Problem {
	if !p.Loud || p.Rest == 2*time.Hour {
		return nil
	}
	return []providers.Problem{{Setting: "LOUD", Want: "wakes the neighbours"}}
}

type loft struct{ pigeon }

func (loft) Send(context.Context, providers.Message) (providers.Sent, error) {
	return providers.Sent{}, nil
}

func openLoft(p pigeon, _ providers.Deps) (loft, error) { return loft{p}, nil }

type noSettings struct{}

func drivers() []providers.Driver {
	return []providers.Driver{
		providers.NewDriver("pigeon", "Pigeon", openLoft),
		providers.NewDriver("echo", "Echo", func(noSettings, providers.Deps) (loft, error) { return loft{}, nil }).DevOnly(),
	}
}

const secret = "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// good returns the smallest set of settings that is valid, and more.
func good(more ...string) []string {
	return append([]string{"SMSHOOK_SECRETS=" + secret, "SMSHOOK_PROVIDERS=pigeon", "PIGEON_TOKEN=ring", "PATH=/bin"}, more...)
}

func TestDefaults(t *testing.T) {
	c, err := Load(good(), drivers(), false, nil)
	require.NoError(t, err)
	require.Len(t, c.Secrets, 1)
	require.Equal(t, Config{
		Addr: ":8080", Secrets: c.Secrets, Providers: c.Providers, Budget: 4 * time.Second, Unknown: race.AcceptUnknown,
		Patience: 1500 * time.Millisecond, ResendWindow: 10 * time.Minute, Concurrency: 512, TextJustSent: "A code was just sent. Please use it.",
		LimitPhone: policy.Limit{Most: 5, Per: 10 * time.Minute}, LimitUser: policy.Limit{Most: 10, Per: time.Hour}, APIUserLimit: policy.Limit{Most: 10, Per: time.Hour}, Policy: "enforce",
		TextTooMany: "Too many attempts. Please try again later.",
		TextNumber:  "This number cannot receive codes.", TextFailed: "The code could not be sent. Please try again.", LogLevel: "info", LateFallback: "on",
		StoreConns: 4, Worker: "on", Keep: 2160 * time.Hour, Guard: "observe", RouteBy: "order",
		Texts: c.Texts, Read: c.Read,
	}, c)
	require.Equal(t, "Your code is 028687", c.Texts.Render("", providers.NewSecret("028687")).Text.Reveal())
	p, err := c.Providers[0].Provider(providers.Deps{})
	require.NoError(t, err)
	require.Equal(t, "ring", p.(loft).Token.Reveal())
	require.Equal(t, pigeon{Token: p.(loft).Token, From: "loft", Rest: 2 * time.Hour}, p.(loft).pigeon)
}

// What was read can be shown: no secret is in it.
func TestRead(t *testing.T) {
	c, err := Load(good("SMSHOOK_APP=Acme", "SMSHOOK_MESSAGE_DE=Dein Code: {{ .Code }}", "SMSHOOK_STORE=postgres://u:hunter2@db/x", "SMSHOOK_STORE_KEY=hunter2-hunter2-hunter2-hunter2", "SMSHOOK_API_JWKS=https://hunter2.example",
		"SMSHOOK_API_KEYS=shop:"+strings.Repeat("0a", 32)), drivers(), false, nil)
	require.NoError(t, err)
	found := map[string]Read{}
	for _, r := range c.Read {
		require.NotEmpty(t, r.Help, r.Name)
		r.Help = ""
		found[r.Name] = r
	}
	for _, want := range []Read{
		{Name: "SMSHOOK_APP", Value: "Acme"},
		{Name: "SMSHOOK_MESSAGE_DE", Value: "Dein Code: {{ .Code }}"},
		{Name: "SMSHOOK_BUDGET", Value: "4s", Default: true},
		{Name: "SMSHOOK_PUBLIC_URL"},
		{Name: "SMSHOOK_SECRETS", Hidden: true},
		{Name: "SMSHOOK_STORE", Hidden: true},
		{Name: "SMSHOOK_STORE_KEY", Hidden: true},
		{Name: "SMSHOOK_API_JWKS", Hidden: true},
		{Name: "SMSHOOK_API_KEYS", Hidden: true},
		{Name: "PIGEON_TOKEN", Hidden: true},
		{Name: "PIGEON_FROM", Value: "loft", Default: true},
		{Name: "PIGEON_REST", Value: "2h", Default: true},
	} {
		require.Equal(t, want, found[want.Name])
	}
}

func TestAdminSettings(t *testing.T) {
	for _, tt := range []struct {
		env  []string
		want string
	}{
		{[]string{"SMSHOOK_ADMIN_PASSWORD=a long password"}, "SMSHOOK_ADMIN_PASSWORD: is set, and SMSHOOK_ADMIN_ADDR is missing"},
		{[]string{"SMSHOOK_ADMIN_ADDR=:9090", "SMSHOOK_ADMIN_PASSWORD=hunter2"}, "SMSHOOK_ADMIN_PASSWORD: want 12 characters or more; smshook secret makes a long one"},
		{[]string{"SMSHOOK_ADMIN_ADDR=:9090", "SMSHOOK_METRICS_TOKEN=hunter2"}, "SMSHOOK_METRICS_TOKEN: want 12 characters or more; smshook secret makes a long one"},
		{[]string{"SMSHOOK_ADMIN_URL=https://ops.example.com"}, "SMSHOOK_ADMIN_URL: is set, and SMSHOOK_ADMIN_ADDR is missing"},
		{[]string{"SMSHOOK_ADMIN_ADDR=:9090", "SMSHOOK_ADMIN_URL=ops.example.com"}, "SMSHOOK_ADMIN_URL: want an address such as https://ops.example.com/smshook"},
		{[]string{"SMSHOOK_ADMIN_ADDR=:9090", "SMSHOOK_ADMIN_URL=https://u:p@ops.example.com"}, "SMSHOOK_ADMIN_URL: want an address without user, query or fragment"},
	} {
		_, err := Load(good(tt.env...), drivers(), false, nil)
		require.EqualError(t, err, tt.want)
	}
	c, err := Load(good("SMSHOOK_ADMIN_ADDR=:9090", "SMSHOOK_ADMIN_PASSWORD=a long password", "SMSHOOK_ADMIN_URL=https://ops.example.com/smshook/"), drivers(), false, nil)
	require.NoError(t, err)
	require.Equal(t, "https://ops.example.com/smshook/", c.AdminURL.Address().String())
}

func TestInstances(t *testing.T) {
	c, err := Load(append(good("EU_TOKEN=other", "EU_FROM=tower", "EU_LOUD=true", "EU_CODES=7=recipient, 8=account"),
		"SMSHOOK_PROVIDERS= pigeon , eu=pigeon"), drivers(), false, nil)
	require.NoError(t, err)
	require.Len(t, c.Providers, 2)
	require.Equal(t, []string{"pigeon", "eu"}, []string{c.Providers[0].Name, c.Providers[1].Name})
	p, err := c.Providers[1].Provider(providers.Deps{})
	require.NoError(t, err)
	require.Equal(t, pigeon{Token: p.(loft).Token, From: "tower", Loud: true, Rest: 2 * time.Hour}, p.(loft).pigeon)
	require.Equal(t, providers.Codes{"7": providers.Recipient, "8": providers.Account}, c.Providers[1].Codes)
}

func TestProblems(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, tt := range []struct {
		name string
		env  []string
		want []string
	}{
		{"nothing at all", nil, []string{
			"SMSHOOK_PROVIDERS: is missing: the providers, in the order in which they are tried: twilio, or for two accounts twilio,eu=twilio, where the second account (the instance eu) reads EU_ACCOUNT_SID and so on",
			"SMSHOOK_SECRETS: is missing: the secrets of the hook, in the form of Auth's own setting: v1,whsec_…; or set SMSHOOK_AUTH0_SECRETS for Auth0, or SMSHOOK_API_KEYS for the message API",
		}},
		{"many problems", good("SMSHOOK_BUDGET=soon", "SMSHOOK_SECRETS=v1,whsec_x", "SMSHOOK_UNKNOWN=maybe", "PIGEON_LOUD=very", "PIGEON_REST=9h", "PIGEON_KIND=wood"), []string{
			"SMSHOOK_SECRETS: secret 1: what follows whsec_ is not base64, or is cut off",
			"SMSHOOK_BUDGET: want a duration such as 4s or 10m",
			"SMSHOOK_UNKNOWN: want accept or fail",
			"PIGEON_LOUD: want true or false",
			"PIGEON_REST: want a duration from 1h0m0s to 3h0m0s",
			"PIGEON_KIND: want one of homing, fantail",
		}},
		{"lists and limits", good("SMSHOOK_PHONE_CHECK=strict", "SMSHOOK_COUNTRIES=GB,UK", "SMSHOOK_BLOCKED_PREFIXES=0700", "SMSHOOK_BLOCKED_TYPES=mobile",
			"SMSHOOK_LIMIT_IP=many", "SMSHOOK_POLICY=off"), []string{
			"SMSHOOK_PHONE_CHECK: want shape, possible or valid",
			"SMSHOOK_COUNTRIES: entry 2: UK is not the ISO code of Great Britain, want GB",
			"SMSHOOK_BLOCKED_PREFIXES: entry 1: want it with the calling code: no number starts with 0",
			"SMSHOOK_BLOCKED_TYPES: entry 1: mobile phones are of this type",
			"SMSHOOK_LIMIT_IP: want how many in how much time, such as 5/10m, with 1 to 1000000 in 1s to 720h; or off",
			"SMSHOOK_POLICY: want one of enforce, observe",
		}},
		{"allowed and blocked", good("SMSHOOK_COUNTRIES=GB, IE", "SMSHOOK_BLOCKED_COUNTRIES=IE"), []string{
			"SMSHOOK_BLOCKED_COUNTRIES: has a country that SMSHOOK_COUNTRIES has too",
		}},
		{"receipts without an address", good("SMSHOOK_RECEIPT_SECRET=0123456789012345678901"), []string{"SMSHOOK_PUBLIC_URL: is missing, and SMSHOOK_RECEIPT_SECRET is set"}},
		{"receipts without a secret", good("SMSHOOK_PUBLIC_URL=https://sms.example.com"), []string{"SMSHOOK_RECEIPT_SECRET: is missing, and SMSHOOK_PUBLIC_URL is set"}},
		{"budget too short", good("SMSHOOK_BUDGET=900ms"), []string{"SMSHOOK_BUDGET: want a duration from 1s to 4.5s"}},
		{"budget longer than Auth waits", good("SMSHOOK_BUDGET=4600ms"), []string{"SMSHOOK_BUDGET: want a duration from 1s to 4.5s"}},
		{"a provider's own rules get its prefix, once", good("PIGEON_FROM=nowhere", "PIGEON_TOKEN="), []string{
			"PIGEON_TOKEN: is missing: the pigeon's ring", "PIGEON_FROM: want a place",
		}},
		{"a typo", good("SMSHOOK_BUDGTE=4s", "SMSHOOK_SECRET=x", "SMSHOOK_WHATEVER=1"), []string{
			"SMSHOOK_BUDGTE: is not a setting; did you mean SMSHOOK_BUDGET?",
			"SMSHOOK_SECRET: is not a setting; did you mean SMSHOOK_SECRETS?",
			"SMSHOOK_WHATEVER: is not a setting",
		}},
		{"a typo with a file", good("SMSHOOK_SECRET_FILE=/x"), []string{"SMSHOOK_SECRET_FILE: is not a setting"}},
		{"the app's name is needed", good("SMSHOOK_MESSAGE={{ .App }} {{ .Code }}"), []string{"SMSHOOK_MESSAGE: has {{ .App }}, and APP is missing"}},
		{"texts for some languages", good("SMSHOOK_MESSAGE_XQZZ={{ .Code }}", "SMSHOOK_MESSAGE_ENGLISH=", "SMSHOOK_MESSAGE_DE=Hallo", "SMSHOOK_MESSAGE_FR_FILE="+missing,
			"SMSHOOK_MESSAGE_DIR=/texts", "SMSHOOK_MESSAGES=x", "SMSHOOK_MESSAGE_NL={{ .App }} {{ .Code }}"), []string{
			"SMSHOOK_MESSAGE_DE: has no {{ .Code }}: no user could sign in with it",
			"SMSHOOK_MESSAGE_DIR: has no {{ .Code }}: no user could sign in with it", // Dir is a language of Nigeria
			"SMSHOOK_MESSAGE_ENGLISH: want a language at the end of the name, such as EN or PT_BR",
			"SMSHOOK_MESSAGE_FR_FILE: " + missing + ": no such file or directory",
			"SMSHOOK_MESSAGE_XQZZ: want a language at the end of the name, such as EN or PT_BR",
			"SMSHOOK_MESSAGE_NL: has {{ .App }}, and APP is missing",
			"SMSHOOK_MESSAGES: is not a setting; did you mean SMSHOOK_MESSAGE?",
		}},
		{"lines that are added to texts", good("SMSHOOK_APP_HASH=FA+9qCX9VSu=", "SMSHOOK_WEBOTP_DOMAIN=https://example.com", "SMSHOOK_DEFAULT_LOCALE=english", "SMSHOOK_MESSAGES_DIR="+missing), []string{
			"SMSHOOK_DEFAULT_LOCALE: want a language such as en, pt-BR or zh-Hant",
			"SMSHOOK_APP_HASH: want the 11 characters of the app's hash: letters, digits, + and /",
			"SMSHOOK_WEBOTP_DOMAIN: want a domain such as example.com, in small letters and without https://",
			"SMSHOOK_MESSAGES_DIR: want the path of a readable folder",
		}},
		{"no such provider", good("SMSHOOK_PROVIDERS=pigoen"), []string{"SMSHOOK_PROVIDERS: entry 1: there is no such provider; want one of pigeon"}},
		{"a provider for development", good("SMSHOOK_PROVIDERS=echo"), []string{"SMSHOOK_PROVIDERS: echo sends nothing and prints codes: it is only for `smshook dev`"}},
		{"one name twice", good("SMSHOOK_PROVIDERS=pigeon,pigeon"), []string{"SMSHOOK_PROVIDERS: entry 2: this name is used before; write another=pigeon"}},
		{"no name", good("SMSHOOK_PROVIDERS=pigeon,"), []string{"SMSHOOK_PROVIDERS: entry 2: want a provider's name, or name=provider, in small letters and digits"}},
		{"the name smshook", good("SMSHOOK_PROVIDERS=smshook=pigeon"), []string{"SMSHOOK_PROVIDERS: an instance can't be called smshook: its settings would have the prefix of smshook's own settings"}},
		{"addresses", good("SMSHOOK_ADDR=8080"), []string{"SMSHOOK_ADDR: want host:port or :port"}},
		{"ports", good("PORT=99999"), []string{"PORT: want the number of a port"}},
		{"the admin address", good("SMSHOOK_ADMIN_ADDR=9090"), []string{"SMSHOOK_ADMIN_ADDR: want host:port or :port"}},
		{"no number", good("SMSHOOK_CONCURRENCY=many"), []string{"SMSHOOK_CONCURRENCY: want a number from 1 to 100000"}},
		{"too great a number", good("SMSHOOK_CONCURRENCY=100001"), []string{"SMSHOOK_CONCURRENCY: want a number from 1 to 100000"}},
		{"routes that can't be read", good("SMSHOOK_ROUTES=IN: pigeon; UK: pigeon"), []string{"SMSHOOK_ROUTES: at character 13: UK is not the ISO code of Great Britain, want GB"}},
		{"routes with unknown names", good("SMSHOOK_ROUTES=XX, +999, IN: pigeon, hawk; *: eagle"), []string{
			"SMSHOOK_ROUTES: at character 1: want a country's ISO code in capitals, such as GB",
			"SMSHOOK_ROUTES: at character 5: there is no such calling code",
			"SMSHOOK_ROUTES: at character 23: want a name that is in SMSHOOK_PROVIDERS",
			"SMSHOOK_ROUTES: at character 32: want a name that is in SMSHOOK_PROVIDERS",
		}},
		{"no such file", good("PIGEON_TOKEN=", "PIGEON_TOKEN_FILE="+missing), []string{"PIGEON_TOKEN_FILE: " + missing + ": no such file or directory"}},
		{"no such file, nor its folder", good("PIGEON_TOKEN=", "PIGEON_TOKEN_FILE="+missing+"/token"), []string{"PIGEON_TOKEN_FILE: want the path of a readable file: no such file or directory"}},
		{"a folder", good("PIGEON_TOKEN=", "PIGEON_TOKEN_FILE="+filepath.Dir(missing)), []string{"PIGEON_TOKEN_FILE: " + filepath.Dir(missing) + ": not a regular file"}},
		{"a path that may be a secret", good("PIGEON_TOKEN=", "PIGEON_TOKEN_FILE=hunter2"), []string{"PIGEON_TOKEN_FILE: want the path of a readable file: no such file or directory"}},
		{"one problem for a file", good("PIGEON_TOKEN=", "PIGEON_TOKEN_FILE="+missing, "PIGEON_FROM=nowhere"), []string{
			"PIGEON_TOKEN_FILE: " + missing + ": no such file or directory", "PIGEON_FROM: want a place",
		}},
		{"quotes", good(`SMSHOOK_APP="Acme"`, "PIGEON_FROM='tower'", `PIGEON_TOKEN="`, "SMSHOOK_MESSAGE_DE=`{{ .Code }}`"), []string{
			"SMSHOOK_MESSAGE_DE: starts and ends with a quote, and quotes would be part of the value: write it without them",
			"SMSHOOK_APP: starts and ends with a quote, and quotes would be part of the value: write it without them",
			"PIGEON_TOKEN: starts and ends with a quote, and quotes would be part of the value: write it without them",
			"PIGEON_FROM: starts and ends with a quote, and quotes would be part of the value: write it without them",
		}},
		{"a path in quotes", good("PIGEON_TOKEN=", `PIGEON_TOKEN_FILE="/run/token"`), []string{
			"PIGEON_TOKEN_FILE: starts and ends with a quote, and quotes would be part of the value: write it without them",
		}},
		{"a quote at one end", good(`SMSHOOK_APP=Acme"`, "PIGEON_FROM='tower", `PIGEON_TOKEN="f00`, "SMSHOOK_MESSAGE_DE=`\"{{ .Code }}\""), []string{
			"SMSHOOK_MESSAGE_DE: has a quote at one end only, and the quote would be part of the value: write it without quotes",
			"SMSHOOK_APP: has a quote at one end only, and the quote would be part of the value: write it without quotes",
			"PIGEON_TOKEN: has a quote at one end only, and the quote would be part of the value: write it without quotes",
			"PIGEON_FROM: has a quote at one end only, and the quote would be part of the value: write it without quotes",
		}},
		{"blanks alone", good("PIGEON_TOKEN= \t"), []string{"PIGEON_TOKEN: has only blanks"}},
		{"placeholders of an example", good("PIGEON_TOKEN=replace_me", "SMSHOOK_SECRETS=v1,whsec_replace_me", "PIGEON_FROM=https://Replace-Me.example.com"), []string{
			"SMSHOOK_SECRETS: still contains replace_me from the example: put your own value there",
			"PIGEON_TOKEN: still contains replace_me from the example: put your own value there",
			"PIGEON_FROM: still contains replace_me from the example: put your own value there",
		}},
		{"patience longer than the budget", good("SMSHOOK_BUDGET=1200ms"), []string{
			"SMSHOOK_PATIENCE: want at most 1.2s, the value of SMSHOOK_BUDGET: otherwise no other instance would be tried",
		}},
		{"value and file", good("PIGEON_TOKEN_FILE=" + missing), []string{"PIGEON_TOKEN: is set, and so is PIGEON_TOKEN_FILE"}},
		{"unsigned receipts of no instance", good("SMSHOOK_UNSIGNED_RECEIPTS=pigeon, eagle"), []string{"SMSHOOK_UNSIGNED_RECEIPTS: entry 2: want a name that is in SMSHOOK_PROVIDERS"}},
		{"the message API alone, without a key for what is kept", []string{"SMSHOOK_PROVIDERS=pigeon", "PIGEON_TOKEN=ring", "SMSHOOK_API_KEYS=shop:" + strings.Repeat("0a", 32)}, []string{
			"SMSHOOK_STORE_KEY: is missing: without it, the secrets of the hook would serve, and there are none",
		}},
		{"the message API", good("SMSHOOK_API_KEYS=shop", "SMSHOOK_API_JWT_SECRET=short", "SMSHOOK_API_JWKS=ftp://example.com", "SMSHOOK_API_LIMIT=many", "SMSHOOK_API_EVENTS_URL=http://example.com/events"), []string{
			"SMSHOOK_API_KEYS: key 1: want the SHA-256 of the key in 64 hex digits after the colon; smshook secret -api NAME makes both",
			"SMSHOOK_API_LIMIT: want how many in how much time, such as 5/10m, with 1 to 1000000 in 1s to 720h; or off",
			"SMSHOOK_API_JWKS: want an address such as https://example.com/path, without a name and password",
			"SMSHOOK_API_EVENTS_URL: want https://; http:// is for this machine and private networks only",
			"SMSHOOK_API_JWT_SECRET: want the project's JWT secret, 32 characters or more",
		}},
		{"events to a cloud's metadata", good("SMSHOOK_API_EVENTS_URL=https://169.254.169.254/", "SMSHOOK_API_EVENTS_SECRET="+secret), []string{"SMSHOOK_API_EVENTS_URL: a link-local address is never called"}},
		{"events without a secret, and without the message API", good("SMSHOOK_API_EVENTS_URL=https://shop.example/events?token=1"), []string{
			"SMSHOOK_API_EVENTS_SECRET: is missing, and SMSHOOK_API_EVENTS_URL is set",
			"SMSHOOK_API_EVENTS_URL: is of no use without the message API: set SMSHOOK_API_KEYS",
		}},
		{"a secret for events without an address", good("SMSHOOK_API_EVENTS_SECRET=" + secret), []string{"SMSHOOK_API_EVENTS_URL: is missing, and SMSHOOK_API_EVENTS_SECRET is set"}},
		{"unsigned receipts of all", good("SMSHOOK_UNSIGNED_RECEIPTS=*"), []string{"SMSHOOK_UNSIGNED_RECEIPTS: entry 1: want a name that is in SMSHOOK_PROVIDERS"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(tt.env, drivers(), false, nil)
			require.Error(t, err)
			require.Equal(t, tt.want, strings.Split(err.Error(), "\n"))
		})
	}
}

// A secret in the wrong variable must not be in the error.
func TestNoProblemQuotesAValue(t *testing.T) {
	const misplaced = "hunter2+whsec_028687"
	var names []string
	for _, section := range Describe(drivers()) {
		for _, s := range section.Settings {
			names = append(names, s.Name)
		}
	}
	require.Greater(t, len(names), 15)
	for _, name := range names {
		for _, value := range []string{misplaced, "{{ " + misplaced + " }}", misplaced + "=" + misplaced, "v1,whsec_" + misplaced,
			"/" + misplaced, "//" + misplaced, "./" + misplaced, "/" + misplaced + "/" + misplaced, misplaced + "/" + misplaced, "'" + misplaced} {
			_, err := Load(good(name+"="+value, name+"_FILE="), drivers(), false, nil)
			if err != nil {
				require.NotContains(t, err.Error(), "hunter2", name)
			}
			_, err = Load(good(name+"_FILE="+value), drivers(), false, nil)
			require.Error(t, err, name)
			require.NotContains(t, err.Error(), "hunter2", name)
		}
	}
}

func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(secret+"\r\n"), 0o600))
	c, err := Load(good("SMSHOOK_SECRETS=", "SMSHOOK_SECRETS_FILE="+path), drivers(), false, nil)
	require.NoError(t, err)
	require.Len(t, c.Secrets, 1)
	require.NoError(t, os.WriteFile(path, make([]byte, maxFileSize+1), 0o600))
	_, err = Load(good("SMSHOOK_SECRETS=", "SMSHOOK_SECRETS_FILE="+path), drivers(), false, nil)
	require.EqualError(t, err, "SMSHOOK_SECRETS_FILE: want a file of at most 64 KiB")
	require.NoError(t, os.WriteFile(path, []byte("\n"), 0o600))
	_, err = Load(good("SMSHOOK_RECEIPT_SECRET_FILE="+path), drivers(), false, nil)
	require.EqualError(t, err, "SMSHOOK_RECEIPT_SECRET_FILE: want a file that isn't empty")
	require.NoError(t, os.WriteFile(path, []byte("'"+secret+"'\n"), 0o600))
	_, err = Load(good("SMSHOOK_SECRETS=", "SMSHOOK_SECRETS_FILE="+path), drivers(), false, nil)
	require.EqualError(t, err, "SMSHOOK_SECRETS_FILE: starts and ends with a quote, and quotes would be part of the value: write it without them")
}

// A text may have quotes in it, and a quoted word at its end.
func TestQuotesInsideValuesAreKept(t *testing.T) {
	for _, text := range []string{`Your code is "{{ .Code }}"`, `"Acme": {{ .Code }}`, `{{ .Code }} is Acme's code`, `It's "{{ .Code }}"`} {
		c, err := Load(good("SMSHOOK_MESSAGE="+text), drivers(), false, nil)
		require.NoError(t, err)
		require.Equal(t, strings.Replace(text, "{{ .Code }}", "1", 1), c.Texts.Render("", providers.NewSecret("1")).Text.Reveal())
	}
}

// Blanks around a value are removed: they come from copied tokens, files and tables of dashboards.
func TestBlanksAroundValuesAreRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(" \tring \n\n"), 0o600))
	for _, env := range [][]string{
		{"PIGEON_TOKEN= ring\t"},
		{"PIGEON_TOKEN=ring\r"},
		{"PIGEON_TOKEN=", "PIGEON_TOKEN_FILE= " + path + " "},
	} {
		c, err := Load(good(append(env, "PIGEON_LOUD= true ", "SMSHOOK_BUDGET=3s ")...), drivers(), false, nil)
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, c.Budget)
		p, err := c.Providers[0].Provider(providers.Deps{})
		require.NoError(t, err)
		require.Equal(t, "ring", p.(loft).Token.Reveal())
		require.True(t, p.(loft).Loud)
	}
}

// A named pipe isn't read: opening it would block the program's start, or all later reloads.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "en.txt")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("ring"), 0o600)) // without a new line at the end
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(file, link))
	for _, tt := range []struct{ setting, want string }{
		{"PIGEON_TOKEN_FILE=" + pipe, "PIGEON_TOKEN_FILE: " + pipe + ": not a regular file"},
		{"PIGEON_TOKEN_FILE=" + dir, "PIGEON_TOKEN_FILE: " + dir + ": not a regular file"},
		{"PIGEON_TOKEN_FILE=/dev/zero", "PIGEON_TOKEN_FILE: /dev/zero: not a regular file"},
		{"SMSHOOK_MESSAGES_DIR=" + dir, "SMSHOOK_MESSAGES_DIR: en.txt: can't be read"},
		{"SMSHOOK_MESSAGES_DIR=" + pipe, "SMSHOOK_MESSAGES_DIR: want the path of a readable folder"},
		{"PIGEON_TOKEN_FILE=" + link, ""},
	} {
		loaded := make(chan error, 1)
		go func() {
			env := []string{"SMSHOOK_SECRETS=" + secret, "SMSHOOK_PROVIDERS=pigeon", tt.setting}
			if !strings.HasPrefix(tt.setting, "PIGEON_TOKEN") {
				env = append(env, "PIGEON_TOKEN=ring")
			}
			_, err := Load(env, drivers(), false, nil)
			loaded <- err
		}()
		select {
		case err := <-loaded:
			if tt.want == "" {
				require.NoError(t, err, tt.setting)
			} else {
				require.EqualError(t, err, tt.want)
			}
		case <-time.After(10 * time.Second):
			t.Fatal(tt.setting, ": Load blocks")
		}
	}
}

// Each rate limit has a setting of its own, and the setting changes that limit alone.
func TestEveryRateLimitHasItsSetting(t *testing.T) {
	defaults, err := Load(good(), drivers(), false, nil)
	require.NoError(t, err)
	for i, l := range defaults.PolicySettings().Limits.List() {
		name := Prefix + strings.ToUpper(l.Rule.String())
		c, err := Load(good(name+"=7/30m"), drivers(), false, nil)
		require.NoError(t, err, "want a field of Config for it")
		want := defaults.PolicySettings().Limits.List()
		want[i].Limit = policy.Limit{Most: 7, Per: 30 * time.Minute}
		require.Equal(t, want, c.PolicySettings().Limits.List(), "%s: want a line in PolicySettings", name)
	}
	settings := 0
	for field := range reflect.TypeFor[Config]().Fields() {
		if field.Type == reflect.TypeFor[policy.Limit]() && strings.HasPrefix(field.Name, "Limit") { // those of the message API are its own
			settings++
		}
	}
	require.Len(t, policy.Limits{}.List(), settings, "each setting has a limit")
}

// An empty variable is an error if its setting protects something, and otherwise counts as unset.
func TestEmptyVariables(t *testing.T) {
	own := reflect.TypeFor[Config]()
	var refused []string
	for field := range own.Fields() {
		s, ok := settingOf(field, Prefix)
		if !ok || strings.Contains(s.Name, "<") || s.Required {
			continue
		}
		for _, suffix := range []string{"", fileSuffix} {
			_, err := Load(good(s.Name+suffix+"="), drivers(), false, nil)
			if err != nil {
				require.EqualError(t, err, s.Name+": is empty and would protect nothing: give it a value, or remove the variable")
				refused = append(refused, strings.TrimPrefix(s.Name+suffix, Prefix))
			}
		}
	}
	for _, name := range []string{"RECEIPT_SECRET", "PHONE_CHECK", "COUNTRIES", "BLOCKED_COUNTRIES", "BLOCKED_PREFIXES", "BLOCKED_TYPES"} {
		require.Contains(t, refused, name)
		require.Contains(t, refused, name+fileSuffix)
	}
	for _, l := range (policy.Limits{}).List() {
		name := strings.ToUpper(l.Rule.String())
		require.Contains(t, refused, name)
		require.Contains(t, refused, name+fileSuffix)
	}
	require.NotContains(t, refused, "APP")
	require.NotContains(t, refused, "ROUTES")

	_, err := Load(good("PIGEON_RING="), drivers(), false, nil)
	require.EqualError(t, err, "PIGEON_RING: is empty and would protect nothing: give it a value, or remove the variable")
	_, err = Load(good("PIGEON_RING_FILE="), drivers(), false, nil)
	require.EqualError(t, err, "PIGEON_RING: is empty and would protect nothing: give it a value, or remove the variable")
	_, err = Load(good("PIGEON_FROM=", "PIGEON_KIND="), drivers(), false, nil)
	require.NoError(t, err)
}

// A text for one language comes from a variable, from the variable's file, from a file in the folder, or from the text for all.
func TestTexts(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write("pt-BR.txt", "a folder: {{ .Code }}\n")
	write("fr.txt", "a folder: {{ .Code }}\n")
	file := write(".spanish", "a file: {{ .Code }}\n")
	c, err := Load(good("SMSHOOK_MESSAGE=for all: {{ .Code }}", "SMSHOOK_MESSAGE_PT_BR=a variable: {{ .Code }}", "SMSHOOK_MESSAGE_ES_FILE="+file, "SMSHOOK_MESSAGE_DE=",
		"SMSHOOK_MESSAGES_DIR="+dir, "SMSHOOK_WEBOTP_DOMAIN=example.com", "SMSHOOK_APP_HASH=FA+9qCX9VSu",
		"SMSHOOK_MESSAGE_SERVICE_HOST=10.0.0.1", "SMSHOOK_MESSAGE_PORT=tcp://10.0.0.1:80"), drivers(), false, nil) // of a Kubernetes service called smshook-message
	require.NoError(t, err)
	for locale, want := range map[string]string{
		"pt": "a variable: 1", "es-MX": "a file: 1", "fr": "a folder: 1", "de": "for all: 1", "": "for all: 1",
	} {
		require.Equal(t, want+"\n\n@example.com #1 FA+9qCX9VSu", c.Texts.Render(locale, providers.NewSecret("1")).Text.Reveal(), locale)
	}
	c, err = Load(good("SMSHOOK_MESSAGE=It’s {{ .Code }}"), drivers(), false, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"SMSHOOK_MESSAGE: not in GSM-7, and a segment then has 70 characters and not 160: ’ (U+2019)"}, c.Warnings)
}

func TestPort(t *testing.T) {
	for _, tt := range []struct {
		env  []string
		want string
	}{
		{nil, ":8080"},
		{[]string{"PORT=9000"}, ":9000"},
		{[]string{"PORT=9000", "SMSHOOK_ADDR=127.0.0.1:9001"}, "127.0.0.1:9001"},
	} {
		c, err := Load(good(tt.env...), drivers(), false, nil)
		require.NoError(t, err)
		require.Equal(t, tt.want, c.Addr)
		addr, err := Lookup(tt.env, "ADDR")
		require.NoError(t, err)
		require.Equal(t, tt.want, addr, "Lookup and Load agree")
	}
}

func TestDevelopment(t *testing.T) {
	c, err := Load(nil, drivers(), true, Defaults{"PROVIDERS": "echo", "SECRETS": secret})
	require.NoError(t, err)
	require.Equal(t, "echo", c.Providers[0].Name)
	c, err = Load(good(), drivers(), true, Defaults{"PROVIDERS": "echo", "SECRETS": "unused"})
	require.NoError(t, err)
	require.Equal(t, "pigeon", c.Providers[0].Name, "the environment overrides the defaults")

	path := filepath.Join(t.TempDir(), "secrets")
	require.NoError(t, os.WriteFile(path, []byte(secret+"|"+secret+"\n"), 0o600))
	c, err = Load([]string{"SMSHOOK_SECRETS_FILE=" + path}, drivers(), true, Defaults{"PROVIDERS": "echo", "SECRETS": secret})
	require.NoError(t, err)
	require.Len(t, c.Secrets, 2, "a file overrides the defaults too")
}

func TestVariablesOfKubernetesAreIgnored(t *testing.T) {
	c, err := Load(good(
		"SMSHOOK_SERVICE_HOST=10.0.0.1", "SMSHOOK_SERVICE_PORT=8080", "SMSHOOK_SERVICE_PORT_HTTP=8080",
		"SMSHOOK_PORT=tcp://10.0.0.1:8080", "SMSHOOK_PORT_8080_TCP=tcp://10.0.0.1:8080", "SMSHOOK_PORT_8080_TCP_PROTO=tcp",
		"SMSHOOK_PORT_8080_TCP_PORT=8080", "SMSHOOK_PORT_8080_TCP_ADDR=10.0.0.1",
		"SMSHOOK_EU_SERVICE_HOST=10.0.0.2", "SMSHOOK_EU_PORT=tcp://10.0.0.2:8080",
		"PIGEON_SERVICE_HOST=10.0.0.3",
	), drivers(), false, nil)
	require.NoError(t, err)
	require.Empty(t, c.Warnings)
	_, err = Load(good("SMSHOOK_PORT=9000"), drivers(), false, nil)
	require.EqualError(t, err, "SMSHOOK_PORT: is not a setting")
}

func TestUnknownProviderSettingsWarn(t *testing.T) {
	c, err := Load(good("PIGEON_TOKN=x", "PIGEON_REGION=x", "HAWK_TOKN=x"), drivers(), false, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"PIGEON_REGION: is not a setting", "PIGEON_TOKN: is not a setting; did you mean PIGEON_TOKEN?"}, c.Warnings)
}

// Operators who used Auth's built-in providers have settings under Auth's names.
func TestSettingsWithAuthsNamesWarn(t *testing.T) {
	env := []string{"SMSHOOK_PROVIDERS=pigeon,eu=pigeon", "EU_TOKEN=ring",
		"GOTRUE_HOOK_SEND_SMS_SECRETS=" + secret, "GOTRUE_SMS_PIGEON_TOKEN=ring", "SMS_PIGEON_FROM=tower", "SUPABASE_AUTH_SMS_EU_FROMM=tower",
		"GOTRUE_SMS_PIGEON_VERIFY_SERVICE=x", "GOTRUE_SMS_HAWK_TOKEN=x", "GOTRUE_SMS_PIGEON_KIND="}
	c, err := Load(env, drivers(), false, nil)
	require.Error(t, err)
	require.Equal(t, []string{
		"GOTRUE_HOOK_SEND_SMS_SECRETS: is a setting of Auth; smshook calls it SMSHOOK_SECRETS",
		"GOTRUE_SMS_PIGEON_TOKEN: is a setting of Auth; smshook calls it PIGEON_TOKEN",
		"SMS_PIGEON_FROM: is a setting of Auth; smshook calls it PIGEON_FROM",
		"SUPABASE_AUTH_SMS_EU_FROMM: is a setting of Auth; smshook calls it EU_FROM",
	}, c.Warnings)
	c, err = Load(append(env, good("PIGEON_FROM=tower", "EU_FROM=tower", "SMSHOOK_PROVIDERS=pigeon,eu=pigeon")...), drivers(), false, nil)
	require.NoError(t, err)
	require.Empty(t, c.Warnings, "Auth and smshook may share one file")
}

func TestNearestName(t *testing.T) {
	for name, want := range map[string]string{
		"TWILIO_MESSAGE_SERVICE_SID": "TWILIO_MESSAGING_SERVICE_SID", // Auth's name for it
		"TWILIO_FORM":                "TWILIO_FROM",
		"TWILIO_REGION":              "",
	} {
		nearest, _ := nearestName(name, []string{"TWILIO_ACCOUNT_SID", "TWILIO_MESSAGING_SERVICE_SID", "TWILIO_FROM"})
		require.Equal(t, want, nearest, name)
	}
}

func TestWarningsOfProviders(t *testing.T) {
	const warning = "PIGEON_LOUD: wakes the neighbours"
	env := good("PIGEON_LOUD=true", "PIGEON_REST=3h", "SMSHOOK_PROVIDERS=pigeon,eu=pigeon", "EU_TOKEN=x", "PIGEON_REGION=x")
	c, err := Load(env, drivers(), false, nil)
	require.NoError(t, err)
	require.Equal(t, []string{warning, "PIGEON_REGION: is not a setting"}, c.Warnings)
	c, err = Load(append(env, "PIGEON_KIND=dodo"), drivers(), false, nil)
	require.Error(t, err)
	require.NotContains(t, c.Warnings, warning, "no warnings about settings that can't be read")
}

func TestDescribe(t *testing.T) {
	sections := Describe(drivers())
	require.Len(t, sections, 2, "a provider without settings has no section")
	require.Equal(t, Section{"Pigeon", []Described{
		{"PIGEON_TOKEN", "", "the pigeon's ring", true},
		{"PIGEON_FROM", "loft", "where it starts", false},
		{"PIGEON_LOUD", "", "whether it coos", false},
		{"PIGEON_REST", "2h", "how long it rests", false},
		{"PIGEON_KIND", "", "its breed", false},
		{"PIGEON_RING", "", "the number on its ring", false},
		{"PIGEON_CODES", "", "your own kinds for the provider's error codes, CODE=KIND with commas between them; a KIND is temporary, account, rejected, channel, recipient or unknown", false},
	}}, sections[1])
	require.Contains(t, Text(sections), "  PIGEON_FROM (loft)\n      where it starts\n")
	require.Contains(t, Markdown(sections), "| `PIGEON_FROM` | `loft` | where it starts |\n")
}

// A field has the name of its setting, in Go's spelling. MESSAGE_<LOCALE> is many variables, and has a name of its own.
func TestFieldsAreNamedAfterTheirSettings(t *testing.T) {
	own := reflect.TypeFor[Config]()
	for field := range own.Fields() {
		name, ok := field.Tag.Lookup("env")
		if !ok || name == "MESSAGE_<LOCALE>" {
			continue
		}
		require.Equal(t, strings.ReplaceAll(name, "_", ""), strings.ToUpper(field.Name))
	}
}

// Every setting has a help text that fits a table, and accepts its own default.
func TestHelpTextsAndDefaults(t *testing.T) {
	own := reflect.TypeFor[Config]()
	for field := range own.Fields() {
		s, ok := settingOf(field, Prefix)
		if !ok {
			continue
		}
		require.NotEmpty(t, s.Help, s.Name)
		require.NotContains(t, s.Help, "|", s.Name)
		if s.Default != "" {
			require.NoError(t, s.set(reflect.New(field.Type).Elem(), s.Default), s.Name)
		}
	}
}

// Any of the three lets callers in, and is a door of its own.
func TestTheMessageAPIIsADoor(t *testing.T) {
	alone := []string{"SMSHOOK_PROVIDERS=pigeon", "PIGEON_TOKEN=ring", "SMSHOOK_STORE_KEY=0123456789-0123456789-01"}
	for _, tt := range []struct {
		env   string
		users bool
		store string
		works bool
	}{
		{"SMSHOOK_API_KEYS=shop:" + strings.Repeat("0a", 32), false, "memory", true},
		{"SMSHOOK_API_JWKS=http://127.0.0.1:54321/auth/v1/.well-known/jwks.json", true, "sqlite:/data/smshook.db", true},
		{"SMSHOOK_API_JWT_SECRET=super-secret-jwt-token-with-at-least-32-characters-long", true, "postgres://db", false},
	} {
		c, err := Load(append(alone, tt.env, "SMSHOOK_STORE="+tt.store, "SMSHOOK_WORKER=off"), drivers(), false, nil)
		require.NoError(t, err)
		require.Equal(t, []bool{true, tt.users, tt.works}, []bool{c.API(), c.APIUsers(), c.APIWorks()}, tt.env)
		require.NotContains(t, c.APIJWKS.String(), "54321")
	}
}
