# make demo shows what smshook does; make test tells whether it does it. Both need Go and nothing else.

IMAGE   ?= smshook
VERSION ?=
FUZZ    ?= 60s
SOAK    ?= 60s

# The race detector needs a C compiler.
RACE := $(shell command -v "$${CC:-cc}" >/dev/null 2>&1 && echo -race)

.PHONY: demo test test-short dev build lint pages assets screenshots bench soak fuzz image

demo:
	go run ./cmd/smshook demo

# The tests that compute for seconds skip themselves under the race detector, and then run without it. The detector would have
# each package's tests end a second late: https://go.dev/doc/articles/race_detector
test:
ifeq ($(RACE),)
	@echo "no C compiler here: the tests run without the race detector"
endif
	go vet ./...
	CGO_ENABLED=$(if $(RACE),1,0) GORACE=atexit_sleep_ms=0 go test -vet=off $(RACE) ./...
	go test -tags otel ./internal/tracing
ifneq ($(RACE),)
	@set -e; files="$$(grep -rlF --include='*_test.go' 'providertest.Long(t)' cmd internal providers | sed 's|^|./|')"; \
	names="$$(awk '/^func Test/ {name = $$2; sub(/\(.*/, "", name)} /providertest\.Long\(t\)/ {print name}' $$files | paste -sd '|' -)"; \
	set -x; go test -vet=off -run "^($$names)$$" $$(dirname $$files | sort -u)
endif

# What takes seconds is left out, and the race detector with it.
test-short:
	go test -short ./...

dev:
	go run ./cmd/smshook dev

build:
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.release=$(VERSION)" -o bin/smshook ./cmd/smshook

lint:
	@unformatted="$$(gofmt -l cmd internal providers testdata .ci)"; if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go vet -tags otel ./internal/tracing ./internal/app ./cmd/smshook
	go tool -modfile=.ci/tools/go.mod staticcheck ./...
	@set -e; fresh="$$(mktemp -d)"; trap 'rm -r "$$fresh"' EXIT; cp internal/web/*.templ "$$fresh"; \
	go tool -modfile=.ci/tools/go.mod templ generate -log-level warn -path "$$fresh"; \
	for file in "$$fresh"/*_templ.go; do cmp -s "$$file" "internal/web/$${file##*/}" || { echo "make pages would change internal/web/$${file##*/}"; exit 1; }; done
	go test -count 1 ./.ci/words

# The pages' Go code from their templates.
pages:
	go tool -modfile=.ci/tools/go.mod templ generate -log-level warn -path internal/web

# The libraries that browsers load, from npm, and axe-core for the tests, each with its licence.
NPM := htmx.org@2.0.11 htmx-ext-sse@2.2.4 uplot@1.6.32 axe-core@4.14.1
assets:
	@set -e; fresh="$$(mktemp -d)"; trap 'rm -r "$$fresh"' EXIT; npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$$fresh" $(NPM); \
	from="$$fresh/node_modules"; to=internal/web/assets; \
	cp "$$from/htmx.org/dist/htmx.min.js" $$to/htmx.min.js; cp "$$from/htmx.org/LICENSE" $$to/htmx.LICENSE; \
	cp "$$from/htmx-ext-sse/dist/sse.min.js" $$to/htmx-sse.min.js; cp "$$from/htmx-ext-sse/LICENSE" $$to/htmx-sse.LICENSE; \
	cp "$$from/uplot/dist/uPlot.iife.min.js" $$to/uplot.min.js; cp "$$from/uplot/dist/uPlot.min.css" $$to/uplot.min.css; cp "$$from/uplot/LICENSE" $$to/uplot.LICENSE; \
	cp "$$from/axe-core/axe.min.js" internal/web/testdata/axe.min.js; cp "$$from/axe-core/LICENSE" internal/web/testdata/axe.LICENSE

# The pictures of the README.
screenshots:
	mkdir -p .github/screenshots
	SCREENSHOTS="$(CURDIR)/.github/screenshots" go test -count 1 -run '^TestScreenshots$$' ./internal/web

# What a hook costs beside the least that could be called a hook server, what the program weighs and how soon it answers, and
# how long users wait when an instance fails.
bench:
	go test -run '^$$' -bench . -benchtime 5s ./...

# Load, faults, forgeries and restarts for SOAK, and what came of them.
soak:
	SOAK=$(SOAK) go test -run '^(TestSoak|TestEveryInstanceHangs|TestRepeatsAtTheOtherReplica|TestTheDatabaseStops|TestAReplicaIsKilled|TestSoakOfTwoReplicas|TestTwoVersionsAtOnce|TestTheDiskIsFull|TestHooksBesideMemory)$$' -count 1 -timeout 20m -v ./cmd/smshook

# Every fuzz target there is, each for FUZZ.
fuzz:
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p' "$$file"); do \
			echo "$$target in $$(dirname "$$file")"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZ) -fuzzminimizetime 10x "$$(dirname "$$file")" || exit 1; \
		done; \
	done

image:
	docker build --build-arg VERSION=$(VERSION) -t $(IMAGE) .
