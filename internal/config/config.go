// Package config is the settings of the whole program: what they are, how they are read from the environment, and what is
// said about them in help texts and in the README.
package config

import (
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/smshook/smshook/internal/hook"
	"github.com/smshook/smshook/internal/message"
	"github.com/smshook/smshook/internal/race"
	"github.com/smshook/smshook/providers"
)

// Prefix is that of our own settings.
const Prefix = "SMSHOOK_"

// Config is the settings, read and checked. The tags are their documentation.
type Config struct {
	Addr      string           `env:"ADDR" default:":8080" help:"listen address; if it is unset, PORT is honoured"`
	Secrets   hook.Secrets     `env:"SECRETS" required:"true" help:"the secrets of the hook as in Auth's own setting: v1,whsec_…, several joined by a vertical bar"`
	Instances Instances        `env:"PROVIDERS" required:"true" help:"carriers in the order in which they are tried: twilio, or twilio,eu=twilio, where the second reads EU_ACCOUNT_SID and so on"`
	Budget    time.Duration    `env:"BUDGET" default:"4s" min:"1s" max:"4500ms" help:"how long a hook may take; Auth waits 5s"`
	Unknown   race.Unknown     `env:"UNKNOWN" default:"accept" help:"what to answer when a message may have been sent and no carrier is sure: accept (the code stays valid) or fail (it becomes void)"`
	CodeLife  time.Duration    `env:"CODE_LIFE" min:"10s" max:"24h" help:"how long a code stays valid, as in Auth's GOTRUE_SMS_OTP_EXP; if set, carriers are told not to deliver later (not for MFA, whose codes live longer)"`
	Template  message.Template `env:"MESSAGE" help:"the text, with {{ .Code }} and, if you like, {{ .App }}; if it is unset: Your {{ .App }} code is {{ .Code }}"`
	App       string           `env:"APP" help:"the app's name in the text"`

	TextNumber string `env:"TEXT_NUMBER" default:"This number cannot receive codes." help:"what the app's user reads when nobody will reach the number"`
	TextFailed string `env:"TEXT_FAILED" default:"The code could not be sent. Please try again." help:"what the app's user reads when no carrier took the message"`

	LogLevel  string `env:"LOG_LEVEL" default:"info" oneof:"debug info warn error" help:"the least level that is logged"`
	LogFormat string `env:"LOG_FORMAT" oneof:"json console" help:"json or console; if it is unset, console on a terminal and json elsewhere"`

	// Warnings are names that look like a carrier's setting and are none.
	Warnings []string
}

// Validate checks what depends on more than one setting.
func (c Config) Validate() error {
	var problems []error
	if c.Template.NeedsApp() && c.App == "" {
		problems = append(problems, providers.Problem{Setting: "APP", Want: "is missing, and MESSAGE has {{ .App }}"})
	}
	_, port, err := net.SplitHostPort(c.Addr)
	if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || n > 65535 {
		problems = append(problems, providers.Problem{Setting: "ADDR", Want: "want host:port or :port"})
	}
	return errors.Join(problems...)
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
	env.honourPort()
	var c Config
	problems := env.fill(&c, Prefix)
	for _, name := range env.unknown(Prefix) {
		problems = append(problems, unknownSetting(name, env.known(Prefix)))
	}
	for i := range c.Instances {
		problems = append(problems, c.Instances[i].load(env, drivers, dev)...)
		for _, name := range env.unknown(c.Instances[i].Prefix()) {
			c.Warnings = append(c.Warnings, unknownSetting(name, env.known(c.Instances[i].Prefix())).Error())
		}
	}
	return c, errors.Join(problems...)
}

// Lookup returns one of our own settings, by name without prefix, as text: for commands that need no more than that.
func Lookup(environ []string, name string) (string, error) {
	env := newEnvironment(environ)
	env.honourPort()
	value, err := env.lookup(Prefix + name)
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
