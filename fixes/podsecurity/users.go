package podsecurity

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// user is whom a process runs as.
type user struct{ uid, gid int64 }

// uid returns the user that a container's first process is told to run as, or
// nil where the image decides.
func (s *subject) uid(c fixes.Container) *int64 {
	if own := security(c).RunAsUser; own != nil {
		return own
	}
	return podSecurity(s.Spec).RunAsUser
}

// namesNonRoot reports whether the pod says that a container runs as another
// user than root.
func (s *subject) namesNonRoot(c fixes.Container) bool {
	if uid := s.uid(c); uid != nil && *uid != 0 {
		return true
	}
	if !s.Windows() {
		return false
	}
	// The kubelet on Windows compares this name only.
	o := security(c).WindowsOptions
	if o == nil || o.RunAsUserName == nil {
		o = podSecurity(s.Spec).WindowsOptions
	}
	return o != nil && o.RunAsUserName != nil && *o.RunAsUserName != "" && *o.RunAsUserName != "ContainerAdministrator"
}

// observedUsers returns, by container name, the users that the workload's
// running pods report, where all pods of the same image agree. The kubelet
// reports the identity of a container's first process (KEP-3619), with a
// runtime that tells it.
func (s *subject) observedUsers() map[string]user {
	if !s.inv.Live {
		return nil
	}
	images := map[string]string{}
	for c := range s.Containers() {
		images[c.Name] = c.Image
	}
	seen := map[string]user{}
	differ := map[string]bool{}
	for _, pod := range s.inv.Pods(s.Workload) {
		w, _ := fixes.AsWorkload(pod)
		running := map[string]string{}
		for c := range w.Containers() {
			running[c.Name] = c.Image
		}
		for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
			for _, st := range statuses {
				if running[st.Name] != images[st.Name] {
					continue // of another revision: it says nothing about this one
				}
				if st.User == nil || st.User.Linux == nil {
					differ[st.Name] = true // not every pod is known
					continue
				}
				u := user{st.User.Linux.UID, st.User.Linux.GID}
				if before, ok := seen[st.Name]; ok && before != u {
					differ[st.Name] = true
				}
				seen[st.Name] = u
			}
		}
	}
	for name := range differ {
		delete(seen, name)
	}
	return seen
}
