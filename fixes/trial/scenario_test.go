package trial_test

import (
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/trial"
)

// begin starts the search for the one workload among objects.
func begin(t *testing.T, objects string, facts ...fixes.Object) (*trial.Search, error) {
	t.Helper()
	inv := fixestest.Load(t, objects)
	for _, f := range facts {
		inv.Add(f)
	}
	return trial.New(inv, inv.Workloads("")[0])
}

func pod(spec string) string {
	return "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n  " + strings.ReplaceAll(strings.TrimSpace(spec), "\n", "\n  ")
}

// play lets a search have its outcomes, one after the other, and the last one
// for ever, and returns the result with all that was tried.
func play(t *testing.T, s *trial.Search, outcomes ...trial.Outcome) (*fixes.Trial, []trial.Try) {
	t.Helper()
	var list []trial.Try
	for try, ok := s.Next(); ok; try, ok = s.Next() {
		s.Learn(outcomes[min(len(list), len(outcomes)-1)])
		if list = append(list, try); len(list) > most {
			t.Fatal("it does not end")
		}
	}
	return s.Trial(), list
}

func ran(processes ...*fixes.Process) trial.Outcome {
	return trial.Outcome{Ready: true, Processes: processes, Containers: []trial.Container{{Name: "c", Running: true}}}
}

func failed(log string) trial.Outcome {
	return trial.Outcome{Containers: []trial.Container{{Name: "c", ExitCode: 1, Reason: "Error", Log: log}}}
}

// rootImage is what the kubelet says of an image that runs as root.
var rootImage = trial.Outcome{Containers: []trial.Container{{Name: "c", Reason: "CreateContainerConfigError",
	Message: "container has runAsNonRoot and image will run as root"}}}

func processes(list ...fixes.RunningProcess) *fixes.Process {
	return &fixes.Process{Container: "c", Running: list}
}

func TestWhatMustNotBeTried(t *testing.T) {
	for spec, want := range map[string]string{
		"os: {name: windows}\ncontainers: [{name: c, image: x}]":                                                                                   "Windows",
		"hostNetwork: true\ncontainers: [{name: c, image: x}]":                                                                                     "namespaces of its node",
		"containers: [{name: c, image: x, securityContext: {privileged: true}}]":                                                                   "privileged",
		"containers: [{name: c, image: x, volumeMounts: [{name: v, mountPath: /v}]}]\nvolumes: [{name: v, hostPath: {path: /srv}}]":                "share",
		"containers: [{name: c, image: x, volumeMounts: [{name: v, mountPath: /v}]}]\nvolumes: [{name: v, nfs: {server: s, path: /p}}]":            "share",
		"containers: [{name: c, image: x, volumeMounts: [{name: v, mountPath: /v, readOnly: true}]}]\nvolumes: [{name: v, hostPath: {path: /}}]":   "",
		"containers: [{name: c, image: x, volumeMounts: [{name: v, mountPath: /v}]}]\nvolumes: [{name: v, persistentVolumeClaim: {claimName: d}}]": "",
	} {
		_, err := begin(t, pod(spec))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", spec, err)
		}
	}
}

func TestTheFirstTryIsEverything(t *testing.T) {
	s, err := begin(t, pod("containers: [{name: c, image: x, readinessProbe: {tcpSocket: {port: 80}}}]"))
	if err != nil {
		t.Fatal(err)
	}
	result, tries := play(t, s, ran())
	// Nothing but /tmp is let go: programs write there when they are asked for something.
	want := fixes.ContainerConfinement{Scratch: []fixes.Scratch{{Path: "/tmp"}}}
	if len(tries) != 1 || !reflect.DeepEqual(tries[0].Confinement.Containers, map[string]fixes.ContainerConfinement{"c": want}) ||
		result.Err != "" || len(result.Kept) != 0 || len(result.Log) != 1 || strings.Contains(result.Log[0], "known") {
		t.Errorf("%d tries, %+v", len(tries), result)
	}
}

// Without a probe "ready" says little: the pod as it is shows what is amiss.
func TestWhatIsReadyMayNotServe(t *testing.T) {
	s, _ := begin(t, pod("containers: [{name: c, image: x}]"))
	listens := func(ports ...int32) trial.Outcome {
		return ran(&fixes.Process{Container: "c", Listens: ports, ListensKnown: true})
	}
	result, tries := play(t, s, listens(8080), listens(80, 8080), listens(80, 8080))
	if len(tries) != 3 || !tries[1].AsItIs || len(result.Confinement.Sysctls) != 1 {
		t.Errorf("%d tries, %+v", len(tries), result)
	}
}

func TestACopyThatDoesNotRunTeachesNothing(t *testing.T) {
	s, _ := begin(t, pod("containers: [{name: c, image: x}]"))
	result, tries := play(t, s, failed("no such host: db"))
	if len(tries) != 2 || !tries[1].AsItIs || !strings.Contains(result.Err, "does not run by itself") {
		t.Errorf("%d tries, %q", len(tries), result.Err)
	}
}

func TestTheServerRefuses(t *testing.T) {
	s, _ := begin(t, pod("containers: [{name: c, image: x}]"))
	const secret = "hunter2"
	result, tries := play(t, s, trial.Outcome{Refused: `admission webhook "x" denied the request: env PASSWORD=` + secret})
	if len(tries) != 1 || !strings.Contains(result.Err, "admission webhook") || strings.Contains(result.Err+strings.Join(result.Log, ""), secret) {
		t.Errorf("%d tries, %q, %q", len(tries), result.Err, result.Log)
	}
}

// A namespace that was closed after its pods came refuses the pod as it is: the
// search goes on without it.
func TestThePodAsItIsIsRefused(t *testing.T) {
	s, _ := begin(t, pod("containers: [{name: c, image: x, readinessProbe: {tcpSocket: {port: 80}}}]"))
	result, tries := play(t, s, failed("open /run/x.pid: read-only file system"), trial.Outcome{Refused: "violates PodSecurity"}, ran())
	if len(tries) != 3 || result.Err != "" || len(result.Confinement.Containers["c"].Scratch) != 2 { // /run and /tmp
		t.Errorf("%d tries, %+v", len(tries), result)
	}
}

func TestTheUserThatItDropsTo(t *testing.T) {
	s, _ := begin(t, pod("containers: [{name: c, image: x, volumeMounts: [{name: d, mountPath: /data}]}]\nvolumes: [{name: d, persistentVolumeClaim: {claimName: d}}]"))
	result, _ := play(t, s, rootImage, ran(processes(fixes.RunningProcess{PID: 1}, fixes.RunningProcess{PID: 7, UID: 33, GID: 34})), ran())
	own := result.Confinement.Containers["c"]
	if own.User == nil || *own.User != 33 || *own.Group != 34 {
		t.Errorf("%+v", own)
	}
	// The copy's claim is an empty folder: that the real one can be written is
	// not shown by it.
	if g := result.Confinement.FSGroup; g == nil || *g != 34 {
		t.Errorf("fsGroup %v", g)
	}
}

// A mail server writes its spool when a mail comes, which no trial sees; its
// own program it had better not write.
func TestAFolderOfItsOwnStaysWritable(t *testing.T) {
	s, _ := begin(t, pod("containers: [{name: c, image: x}]"))
	seen := processes(fixes.RunningProcess{PID: 1}, fixes.RunningProcess{PID: 7, UID: 33, GID: 33})
	seen.Owned = []string{"/opt/app", "/var/spool/mail"}
	result, _ := play(t, s, rootImage, ran(seen), ran())
	want := []fixes.Scratch{{Path: "/tmp"}, {Path: "/var/spool/mail", Seed: true}}
	if got := result.Confinement.Containers["c"].Scratch; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestWhoBecomesOthersStaysRoot(t *testing.T) {
	s, _ := begin(t, pod("containers: [{name: c, image: x}]"))
	result, _ := play(t, s, rootImage, ran(processes(fixes.RunningProcess{PID: 1, Name: "sshd"})), ran())
	own := result.Confinement.Containers["c"]
	if !own.Root || len(own.Add) == 0 || own.WritableRoot || len(result.Kept) == 0 || !strings.Contains(result.Kept[0], "sshd") {
		t.Errorf("%+v, %q", own, result.Kept)
	}
}

// An image without cp can seed nothing: that is learned once.
func TestAnImageWithoutCp(t *testing.T) {
	s, _ := begin(t, pod("containers: [{name: c, image: x, readinessProbe: {tcpSocket: {port: 80}}}]"))
	noCp := trial.Outcome{Containers: []trial.Container{{Name: "seed-opt-app", Init: true, ExitCode: 128, Reason: "StartError",
		Message: `exec: "cp": executable file not found in $PATH`}, {Name: "c", Reason: "PodInitializing"}}}
	result, tries := play(t, s, failed("open /opt/app/x: read-only file system"), ran(), noCp, failed("open /srv/app/y: read-only file system"), ran())
	if len(tries) != 5 {
		t.Fatalf("%d tries: %q", len(tries), result.Log)
	}
	for i, try := range tries {
		for _, scratch := range try.Confinement.Containers["c"].Scratch {
			if scratch.Seed != (i == 2 && scratch.Path != "/tmp") {
				t.Errorf("try %d: %+v", i+1, scratch)
			}
		}
	}
	if len(result.Confinement.Containers["c"].Scratch) != 3 {
		t.Errorf("%+v", result.Confinement)
	}
}

// Each container has exceptions of its own.
func TestOneOfTwoContainers(t *testing.T) {
	s, _ := begin(t, pod("initContainers: [{name: i, image: x}]\ncontainers: [{name: c, image: x}]"))
	first := trial.Outcome{Containers: []trial.Container{{Name: "i", Init: true, ExitCode: 1, Log: "keyctl: Function not implemented"},
		{Name: "c", Reason: "PodInitializing"}}}
	result, _ := play(t, s, first, ran(), ran())
	if i, c := result.Confinement.Containers["i"], result.Confinement.Containers["c"]; !i.Unconfined || c.Unconfined || i.Root || c.Root {
		t.Errorf("%+v", result.Confinement)
	}
	if len(result.Kept) != 1 || !strings.Contains(result.Kept[0], "container i keeps seccompProfile") {
		t.Errorf("%q", result.Kept)
	}
}

// A log may hold anything: nothing of it is repeated but paths and ports.
func TestNoLogIsRepeated(t *testing.T) {
	s, _ := begin(t, pod("containers: [{name: c, image: x}]"))
	const secret = "s3cr3t-value"
	result, tries := play(t, s, failed("password="+secret+"\nopen /run/x.pid: read-only file system "+secret), ran(), ran())
	text := strings.Join(append(result.Log, result.Kept...), "\n")
	for _, try := range tries {
		text += try.Why
	}
	if strings.Contains(text, secret) || !strings.Contains(text, "/run/x.pid") {
		t.Errorf("it says:\n%s", text)
	}
}

// An older server has no such sysctl for everyone.
func TestLowPortsOfOldServers(t *testing.T) {
	for minor, want := range map[int]bool{0: true, 21: false, 22: true, 37: true} {
		inv := fixestest.Load(t, pod("containers: [{name: c, image: x, readinessProbe: {tcpSocket: {port: 80}}}]"))
		inv.ServerMinor = minor
		s, err := trial.New(inv, inv.Workloads("")[0])
		if err != nil {
			t.Fatal(err)
		}
		result, _ := play(t, s, failed("listen tcp :80: bind: permission denied"), ran(), ran())
		added := result.Confinement.Containers["c"].Add
		if got := len(result.Confinement.Sysctls) == 1; got != want || !want && (len(added) != 1 || added[0] != corev1.Capability("NET_BIND_SERVICE")) {
			t.Errorf("1.%d: %+v", minor, result.Confinement)
		}
	}
}
