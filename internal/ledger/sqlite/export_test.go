package sqlite

import "time"

// WaitLong makes operations wait as long as the disk takes: on a busy machine that may be more than in earnest.
func WaitLong() { waitAtMost = 20 * time.Second }
