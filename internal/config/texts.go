package config

import (
	"io/fs"

	"github.com/smshook/smshook/internal/message"
)

// loadTexts makes the texts of what the settings say, and reads the folder.
func (c *Config) loadTexts() []error {
	var files fs.FS
	if c.MessagesDir != "" {
		files = folder(c.MessagesDir)
	}
	texts, err := message.Load(message.Settings{
		Template:     c.Message,
		Translations: c.Translations,
		Default:      c.DefaultLocale,
		App:          c.App,
		AppHash:      c.AppHash,
		Domain:       c.WebOTPDomain,
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
