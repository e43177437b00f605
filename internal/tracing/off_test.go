//go:build !otel

package tracing

import (
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

var opentelemetry = regexp.MustCompile(`(?m)^(go\.opentelemetry\.io|google\.golang\.org/grpc)`)

// The program as it is built by default has nothing of OpenTelemetry, and the tag adds it.
func TestWhatIsLinked(t *testing.T) {
	for tags, want := range map[string]bool{"": false, "otel": true} {
		packages, err := exec.Command("go", "list", "-deps", "-tags", tags, "../../cmd/smshook").Output()
		require.NoError(t, err)
		require.Contains(t, string(packages), "github.com/smshook/smshook/internal/tracing\n")
		require.Equal(t, want, len(opentelemetry.FindAllString(string(packages), -1)) > 0, tags)
	}
}
