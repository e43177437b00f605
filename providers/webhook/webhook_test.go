package webhook

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

const (
	testToken    = "token+/0123=="
	testPassword = "pass:word &/é"
	testKey      = "0123456789abcdef-in-a-query"
	testSigning  = "v1,whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" // 0123456789abcdef, twice
)

// env is settings as they come from the environment, by name. The loader is internal; the whole way through it is tested by
// the examples, in cmd/smshook.
type env map[string]string

var jsonEnv = env{
	"URL":  "/v1/messages",
	"BODY": `{"from":"{{ .From }}","to":"{{ .To }}","content":{"text":"{{ .Text }}"}}`,
	"FROM": "My Shop", "TOKEN": testToken,
	"SUCCESS": "2xx; status=ok", "ID": "id", "ERROR_CODE": "error.code", "ERROR_TEXT": "error.text",
}

// with returns e with other values; an empty one takes the setting away.
func (e env) with(other env) env {
	changed := env{}
	for _, one := range []env{e, other} {
		for name, value := range one {
			changed[name] = value
		}
	}
	return changed
}

// settings reads e, with the URL at base. It returns the names of those that can't be read.
func (e env) settings(base string) (Settings, map[string]error) {
	e = e.with(nil)
	for name, value := range map[string]string{"METHOD": "POST", "SUCCESS": "2xx", "CHANNEL": "sms"} {
		if e[name] == "" {
			e[name] = value
		}
	}
	if e["URL"] != "" {
		e["URL"] = base + e["URL"]
	}
	s := Settings{Method: e["METHOD"], User: e["USER"], From: e["FROM"], Channel: e["CHANNEL"]}
	unread := map[string]error{}
	for name, target := range map[string]interface{ UnmarshalText([]byte) error }{
		"URL": &s.URL, "BODY": &s.Body, "HEADERS": &s.Headers, "TOKEN": &s.Token, "PASSWORD": &s.Password,
		"SUCCESS": &s.Success, "ID": &s.ID, "ERROR_CODE": &s.ErrorCode, "ERROR_TEXT": &s.ErrorText,
		"SIGNING_SECRET": &s.SigningSecret,
	} {
		if e[name] == "" {
			continue
		}
		if err := target.UnmarshalText([]byte(e[name])); err != nil {
			unread[name] = err
		}
	}
	return s, unread
}

func (e env) open(base call.BaseURL, d providers.Deps) (providers.Provider, error) {
	s, unread := e.settings(string(base))
	for _, err := range unread {
		return nil, err
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return New(s, d)
}

func refusedWith(code, text string) providertest.Answer {
	body, _ := json.Marshal(map[string]any{"status": "error", "error": map[string]string{"code": code, "text": text}})
	return providertest.Answer{Status: http.StatusBadRequest, Body: string(body)}
}

var accepted = providertest.Answer{Status: http.StatusOK, Body: `{"status":"ok","id":12345678901234567890}`}

func message(change func(*providers.Message)) providers.Message {
	m := providertest.Message()
	change(&m)
	return m
}

var (
	formEnv = jsonEnv.with(env{"BODY": "to={{ .ToDigits }}&text={{ .Text }}&from={{ .From }}&type=a%20b", "METHOD": "PUT"})
	getEnv  = jsonEnv.with(env{"METHOD": "GET", "BODY": "", "FROM": "", "TOKEN": "",
		"URL": "/send/{{ .ToDigits }}/{{ .Text }}?key=" + testKey + "&text={{ .Text }}&code={{ .Code }}"})
	nationalEnv = jsonEnv.with(env{"BODY": "to=0{{ .ToNational }}&text={{ .Text }}&from={{ .From }}"})
	placedEnv   = jsonEnv.with(env{"HEADERS": "Authorization: App {{ .Token }}; X-Id: {{ .ID }}; content-type: text/json",
		"BODY": `{"key":"{{ .Token }}","to":"{{.ToDigits}}","text":"{{  .Text  }}","from":"{{ .From }}"}`})
	basicEnv = jsonEnv.with(env{"TOKEN": "", "USER": "me", "PASSWORD": testPassword})
)

func provider(e env, secret string) providertest.Provider {
	c := providertest.Provider{
		Open:     e.open,
		Secrets:  []string{secret},
		Codes:    providers.Codes{"NO-SUCH-NUMBER": providers.Rejected, "17": providers.Rejected}, // CODES is applied by the race
		Accepted: accepted,
		Sent:     providers.Sent{IDs: []string{"12345678901234567890"}},
		Refused:  refusedWith,
	}
	return c
}

func TestSuite(t *testing.T) {
	c := provider(jsonEnv, testToken)
	unicode := message(func(m *providers.Message) {
		m.Text = providers.NewSecret("Ваш код: \"482913\"\n\\🔑&to=+15555550199\r\n\n@shop.example #482913")
	})
	c.Requests = []providertest.Case{
		{Name: "json", Open: jsonEnv.open, Message: providertest.Message()},
		{Name: "json-unicode", Open: jsonEnv.open, Message: unicode},
		{Name: "form", Open: formEnv.open, Message: providertest.Message()},
		{Name: "form-unicode", Open: formEnv.open, Message: unicode},
		{Name: "national", Open: nationalEnv.open, Message: providertest.Message()},
		{Name: "get", Open: getEnv.open, Message: providertest.Message()},
		{Name: "get-unicode", Open: getEnv.open, Message: unicode},
		{Name: "token-placed", Open: placedEnv.open, Message: providertest.Message()},
		{Name: "basic", Open: basicEnv.open, Message: providertest.Message()},
	}
	providertest.Run(t, c)
}

func TestSuiteOfOtherForms(t *testing.T) {
	t.Run("get", func(t *testing.T) { providertest.Run(t, provider(getEnv, testKey)) })
	t.Run("form", func(t *testing.T) { providertest.Run(t, provider(formEnv, testToken)) })
	t.Run("token placed", func(t *testing.T) { providertest.Run(t, provider(placedEnv, testToken)) })
	t.Run("basic, signed", func(t *testing.T) {
		providertest.Run(t, provider(basicEnv.with(env{"SIGNING_SECRET": testSigning}), testPassword))
	})
	t.Run("the id as proof", func(t *testing.T) { providertest.Run(t, provider(jsonEnv.with(env{"SUCCESS": "200"}), testToken)) })
}

func send(t *testing.T, e env, answer providertest.Answer) (providers.Sent, error) {
	t.Helper()
	f := providertest.NewFake(t, answer)
	p, err := e.open(f.Base, providers.Deps{HTTP: f.Client()})
	require.NoError(t, err)
	return p.Send(t.Context(), providertest.Message())
}

func TestChannel(t *testing.T) {
	for _, channel := range []string{"sms", "telegram"} {
		p, err := jsonEnv.with(env{"CHANNEL": channel}).open("https://api.example.com", providers.Deps{HTTP: &http.Client{Transport: &http.Transport{}}})
		require.NoError(t, err)
		require.Equal(t, channel, p.(providers.Channeler).Channel())
	}
}

// Nothing but the status tells a success: most gateways say no inside a 200.
func TestWarnings(t *testing.T) {
	statusOnly := jsonEnv.with(env{"SUCCESS": "", "ID": ""})
	want := []providers.Problem{{Setting: "SUCCESS", Want: "any answer with such a status counts as a success, whatever it says: " +
		"want a condition such as body=^OK or status=ok, or an ID"}}
	for _, test := range []struct {
		name string
		env  env
		want []providers.Problem
	}{
		{"a status alone", statusOnly, want},
		{"one status alone", statusOnly.with(env{"SUCCESS": "200"}), want},
		{"a condition", statusOnly.with(env{"SUCCESS": "2xx; status=ok"}), nil},
		{"a pattern", statusOnly.with(env{"SUCCESS": "2xx; body=^00"}), nil},
		{"an id", statusOnly.with(env{"ID": "id"}), nil},
		{"a service of one's own", statusOnly.with(env{"SIGNING_SECRET": testSigning}), nil},
	} {
		s, unread := test.env.settings("https://api.example.com")
		require.Empty(t, unread)
		require.Equal(t, test.want, s.Warnings(), test.name)
	}
}

func TestAnswers(t *testing.T) {
	status := jsonEnv.with(env{"SUCCESS": "", "ID": ""})
	only202 := status.with(env{"SUCCESS": "202"})
	idOnly := jsonEnv.with(env{"SUCCESS": ""})
	places := jsonEnv.with(env{"SUCCESS": "list[0].state=1,3", "ERROR_CODE": "list[0].code, message", "ID": "list[0].id"})
	text := status.with(env{"SUCCESS": "2xx; body=^00", "ID": "body=^00 (\\S+)", "ERROR_CODE": "body=^(\\d+)", "ERROR_TEXT": "body=^\\d+ (.*)"})
	textID := text.with(env{"SUCCESS": ""})
	for _, test := range []struct {
		name   string
		env    env
		status int
		body   string
		want   string
	}{
		{"the status is enough", status, 200, "<html>", "sent []"},
		{"also if empty", status, 204, "", "sent []"},
		{"but not this one", only202, 200, "queued", "rejected: answer 200: not what SUCCESS says"},
		{"only this one", only202, 202, "", "sent []"},
		{"refused in a success", jsonEnv, 200, `{"status":"error","error":{"code":7,"text":"why"}}`, "rejected (code 7): answer 200: not what SUCCESS says: why"},
		{"refused without a word", jsonEnv, 200, `{"status":"error"}`, "rejected: answer 200: not what SUCCESS says"},
		{"error instead of a status", jsonEnv, 200, `{"error":{"code":"NO"}}`, "rejected (code NO): answer 200: not what SUCCESS says"},
		{"neither", jsonEnv, 200, `{"id":"x"}`, "unknown: answer 200: the answer doesn't say whether it is a success"},
		{"a status that is none", jsonEnv, 200, `{"status":["ok"],"id":"x"}`, "unknown: answer 200: the answer doesn't say whether it is a success"},
		{"accepted without an id", jsonEnv, 200, `{"status":"ok"}`, "sent []"},
		{"the id as proof", idOnly, 201, `{"id":"x"}`, "sent [x]"},
		{"no proof", idOnly, 201, `{"id":""}`, "unknown: answer 201: the answer doesn't say whether it is a success"},
		{"an error instead", idOnly, 200, `{"error":{"code":"9","text":"no"}}`, "rejected (code 9): answer 200: not what SUCCESS says: no"},
		{"an id that echoes the number", idOnly, 200, `{"id":"m-447700900123"}`, "sent []"},
		{"the code", idOnly, 200, `{"id":"m-482913"}`, "sent []"},
		{"the key", idOnly, 200, `{"id":"` + testToken + `"}`, "sent []"},
		{"or is a page", idOnly, 200, `{"id":"<html> "}`, "sent []"},
		{"in a list", places, 200, `{"list":[{"state":3,"id":"a"}]}`, "sent [a]"},
		{"another place of the code", places, 200, `{"list":[],"message":"NoSender"}`, "rejected (code NoSender): answer 200: not what SUCCESS says"},
		{"a text", text, 200, "00 a1b2", "sent [a1b2]"},
		{"a text with blanks around it", text, 200, "\ufeff\r\n 00 a1b2\n", "sent [a1b2]"},
		{"a text without an id", text, 200, "00", "sent []"},
		{"a text that says no", text, 200, "30", "rejected (code 30): answer 200: not what SUCCESS says"},
		{"a text that says why", text, 200, "30 wrong key " + testToken, "rejected (code 30): answer 200: not what SUCCESS says: wrong key [secret]"},
		{"a text that says nothing", text, 200, "\n", "unknown: answer 200: the answer doesn't say whether it is a success"},
		{"a text that echoes the number", text, 200, "00 447700900123", "sent []"},
		{"a text beside a failure", text, 403, "30 wrong key", "account (code 30): answer 403: wrong key"},
		{"a text's id as proof", textID, 200, "00 a1b2", "sent [a1b2]"},
		{"no proof in a text", textID.with(env{"ERROR_CODE": "", "ERROR_TEXT": ""}), 200, "queued", "unknown: answer 200: the answer doesn't say whether it is a success"},
		{"a failure's code", jsonEnv, 500, `{"error":{"code":true}}`, "temporary (code true): answer 500"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sent, err := send(t, test.env, providertest.Answer{Status: test.status, Body: test.body})
			if err != nil {
				require.Equal(t, test.want, err.Error())
				return
			}
			require.Equal(t, test.want, "sent "+fmtIDs(sent.IDs))
		})
	}
}

func fmtIDs(ids []string) string {
	if ids == nil {
		return "[]"
	}
	return "[" + ids[0] + "]"
}
