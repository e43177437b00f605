//go:build unix

package server

import (
	"math"
	"syscall"
)

// descriptors is how many files and connections the process may have open. Go raises the soft limit to the hard limit at the start:
// https://go.dev/issue/46279. The soft limit is therefore what the operator allows.
func descriptors() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return math.MaxUint64
	}
	return uint64(limit.Cur)
}
