package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

const alerts = "examples/alerts.yml"

// examples/alerts_test.yml says when the alerts must fire, and when not. promtool is a part of Prometheus.
func TestAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("promtool is missing (Debian has it in the package prometheus)")
	}
	require.NoError(t, err)
	for _, args := range [][]string{{"check", "rules", alerts}, {"test", "rules", "examples/alerts_test.yml"}} {
		output, err := exec.Command(promtool, args...).CombinedOutput()
		require.NoError(t, err, "%s", output)
	}
}

func TestREADMEShowsTheAlerts(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	rules, err := os.ReadFile(alerts)
	require.NoError(t, err)
	require.Contains(t, string(readme), "```yaml\n"+string(rules)+"```\n")
}
