//go:build !unix

package server

import "math"

// descriptors is how many files and connections the process may have open: there is no limit that could be asked for.
func descriptors() uint64 { return math.MaxUint64 }
