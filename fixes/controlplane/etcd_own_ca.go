package controlplane

import "github.com/kubectl-harden/kubectl-harden/fixes"

func etcdOwnCA() *fixes.Rule {
	return &fixes.Rule{
		ID: "etcd-own-ca", Category: fixes.Access,
		Title:      "etcd trusts the cluster's own authority",
		Severity:   fixes.High,
		Threats:    takeover,
		References: []fixes.Reference{fixes.CIS("2.7"), fixes.OWASP("K09")},
		Docs:       etcdOwnCADocs,
		Check:      checkEtcdOwnCA,
	}
}

const etcdOwnCADocs = `
etcd lets in whoever shows a certificate of its authority. Where that is the cluster's
own, every client certificate of the cluster gets in, each kubelet's too: who has broken
into one node reads all Secrets, past the API server.

## What is looked at
--trusted-ca-file of etcd and --client-ca-file of the API server, in their pods in
kube-system: whether they are one file. With --config-file etcd takes no other flags;
the API does not show the file: that is said, and nothing claimed.

## The fix
An authority of etcd's own (kubeadm makes one: /etc/kubernetes/pki/etcd/ca.crt), and
certificates of it for etcd, its peers and the API servers.

## By hand
    kubectl get pods -n kube-system -l 'component in (etcd,kube-apiserver)' -o yaml | grep -e trusted-ca-file -e client-ca-file
`

func checkEtcdOwnCA(p *fixes.Pass) {
	all := processesOf(p.Inventory)
	for _, proc := range all.of(etcd) {
		own, known := proc.flags.last("trusted-ca-file", "")
		if !known || own == "" || proc.flags.has("config-file") || !proc.flags.is("client-cert-auth", true, false) {
			continue
		}
		for _, api := range all.of(apiServer) {
			theirs, known := api.flags.last("client-ca-file", "")
			if !known || theirs != own || api.workload.Spec.NodeName != proc.workload.Spec.NodeName {
				continue
			}
			proc.report(p, finding{
				flag: "trusted-ca-file", message: "etcd trusts the authority of the cluster's users: each client certificate, a kubelet's too, reads and writes all of the cluster's data.",
				evidence: []string{proc.flags.evidence("trusted-ca-file", ""), "kube-apiserver has --client-ca-file=" + theirs},
				title:    "Give etcd an authority of its own",
				risk:     "A member or an API server without a certificate of the new authority is locked out.",
				edit: edit{
					before: "Make an authority for etcd alone, and of it certificates for etcd, its peers and each API server:\n" +
						"  kubeadm init phase certs etcd-ca && kubeadm init phase certs etcd-server && kubeadm init phase certs etcd-peer\n" +
						"  kubeadm init phase certs apiserver-etcd-client\n",
					set: []string{"--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt", "--peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt"},
				},
			})
			break
		}
	}
}
