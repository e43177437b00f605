package sns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// signed returns the request with its signature, by Signature Version 4. The signature has the time: SNS refuses it if our clock differs
// by more than 15 minutes. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
func (p *Provider) signed(ctx context.Context, r call.Request) (call.Request, error) {
	return p.sign(ctx, r, "sns", time.Now())
}

func (p *Provider) sign(ctx context.Context, r call.Request, service string, now time.Time) (call.Request, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, r.URL, strings.NewReader(r.Body))
	if err != nil {
		return r, &providers.Error{Kind: providers.Account, Err: errors.New("the address can't be used")}
	}
	request.Header = r.Header.Clone()
	key := aws.Credentials{
		AccessKeyID:     p.settings.AccessKeyID,
		SecretAccessKey: p.settings.SecretAccessKey.Reveal(),
		SessionToken:    p.settings.SessionToken.Reveal(),
	}
	sum := sha256.Sum256([]byte(r.Body))
	if err := p.signer.SignHTTP(ctx, key, request, hex.EncodeToString(sum[:]), service, p.settings.Region, now); err != nil {
		return r, &providers.Error{Kind: providers.Account, Err: errors.New("the request can't be signed")}
	}
	r.Header = request.Header
	return r, nil
}
