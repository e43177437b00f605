package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/smshook/smshook/internal/app"
	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/server"
)

// tell prints what there is to do at Supabase and at the provider.
func (s *setup) tell(settings config.Config) {
	fmt.Fprintf(s.stdout, "\nThe settings are in %s. Only its owner can read it.\n\n", s.file)
	secret := "the value of " + config.Prefix + "SECRETS in " + s.file
	if s.newHook {
		secret = s.values[config.Prefix+"SECRETS"]
	}
	address := strings.TrimRight(s.url, "/") + server.HookPath
	if s.supabase == docker || s.supabase == cli {
		address = "http://host.docker.internal:8080" + server.HookPath // the only name in a container's network for which Auth accepts http
	}
	if s.by == bySQL {
		fmt.Fprint(s.stdout, sqlSteps)
		address, secret = "pg-functions://postgres/smshook/send_sms", ""
	}
	fmt.Fprintln(s.stdout, supabaseSteps(s.supabase, s.by, address, secret))
	a, err := app.New(settings.WithoutStore(), version(), app.NewLog(settings, io.Discard), s.stdout)
	if err != nil {
		return // check says why
	}
	defer a.Close()
	fmt.Fprintln(s.stdout, "At the provider:")
	printReceipts(s.stdout, settings, a.Dispatcher.Instances)
}

// sqlSteps come before all others: the function must be there before Auth calls it.
const sqlSteps = `First, once, as the database's administrator:

  smshook migrate -url 'postgres://postgres:PASSWORD@HOST:5432/postgres'
  alter role smshook password '…';   (in an SQL editor: the password in SMSHOOK_STORE)

`

// supabaseSteps is what to enter at Supabase.
func supabaseSteps(supabase, by, address, secret string) string {
	variables := []string{"GOTRUE_EXTERNAL_PHONE_ENABLED=true", "GOTRUE_HOOK_SEND_SMS_ENABLED=true", "GOTRUE_HOOK_SEND_SMS_URI=" + address}
	if by == byHTTP {
		variables = append(variables, "GOTRUE_HOOK_SEND_SMS_SECRETS="+secret)
	}
	switch {
	case supabase == hosted && by == bySQL:
		return `In Supabase's dashboard, Authentication, Hooks, Send SMS hook:

  Type      Postgres
  Schema    smshook
  Function  send_sms

Phone sign-in must be on: Authentication, Sign In / Providers, Phone.
`
	case supabase == hosted:
		return fmt.Sprintf(`In Supabase's dashboard, Authentication, Hooks, Send SMS hook:

  Type    HTTPS
  URL     %s
  Secret  %s

Phone sign-in must be on: Authentication, Sign In / Providers, Phone.
`, address, secret)
	case supabase == cli:
		return "In supabase/config.toml (the first two sections exist already: change their lines):\n\n" + cliLines(address, secret)
	case supabase == docker && by == byHTTP:
		return fmt.Sprintf(`Beside docker-compose.yml of supabase/docker: save the file of settings, and docker-compose.smshook.yml from smshook's
cmd/smshook/examples. Add one line to the .env there, and start both:

  SMSHOOK_SECRETS=%s

  docker compose -f docker-compose.yml -f docker-compose.smshook.yml up -d
`, secret)
	case supabase == docker:
		var b strings.Builder
		b.WriteString("In docker-compose.yml of supabase/docker, under services, auth, environment:\n\n")
		for _, v := range append(variables, "GOTRUE_SMS_AUTOCONFIRM=false") {
			name, value, _ := strings.Cut(v, "=")
			fmt.Fprintf(&b, "      %s: %q\n", name, value)
		}
		return b.String()
	}
	return "In the environment of Auth:\n\n  " + strings.Join(variables, "\n  ") + "\n"
}

// cliLines are the lines of supabase/config.toml. The secret is empty for a hook by SQL. The CLI turns phone login off unless one of its
// own providers is enabled (github.com/supabase/cli, pkg/config/config.go, (*sms).validate). With the hook on, Auth doesn't use it.
func cliLines(address, secret string) string {
	lines := fmt.Sprintf(`  [auth.sms]
  enable_signup = true
  enable_confirmations = true

  [auth.sms.twilio]
  enabled = true
  account_sid = "unused"
  message_service_sid = "unused"
  auth_token = "unused"

  [auth.hook.send_sms]
  enabled = true
  uri = %q
`, address)
	if secret != "" {
		lines += fmt.Sprintf("  secrets = %q\n", secret)
	}
	return lines
}
