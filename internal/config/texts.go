package config

import (
	"io/fs"

	"github.com/smshook/smshook/internal/message"
)

// loadTexts makes the texts from the settings and the files in MESSAGES_DIR.
func (c *Config) loadTexts() []error {
	var files fs.FS
	if c.MessagesDir != "" {
		files = folder(c.MessagesDir)
	}
	texts, err := message.Load(message.Settings{
		Message:       c.Message,
		Translations:  c.Translations,
		DefaultLocale: c.DefaultLocale,
		App:           c.App,
		AppHash:       c.AppHash,
		WebOTPDomain:  c.WebOTPDomain,
	}, files)
	if err != nil {
		return prefixed(err, Prefix)
	}
	c.Texts = texts
	for _, found := range texts.Warnings() {
		c.Warnings = append(c.Warnings, problem(Prefix+found.Setting, found.Want).Error())
	}
	return nil
}
