package policy

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// everyLimit returns limits that are all on and all different. That of the first rule allows 1 in an hour, that of the second 2.
func everyLimit() (limits Limits) {
	for i, row := range rateLimits {
		*row.limit(&limits) = Limit{i + 1, time.Hour}
	}
	return limits
}

func TestTheTableOfLimitsIsComplete(t *testing.T) {
	for i, row := range rateLimits {
		require.NotEmpty(t, row.setting, "row %d: the rule has no row in rateLimits, limits.go", i)
		require.Regexp(t, `^limit_\w+$`, row.setting)
		require.NotEmpty(t, row.counts, row.setting)
		require.NotNil(t, row.limit, row.setting)
		require.True(t, (row.key == nil) != (row.source == nil), "%s: want a key or a source, and not both", row.setting)
	}
	fields := reflect.TypeFor[Limits]()
	limits := reflect.ValueOf(everyLimit())
	for i := range limits.NumField() {
		require.NotZero(t, limits.Field(i).Interface(), "Limits.%s has no row in rateLimits, limits.go", fields.Field(i).Name)
	}
	var settings []string
	for i, l := range everyLimit().List() {
		require.Equal(t, Limited{firstLimit + Rule(i), Limit{i + 1, time.Hour}}, l, "two rows have the same field of Limits")
		require.NotContains(t, settings, l.Rule.String())
		settings = append(settings, l.Rule.String())
	}
}

func TestRulesHaveTheNamesOfTheirSettings(t *testing.T) {
	for rule, want := range map[Rule]string{
		None: "none", NotAllowed: "countries", BlockedCountry: "blocked_countries", BlockedPrefix: "blocked_prefixes", BlockedType: "blocked_types",
		PerPhone: "limit_phone", PerIP: "limit_ip", InAll: "limit_all",
	} {
		require.Equal(t, want, rule.String())
		require.Equal(t, strings.HasPrefix(want, "limit_"), rule.Counts() != "", want)
	}
}

func TestUncountedReturnsTheLimitsThatNeedAPublicAddress(t *testing.T) {
	for ip, want := range map[string][]Rule{"": {PerIP}, "10.0.0.1": {PerIP}, "203.0.113.7": nil} {
		from, _ := netip.ParseAddr(ip)
		require.Subset(t, everyLimit().Uncounted(from), want, ip)
		require.Equal(t, want, Limits{Phone: Limit{1, time.Hour}, IP: Limit{1, time.Hour}}.Uncounted(from), ip)
		require.Empty(t, Limits{Phone: Limit{1, time.Hour}}.Uncounted(from), ip)
	}
}

// The README has a row for each limit, and a sentence with those that don't count proven numbers.
func TestReadmeExplainsEveryLimit(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(readme), "\n| limit | counts |")
	require.True(t, found, "the README has a table of limits")
	table, text, _ := strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")[2:] // without the rest of the head
	var unproven []string
	for i, row := range rateLimits {
		name := fmt.Sprintf("`%s`", strings.ToUpper(strings.TrimPrefix(row.setting, "limit_")))
		want := "| " + name + " | "
		require.True(t, i < len(rows) && strings.HasPrefix(rows[i], want),
			"README, Who may be texted: row %d of the table of limits must begin with %q; write it like the others", i+1, want)
		if row.unproven {
			unproven = append(unproven, name)
		}
	}
	require.Len(t, rows, len(rateLimits), "README, Who may be texted: the table has a row for something that is no limit")
	last := len(unproven) - 1
	want := strings.Join(unproven[:last], ", ") + " and " + unproven[last] + " "
	require.True(t, strings.HasPrefix(strings.ReplaceAll(text, "\n", " "), want),
		"README, Who may be texted: the text after the table of limits must begin with those that leave out proven numbers: %s", want)
}
