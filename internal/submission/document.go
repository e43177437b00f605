package submission

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/smshook/smshook/internal/api"
)

// document is what is kept of a message, sealed. Text and media are wiped when the message has ended.
type document struct {
	Caller    Caller          `json:"caller"`
	Digest    string          `json:"digest"` // of the request
	To        string          `json:"to"`
	From      string          `json:"from,omitempty"`
	Text      string          `json:"text,omitempty"`
	Media     []string        `json:"media,omitempty"`
	Metadata  json.RawMessage `json:"metadata,omitempty"`
	Segments  int             `json:"segments"`
	CreatedAt time.Time       `json:"created_at"`
	Due       time.Time       `json:"due"`
	Status    api.Status      `json:"status,omitempty"` // when its sending has ended
}

// aad is the name under which a document is sealed. Contents of messages are sealed under the ID alone.
func aad(id string) string { return "message API " + id }

func (s *Service) seal(id string, d document) []byte {
	return s.sealer.SealBytes(aad(id), encode(d))
}

// encode writes a document or an event. Metadata stay as long as they are: json.Marshal would write some characters as six.
func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(v) != nil {
		panic("what is kept of a message can always be encoded")
	}
	return b.Bytes()
}

var errDocument = errors.New("what is kept of a message can't be read")

func (s *Service) open(id string, sealed []byte) (d document, err error) {
	plain, err := s.sealer.OpenBytes(aad(id), sealed)
	if err != nil {
		return document{}, err
	}
	if json.Unmarshal(plain, &d) != nil { // its error would quote the document
		return document{}, errDocument
	}
	return d, nil
}

// waiting is the status of a message that was not sent yet.
func (d document) waiting(now time.Time) api.Status {
	if d.Due.After(now) {
		return api.Scheduled
	}
	return api.Queued
}

// before is the status that a document tells: of a message that was sent, the ledger knows more.
func (s *Service) before(d document) api.Status {
	if d.Status != "" {
		return d.Status
	}
	return d.waiting(time.Now())
}

// ended is the document of a message whose sending has ended.
func (d document) ended(status api.Status) document {
	d.Text, d.Media, d.Status = "", nil, status
	return d
}

// message is the message as its caller sees it.
func (d document) message(id string, status api.Status) *api.Message {
	m := &api.Message{
		Success: status != api.Failed && status != api.Undelivered && status != api.Expired, ID: prefix + id, Status: status, Segments: d.Segments,
		From: d.From, To: d.To, CreatedAt: api.Time{Time: d.CreatedAt}, Metadata: d.Metadata,
	}
	if d.Due.After(d.CreatedAt) {
		m.ScheduledAt = api.Time{Time: d.Due}
	}
	return m
}
