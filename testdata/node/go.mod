// A module of its own, like its neighbours, so that all that a test cluster
// runs is built in one way. It needs the standard library only.
module github.com/kubectl-harden/kubectl-harden/testdata/node

go 1.26.0
