//go:build !unix

package server

import "math"

// descriptors is how many files and connections the process may have open. Other systems have no such limit to ask for.
func descriptors() uint64 { return math.MaxUint64 }
