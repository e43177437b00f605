package server

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// The replies in this file are for probes, for providers and for unknown paths. Replies to Auth are hook's: only hook knows what
// Auth makes of them.

func writeOK(w http.ResponseWriter) { writeJSON(w, http.StatusOK, []byte("{}")) }

// writeProblem answers with an error. The message must be safe to show to anyone.
func writeProblem(w http.ResponseWriter, status int, message string) {
	var body struct {
		Error struct {
			HTTPCode int    `json:"http_code"`
			Message  string `json:"message"`
		} `json:"error"`
	}
	body.Error.HTTPCode, body.Error.Message = status, message
	text, _ := json.Marshal(body) // an int and a string always marshal
	writeJSON(w, status, text)
}

// writeJSON sends head and body in one write, as hook.Reply needs it.
func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client has left
}
