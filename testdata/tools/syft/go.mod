module github.com/kubectl-harden/kubectl-harden/testdata/tools/syft

go 1.26.0
