//go:build !race

package providertest

// RaceDetector is whether the race detector looks on, which makes everything take many times the time and the memory.
const RaceDetector = false
