// Package sns sends SMS through Amazon SNS. It publishes each message directly to a phone number.
//
// Sources: the API reference, https://docs.aws.amazon.com/sns/latest/api/API_Publish.html; the attributes of an SMS,
// https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html; the form of requests and answers as in the official SDK,
// https://github.com/aws/aws-sdk-go-v2 (service/sns/serializers.go and deserializers.go).
//
// There are no delivery receipts: SNS writes what became of an SMS to CloudWatch Logs, and calls nobody. An SMS beyond the account's
// monthly limit is accepted, and only those logs say that it was not sent. https://docs.aws.amazon.com/sns/latest/dg/sms_stats.html
package sns

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
)

// Settings of one AWS account in one region.
type Settings struct {
	AccessKeyID       string           `env:"ACCESS_KEY_ID" required:"true" help:"an access key with the permissions sns:Publish and sns:GetSMSAttributes"`
	SecretAccessKey   providers.Secret `env:"SECRET_ACCESS_KEY" required:"true" help:"the access key's secret"`
	SessionToken      providers.Secret `env:"SESSION_TOKEN" help:"the session token of a temporary access key; nothing renews it but you"`
	Region            string           `env:"REGION" required:"true" help:"an AWS region that sends SMS, such as eu-central-1"`
	SenderID          string           `env:"SENDER_ID" help:"the sender: a name of up to 11 letters and digits, for countries that allow one"`
	OriginationNumber string           `env:"ORIGINATION_NUMBER" help:"the sender: a number of the account such as +15555550100, or a short code; without it AWS chooses"`
	DLTEntityID       string           `env:"DLT_ENTITY_ID" help:"for India: the entity's ID at the DLT registry; this and the next go with Indian numbers only"`
	DLTTemplateID     string           `env:"DLT_TEMPLATE_ID" help:"for India: the registered template's ID, whose text the message must be"`
	BaseURL           call.BaseURL     `env:"BASE_URL" help:"another endpoint of SNS, such as that of a VPC; without it https://sns.REGION.amazonaws.com"`
}

var (
	accessKeyID = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
	region      = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]{2,10}){1,3}-[0-9]{1,2}$`)
	senderID    = regexp.MustCompile(`^[0-9]*[A-Za-z][0-9A-Za-z]*$`)
	number      = regexp.MustCompile(`^\+?[0-9]{5,14}$`)
	dltID       = regexp.MustCompile(`^[0-9A-Za-z]{1,50}$`)
)

// maxSenderID is how many characters the name of a sender may have.
const maxSenderID = 11

// Validate returns every setting that can't work.
func (s Settings) Validate() error {
	var w providers.Wants
	w.Match("ACCESS_KEY_ID", s.AccessKeyID, accessKeyID, "want an access key's ID, in capital letters and digits")
	w.Match("REGION", s.Region, region, "want an AWS region such as eu-central-1")
	w.That(len(s.SenderID) <= maxSenderID, "SENDER_ID", "want at most 11 letters and digits")
	w.Match("SENDER_ID", s.SenderID, senderID, "want letters and digits, with a letter among them; a number goes into ORIGINATION_NUMBER")
	w.Match("ORIGINATION_NUMBER", s.OriginationNumber, number, "want a number of 5 to 14 digits, such as +15555550100")
	w.Both("DLT_ENTITY_ID", s.DLTEntityID != "", "DLT_TEMPLATE_ID", s.DLTTemplateID != "")
	w.Match("DLT_ENTITY_ID", s.DLTEntityID, dltID, "want up to 50 letters and digits")
	w.Match("DLT_TEMPLATE_ID", s.DLTTemplateID, dltID, "want up to 50 letters and digits")
	return w.Err()
}

// Provider sends through one account.
type Provider struct {
	settings Settings
	call     *call.Caller
	signer   *v4.Signer
}

var (
	_ providers.Provider = (*Provider)(nil)
	_ providers.Checker  = (*Provider)(nil)
)

// New returns a Provider for validated settings.
func New(s Settings, d providers.Deps) (*Provider, error) {
	if s.BaseURL == "" {
		s.BaseURL = call.BaseURL("https://sns." + s.Region + "." + domain(s.Region))
	}
	s.BaseURL = withoutDefaultPort(s.BaseURL)
	return &Provider{settings: s, call: call.New(d.HTTP, s.SecretAccessKey, s.SessionToken), signer: v4.NewSigner()}, nil
}

// domain is where the endpoints of a region are. https://docs.aws.amazon.com/general/latest/gr/sns.html
func domain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// withoutDefaultPort returns an address without the port that goes with its scheme. The signature covers the host, and the library leaves
// such a port out, while net/http would send it.
func withoutDefaultPort(base call.BaseURL) call.BaseURL {
	u, err := url.Parse(string(base))
	if err != nil {
		return base // can't be: BaseURL has read it
	}
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	return call.BaseURL(u.String())
}

// Send publishes the message. SNS has no idempotency key for SMS: without an answer, the message may have been sent.
func (p *Provider) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	var published struct {
		XMLName xml.Name `xml:"PublishResponse"`
		ID      string   `xml:"PublishResult>MessageId"`
	}
	answer, err := p.ask(ctx, m, p.form(m), &published)
	if err != nil {
		return providers.Sent{}, err
	}
	return answer.Accepted("MessageId", published.ID, providers.UUID)
}

// Check asks for the account's settings for SMS.
func (p *Provider) Check(ctx context.Context) error {
	_, err := p.ask(ctx, providers.Message{}, action("GetSMSAttributes"), nil)
	return err
}

// Credentials are the access key and where it is used.
func (p *Provider) Credentials() []string {
	if p.settings.SessionToken.Empty() {
		return []string{"ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION"}
	}
	return []string{"ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION"}
}

// ask sends a form, and reads an answer that is a success into v, unless v is nil.
func (p *Provider) ask(ctx context.Context, m providers.Message, form *call.Fields, v any) (*call.Answer, error) {
	request, err := p.signed(ctx, call.Form(string(p.settings.BaseURL)+"/", form))
	if err != nil {
		return nil, err
	}
	answer, err := p.call.Ask(ctx, m, request, nil, refused)
	if err != nil || v == nil {
		return answer, err
	}
	if xml.Unmarshal(answer.Body, v) != nil { // the parser's own text quotes what it found
		return nil, answer.Fail(providers.Unknown, "", "the answer is not the XML it should be")
	}
	return answer, nil
}

// action begins a form of SNS. https://docs.aws.amazon.com/sns/latest/api/API_Operations.html
func action(name string) *call.Fields {
	form := new(call.Fields)
	form.Add("Action", name)
	form.Add("Version", "2010-03-31")
	return form
}

// indian is what Indian numbers begin with, and no others.
const indian = "+91"

func (p *Provider) form(m providers.Message) *call.Fields {
	form := action("Publish")
	form.Add("PhoneNumber", m.To.Reveal())
	form.Add("Message", m.Text.Reveal())
	attributes := 0
	attribute := func(name, value string) {
		if value == "" {
			return
		}
		attributes++
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", attributes)
		form.Add(entry+"Name", name)
		form.Add(entry+"Value.DataType", "String")
		form.Add(entry+"Value.StringValue", value)
	}
	attribute("AWS.SNS.SMS.SMSType", "Transactional")
	attribute("AWS.SNS.SMS.SenderID", p.settings.SenderID)
	attribute("AWS.MM.SMS.OriginationNumber", p.settings.OriginationNumber)
	if strings.HasPrefix(m.To.Reveal(), indian) {
		attribute("AWS.MM.SMS.EntityId", p.settings.DLTEntityID)
		attribute("AWS.MM.SMS.TemplateId", p.settings.DLTTemplateID)
	}
	return form
}

// aboutNumber finds the refusals that are about the number. The code alone doesn't say so.
var aboutNumber = regexp.MustCompile(`(?i)^Invalid parameter: PhoneNumber\b|\bopted out\b`)

var (
	// codeForm is the form of AWS's codes. Anything else in their place may be a part of the request.
	codeForm = regexp.MustCompile(`^[A-Za-z]{1,64}$`)
	// signature is that of any request: an answer may repeat the one of a request before.
	signature = regexp.MustCompile(`Signature=[0-9A-Fa-f]+`)
)

func refused(answer *call.Answer) error {
	var refusal struct {
		XMLName xml.Name `xml:"ErrorResponse"`
		Code    string   `xml:"Error>Code"`
		Message string   `xml:"Error>Message"`
	}
	_ = xml.Unmarshal(answer.Body, &refusal) // what can't be read is left empty
	if !codeForm.MatchString(refusal.Code) {
		refusal.Code = ""
	}
	refusal.Message = signature.ReplaceAllString(refusal.Message, "Signature=[secret]")
	if codes[refusal.Code] == providers.Rejected && aboutNumber.MatchString(refusal.Message) {
		return answer.Fail(providers.Recipient, refusal.Code, refusal.Message)
	}
	return answer.Refuse(codes, refusal.Code, refusal.Message)
}
