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
	if testing.Short() {
		t.Skip("promtool computes for seconds")
	}
	t.Parallel()
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
