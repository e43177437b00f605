package vonage

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
	"github.com/smshook/smshook/providers/providertest"
)

// The lists were written from Vonage's documentation, apart from codes.go, for a reviewer to hold against it.
func TestCodes(t *testing.T) {
	for name, codes := range map[string]providers.Codes{
		"testdata/codes-sms.tsv":      smsCodes,
		"testdata/codes-receipts.tsv": receiptCodes,
		"testdata/codes-messages.tsv": messagesCodes,
		"testdata/codes-voice.tsv":    voiceCodes,
	} {
		require.Equal(t, providertest.Codes(t, name), codes, name)
	}
	overWhatsApp := providertest.Codes(t, "testdata/codes-messages.tsv")
	maps.Copy(overWhatsApp, providertest.Codes(t, "testdata/codes-whatsapp.tsv"))
	require.Equal(t, overWhatsApp, whatsAppCodes)
}

// The tables are looked into one by one, but an operator overrides them all by one.
func TestCodesDoNotMeet(t *testing.T) {
	for code := range messagesCodes {
		require.NotContains(t, smsCodes, code)
		require.NotContains(t, receiptCodes, code)
	}
	for code := range smsCodes {
		require.NotContains(t, receiptCodes, code)
	}
	for code := range voiceCodes {
		require.NotContains(t, smsCodes, code)
		require.NotContains(t, receiptCodes, code)
		require.NotContains(t, messagesCodes, code)
	}
	for code := range noFailure {
		require.NotContains(t, messagesCodes, code, "it is no failure")
	}
	for code, kind := range parameterCodes {
		require.Contains(t, messagesCodes, code)
		require.NotEqual(t, messagesCodes[code], kind, "one that means the same needs no second entry")
	}
}
