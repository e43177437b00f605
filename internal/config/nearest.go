package config

import "slices"

// nearestName returns the known name that a mistyped one most likely stands for. A long name may be further off: what Auth calls
// MESSAGE_SERVICE_SID is MESSAGING_SERVICE_SID to others.
func nearestName(name string, known []string) (string, bool) {
	typos := max(2, len(name)/8)
	best, least := "", typos+1
	for _, candidate := range known {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best, best != ""
}

// distance is Levenshtein's: how many letters to add, drop or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = slices.Min([]int{change, row[j] + 1, row[j+1] + 1})
		}
	}
	return row[len(b)]
}
