module github.com/kubectl-harden/kubectl-harden/testdata/tools/krew

go 1.26.0
