module github.com/kubectl-harden/kubectl-harden/testdata/tools/golangci-lint

go 1.26.0
