package providertest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// Receipts tests a Receiver with the calls in dir, one in each file NAME.txt. A file has a line with the time of the call, as in RFC
// 3339, then the HTTP request as it is sent, but with the whole address in its first line. The result is compared with NAME.golden.
//
// Each call is made twice, and the result must be the same.
func Receipts(t *testing.T, open func() (providers.Receiver, error), dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at, text := receiptCall(t, file)
				time.Sleep(time.Until(at))
				receiver, err := open()
				require.NoError(t, err)
				first := received(t, receiver, text)
				require.Equal(t, first, received(t, receiver, text), "the second time")
				Golden(t, filepath.Join(dir, name+".golden"), first)
			})
		})
	}
}

func receiptCall(t *testing.T, file string) (at time.Time, request []byte) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	first, request, _ := bytes.Cut(content, []byte("\n"))
	at, err = time.Parse(time.RFC3339, string(first))
	require.NoError(t, err)
	return at, request
}

// received makes one call and returns its result as text.
func received(t *testing.T, receiver providers.Receiver, text []byte) string {
	t.Helper()
	head, body, found := bytes.Cut(text, []byte("\n\n"))
	require.True(t, found, "want an empty line between head and body")
	r, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(head), strings.NewReader("\r\n\r\n"))))
	require.NoError(t, err)
	body = bytes.TrimSuffix(body, []byte("\n")) // of the file
	receipts, err := receiver.Receipts(r, body)
	if err != nil {
		require.Empty(t, receipts)
		return fmt.Sprintln("error:", err)
	}
	var b strings.Builder
	for _, receipt := range receipts {
		fmt.Fprintf(&b, "%s %v", receipt.ID, receipt.State)
		if receipt.State.Failed() {
			fmt.Fprintf(&b, " kind=%v", receipt.Kind)
		}
		if receipt.Code != "" {
			fmt.Fprintf(&b, " code=%s", receipt.Code)
		}
		if !receipt.At.IsZero() {
			fmt.Fprintf(&b, " at=%s", receipt.At.UTC().Format(time.RFC3339))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
