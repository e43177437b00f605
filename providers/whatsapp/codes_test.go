package whatsapp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers/providertest"
)

// testdata/codes.tsv was written from the documentation, apart from codes.go, for a reviewer to hold against it.
func TestCodes(t *testing.T) {
	require.Equal(t, providertest.Codes(t, "testdata/codes.tsv"), codes)
}
