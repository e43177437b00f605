//go:build race

package policy

// raceEnabled: the race detector makes everything ten times as slow.
const raceEnabled = true
