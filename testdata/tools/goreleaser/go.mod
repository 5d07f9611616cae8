module github.com/kubectl-harden/kubectl-harden/testdata/tools/goreleaser

go 1.26.0
