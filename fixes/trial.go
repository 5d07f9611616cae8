package fixes

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// KindTrial is what trials of a workload's pod have shown.
var KindTrial = Kind{factGroup, "v1", "Trial", "trials", true}

// Trial is what came of starting copies of a workload's pod with ever fitter
// security settings: the tightest that ran. Its namespace is the workload's,
// its name [TrialName].
type Trial struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	// Workload is what was tried, and Template a digest of the pod's template
	// then (see [TemplateDigest]): of another template the trial says nothing.
	Workload Ref
	Template string
	// Err says in a sentence why no settings were found that run; then
	// Confinement is empty.
	Err string
	// Confinement are the tightest settings that ran, and stayed so.
	Confinement Confinement
	// Log has a line for each try: what was tried, what came of it, and what was
	// changed for that reason. It holds no secret.
	Log []string
	// Kept says, for each thing that the restricted level or a read-only root
	// asks for and that the pod could not do without, why.
	Kept []string
}

// TrialName names the trial of a workload.
func TrialName(workload Ref) string { return workload.ResourceName() }

// DeepCopyObject implements [runtime.Object].
func (t *Trial) DeepCopyObject() runtime.Object {
	out := *t
	t.DeepCopyInto(&out.ObjectMeta)
	out.Confinement = t.Confinement.Clone()
	out.Log, out.Kept = slices.Clone(t.Log), slices.Clone(t.Kept)
	return &out
}
