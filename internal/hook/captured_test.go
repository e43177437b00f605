package hook

import (
	"bufio"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const calls = "../../testdata/hook"

// capture is one call as a real server sent it.
type capture struct {
	name   string
	header http.Header
	body   []byte
	at     time.Time
}

// captures reads the captured calls, and the server's secrets.
func captures(t testing.TB) (secrets string, list []capture) {
	file, err := os.Open(filepath.Join(calls, "captured.tsv"))
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		switch {
		case strings.HasPrefix(lines.Text(), "#"):
		case fields[0] == "secrets":
			secrets = fields[1]
		default:
			require.Len(t, fields, 4)
			seconds, err := strconv.ParseInt(fields[2], 10, 64)
			require.NoError(t, err)
			header := http.Header{}
			header.Set("webhook-id", fields[1])
			header.Set("webhook-timestamp", fields[2])
			header.Set("webhook-signature", fields[3])
			list = append(list, capture{fields[0], header, readCall(t, fields[0]), time.Unix(seconds, 0)})
		}
	}
	require.NoError(t, lines.Err())
	require.Len(t, list, 14)
	return secrets, list
}

func readCall(t testing.TB, name string) []byte {
	body, err := os.ReadFile(filepath.Join(calls, name+".json"))
	require.NoError(t, err)
	return body
}

func parsed(t testing.TB, text string) Secrets {
	var s Secrets
	require.NoError(t, s.UnmarshalText([]byte(text)))
	return s
}
