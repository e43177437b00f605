//go:build race

package dispatch

// raceEnabled is whether the race detector looks on, which makes everything ten times as slow.
const raceEnabled = true
