// The definition of ClusterNetworkPolicy, for a test that installs it from here.
module github.com/kubectl-harden/kubectl-harden/testdata/customkinds

go 1.26.0

require sigs.k8s.io/network-policy-api v0.3.0
