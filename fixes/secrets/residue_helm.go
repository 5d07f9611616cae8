package secrets

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// helmRelease is the type of the Secrets in which Helm 3 and 4 keep the record
// of each revision of a release (helm.sh/helm, pkg/storage/driver/secrets.go).
const helmRelease = "helm.sh/release.v1"

// maxRelease bounds what a release record may unpack to: it is at most 1 MiB in
// a Secret, and an honest one never comes near this.
const maxRelease = 32 << 20 // bytes

// release is what is read of a record.
type release struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Version   int    `json:"version"`
	Manifest  string `json:"manifest"`
}

// decodeRelease reads a record: JSON, packed by gzip, in base64.
func decodeRelease(data []byte) (release, error) {
	var r release
	packed := make([]byte, base64.StdEncoding.DecodedLen(len(data)))
	n, err := base64.StdEncoding.Decode(packed, data)
	if err != nil {
		return r, err
	}
	packed = packed[:n]
	if !bytes.HasPrefix(packed, []byte{0x1f, 0x8b}) {
		return r, json.Unmarshal(packed, &r) // Helm before 3.0 did not pack them
	}
	unzip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return r, err
	}
	text, err := io.ReadAll(io.LimitReader(unzip, maxRelease+1))
	if err != nil {
		return r, err
	}
	if len(text) > maxRelease {
		return r, errors.New("it unpacks to more than any release")
	}
	return r, json.Unmarshal(text, &r)
}

// record is a revision of a release that holds credentials.
type record struct {
	secret  fixes.Ref
	release release
	plain   []plain
}

// releases are the records that hold a credential which the object that it was
// for holds no more, by release, the newest first.
type releases [][]record

// releaseKinds are what [releases] are made of.
func releaseKinds() []fixes.Kind {
	return append(fixes.WorkloadKinds(), fixes.KindSecret, fixes.KindConfigMap)
}

func findReleases(inv *fixes.Inventory) releases {
	byName := map[string][]record{}
	known := map[string][]plain{} // documents: most are the same in all revisions
	for _, s := range fixes.Objects[*corev1.Secret](inv, "") {
		if s.Type != helmRelease {
			continue
		}
		r, err := decodeRelease(s.Data["release"])
		if err != nil {
			continue // Helm cannot read it either
		}
		r.Namespace = s.Namespace
		var found []plain
		for doc := range strings.SplitSeq(r.Manifest, "\n---") {
			key := s.Namespace + "\x00" + doc
			left, ok := known[key]
			if !ok {
				left = plainOfDocument(inv, s.Namespace, doc)
				known[key] = left
			}
			found = append(found, left...)
		}
		if len(found) > 0 {
			name := s.Namespace + "/" + r.Name
			r.Manifest = ""
			byName[name] = append(byName[name], record{fixes.RefOf(s), r, found})
		}
	}
	var out releases
	for _, records := range byName {
		slices.SortFunc(records, func(a, b record) int { return cmp.Compare(b.release.Version, a.release.Version) })
		out = append(out, records)
	}
	slices.SortFunc(out, func(a, b []record) int { return a[0].secret.Compare(b[0].secret) })
	return out
}

// holdsPods are the kinds whose documents are looked into.
var holdsPods = regexp.MustCompile(`(?m)^kind:\s*["']?(Deployment|StatefulSet|DaemonSet|ReplicaSet|ReplicationController|CronJob|Job|Pod|ConfigMap)\b`)

// plainOfDocument returns the credentials of one document of a release's
// manifest that its object in the cluster does not hold.
func plainOfDocument(inv *fixes.Inventory, namespace, doc string) []plain {
	if !holdsPods.MatchString(doc) {
		return nil
	}
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(doc), &tree); err != nil {
		return nil
	}
	found := plainIn(tree)
	if len(found) == 0 {
		return nil
	}
	apiVersion, _ := tree["apiVersion"].(string)
	name, _ := tree["kind"].(string)
	gv, err := schema.ParseGroupVersion(apiVersion)
	kind, ok := fixes.LookupKind(schema.GroupKind{Group: gv.Group, Kind: name})
	meta, _ := tree["metadata"].(map[string]any)
	ref := fixes.Ref{Kind: kind, Namespace: namespace}
	ref.Name, _ = meta["name"].(string)
	if ns, _ := meta["namespace"].(string); ns != "" {
		ref.Namespace = ns
	}
	if err == nil && ok {
		if obj := inv.Get(ref); obj != nil {
			found = without(found, own(obj))
		} else if !inv.Covers(kind, ref.Namespace) {
			return nil // it may hold them still
		}
	}
	for i := range found {
		found[i].Where = ref.String() + ": " + found[i].Where
	}
	return found
}

// checkReleases looks for credentials in the records of Helm releases. Fixes do
// not reach them, so all that counts is the cluster as it was scanned.
func checkReleases(p *fixes.Pass) {
	for _, records := range fixes.Memo(p.Scanned(), releaseKinds(), findReleases) {
		var left []plain
		var revisions, names []string
		for _, r := range records {
			left = append(left, r.plain...)
			revisions = append(revisions, fmt.Sprint(r.release.Version))
			names = append(names, r.secret.Name)
		}
		newest := records[0]
		args := fixes.Clean(newest.release.Name) + " -n " + newest.secret.Namespace
		p.Report(fixes.Finding{
			Object:   newest.secret,
			Path:     "data.release",
			Key:      "helm:" + newest.release.Name,
			Severity: fixes.Low, // who may read it may read all Secrets there
			Message: fmt.Sprintf("The record of Helm release %s still holds a credential that its objects have no more (%s).",
				newest.release.Name, strings.Join(places(left), ", ")),
			Evidence: withReaders(p, fixes.KindSecret, newest.secret.Namespace, "in revisions "+strings.Join(revisions, ", ")),
			Fixes: []fixes.Fix{{
				Title:      "Let the release forget it",
				Confidence: fixes.Manual,
				Why:        "the record is Helm's: without it, the release cannot be upgraded or rolled back",
				Risks:      []string{"helm rollback loses the revisions that are deleted.", rotate},
				Steps: strings.Join([]string{
					"1. Change the chart or its values so that the credential comes from a Secret, and run",
					"     helm upgrade " + fixes.Clean(newest.release.Name) + " CHART -n " + newest.secret.Namespace,
					"2. See which revisions are superseded:",
					"     helm history " + args,
					"3. Delete the records of those that hold it, but never the one that is deployed:",
					"     kubectl delete secret -n " + newest.secret.Namespace + " " + strings.Join(names, " "),
					"4. Check that nothing is left in those that stay:",
					"     helm get manifest " + args,
				}, "\n"),
			}},
		})
	}
}
