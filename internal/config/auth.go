package config

import (
	"maps"
	"slices"
	"strings"
)

// authPrefixes are how Auth's own settings for a provider begin, in Auth, in supabase/docker and in the Supabase CLI's examples:
// GOTRUE_SMS_TWILIO_ACCOUNT_SID, SMS_TWILIO_ACCOUNT_SID, SUPABASE_AUTH_SMS_TWILIO_AUTH_TOKEN.
//
// https://github.com/supabase/auth/blob/master/internal/conf/configuration.go (SmsProviderConfiguration),
// https://github.com/supabase/supabase/blob/master/docker/docker-compose.yml,
// https://github.com/supabase/cli/blob/main/pkg/config/templates/config.toml
var authPrefixes = []string{"GOTRUE_SMS_", "SMS_", "SUPABASE_AUTH_SMS_"}

// ofAuth returns a warning for each setting that isn't set, but has a value under the name that Auth has for it. Where both are
// set, one file serves Auth too, and nothing is wrong.
func (env *environment) ofAuth(instances Instances) []string {
	var warnings []string
	for _, variable := range slices.Sorted(maps.Keys(env.values)) {
		setting := env.settingOfAuth(variable, instances)
		if setting != "" && env.values[variable] != "" && env.values[setting] == "" && env.values[setting+fileSuffix] == "" {
			warnings = append(warnings, problem(variable, "is a setting of Auth's; here it is called "+setting).Error())
		}
	}
	return warnings
}

// settingOfAuth returns what a setting of Auth's is called here; empty if it is none, or there is nothing like it.
func (env *environment) settingOfAuth(variable string, instances Instances) string {
	if variable == "GOTRUE_HOOK_SEND_SMS_SECRETS" {
		return Prefix + "SECRETS"
	}
	for _, begin := range authPrefixes {
		name, ok := strings.CutPrefix(variable, begin)
		if !ok {
			continue
		}
		for _, instance := range instances {
			if strings.HasPrefix(name, instance.Prefix()) {
				setting, _ := nearestName(name, env.known(instance.Prefix()))
				return setting
			}
		}
	}
	return ""
}
