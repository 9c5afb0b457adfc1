# The commands of the project. Only Go is needed for build, test and demo.
GO ?= go
FUZZTIME ?= 60s
NETCASE_ROWS ?= 10000000
NETCASE_SEEDS ?= 20
NETCASE_DATA ?= ../shared/data
# The tests that run such a program: in respond, in report, and in hunt the hostile incident.
PEERTESTS = ^Test(Suricata|Nft(TakesEveryFile|Drops)|Hostile$$|HostileCase$$|HostileInBrowser|PrintedPDF|HitsAgainstGrepcidr)

.PHONY: help build test race lint fmt fuzz golden kills lists bench worst gobench evaluate peers cross demo ci

help: ## list these commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## build ./netcase, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -o netcase ./cmd/netcase

test: ## all tests (under four minutes)
	$(GO) test ./...

race: ## the tests under the race detector (needs gcc); few draws of what one goroutine does, no bulk of real data
	CGO_ENABLED=1 $(GO) test -race -short ./...

lint: ## gofmt, vet, golangci-lint as pinned in tools/
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	cd tools && $(GO) build -o ../dist/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	dist/golangci-lint run ./...

fmt: ## gofmt everything
	gofmt -w $$(git ls-files '*.go')

fuzz: ## every fuzz target for FUZZTIME (60s) each
	FUZZTIME=$(FUZZTIME) GO=$(GO) sh scripts/fuzz.sh

golden: ## rewrite the expected outputs; then read the diff
	$(GO) test ./source ./intel ./report ./casebook ./respond ./cmd/netcase -update

kills: ## 200 updates of the intelligence database stopped by SIGKILL at random moments
	NETCASE_KILLS=200 $(GO) test ./cmd/netcase -run UpdateKilled -count 1 -v

lists: ## every real list at hand into an intelligence database: time, size, what is refused
	NETCASE_ALL_LISTS=1 $(GO) test ./intel/database -run RealLists -count 1 -v

bench: ## one table: ours against DuckDB, nfdump, grepcidr, awk and Suricata, taken in turn (NETCASE_ROWS rows)
	cd scripts/bench && if command -v npm >/dev/null; then npm ci --no-audit --no-fund --silent; fi
	$(GO) run ./scripts/bench -rows $(NETCASE_ROWS)

worst: ## a spoofed flood of ten million sources and a scan of everything, under a ceiling of 512 MiB
	$(GO) run ./scripts/bench -only worst -rows 2000000 -flood 10000000 -repeat 1

gobench: ## the Go benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

evaluate: ## 20 seeds of every story and the real data at NETCASE_DATA, into docs/evaluation.md; the incident over many seeds
	$(GO) run ./cmd/netcase evaluate --seeds $(NETCASE_SEEDS) $(if $(wildcard $(NETCASE_DATA)),--data $(NETCASE_DATA)) --out docs/evaluation.md
	$(GO) test ./hunt -run Seeds -seeds 100 -count 1 -v

peers: ## what we write, read by the programs it is for (Suricata, nftables, Chromium, poppler, the parser of KQL)
	NETCASE_PEERS=require $(GO) test ./respond ./report ./hunt ./cmd/netcase -run '$(PEERTESTS)' -count 1 -v
	NETCASE_PEERS=require GO=$(GO) sh scripts/kql/run.sh

cross: ## build for every platform
	@for os in linux darwin windows; do for arch in amd64 arm64; do \
		echo "$$os/$$arch"; CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -o /dev/null ./cmd/netcase || exit 1; done; done

demo: ## the whole river on the simulated incident
	$(GO) run ./cmd/netcase demo

ci: ## exactly what CI runs
	bash .ci/run
