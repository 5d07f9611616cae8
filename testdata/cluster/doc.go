// Package cluster starts real Kubernetes clusters for tests.
//
// [Start] gives a test a real control plane (etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler) whose nodes and pods are played by
// kwok: objects are validated, admitted, defaulted and rolled out as in
// production, only containers do not run. [StartNode] adds one real node, in
// namespaces of its own, on which they do.
//
//	func TestRollout(t *testing.T) {
//		c := cluster.Start(t)
//		c.Apply(t, manifest)
//		c.Kubectl(t, "rollout", "status", "deployment/web", "--timeout=30s")
//	}
//
// Tests of one package that can live together share one cluster, made in
// TestMain by [New] (or [NewNode]) and ended by [Cluster.Stop].
//
// # Building
//
// Every program is built from its Go module: testdata/controlplane,
// testdata/kwok and testdata/node say which, and pin their versions. This
// happens once for a state of those modules and a Go release, into
// $KUBECTL_HARDEN_TEST_CACHE (the user's cache folder if unset), and takes
// minutes: longer than go test's own -timeout for some machines. So build first:
//
//	go run ./testdata/cluster/cmd/testcluster build --node
//
// # What is left behind
//
// Nothing: the processes are killed by Stop, by t.Cleanup, and by the kernel
// when the test binary itself is killed (on Linux). All that a real node makes,
// containers, mounts and interfaces, lives in namespaces that end with their
// first process. Only the state folder stays if the test binary was killed.
package cluster
