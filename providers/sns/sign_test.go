package sns

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
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
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

// The files are signed requests as AWS has published them, https://github.com/awslabs/aws-c-auth (tests/aws-signing-test-suite/v4, the
// files header-signed-request.txt), with the key, the region, the service and the time of their context.json.
func TestSignatureIsThatOfThePublishedVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/sigv4/*.txt")
	require.NoError(t, err)
	require.Len(t, files, 6)
	now := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		text = bytes.Replace(append(bytes.TrimRight(text, "\n"), "\n\n"...), []byte("\n"), []byte("\r\n"), -1)
		want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		require.NoError(t, err, file)
		body, err := io.ReadAll(want.Body)
		require.NoError(t, err)
		p, err := New(Settings{
			AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: providers.NewSecret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
			SessionToken: providers.NewSecret(want.Header.Get("X-Amz-Security-Token")), Region: "us-east-1",
		}, providers.Deps{})
		require.NoError(t, err)
		bare := call.Request{Method: want.Method, URL: "https://" + want.Host + want.URL.String(), Header: want.Header.Clone(), Body: string(body)}
		for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "Content-Length"} {
			bare.Header.Del(name)
		}
		signed, err := p.sign(t.Context(), bare, "service", now)
		require.NoError(t, err)
		want.Header.Del("Content-Length")
		require.Equal(t, want.Header, signed.Header, file)
		require.NotContains(t, bare.Header, "Authorization", "the request that was given is not changed")
	}
}

// The signature is computed again for each message, because it has the time.
func TestEachMessageHasItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewPipeFake(t, published())
		p, err := opener.Open(f.Base, providers.Deps{HTTP: f.Client()})
		require.NoError(t, err)
		for _, want := range []string{"20000101T000000Z", "20000101T003000Z"} {
			_, err = p.Send(t.Context(), providertest.Message())
			require.NoError(t, err)
			r := f.Requests()[0]
			require.Equal(t, want, r.Header.Get("X-Amz-Date"))
			verified(t, r)
			time.Sleep(30 * time.Minute)
		}
	})
}

// verified checks the signature of a request, computed as https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
// says and apart from the library, and writes in its place what was signed.
func verified(t testing.TB, r providertest.Request) providertest.Request {
	t.Helper()
	date, sum := r.Header.Get("X-Amz-Date"), sha256.Sum256([]byte(r.Body))
	signedAt, err := time.Parse("20060102T150405Z", date)
	require.NoError(t, err)
	require.InDelta(t, time.Now().Unix(), signedAt.Unix(), 60)
	names := []string{"content-length", "content-type", "host", "x-amz-date"}
	values := map[string]string{
		"content-length": fmt.Sprint(len(r.Body)), "content-type": r.Header.Get("Content-Type"), "host": r.Host, "x-amz-date": date,
	}
	if token := r.Header.Get("X-Amz-Security-Token"); token != "" {
		names, values["x-amz-security-token"] = append(names, "x-amz-security-token"), token
	}
	canonical := r.Method + "\n" + r.Target + "\n\n"
	for _, name := range names {
		canonical += name + ":" + values[name] + "\n"
	}
	canonical += "\n" + strings.Join(names, ";") + "\n" + hex.EncodeToString(sum[:])
	hashed := sha256.Sum256([]byte(canonical))
	scope := date[:8] + "/" + testRegion + "/sns/aws4_request"
	key := []byte("AWS4" + testSecret)
	for _, part := range append(strings.Split(scope, "/"), "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+hex.EncodeToString(hashed[:])) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	want := "AWS4-HMAC-SHA256 Credential=" + testKey + "/" + scope + ", SignedHeaders=" + strings.Join(names, ";") + ", Signature=" + hex.EncodeToString(key)
	require.Equal(t, want, r.Header.Get("Authorization"))
	r.Header = r.Header.Clone()
	r.Header.Set("Authorization", "verified: "+testKey+" "+strings.Join(names, ";"))
	r.Header.Set("X-Amz-Date", "now")
	return r
}
