package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/smshook/smshook/internal/config"
)

var healthcheckCommand = command{
	name:    "healthcheck",
	summary: "ask the smshook on this machine whether it runs (for containers)",
	help: `
Sends GET /healthz to the smshook on this machine, at the port of SMSHOOK_ADDR or PORT. It exits with 0 if the answer comes within
two seconds. The image's HEALTHCHECK runs it.`,
	example: "SMSHOOK_ADDR=:8080 smshook healthcheck",
	run:     healthcheck,
}

func healthcheck(ctx context.Context, sh *shell, c command, args []string) int {
	if code, ok := sh.parse(c, flag.NewFlagSet(c.name, flag.ContinueOnError), args, 0); !ok {
		return code
	}
	addr, err := config.Lookup(sh.env, "ADDR")
	if err != nil {
		return sh.fail(c, err)
	}
	host, port, err := net.SplitHostPort(addr)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		return sh.fail(c, fmt.Errorf("%sADDR: want host:port or :port", config.Prefix))
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return sh.fail(c, err)
	}
	client := http.Client{Transport: &http.Transport{}} // without a proxy, because it is this machine
	response, err := client.Do(request)
	if err != nil {
		return sh.fail(c, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return sh.fail(c, fmt.Errorf("the answer is %s", response.Status))
	}
	return exitOK
}
