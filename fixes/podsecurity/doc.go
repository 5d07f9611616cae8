// Package podsecurity holds the controls of the Pod Security Standards, in
// their restricted profile, as rules.
//
// The judge is k8s.io/pod-security-admission/policy, the code that the API
// server itself admits pods with: a rule reports a workload if and only if the
// library refuses it. What this package adds is where the fault stands, what it
// means, and the smallest edit that satisfies the control.
//
// # Composing
//
// A person may take any of the fixes and leave the others, and what comes out
// must still be an object that the API server accepts. Where the API couples
// two controls, the fix of the later one also does what it cannot do without:
// allowPrivilegeEscalation: false is invalid on a privileged container, so that
// fix stops the container from being privileged if nothing before it did, and
// says so.
//
// [Judge] is the part that other packages use.
package podsecurity
