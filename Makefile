# make demo shows what smshook does; make test tells whether it does it. Both need Go and nothing else.

IMAGE   ?= smshook
VERSION ?=
FUZZ    ?= 60s
SOAK    ?= 60s

# The race detector needs a C compiler.
RACE := $(shell command -v "$${CC:-cc}" >/dev/null 2>&1 && echo -race)

.PHONY: demo test test-short dev build lint bench soak fuzz image

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
	go tool -modfile=.ci/tools/go.mod staticcheck ./...
	go test -count 1 ./.ci/words

# What a hook costs beside the least that could be called a hook server, what the program weighs and how soon it answers, and
# how long users wait when an instance fails.
bench:
	go test -run '^$$' -bench . -benchtime 5s ./...

# Load, faults, forgeries and restarts for SOAK, and what came of them.
soak:
	SOAK=$(SOAK) go test -run '^(TestSoak|TestEveryInstanceHangs|TestRepeatsAtTheOtherReplica|TestTheDatabaseStops|TestAReplicaIsKilled)$$' -count 1 -timeout 20m -v ./cmd/smshook

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
