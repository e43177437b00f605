package message

import (
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/smshook/smshook/providers"
)

const maxFileSize = 16 << 10

// readFolder reads the templates of a folder, from files such as pt-BR.txt. The error names every file that can't be used.
func readFolder(folder fs.FS) (Translations, error) {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, providers.Problem{Setting: folderSetting, Want: "want the path of a readable folder"}
	}
	var list Translations
	var problems []error
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") { // editors and Kubernetes' volumes have such files beside the texts
			continue
		}
		t, err := readFile(folder, name)
		if other, taken := list.of(t.Locale); err == nil && taken {
			err = errors.New("is for the same language as " + other.from.text)
		}
		if err != nil {
			problems = append(problems, t.from.problem(err.Error()))
			continue
		}
		list = append(list, t)
	}
	if len(list) == 0 && problems == nil {
		problems = append(problems, providers.Problem{Setting: folderSetting, Want: "has no file such as pt-BR.txt"})
	}
	return list, errors.Join(problems...)
}

func readFile(folder fs.FS, name string) (Translation, error) {
	t := Translation{from: source{folderSetting, name}}
	tag, isText := strings.CutSuffix(name, ".txt")
	if !isText || t.Locale.UnmarshalText([]byte(tag)) != nil {
		return t, errors.New("want a language and .txt for a name, such as pt-BR.txt")
	}
	file, err := folder.Open(name)
	if err != nil {
		return t, errors.New("can't be read")
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err != nil || len(content) > maxFileSize {
		return t, errors.New("can't be read, or is longer than 16 KiB")
	}
	text := strings.TrimPrefix(string(content), "\ufeff") // some editors put this byte order mark before UTF-8
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	return t, t.Template.UnmarshalText([]byte(text))
}
