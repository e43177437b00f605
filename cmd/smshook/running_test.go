package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/smshook/smshook/internal/config"
	"github.com/smshook/smshook/internal/receipt"
	"github.com/smshook/smshook/internal/server"
	"github.com/smshook/smshook/providers/all"
)

func example(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join("examples", name))
	require.NoError(t, err)
	return string(text)
}

// tool runs a program on an example, and skips the test if it is missing.
func tool(t *testing.T, program string, args ...string) {
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skip(program + " is missing")
	}
	output, err := exec.Command(path, args...).CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// requireSettings fails if a name isn't a setting.
func requireSettings(t *testing.T, names ...string) {
	var known []string
	for _, section := range config.Describe(all.Drivers()) {
		for _, s := range section.Settings {
			known = append(known, s.Name)
		}
	}
	for _, name := range names {
		require.Contains(t, known, strings.TrimSuffix(name, "_FILE"))
	}
}

// Each example is named in a test. A new one needs a test too.
func TestEachExampleIsTested(t *testing.T) {
	tests, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	var source strings.Builder
	for _, name := range tests {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		source.Write(text)
	}
	require.NoError(t, filepath.WalkDir("examples", func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel("examples", path)
			require.Contains(t, source.String(), filepath.ToSlash(name))
		}
		return err
	}))
}

// The services and variables are those of https://github.com/supabase/supabase/blob/master/docker/docker-compose.yml, where Auth is the
// service auth, on the default network.
func TestComposeExample(t *testing.T) {
	const name = "docker-compose.smshook.yml"
	var compose struct {
		Services map[string]struct {
			Image, Restart string
			ReadOnly       bool     `yaml:"read_only"`
			CapDrop        []string `yaml:"cap_drop"`
			EnvFile        string   `yaml:"env_file"`
			Environment    map[string]string
			Networks       yaml.Node
		}
		Networks map[string]yaml.Node
	}
	readYAML(t, "cmd/smshook/examples/"+name, &compose)
	auth, ours := compose.Services["auth"], compose.Services["smshook"]
	require.Len(t, compose.Services, 2)
	require.Equal(t, map[string]string{
		"GOTRUE_EXTERNAL_PHONE_ENABLED": "true", "GOTRUE_SMS_AUTOCONFIRM": "false", "GOTRUE_SMS_OTP_EXP": "300",
		"GOTRUE_HOOK_SEND_SMS_ENABLED": "true", "GOTRUE_HOOK_SEND_SMS_URI": "http://host.docker.internal:8080" + server.HookPath,
		"GOTRUE_HOOK_SEND_SMS_SECRETS": "${SMSHOOK_SECRETS:?}",
	}, auth.Environment)
	var networks []string
	require.NoError(t, auth.Networks.Decode(&networks))
	require.Equal(t, []string{"default", "smshook"}, networks, "Auth must stay in the network of its database")
	var aliases map[string]struct{ Aliases []string }
	require.NoError(t, ours.Networks.Decode(&aliases))
	require.Equal(t, []string{"host.docker.internal"}, aliases["smshook"].Aliases, "the name for which Auth accepts http")
	require.Contains(t, compose.Networks, "smshook")
	require.Equal(t, "smshook.env", ours.EnvFile)
	for variable := range ours.Environment {
		requireSettings(t, variable)
	}

	if exec.Command("docker", "compose", "version").Run() != nil {
		t.Skip("docker compose is missing: the file was only decoded")
	}
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(example(t, name)), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "base.yml"), []byte("services: {auth: {image: supabase/gotrue}}\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "smshook.env"), nil, 0o600))
	command := exec.Command("docker", "compose", "-f", "base.yml", "-f", name, "config", "--quiet")
	command.Dir, command.Env = folder, append(os.Environ(), "SMSHOOK_SECRETS="+hookSecret)
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// systemd finds no mistake in the unit, and little that an attacker could use in it: 0 is nothing, 100 is all.
func TestSystemdExample(t *testing.T) {
	unit := example(t, "smshook.service")
	file := filepath.Join(t.TempDir(), "smshook.service")
	unit = strings.NewReplacer("/usr/local/bin/smshook", "/bin/true", "/etc/smshook.env", "-/etc/smshook.env").Replace(unit)
	require.NoError(t, os.WriteFile(file, []byte(unit), 0o600))
	tool(t, "systemd-analyze", "verify", file)
	tool(t, "systemd-analyze", "security", "--offline=true", "--threshold=15", file)
}

func TestNginxExample(t *testing.T) {
	folder := t.TempDir()
	site := example(t, "nginx.conf")
	for _, path := range []string{"location = " + server.HookPath + " {", "location " + receipt.Path + " {"} {
		require.Contains(t, site, path)
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is missing")
	}
	tool(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=sms.example.com", "-days", "2",
		"-keyout", filepath.Join(folder, "privkey.pem"), "-out", filepath.Join(folder, "fullchain.pem"))
	site = strings.ReplaceAll(site, "/etc/letsencrypt/live/sms.example.com", folder)
	whole := "pid " + folder + "/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n" + site + "}\n"
	file := filepath.Join(folder, "nginx.conf")
	require.NoError(t, os.WriteFile(file, []byte(whole), 0o600))
	tool(t, "nginx", "-t", "-q", "-c", file)
}

func TestCaddyExample(t *testing.T) {
	require.Contains(t, example(t, "Caddyfile"), "path "+server.HookPath+" "+receipt.Path+"*\n")
	tool(t, "caddy", "validate", "--adapter", "caddyfile", "--config", "examples/Caddyfile")
}

// Only the hook and receipts are public.
func TestCloudflaredExample(t *testing.T) {
	var tunnel struct {
		Tunnel      string
		Credentials string `yaml:"credentials-file"`
		Ingress     []struct{ Hostname, Path, Service string }
	}
	readYAML(t, "cmd/smshook/examples/cloudflared.yml", &tunnel)
	require.Len(t, tunnel.Ingress, 2)
	require.Equal(t, "http_status:404", tunnel.Ingress[1].Service, "cloudflared wants a last rule for all others")
	public := regexp.MustCompile(tunnel.Ingress[0].Path)
	require.True(t, public.MatchString(server.HookPath))
	require.True(t, public.MatchString(receipt.Path+"twilio/CQoMvyBo-QUcWb1oi6yexw"))
	for _, path := range []string{"/", "/readyz", server.HookPath + "/x", "/x" + receipt.Path} {
		require.False(t, public.MatchString(path), path)
	}
}

func TestRenderExample(t *testing.T) {
	var blueprint struct {
		Services []struct {
			Type, Name, Runtime, Plan, Region string
			Image                             struct{ URL string }
			NumInstances                      int    `yaml:"numInstances"`
			HealthCheckPath                   string `yaml:"healthCheckPath"`
			MaxShutdownDelaySeconds           int    `yaml:"maxShutdownDelaySeconds"`
			EnvVars                           []struct {
				Key, Value string
				Sync       *bool
			} `yaml:"envVars"`
		}
	}
	readYAML(t, "cmd/smshook/examples/render.yaml", &blueprint)
	service := blueprint.Services[0]
	require.Equal(t, "/readyz", service.HealthCheckPath)
	require.GreaterOrEqual(t, service.MaxShutdownDelaySeconds, 10, "the program takes up to 9 s to end")
	for _, variable := range service.EnvVars {
		requireSettings(t, variable.Key)
		require.NotEqual(t, variable.Value == "", variable.Sync == nil, "%s has a value, or Render asks for it", variable.Key)
	}
}

// Python's own reader of TOML reads the file. smshook needs none.
func TestFlyioExample(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is missing")
	}
	command := exec.Command(python, "-c", "import json, sys, tomllib; json.dump(tomllib.load(sys.stdin.buffer), sys.stdout)")
	command.Stdin = strings.NewReader(example(t, "flyio.toml"))
	output, err := command.Output()
	require.NoError(t, err)
	var machine struct {
		Env     map[string]string
		Signal  string `json:"kill_signal"`
		Service struct {
			Port     int    `json:"internal_port"`
			AutoStop string `json:"auto_stop_machines"`
			Checks   []struct{ Path string }
		} `json:"http_service"`
	}
	require.NoError(t, json.Unmarshal(output, &machine))
	require.Equal(t, "SIGTERM", machine.Signal)
	require.Equal(t, ":8080", machine.Env["SMSHOOK_ADDR"])
	require.Equal(t, 8080, machine.Service.Port)
	require.Equal(t, "off", machine.Service.AutoStop)
	require.Equal(t, "/readyz", machine.Service.Checks[0].Path)
	for variable := range machine.Env {
		requireSettings(t, variable)
	}
}

var metricInQuery = regexp.MustCompile(`\bsmshook_[a-z_]+`)

// Each metric of the dashboard exists, and promtool can parse each query.
func TestGrafanaExample(t *testing.T) {
	var dashboard struct {
		UID, Title string
		Panels     []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ RefID, Expr string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(example(t, "grafana/smshook.json")), &dashboard))
	require.NotEmpty(t, dashboard.Panels)
	known := metricNames(t)
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for _, panel := range dashboard.Panels {
		require.LessOrEqual(t, panel.GridPos.X+panel.GridPos.W, 24, panel.Title)
		for _, target := range panel.Targets {
			metrics := metricInQuery.FindAllString(target.Expr, -1)
			require.NotEmpty(t, metrics, panel.Title)
			for _, metric := range metrics {
				require.Contains(t, known, metric, panel.Title)
			}
			quoted, err := json.Marshal(strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"))
			require.NoError(t, err)
			rules.WriteString("  - record: dashboard:query\n    labels: {panel: \"" + panel.Title + target.RefID + "\"}\n    expr: " + string(quoted) + "\n")
		}
	}
	var provisioned struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type string
			Options    struct{ Path string }
		}
	}
	readYAML(t, "cmd/smshook/examples/grafana/dashboards.yml", &provisioned)
	require.Equal(t, 1, provisioned.APIVersion)
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, Type, Access, URL string
			IsDefault               bool `yaml:"isDefault"`
		}
	}
	readYAML(t, "cmd/smshook/examples/grafana/datasources.yml", &sources)
	require.Equal(t, "prometheus", sources.Datasources[0].Type)

	file := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(file, []byte(rules.String()), 0o600))
	tool(t, "promtool", "check", "rules", file)
}

// metricNames returns the names of smshook's metrics, as internal/metrics writes them, with the series of histograms.
func metricNames(t *testing.T) (names []string) {
	files, err := filepath.Glob("../../internal/metrics/*.go")
	require.NoError(t, err)
	made := regexp.MustCompile(`\b(counters?|histograms|gauge|counted|NewDesc|Name:)\(?\s*"(?:smshook_)?([a-z_]+)"`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range made.FindAllStringSubmatch(string(source), -1) {
			name := "smshook_" + found[2]
			names = append(names, name)
			if found[1] == "histograms" {
				names = append(names, name+"_bucket", name+"_sum", name+"_count")
			}
		}
	}
	slices.Sort(names)
	require.Contains(t, names, "smshook_hooks_total")
	return names
}

// A page that shows an example shows the file.
func TestPagesShowTheExamples(t *testing.T) {
	for page, examples := range map[string][]string{"../../README.md": {"docker-compose.smshook.yml"}, "README.md": {"nginx.conf", "Caddyfile"}} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, name := range examples {
			require.Contains(t, string(text), "\n"+strings.TrimSpace(example(t, name))+"\n```\n", "%s: %s", page, name)
		}
	}
}
