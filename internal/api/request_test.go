package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var now = time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)

// shownRequest is a request with its secrets in the open, to compare.
type shownRequest struct {
	To       []string
	List     bool
	From     string
	Body     string
	Media    []string
	At       string
	Metadata string
}

func show(r Request) shownRequest {
	s := shownRequest{List: r.List, From: r.From, Body: r.Body.Reveal(), Media: r.Media, Metadata: string(r.Metadata)}
	for _, number := range r.To {
		s.To = append(s.To, number.Reveal())
	}
	if !r.At.IsZero() && !r.At.Equal(now) {
		s.At = r.At.Format(time.RFC3339Nano)
	}
	return s
}

func TestDecode(t *testing.T) {
	text, err := os.ReadFile("testdata/requests.json")
	require.NoError(t, err)
	var cases []struct {
		Name    string
		Body    string
		Request *shownRequest
		Error   string
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			got, problem := Decode([]byte(tt.Body))
			var due time.Time
			if problem == nil {
				if due, problem = got.Due(now); problem != nil {
					got = Request{}
				}
			}
			if tt.Error != "" {
				require.NotNil(t, problem)
				require.Equal(t, tt.Error, fmt.Sprint(problem.Status, " ", problem.Code, " ", problem.Message))
				require.Zero(t, got)
				return
			}
			require.Nil(t, problem)
			got.At = due
			require.Equal(t, *tt.Request, show(got))
		})
	}
}

func TestBounds(t *testing.T) {
	many := func(n int, one string) string {
		return `["` + strings.Join(strings.Fields(strings.Repeat(one+" ", n)), `","`) + `"]`
	}
	const start = `{"to":"+14155551234","body":"x"`
	for _, tt := range []struct{ body, want string }{
		{`{"to":"+14155551234","body":"` + strings.Repeat("ä", 1600) + `"}`, ""},
		{`{"to":"+14155551234","body":"` + strings.Repeat("ä", 1601) + `"}`, "The 'body' field must have at most 1600 characters"},
		{`{"to":` + many(1000, "+14155551234") + `,"body":"x"}`, ""},
		{`{"to":` + many(1001, "+14155551234") + `,"body":"x"}`, "The 'to' field must have 1 to 1000 phone numbers"},
		{start + `,"media_urls":` + many(10, "https://example.com/a.png") + `}`, ""},
		{start + `,"media_urls":` + many(11, "https://example.com/a.png") + `}`, "The 'media_urls' field must have at most 10 addresses"},
		{start + `,"media_urls":["https://example.com/` + strings.Repeat("a", 2048) + `.png"]}`, "The 'media_urls' field must have https addresses that everybody can reach: the provider fetches them"},
		{start + `,"metadata":{"a":"` + strings.Repeat("a", 16<<10-8) + `"}}`, ""},
		{start + `,"metadata":{"a":"` + strings.Repeat("a", 16<<10) + `"}}`, "The 'metadata' field must have at most 16384 bytes"},
		{start + `,"from":"` + strings.Repeat("1", 33) + `"}`, "The 'from' field must be one of the configured senders"},
	} {
		_, problem := Decode([]byte(tt.body))
		if tt.want == "" {
			require.Nil(t, problem)
			continue
		}
		require.Equal(t, tt.want, problem.Message)
	}
}

func FuzzDecode(f *testing.F) {
	text, err := os.ReadFile("testdata/requests.json")
	require.NoError(f, err)
	var cases []struct{ Body string }
	require.NoError(f, json.Unmarshal(text, &cases))
	for _, c := range cases {
		f.Add([]byte(c.Body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, problem := Decode(body)
		if problem != nil {
			require.Contains(t, []int{http.StatusBadRequest}, problem.Status)
			require.Zero(t, r)
			return
		}
		require.NotEmpty(t, r.To)
		require.False(t, r.Body.Empty())
	})
}

func TestKeys(t *testing.T) {
	one, entryOne, err := NewKey("shop")
	require.NoError(t, err)
	two, entryTwo, err := NewKey("back-office")
	require.NoError(t, err)
	var keys Keys
	require.NoError(t, keys.UnmarshalText([]byte(entryOne+" | "+entryTwo)))
	for secret, want := range map[string]string{one: "shop", two: "back-office", "": "", "sk_": "", one + "x": "", entryOne: "", strings.ToUpper(one): ""} {
		name, ok := keys.Caller(secret)
		require.Equal(t, want, name)
		require.Equal(t, want != "", ok)
	}
	_, ok := Keys(nil).Caller("")
	require.False(t, ok)
	_, _, err = NewKey("a:b")
	require.EqualError(t, err, "want a name of a-z, 0-9, _ and -, with 32 characters at most")
	for text, want := range map[string]string{
		"":                         "key 1: want a name of a-z, 0-9, _ and -, then a colon",
		"Shop:00":                  "key 1: want a name of a-z, 0-9, _ and -, then a colon",
		entryOne + "|":             "key 2: want a name of a-z, 0-9, _ and -, then a colon",
		"shop":                     "key 1: want the SHA-256 of the key in 64 hex digits after the colon; smshook secret -api NAME makes both",
		"shop:" + one:              "key 1: want the SHA-256 of the key in 64 hex digits after the colon; smshook secret -api NAME makes both",
		entryOne[:len(entryOne)-2]: "key 1: want the SHA-256 of the key in 64 hex digits after the colon; smshook secret -api NAME makes both",
	} {
		require.EqualError(t, new(Keys).UnmarshalText([]byte(text)), want, text)
	}
}

func TestBearer(t *testing.T) {
	for header, want := range map[string]string{"Bearer sk_1": "sk_1", "bearer  sk_1": "sk_1", "Basic sk_1": "", "sk_1": "", "": ""} {
		require.Equal(t, want, Bearer(http.Header{"Authorization": {header}}))
	}
}

func TestAnswers(t *testing.T) {
	m := Message{Success: true, ID: "msg_1", Status: Scheduled, Segments: 1, From: "+16045551234", To: "+14155551234", CreatedAt: Time{now}, ScheduledAt: Time{now.Add(time.Hour)}, Metadata: json.RawMessage(`{"a":1}`)}
	plain := m
	plain.Status, plain.ScheduledAt, plain.Metadata = Queued, Time{}, nil
	for _, tt := range []struct {
		answer any
		want   string
	}{
		{plain, `{"success":true,"message_id":"msg_1","status":"queued","segments":1,"from_number":"+16045551234","to_number":"+14155551234","created_at":"2026-01-15T10:00:00.000Z"}`},
		{m, `{"success":true,"message_id":"msg_1","status":"scheduled","segments":1,"from_number":"+16045551234","to_number":"+14155551234","created_at":"2026-01-15T10:00:00.000Z","scheduled_at":"2026-01-15T11:00:00.000Z","metadata":{"a":1}}`},
		{NoKey, `{"error":{"code":"UNAUTHORIZED","message":"The Authorization header must be 'Bearer' and a valid key"}}`},
		{Recipients{true, []any{plain, invalidNumber("to")}}, `{"success":true,"results":[{"success":true,"message_id":"msg_1","status":"queued","segments":1,"from_number":"+16045551234","to_number":"+14155551234","created_at":"2026-01-15T10:00:00.000Z"},{"error":{"code":"INVALID_PHONE_NUMBER","message":"The 'to' field must be a valid E.164 phone number"}}]}`},
		{Event{StatusChanged, "msg_1", Delivered, "+14155551234", "+16045551234", Time{now}, nil}, `{"event":"message.status_changed","message_id":"msg_1","status":"delivered","to_number":"+14155551234","from_number":"+16045551234","timestamp":"2026-01-15T10:00:00.000Z"}`},
	} {
		got, err := json.Marshal(tt.answer)
		require.NoError(t, err)
		require.Equal(t, tt.want, string(got))
	}
}
