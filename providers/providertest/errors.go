package providertest

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/smshook/smshook/providers"
)

// KindOf returns the Kind of an error of Send or Check.
func KindOf(t testing.TB, err error) providers.Kind {
	t.Helper()
	return failure(t, err).Kind
}

// RequireFailure compares a whole error of Send or Check with the expected one.
func RequireFailure(t testing.TB, err error, kind providers.Kind, code, text string) {
	t.Helper()
	failed := failure(t, err)
	require.Equal(t, []string{kind.String(), code, text}, []string{failed.Kind.String(), failed.Code, failed.Err.Error()})
}

func failure(t testing.TB, err error) *providers.Error {
	t.Helper()
	var failed *providers.Error
	require.ErrorAs(t, err, &failed)
	return failed
}

// Problems returns the problems in an error of Validate, as the loader of the settings reads them.
func Problems(err error) []string {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var texts []string
	for _, err := range joined.Unwrap() {
		texts = append(texts, err.(providers.Problem).Error())
	}
	return texts
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}
