package solomobile

import (
	"encoding/json"
	"testing"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/call"
	"github.com/smshook/smshook/providers/providertest"
)

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Provider{
		Open: func(base call.BaseURL, d providers.Deps) (providers.Provider, error) {
			return New(Settings{Token: providers.NewSecret("token+/0123=="), From: "+15555550100", BaseURL: base}, d)
		},
		Secrets:  []string{"token+/0123=="},
		Codes:    codes,
		Accepted: providertest.Answer{Body: `{"success":true,"message_id":"msg_1","status":"sent","segments":1}`},
		Sent:     providers.Sent{IDs: []string{"msg_1"}},
		Refused: func(code, text string) providertest.Answer {
			body, _ := json.Marshal(map[string]any{"error": map[string]string{"code": code, "message": text}})
			return providertest.Answer{Status: 400, Body: string(body)}
		},
	})
}
