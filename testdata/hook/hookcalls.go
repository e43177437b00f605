// Package hookcalls has calls of a real Auth server (*.json) and what should come of them (*.golden). It stands beside the files
// because a package can embed nothing from outside of its folder.
package hookcalls

import "embed"

// Files are the calls, and what should come of them.
//
//go:embed *.json *.golden
var Files embed.FS
