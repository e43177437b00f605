package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers/call"
)

// apiMessage is a request of the message API.
type apiMessage struct {
	To   string `json:"to"`
	From string `json:"from,omitempty"`
	Body string `json:"body"`
}

// apiKey is the variable with the key of a caller. A key in the arguments could be read by everybody on the machine.
const apiKey = "MESSAGE_API_KEY"

// apiWaits is how long send waits for the server's answer.
const apiWaits = 10 * time.Second

// sendByAPI asks a server for a message, and prints its answer.
func sendByAPI(ctx context.Context, sh *shell, c command, url string, m apiMessage) int {
	key := sh.variable(apiKey)
	if key == "" {
		return sh.fail(c, errors.New(apiKey+": is missing: the key of a caller, which smshook secret -api NAME has printed"))
	}
	ctx, cancel := context.WithTimeout(ctx, apiWaits)
	defer cancel()
	body, err := json.Marshal(m)
	if err != nil {
		return sh.fail(c, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(url, "/")+server.SendPath, bytes.NewReader(body))
	if err != nil {
		fmt.Fprintf(sh.stderr, "smshook %s: -api: want an address such as http://localhost:8080\n", c.name)
		return exitUsage
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := call.NewClient().Do(r)
	if err != nil {
		return sh.fail(c, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return sh.fail(c, err)
	}
	fmt.Fprintln(sh.stdout, strings.TrimSpace(string(text)))
	if answer.StatusCode != http.StatusOK {
		return exitFail
	}
	return exitOK
}

// variable returns a variable of the environment that is no setting.
func (sh *shell) variable(name string) (value string) {
	for _, entry := range sh.env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}
