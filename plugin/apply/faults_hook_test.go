//go:build unix

package apply_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// hook is an admission webhook of somebody's: a real server, which the API
// server calls.
type hook struct {
	kind        string // "Mutating" or "Validating"
	failure     string // its failurePolicy
	sideEffects string
	resources   string // those that it is for, beside the probe's
	// review says what becomes of a request. It may block.
	review func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse
}

func allow() *admissionv1.AdmissionResponse { return &admissionv1.AdmissionResponse{Allowed: true} }

func deny(message string) *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{Result: &metav1.Status{Message: message, Code: 403}}
}

func mutate(patch string) *admissionv1.AdmissionResponse {
	kind := admissionv1.PatchTypeJSONPatch
	return &admissionv1.AdmissionResponse{Allowed: true, Patch: []byte(patch), PatchType: &kind}
}

// webhook starts a webhook for the namespace, and waits until the server calls
// it.
func (s *scene) webhook(h hook) {
	s.Helper()
	var probed atomic.Bool
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		review := admissionv1.AdmissionReview{}
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		response := allow()
		if review.Request.Resource.Resource == "configmaps" {
			probed.Store(true)
		} else {
			response = h.review(review.Request)
		}
		response.UID = review.Request.UID
		review.Request, review.Response = nil, response
		_ = json.NewEncoder(w).Encode(review) // a server that hung up sees nothing
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of servers that hang up
	server.StartTLS()
	s.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	s.put(`
apiVersion: admissionregistration.k8s.io/v1
kind: ` + h.kind + `WebhookConfiguration
metadata: {name: ` + s.ns + `}
webhooks:
- name: hook.example.com
  admissionReviewVersions: [v1]
  sideEffects: ` + h.sideEffects + `
  failurePolicy: ` + h.failure + `
  timeoutSeconds: 1
  clientConfig: {url: "` + server.URL + `", caBundle: ` + base64.StdEncoding.EncodeToString(ca) + `}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ` + s.ns + `}}
  rules:
  - {apiGroups: ['*'], apiVersions: ['*'], operations: [CREATE, UPDATE], resources: [configmaps, ` + h.resources + `]}
`)
	s.eventually("the server calls the webhook", func() bool {
		_ = s.probe()
		return probed.Load()
	})
}

// probe writes a ConfigMap that admission is tried with.
func (s *scene) probe() error {
	s.loose["ConfigMap/probe"] = true
	o := s.parse("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: probe, namespace: " + s.ns + "}")
	o.SetAnnotations(map[string]string{"at": s.Name()})
	at := s.at(o)
	_, err := at.Create(s.Context(), o, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		err = at.Delete(s.Context(), "probe", metav1.DeleteOptions{})
	}
	return err
}

// policy puts a ValidatingAdmissionPolicy in force in the namespace: an
// expression of what it allows of some resources, and what it says otherwise
// (an expression, too).
func (s *scene) policy(action, group, resources, allowed, message string) {
	s.Helper()
	name := s.ns
	s.put(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: ` + name + `}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: ['` + group + `'], apiVersions: ['*'], operations: [CREATE, UPDATE], resources: [` + resources + `]}
    - {apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ` + name + `}}
  validations:
  - expression: "object.kind != 'ConfigMap' && (` + allowed + `)"
    messageExpression: "object.kind == 'ConfigMap' ? 'in force' : (` + message + `)"
`)
	s.put(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: ` + name + `}
spec: {policyName: ` + name + `, validationActions: [` + action + `]}
`)
	s.eventually("the policy is in force", func() bool {
		if action == "Warn" {
			return s.warns()
		}
		err := s.probe()
		return err != nil && strings.Contains(err.Error(), "in force")
	})
}

// freePolicy takes the policy away again, and waits until it is.
func (s *scene) freePolicy() {
	s.Helper()
	for _, kind := range []string{"ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"} {
		at := s.objects.Resource(resource("admissionregistration.k8s.io/v1", kind))
		if err := at.Delete(s.Context(), s.ns, metav1.DeleteOptions{}); err != nil {
			s.Fatal(err)
		}
	}
	s.eventually("the policy is gone", func() bool { return s.probe() == nil })
}
