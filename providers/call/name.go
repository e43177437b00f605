package call

import (
	"bytes"
	"strings"
)

// maxHexName is the longest name that echoesIn judges by itself.
const maxHexName = 64

// echoesIn reports whether a provider's name for a message holds a secret. Most names are hexadecimal digits behind two letters, or UUIDs:
// there, few forms of a secret fit, and to look for these takes no memory. It is asked for each message that is accepted.
func (s scrubber) echoesIn(name string) bool {
	prefix := min(2, len(name))
	if len(name) > maxHexName || strings.Trim(name[prefix:], "0123456789abcdefABCDEF-") != "" {
		return s.echoes(name)
	}
	var room [maxHexName]byte
	digits := room[:0]
	for i := prefix; i < len(name); i++ {
		if name[i] != '-' {
			digits = append(digits, name[i])
		}
	}
	if code := s.message.Code.Reveal(); code != "" && holds(digits, code) {
		return true
	}
	for number := s.number(); len(number) >= telling; number = number[1:] {
		if holds(digits, number[:telling]) {
			return true
		}
	}
	for _, secret := range s.credentials {
		if text := secret.Reveal(); text != "" && bytes.Contains(bytes.ToLower(digits), bytes.ToLower([]byte(text))) {
			return true
		}
	}
	return false
}

// holds reports whether a text holds some digits, as they are, backwards, or as the hexadecimal digits of their characters.
func holds(text []byte, digits string) bool {
	var backwards, hex [maxHexName]byte
	n := len(digits)
	if 2*n > maxHexName {
		return false
	}
	for i := range n {
		backwards[n-1-i] = digits[i]
		hex[2*i], hex[2*i+1] = '3', digits[i]
	}
	return bytes.Contains(text, []byte(digits)) || bytes.Contains(text, backwards[:n]) || bytes.Contains(text, hex[:2*n])
}
