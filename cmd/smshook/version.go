package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

var versionCommand = command{
	name:    "version",
	summary: "print the version",
	help:    "Prints the version of smshook, and of Go.",
	example: "smshook version",
	run: func(_ context.Context, sh *shell, c command, args []string) int {
		if code, ok := sh.parse(c, flag.NewFlagSet(c.name, flag.ContinueOnError), args, 0); !ok {
			return code
		}
		fmt.Fprintf(sh.stdout, "smshook %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return exitOK
	},
}

// release is set by the build of an image or a release: -ldflags "-X main.release=v1.2.3".
var release string

// version returns the release, or else the version that the build has taken from the source.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
