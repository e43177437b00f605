package config

import "slices"

// Nearest returns the known name that is most similar to a mistyped one, if any is similar enough. A long name may have more typing
// errors: Auth writes MESSAGE_SERVICE_SID for MESSAGING_SERVICE_SID.
func Nearest(name string, known []string) (string, bool) {
	typos := max(2, len(name)/8)
	best, least := "", typos+1
	for _, candidate := range known {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best, best != ""
}

// distance is the Levenshtein distance: the number of letters to add, remove or change.
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
