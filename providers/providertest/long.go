package providertest

import "testing"

// Long skips a test that computes for seconds, with -short and under the race detector, which would make it take minutes.
// `make test` finds the tests that call it, and runs them once more without the race detector.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes seconds, and the tests are to be short")
	}
	if RaceDetector {
		t.Skip("it runs without the race detector")
	}
}
