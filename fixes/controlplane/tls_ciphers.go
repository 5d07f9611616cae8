package controlplane

import (
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func tlsCiphers() *fixes.Rule {
	return &fixes.Rule{
		ID: "apiserver-tls", Category: fixes.Access,
		Title:      "A control plane program speaks outdated TLS",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.InformationDisclosure, fixes.Tampering},
		References: []fixes.Reference{fixes.CIS("1.2.29"), fixes.OWASP("K09")},
		Docs:       tlsCiphersDocs,
		Check:      checkTLSCiphers,
	}
}

const tlsCiphersDocs = `
TLS 1.0 and 1.1 are broken (RFC 8996), and so are cipher suites without forward secrecy,
or with CBC, RC4 or 3DES: what is recorded today is read once the key is known.

## What is looked at
--tls-min-version and --tls-cipher-suites (etcd: --cipher-suites) of kube-apiserver,
kube-controller-manager, kube-scheduler and etcd, in their pods in kube-system. Where they
are not given, Go's own choice counts (TLS 1.2 and 1.3, sound suites first): no finding.

## The fix
    - --tls-min-version=VersionTLS12
    - --tls-cipher-suites=` + "TLS_ECDHE_…_AES_…_GCM_…" + ` (the steps hold the list)

Clients that speak nothing better are locked out.

## By hand
    openssl s_client -connect API-SERVER:6443 -tls1_1
`

// soundCiphers are the suites of TLS 1.2 that have forward secrecy and authenticate
// what they encrypt; those of TLS 1.3 are not for choice (CIS 1.2.29, 4.2.12).
var soundCiphers = []string{
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}

// tls13Ciphers may be named too, and change nothing; so may old names of two.
var tls13Ciphers = []string{
	"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
	"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
}

// WeakCiphers returns those of some cipher suites, by IANA's names, that are not sound.
func WeakCiphers(suites []string) []string {
	return slices.DeleteFunc(slices.Clone(suites), func(s string) bool {
		return slices.Contains(soundCiphers, s) || slices.Contains(tls13Ciphers, s)
	})
}

// SoundCiphers returns the cipher suites to choose, by IANA's names.
func SoundCiphers() []string { return slices.Clone(soundCiphers) }

// OldTLS reports whether a TLS version, as Kubernetes' flags name it
// ("VersionTLS11", etcd: "TLS1.1"), is older than 1.2.
func OldTLS(version string) bool {
	switch strings.ReplaceAll(strings.TrimPrefix(version, "Version"), ".", "") {
	case "TLS10", "TLS11":
		return true
	}
	return false
}

func checkTLSCiphers(p *fixes.Pass) {
	for _, proc := range processesOf(p.Inventory) {
		ciphers, oldest := "tls-cipher-suites", "--tls-min-version=VersionTLS12"
		if proc.program == etcd {
			ciphers, oldest = "cipher-suites", "--tls-min-version=TLS1.2"
			if proc.flags.has("config-file") {
				continue
			}
		}
		if version, known := proc.flags.last("tls-min-version", ""); known && OldTLS(version) {
			proc.report(p, finding{
				flag: "tls-min-version", message: string(proc.program) + " speaks " + strings.TrimPrefix(version, "Version") + ", which is broken.",
				evidence: []string{proc.flags.evidence("tls-min-version", "")}, title: "Speak TLS 1.2 and newer alone",
				risk: "Clients that speak nothing newer are locked out.", edit: edit{set: []string{oldest}},
			})
		}
		suites, known := proc.flags.list(ciphers)
		if weak := WeakCiphers(suites); known && len(weak) > 0 {
			proc.report(p, finding{
				flag: ciphers, message: string(proc.program) + " takes weak cipher suites: " + fixes.Listed(weak) + ".",
				evidence: []string{proc.flags.evidence(ciphers, "")}, title: "Take sound cipher suites alone",
				risk: "Clients that know none of them are locked out.",
				edit: edit{set: []string{"--" + ciphers + "=" + strings.Join(soundCiphers, ",")}},
			})
		}
	}
}
