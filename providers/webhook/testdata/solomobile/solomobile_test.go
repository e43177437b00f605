package solomobile

import (
	"encoding/json"
	"testing"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

var opener = providertest.NewOpener(providers.NewDriver("solomobile", "Solo Mobile", New), map[string]string{
	"TOKEN": "token+/0123==", "FROM": "+15555550100",
})

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Provider{
		Open:     opener.Open,
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
