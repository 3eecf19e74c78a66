# Every go.mod in the repository is a module. Each module is built by itself, without the
# workspace, as its users build it. `make help` lists the targets.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

export GOWORK := off

GO       ?= go
RACE     ?= -race
TESTARGS ?=
FUZZTIME ?= 10s
BENCHARGS ?=
LINT     := $(CURDIR)/bin/golangci-lint
TEST_LOG := $(CURDIR)/bin/test.log

# The root module first, tools last.
NESTED  := $(sort $(patsubst ./%/go.mod,%,$(shell find . -mindepth 2 -name go.mod \
             -not -path '*/.*/*' -not -path '*/testdata/*' -not -path '*/node_modules/*')))
MODULES := . $(filter-out tools,$(NESTED)) tools

# $(call each,command) runs the command in every module and stops at the first failure.
each = for module in $(MODULES); do echo "--- $$module: $(1)"; (cd $$module && $(1)) || exit 1; done

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: check
check: fmt-check tidy-check deps-check work-check vet platforms lint api docs licences rename-check security-mutants test costs ## run every check that must pass before a push
	@echo "check: passed"

# --- tests -------------------------------------------------------------------

.PHONY: test
test: ## run the tests of every module with the race detector; RACE= turns it off
	@GO='$(GO)' scripts/test.sh '$(TEST_LOG)' '$(RACE) $(TESTARGS)' $(MODULES)

.PHONY: costs
costs: ## compare the statements and allocations of each operation with the golden files, without the race detector, which allocates itself
	cd internal/dbtest && $(GO) test -count=1 -run Golden_Costs .

.PHONY: race
race: ## run the tests of every module three times, shuffled, with the race detector
	@GO='$(GO)' scripts/test.sh '$(TEST_LOG)' '-race -count=3 -shuffle=on $(TESTARGS)' $(MODULES)

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (10s)
	@GO='$(GO)' scripts/fuzz.sh '$(FUZZTIME)' $(MODULES)

.PHONY: bench
bench: ## measure the cleanup, the operations, the read cache and large tables; compare with alternatives, raw SQL and other stores
	cd bench && $(GO) run . cleanup $(BENCHARGS)
	cd bench && $(GO) run . operations $(BENCHARGS)
	cd bench && $(GO) run . get $(BENCHARGS)
	cd bench && $(GO) run . peers $(BENCHARGS)
	cd bench && $(GO) run . readcache $(BENCHARGS)
	cd bench && $(GO) run . scale $(BENCHARGS)
	cd bench && $(GO) run . revive $(BENCHARGS)

.PHONY: bench-against
bench-against: ## measure requests, tickets and the store against another commit: make bench-against REF=main
	cd bench && $(GO) run . against $(REF) $(BENCHARGS)

.PHONY: drill
drill: ## run the large drills: cleaners, one refresh across hosts, a frozen host, lost packets, failover, 50 processes; takes minutes
	cd internal/dbtest && USERSESSION_DRILL=full $(GO) test -count=1 -v -timeout 60m -run Drill ./...

.PHONY: test-postgres-matrix
test-postgres-matrix: ## run the PostgreSQL suite on versions 13 to 18, on servers from npm, without containers
	@GO='$(GO)' scripts/postgres-matrix.sh $(VERSIONS)

.PHONY: test-tidb
test-tidb: ## run the MySQL suite and a short benchmark on TiDB, a server built from the Go proxy, without containers
	@GO='$(GO)' BENCHARGS='$(BENCHARGS)' scripts/tidb.sh

.PHONY: test-mariadb test-mysql
test-mariadb: ## run the MySQL suite on MariaDB from Debian's trixie, without containers; needs Debian, root and debootstrap; DRILL=full adds the large drills
	@GO='$(GO)' scripts/mysql.sh mariadb

test-mysql: ## run the MySQL suite on MySQL from Debian's sid, without containers; needs Debian, root and debootstrap; DRILL=full adds the large drills
	@GO='$(GO)' scripts/mysql.sh mysql

.PHONY: test-galera
test-galera: ## run the conformance suite and the races on a Galera cluster of three nodes, all of them writing; needs what test-mariadb needs
	@GO='$(GO)' scripts/cluster.sh galera

.PHONY: test-group-replication
test-group-replication: ## do the same on three members of MySQL's Group Replication, all of them primary; needs what test-mysql needs
	@GO='$(GO)' scripts/cluster.sh group-replication

.PHONY: databases
databases: ## start PostgreSQL and MariaDB for the tests; on Debian, install them if necessary
	@scripts/databases.sh

# --- checks ------------------------------------------------------------------

.PHONY: fmt
fmt: $(LINT) ## format all code
	@$(call each,$(LINT) fmt)

.PHONY: fmt-check
fmt-check:
	@files=$$(gofmt -s -l .); if [[ -n $$files ]]; then \
		echo "these files are not formatted (make fmt):"; echo "$$files"; exit 1; fi

.PHONY: vet
vet: ## run go vet in every module
	@$(call each,$(GO) vet ./...)

# The modules that users import, and the platforms of which no machine tests them. The nested
# modules have no code for one platform; Windows and 32 bits stand for the others.
IMPORTED  := $(filter-out bench tools examples/% internal/% %test,$(NESTED))
PLATFORMS := windows/amd64 linux/386 darwin/arm64 freebsd/amd64 linux/arm64

.PHONY: platforms
platforms: ## run go vet for other systems in the modules that users import, and the tests of the store without cgo
	@for platform in $(PLATFORMS); do for module in . $(IMPORTED); do \
		case $$module/$$platform in ./* | */windows/* | */386) ;; *) continue ;; esac; echo "--- $$module: $$platform"; \
		(cd $$module && CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GO) vet ./...) || exit 1; done; done
	@echo "--- without cgo"; CGO_ENABLED=0 $(GO) test . ./entities ./migrations
	@# Some kernels do not execute 32-bit programs; the tests are vetted above then.
	@if [[ $$($(GO) env GOHOSTOS)/$$($(GO) env GOHOSTARCH) == linux/amd64 ]]; then \
		echo "--- linux/386"; result=0; \
		out=$$(CGO_ENABLED=0 GOARCH=386 $(GO) test ./bff ./bff/ticket ./bff/backchannel 2>&1) || result=$$?; \
		if ((result)) && grep -q 'exec format error' <<<"$$out"; then \
			echo "SKIP: this kernel does not execute linux/386"; \
		else echo "$$out"; ((result == 0)); fi; fi

.PHONY: lint
lint: $(LINT) ## run golangci-lint in every module
	@$(call each,$(LINT) run)

.PHONY: api
api: ## compare the exported API of every public package with api/*.txt
	@cd tools && $(GO) run ./apigolden -root ..

.PHONY: api-update
api-update: ## write the exported API of every public package to api/*.txt
	@cd tools && $(GO) run ./apigolden -root .. -update

.PHONY: version-check
version-check: ## check that a version fits the change of the API since the last one: make version-check TAG=v1.2.0
	@cd tools && $(GO) run ./apigolden -root .. -tag '$(TAG)'

.PHONY: docs
docs: ## check that the Go code in the documents is code that is compiled and tested
	@cd tools && $(GO) run ./readmecheck -root ..

.PHONY: docs-update
docs-update: ## copy the compiled code into the documents
	@cd tools && $(GO) run ./readmecheck -root .. -update

.PHONY: security-mutants
security-mutants: ## break the code of each requirement of SECURITY.md: the test of the requirement must fail
	@cd tools && $(GO) run ./mutants -root ..

.PHONY: mutants
mutants: ## change the code of the packages in PACKAGES, or of all that tools/mutants lists: the tests must notice 95 % of the changes; takes long
	@cd tools && $(GO) run ./mutants -root .. -all $(MUTANTARGS) $(PACKAGES)

.PHONY: licences licences-update
licences: ## compare the licences of all dependencies with docs/licences.md
	@cd tools && $(GO) run ./licences -root .. $(filter-out tools,$(MODULES))

licences-update: ## write the licences of all dependencies to docs/licences.md
	@cd tools && $(GO) run ./licences -root .. -update $(filter-out tools,$(MODULES))

.PHONY: vulnerabilities
vulnerabilities: ## look for known faults in the dependencies of every module; asks vuln.go.dev
	@$(call each,$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -test ./...)

.PHONY: tidy
tidy: ## run go mod tidy in every module
	@$(call each,$(GO) mod tidy)

.PHONY: tidy-check
tidy-check:
	@$(call each,$(GO) mod tidy -diff)

.PHONY: deps-check
deps-check:
	@GO='$(GO)' scripts/deps.sh

.PHONY: work-check
work-check:
	@GO='$(GO)' scripts/work.sh check $(filter-out tools,$(MODULES))

.PHONY: work
work: ## add new modules to go.work
	@GO='$(GO)' scripts/work.sh use $(filter-out tools,$(MODULES))

# --- upkeep ------------------------------------------------------------------

.PHONY: download
download: ## download everything that make check needs, so that it runs offline
	@$(call each,$(GO) mod download)
	@# go mod tidy also reads the tests of the dependencies.
	@$(call each,$(GO) mod tidy -diff)
	@if command -v npm >/dev/null; then npm ci --prefix examples/bff/e2e/oidc-provider --no-audit --no-fund; else \
		echo "without npm, the test with an independent provider is skipped"; fi

.PHONY: release
release: ## build the example reproducibly, with its bill of materials, into bin/release
	@GO='$(GO)' scripts/release.sh

.PHONY: rename
rename: ## change the module path everywhere: make rename MODULE=github.com/you/usersession
	@GO='$(GO)' scripts/rename.sh '$(MODULE)'

.PHONY: rename-check
rename-check:
	@GO='$(GO)' scripts/rename-check.sh

.PHONY: clean
clean: ## remove the files that the other targets create
	rm -rf bin
	find . -name '*.test' -type f -delete
	find . \( -name '*.db' -o -name '*.db-wal' -o -name '*.db-shm' -o -name '*.migrate-lock' \) -type f -delete

# Phony, because go build itself does nothing if the tool is up to date.
.PHONY: $(LINT)
$(LINT):
	@cd tools && $(GO) build -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
