package ledger

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/smshook/smshook/providers"
)

// Sealer encrypts the contents of messages for a ledger that outlives the process: number, text and code are stored in no other
// form. It uses AES-256-GCM with a random nonce. The message's ID is authenticated with the contents, so that the contents of one
// message can't be put into another. It may be used concurrently.
type Sealer struct{ keys atomic.Pointer[keys] }

// keys are those of the secrets there are, and of the secrets that were replaced last.
type keys struct{ now, before []cipher.AEAD }

// NewSealer returns a Sealer for secrets, each of at least 16 random bytes. The first one seals. All of them are tried when contents
// are opened, so that a secret can be changed while what the old one has sealed is still needed.
func NewSealer(secrets ...providers.Secret) *Sealer {
	s := &Sealer{}
	s.keys.Store(&keys{now: keysOf(secrets)})
	return s
}

// Replace takes other secrets from here on. Those of before are still tried when contents are opened, until the next Replace. It
// must not be called concurrently with itself.
func (s *Sealer) Replace(secrets ...providers.Secret) {
	s.keys.Store(&keys{now: keysOf(secrets), before: s.keys.Load().now})
}

// keysOf derives a key from each of the secrets, by HKDF: https://www.rfc-editor.org/rfc/rfc5869. A secret of the hook has another
// use too, and the key tells nothing about it.
func keysOf(secrets []providers.Secret) []cipher.AEAD {
	keys := make([]cipher.AEAD, 0, len(secrets))
	for _, secret := range secrets {
		key, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, "smshook: contents of messages", 32)
		if err != nil {
			panic(err) // only for a length that SHA-256 can't make
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			panic(err) // only for a key of another length
		}
		sealed, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			panic(err) // only for another block size
		}
		keys = append(keys, sealed)
	}
	return keys
}

// sealedForm is the first byte of sealed contents: it names the encoding.
const sealedForm = 1

// contents are what is sealed of a message. The ID is not: it stands beside.
type contents struct {
	To       string        `json:"to"`
	National string        `json:"national,omitempty"`
	Locale   string        `json:"locale,omitempty"`
	Text     string        `json:"text"`
	Code     string        `json:"code"`
	Unicode  bool          `json:"unicode,omitempty"`
	Segments int           `json:"segments,omitempty"`
	Life     time.Duration `json:"life,omitempty"`
	From     string        `json:"from,omitempty"`
	Media    []string      `json:"media,omitempty"`
}

// Seal encrypts the contents of a message.
func (s *Sealer) Seal(m providers.Message) []byte {
	plain, err := json.Marshal(contents{
		To:       m.To.Reveal(),
		National: m.National.Reveal(),
		Locale:   m.Locale,
		Text:     m.Text.Reveal(),
		Code:     m.Code.Reveal(),
		Unicode:  m.Unicode,
		Segments: m.Segments,
		Life:     m.Life,
		From:     m.From,
		Media:    m.Media,
	})
	if err != nil {
		panic("sealing: texts and numbers can always be encoded")
	}
	return s.SealBytes(m.ID, plain)
}

// SealBytes encrypts what belongs to something with a name. It can be opened under that name alone.
func (s *Sealer) SealBytes(name string, plain []byte) []byte {
	return s.keys.Load().now[0].Seal([]byte{sealedForm}, nil, plain, []byte(name))
}

// errSealed says nothing of the contents, and is safe to log.
var errSealed = errors.New("the contents can't be opened: they were sealed with another key, for another message, or have been changed")

// OpenBytes decrypts what SealBytes has encrypted.
func (s *Sealer) OpenBytes(name string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != sealedForm {
		return nil, errSealed
	}
	all := s.keys.Load()
	for _, key := range slices.Concat(all.now, all.before) {
		if plain, err := key.Open(nil, nil, sealed[1:], []byte(name)); err == nil {
			return plain, nil
		}
	}
	return nil, errSealed
}

// Open decrypts the contents of the message with that ID.
func (s *Sealer) Open(id string, sealed []byte) (providers.Message, error) {
	plain, err := s.OpenBytes(id, sealed)
	if err != nil {
		return providers.Message{}, err
	}
	var c contents
	if json.Unmarshal(plain, &c) != nil { // its error would quote the contents
		return providers.Message{}, errSealed
	}
	return providers.Message{
		ID:       id,
		To:       providers.NewSecret(c.To),
		National: providers.NewSecret(c.National),
		Locale:   c.Locale,
		Text:     providers.NewSecret(c.Text),
		Code:     providers.NewSecret(c.Code),
		Unicode:  c.Unicode,
		Segments: c.Segments,
		Life:     c.Life,
		From:     c.From,
		Media:    c.Media,
	}, nil
}
