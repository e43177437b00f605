package app

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	root   = "../.."
	module = "github.com/smshook/smshook"
)

// mayImport is what each package may import of this module. A provider is any other folder of providers.
var mayImport = map[string][]string{
	"cmd/smshook":                     {"internal/api", "internal/app", "internal/config", "internal/dispatch", "internal/hook", "internal/ledger", "internal/ledger/postgres", "internal/policy", "internal/race", "internal/receipt", "internal/route", "internal/server", "internal/web", "providers", "providers/all", "providers/call", "testdata/hook"},
	"internal/app":                    {"internal/api", "internal/config", "internal/dispatch", "internal/hook", "internal/insight", "internal/ledger", "internal/ledger/postgres", "internal/ledger/sqlite", "internal/metrics", "internal/outbox", "internal/phone", "internal/policy", "internal/race", "internal/receipt", "internal/server", "internal/submission", "internal/tracing", "internal/web", "providers", "providers/call"},
	"internal/web":                    {"internal/ledger"},
	"internal/config":                 {"internal/api", "internal/hook", "internal/message", "internal/phone", "internal/policy", "internal/race", "internal/receipt", "internal/route", "providers"},
	"internal/api":                    {"providers", "providers/call"},
	"internal/auth0":                  {"providers"},
	"internal/submission":             {"internal/api", "internal/dispatch", "internal/ledger", "internal/message", "internal/policy", "providers"},
	"internal/server":                 {"internal/api", "internal/auth0", "internal/dispatch", "internal/hook", "internal/metrics", "internal/race", "internal/receipt", "internal/submission", "providers"},
	"internal/dispatch":               {"internal/insight", "internal/ledger", "internal/message", "internal/phone", "internal/policy", "internal/race", "internal/route", "providers"},
	"internal/outbox":                 {"internal/dispatch", "internal/ledger"},
	"internal/ledger":                 {"internal/policy", "providers"},
	"internal/ledger/ledgertest":      {"internal/ledger", "internal/policy", "providers"},
	"internal/ledger/postgres":        {"internal/ledger", "internal/policy", "providers"},
	"internal/ledger/postgres/pgtest": {},
	"internal/ledger/sqlite":          {"internal/ledger", "internal/policy", "providers"},
	"internal/tracing":                {"internal/dispatch", "internal/ledger", "internal/race", "providers"},
	"internal/insight":                {},
	"internal/race":                   {"providers", "providers/call"},
	"internal/hook":                   {"providers"},
	"internal/message":                {"providers"},
	"internal/phone":                  {"providers"},
	"internal/policy":                 {"internal/phone"},
	"internal/metrics":                {},
	"internal/receipt":                {"providers"},
	"internal/route":                  {},
	"providers":                       {},
	"providers/call":                  {"providers"},
	"providers/all":                   {"providers", "*"}, // it alone knows the providers
	"a provider":                      {"providers", "providers/call", "providers/spoken"},
	"providers/spoken":                {"providers"}, // for those that call
	"providers/providertest":          {"providers", "providers/call"},
}

// homeOf is the packages that may import a library: one, or a few.
var homeOf = map[string][]string{
	"github.com/go-chi/chi/v5":                                        {"internal/server"},
	"github.com/standard-webhooks/standard-webhooks/libraries/go":     {"internal/hook"},
	"github.com/nyaruka/phonenumbers":                                 {"internal/phone"},
	"github.com/sony/gobreaker/v2":                                    {"internal/race"},
	"github.com/prometheus/client_golang/prometheus":                  {"internal/metrics"},
	"github.com/prometheus/client_golang/prometheus/collectors":       {"internal/metrics"},
	"github.com/prometheus/client_golang/prometheus/promhttp":         {"internal/metrics"},
	"github.com/rs/zerolog":                                           {"internal/server", "internal/app", "internal/ledger/postgres/pgtest"},
	"github.com/Shopify/toxiproxy/v2":                                 {"internal/ledger/postgres/pgtest"},
	"github.com/jackc/pgx/v5":                                         {"internal/ledger/postgres", "internal/ledger/postgres/pgtest"},
	"github.com/jackc/pgx/v5/pgconn":                                  {"internal/ledger/postgres"},
	"github.com/jackc/pgx/v5/pgxpool":                                 {"internal/ledger/postgres"},
	"modernc.org/sqlite":                                              {"internal/ledger/sqlite"},
	"github.com/a-h/templ":                                            {"internal/web"},
	"github.com/a-h/templ/runtime":                                    {"internal/web"},
	"github.com/golang-jwt/jwt/v5":                                    {"providers/vonage", "internal/api"},
	"github.com/MicahParks/keyfunc/v3":                                {"internal/api"},
	"golang.org/x/term":                                               {"cmd/smshook"},
	"go.opentelemetry.io/otel/attribute":                              {"internal/tracing"},
	"go.opentelemetry.io/otel/codes":                                  {"internal/tracing"},
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp": {"internal/tracing"},
	"go.opentelemetry.io/otel/sdk/resource":                           {"internal/tracing"},
	"go.opentelemetry.io/otel/sdk/trace":                              {"internal/tracing"},
	"go.opentelemetry.io/otel/trace":                                  {"internal/tracing"},
	"golang.org/x/time/rate":                                          {"internal/api"},
	"github.com/aws/aws-sdk-go-v2/aws":                                {"providers/sns"},
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4":                      {"providers/sns"},
	"golang.org/x/text/language":                                      {"internal/message", "providers/spoken", "providers/whatsapp"},
	"github.com/stretchr/testify/require":                             {"providers/providertest", "internal/ledger/ledgertest"},
}

// imports returns what the Go files of each package import, except in tests.
func imports(t *testing.T) map[string][]string {
	graph := map[string][]string{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || len(entry.Name()) > 2 && strings.HasPrefix(entry.Name(), ".")) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		pkg = filepath.ToSlash(pkg)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			graph[pkg] = append(graph[pkg], imported)
		}
		return nil
	})
	require.NoError(t, err)
	require.Contains(t, graph, "internal/dispatch")
	return graph
}

func isProvider(pkg string) bool {
	_, named := mayImport[pkg]
	return path.Dir(pkg) == "providers" && !named
}

func TestImports(t *testing.T) {
	for pkg, imported := range imports(t) {
		allowed, known := mayImport[pkg]
		if isProvider(pkg) {
			allowed, known = mayImport["a provider"], true
		}
		require.True(t, known, "%s is not in mayImport", pkg)
		for _, name := range imported {
			if ours, ok := strings.CutPrefix(name, module+"/"); ok {
				if isProvider(ours) && slices.Contains(allowed, "*") {
					continue
				}
				require.Contains(t, allowed, ours, "%s must not import %s", pkg, ours)
				continue
			}
			if !strings.Contains(name, ".") {
				require.False(t, pkg == "internal/dispatch" && strings.HasPrefix(name, "net/http"), "dispatch must not know HTTP")
				continue
			}
			require.Contains(t, homeOf[name], pkg, "%s must not be imported here", name)
		}
	}
}

// A rule for a package or an import that no longer exists must be deleted.
func TestImportRulesAreUsed(t *testing.T) {
	graph := imports(t)
	for pkg, allowed := range mayImport {
		if pkg == "a provider" {
			continue
		}
		require.Contains(t, graph, pkg)
		for _, ours := range allowed {
			if ours != "*" {
				require.Contains(t, graph[pkg], module+"/"+ours, "%s no longer imports %s", pkg, ours)
			}
		}
	}
	for library, homes := range homeOf {
		for _, pkg := range homes {
			require.Contains(t, graph[pkg], library, "%s no longer imports %s", pkg, library)
		}
	}
}

// No code outside providers names a provider: all about a provider is in its folder.
func TestNoProviderIsNamedElsewhere(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(root, "providers"))
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && isProvider("providers/"+entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	require.Contains(t, names, "twilio")
	for pkg := range imports(t) {
		if !strings.HasPrefix(pkg, "internal/") {
			continue
		}
		files, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			source, err := os.ReadFile(name)
			require.NoError(t, err)
			for line := range strings.Lines(string(source)) {
				code, _, _ := strings.Cut(line, "//")
				code, _, _ = strings.Cut(code, "help:") // help texts give examples
				for _, provider := range names {
					if provider != "console" && provider != "webhook" { // also a log format, and the standard by which Auth signs
						require.NotContains(t, strings.ToLower(code), provider, name)
					}
				}
			}
		}
	}
}
