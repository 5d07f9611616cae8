# Everything works from a clean clone with Go, make and git, but for what
# test-race needs: a C compiler.

# Without cgo the program is half as big and the same everywhere; build, test and
# release share these flags so that they share what is compiled.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath $(filter-out -trimpath,$(GOFLAGS))
export GOWORK := off

# ./... leaves out testdata; the modules of their own in it stay out.
PACKAGES := ./... ./testdata/cluster/... ./testdata/floor ./testdata/terminal ./testdata/screenshots
# What runs on a real node has deadlines, as its probes do: such tests end in
# OnNode, and run when nothing else does. Of the others those that may run side by
# side mostly wait for a cluster: more of them than there are processors.
NODE_PACKAGES = $(sort $(dir $(shell grep -rl --include='*_test.go' 'OnNode(t \*testing.T)' cmd fixes plugin testdata/cluster | sed 's|^|./|')))
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
BINDIR ?= $(shell go env GOPATH)/bin
BENCH ?= .
FUZZTIME ?= 30s
RACE ?= ./fixes/... ./tui/... ./plugin/...

# A tool is built from the module that pins it, once: Go's build cache keeps it.
tool = go tool -modfile=testdata/tools/$(1)/go.mod

.PHONY: build
build: ## the program: bin/kubectl-harden
	go build -o bin/ ./cmd/kubectl-harden

.PHONY: install
install: build ## the program and its completion by kubectl, into BINDIR
	install -d $(BINDIR)
	install -m 755 bin/kubectl-harden krew/kubectl_complete-harden $(BINDIR)

.PHONY: test
test: testbins ## all tests, on a real control plane; on a real node too where one is possible
	go vet $(PACKAGES)
	go test -timeout 30m -parallel 8 -skip 'OnNode$$' $(PACKAGES)
	go test -C testdata/netpol .
	go test -timeout 30m -p 1 -run 'OnNode$$' $(NODE_PACKAGES)

.PHONY: test-trivy
test-trivy: testbins ## the tests with the real trivy
	go test -run Trivy ./plugin/vulnerabilities

# What the tests run: the programs of a cluster, and the tools of a release. In
# the tests' own time their compilation would look like a test that hangs. Trivy
# takes longest; KUBECTL_HARDEN_WITHOUT=trivy leaves it out, and its test.
.PHONY: testbins
testbins:
	go run ./testdata/cluster/cmd/testcluster build $(if $(filter 1,$(KUBECTL_HARDEN_REQUIRE_NODE)),--node)
	@for t in $(filter-out $(KUBECTL_HARDEN_WITHOUT),goreleaser krew sops syft trivy); do \
		echo "building $$t of testdata/tools (once)"; \
		if [ $$t = trivy ]; then export GOEXPERIMENT=jsonv2; fi; \
		$(call tool,$$t) -n $$t >/dev/null || exit; \
	done

.PHONY: test-race
test-race: testbins ## the tests of everything that runs concurrently, under the race detector
	CGO_ENABLED=1 go test -race -short -vet=off -timeout 30m $(RACE)

.PHONY: lint
lint: ## golangci-lint, as .golangci.yml says
	$(call tool,golangci-lint) golangci-lint run $(PACKAGES)

.PHONY: bench
bench: testbins ## BENCH=regexp
	go test -timeout 30m -run '^$$' -bench '$(BENCH)' -benchmem $(PACKAGES)

.PHONY: screens
screens: ## draw the pictures of the README anew, from the program as it is
	go run ./testdata/screenshots

.PHONY: fuzz
fuzz: ## every fuzz test for FUZZTIME
	@grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n 1 dirname | sort -u | while read -r dir; do \
		sed -nE 's/^func (Fuzz[A-Za-z0-9_]+).*/\1/p' $$dir/*_test.go | while read -r f; do \
			echo "$$f in $$dir"; \
			go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$dir </dev/null || exit; \
		done || exit; \
	done

.PHONY: cross
cross: ## compile for every platform of a release: minutes for each
	@for p in $(PLATFORMS); do \
		echo "$$p"; GOOS=$${p%/*} GOARCH=$${p#*/} go build -o /dev/null ./cmd/kubectl-harden || exit; \
	done

.PHONY: release-snapshot
release-snapshot: ## all of a release but its publication: dist/
	PATH="$$(dirname "$$($(call tool,syft) -n syft)"):$$PATH" \
		$(call tool,goreleaser) goreleaser release --snapshot --clean

.PHONY: clean
clean:
	rm -rf bin dist

.PHONY: help
help:
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST)
