package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/providers/all"
)

// The settings of the example for Kubernetes exist. .ci/kubernetes checks the rest of it.
func TestKubernetesExample(t *testing.T) {
	example, err := os.ReadFile("examples/kubernetes.yaml")
	require.NoError(t, err)
	settings := config.Text(config.Describe(all.Drivers()))
	variables := regexp.MustCompile(`\{name: ([A-Z_]+?)(_FILE)?, value: ([^}]+)\}`).FindAllStringSubmatch(string(example), -1)
	require.Len(t, variables, 4)
	for _, variable := range variables {
		require.Regexp(t, `(?m)^\s*`+variable[1]+`\b`, settings)
		require.Equal(t, variable[2] != "", regexp.MustCompile(`^/run/secrets/smshook/`).MatchString(variable[3]), "%v", variable)
	}
}
