package main

import (
	"context"
	"flag"
	"io"
)

// flagsOf returns the flags of a command. Each command parses its flags first of all, and ends there.
func flagsOf(c command) (flags *flag.FlagSet) {
	sh := &shell{stdout: io.Discard, stderr: io.Discard, inspect: func(f *flag.FlagSet) { flags = f }}
	c.run(context.Background(), sh, c, nil)
	return flags
}
