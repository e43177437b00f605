package config

import (
	"maps"
	"slices"
	"strings"
)

// authPrefixes are the prefixes of Auth's own settings for a provider: in Auth itself (GOTRUE_SMS_TWILIO_ACCOUNT_SID), in supabase/docker
// (SMS_TWILIO_ACCOUNT_SID) and in the Supabase CLI's examples (SUPABASE_AUTH_SMS_TWILIO_AUTH_TOKEN).
//
// https://github.com/supabase/auth/blob/master/internal/conf/configuration.go (SmsProviderConfiguration),
// https://github.com/supabase/supabase/blob/master/docker/docker-compose.yml,
// https://github.com/supabase/cli/blob/main/pkg/config/templates/config.toml
var authPrefixes = []string{"GOTRUE_SMS_", "SMS_", "SUPABASE_AUTH_SMS_"}

// authWarnings returns a warning for each setting that has a value only under the name that Auth uses for it. If both names are set,
// Auth and smshook share one file, and nothing is wrong.
func (env *environment) authWarnings(instances Instances) []string {
	var warnings []string
	for _, variable := range slices.Sorted(maps.Keys(env.values)) {
		setting := env.settingForAuth(variable, instances)
		if setting != "" && env.values[variable] != "" && env.values[setting] == "" && env.values[setting+fileSuffix] == "" {
			warnings = append(warnings, problem(variable, "is a setting of Auth; smshook calls it "+setting).Error())
		}
	}
	return warnings
}

// settingForAuth returns the name of the setting that does what Auth's variable does. It is empty if there is none.
func (env *environment) settingForAuth(variable string, instances Instances) string {
	if variable == "GOTRUE_HOOK_SEND_SMS_SECRETS" {
		return Prefix + "SECRETS"
	}
	for _, prefix := range authPrefixes {
		name, ok := strings.CutPrefix(variable, prefix)
		if !ok {
			continue
		}
		for _, instance := range instances {
			if strings.HasPrefix(name, instance.Prefix()) {
				setting, _ := Nearest(name, env.known(instance.Prefix()))
				return setting
			}
		}
	}
	return ""
}
