//go:build !windows

package main

import (
	"strings"
	"testing"
)

// TestSessionFollows demands that findings come and go with what kubectl does,
// that a staged plan is made anew when its object changes, that a watch which
// was cut goes on, and that what is staged survives another namespace and
// another context.
func TestSessionFollows(t *testing.T) {
	ns, other := running(t, "session-follows"), namespace(t, "session-other")
	w, kubeconfig := newWire(t)
	w.mend()
	t.Setenv("KUBECONFIG", kubeconfig)
	config := strings.Fields(control.Kubectl(t, "--kubeconfig", kubeconfig, "config", "view", "-o", "jsonpath={.contexts[0].context.cluster} {.contexts[0].context.user}"))
	control.Kubectl(t, "--kubeconfig", kubeconfig, "config", "set-context", "elsewhere", "--cluster="+config[0], "--user="+config[1])
	term := openWith(t, kubeconfig, 120, 40, "-n", ns, "--rule", "env-secret").Wait("1 finding in")
	term.Type("W").Wait("following the cluster")
	control.Apply(t, service(ns, "api", "needs: nothing"))
	term.Wait("2 findings", "watching +1 -0")
	control.Kubectl(t, "delete", "deployment/api", "-n", ns)
	term.Wait("1 finding ", "watching +1 -1")

	term.Type("S ").Wait("1 staged").Type("p").Wait("accepted by the server")
	control.Kubectl(t, "set", "env", "deployment/web", "-n", ns, "COLOUR=blue")
	term.Wait("re-made: " + ns + "/web changed").Wait("accepted by the server").Type("\x1b").Wait("by rule, worst first")

	w.cut()
	term.Wait("connection lost", "retrying in", "1 staged")
	w.mend()
	term.Wait("is followed again").Gone("connection lost")

	term.Type("n").Wait("Namespace", other).Type(other+"\r").Wait("0 findings in", "namespace "+other)
	control.Apply(t, service(other, "api", "needs: nothing"))
	term.Wait("1 finding ", other+"/api", "watching +1") // it is followed there too
	term.Type("C").Wait("Context", "elsewhere").Type("elsewhere\r").Wait("elsewhere · all namespaces", "0 staged", ns+"/web", "watching")
	term.Type("C").Wait("Context", "1 fix staged").Type(contextName+"\r").Wait(contextName+" · all namespaces", "1 staged", "watching")
	term.Type("n").Wait("Namespace", ns).Type(ns+"\r").Wait("1 staged", ns+"/web")
	term.Type("U").Wait("0 staged").Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
}
