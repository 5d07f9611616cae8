package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/export"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/forms"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/sops"
)

// secretFlags say in which form Secrets are exported.
type secretFlags struct {
	As             string
	SealCert       string
	SealController string
	ExternalStore  string
	AgeRecipients  []string
	Federate       string
	Clusters       []string
}

// The values of --secrets-as and --federate.
const (
	asSecret   = "secret"
	asSealed   = "sealed"
	asExternal = "external"
	asSOPS     = "sops"

	federateKubeFed = "kubefed"
	federateKarmada = "karmada"
)

var (
	secretForms = []string{asSecret, asSealed, asExternal, asSOPS}
	federations = []string{federateKubeFed, federateKarmada}
)

const (
	// sealCertCluster, for a file, has the certificate read from the cluster.
	sealCertCluster = "cluster"
	// sealController is where Sealed Secrets is installed unless told otherwise.
	sealController = "kube-system/sealed-secrets-controller"
	// maxCertificate is far more than a file of certificates holds, in bytes.
	maxCertificate = 1 << 20
)

func newSecretFlags() secretFlags {
	return secretFlags{As: asSecret, SealController: sealController}
}

func (f *secretFlags) addTo(fs *pflag.FlagSet) {
	fs.StringVar(&f.As, "secrets-as", f.As, "How new Secrets are exported: "+strings.Join(secretForms, ", ")+".")
	fs.StringVar(&f.SealCert, "seal-cert", "", "For sealed: the file with the certificate of the controller of Sealed Secrets, or \"cluster\" to read it there.")
	fs.StringVar(&f.SealController, "seal-controller", f.SealController, "For --seal-cert cluster: the controller's service, as NAMESPACE/NAME.")
	fs.StringVar(&f.ExternalStore, "external-store", "", "For external: the store, as [KIND/]NAME; the kind is SecretStore or ClusterSecretStore.")
	fs.StringSliceVar(&f.AgeRecipients, "age-recipient", nil, "For sops: public keys of age (age1…) that may decrypt.")
	fs.StringVar(&f.Federate, "federate", "", "Export new Secrets for several clusters: "+strings.Join(federations, " or ")+".")
	fs.StringSliceVar(&f.Clusters, "clusters", nil, "For --federate: the clusters; all, if none is named.")
}

// given returns the first of the flags that was used.
func (f *secretFlags) given() string {
	for _, flag := range []struct {
		name string
		used bool
	}{
		{"--secrets-as", f.As != asSecret}, {"--federate", f.Federate != ""}, {"--seal-cert", f.SealCert != ""},
		{"--seal-controller", f.SealController != sealController}, {"--external-store", f.ExternalStore != ""},
		{"--age-recipient", len(f.AgeRecipients) > 0}, {"--clusters", len(f.Clusters) > 0},
	} {
		if flag.used {
			return flag.name
		}
	}
	return ""
}

// set checks the flags. The output must be known already.
func (f *secretFlags) set(o *Options) error {
	switch {
	case !slices.Contains(secretForms, f.As):
		return unknown("form of Secrets", f.As, secretForms)
	case f.Federate != "" && !slices.Contains(federations, f.Federate):
		return unknown("federation", f.Federate, federations)
	}
	if name := f.given(); name != "" && (!o.Fix || o.DryRun == dryRunNone) {
		return fmt.Errorf("%s is for export: add --fix --dry-run", name)
	}
	for _, goes := range []struct {
		flag string
		used bool
		with string
		is   bool
		need bool
	}{
		{"--seal-cert", f.SealCert != "", "--secrets-as sealed", f.As == asSealed, true},
		{"--external-store", f.ExternalStore != "", "--secrets-as external", f.As == asExternal, true},
		{"--age-recipient", len(f.AgeRecipients) > 0, "--secrets-as sops", f.As == asSOPS, true},
		{"--seal-controller", f.SealController != sealController, "--seal-cert cluster", f.SealCert == sealCertCluster, false},
		{"--clusters", len(f.Clusters) > 0, "--federate", f.Federate != "", false},
	} {
		if goes.used && !goes.is {
			return fmt.Errorf("%s goes with %s", goes.flag, goes.with)
		}
		if goes.is && goes.need && !goes.used {
			return fmt.Errorf("%s needs %s; see kubectl %s --help", goes.with, goes.flag, Name)
		}
	}
	if f.SealCert == sealCertCluster && o.source != nil {
		return errors.New("--seal-cert cluster asks the scanned cluster, and there is none: name a file")
	}
	if f.Federate == federateKubeFed {
		if f.As == asSealed || f.As == asExternal {
			return fmt.Errorf("--federate kubefed carries the Secret itself: use it with --secrets-as secret or sops, not %s", f.As)
		}
		if f.As == asSecret && o.Output == outputKustomize {
			return errors.New("a FederatedSecret holds its values, and a kustomization is for Git: add --secrets-as sops, or use -o yaml")
		}
	}
	for _, c := range f.Clusters {
		if len(validation.IsDNS1123Subdomain(c)) > 0 {
			return fmt.Errorf("--clusters: %q is not the name of a cluster", c)
		}
	}
	return f.setForms(o)
}

// setForms makes the forms that the flags, checked, ask for. What has to be
// read for them is read when they are asked for.
func (f *secretFlags) setForms(o *Options) error {
	var list []forms.Form
	if f.Federate == federateKubeFed {
		list = append(list, forms.KubeFed(f.Clusters))
	}
	switch f.As {
	case asExternal:
		kind, store, err := parseStore(f.ExternalStore)
		if err != nil {
			return err
		}
		list = append(list, forms.External(kind, store))
	case asSOPS:
		var recipients []sops.Recipient
		for _, text := range f.AgeRecipients {
			r, err := sops.ParseRecipient(strings.TrimSpace(text))
			if err != nil {
				return fmt.Errorf("--age-recipient: %w", err)
			}
			recipients = append(recipients, r)
		}
		list = append(list, forms.Encrypt(func(m map[string]any) (map[string]any, error) {
			return sops.Encrypt(m, recipients, o.Now())
		}))
	case asSealed:
		if _, _, err := parseService(f.SealController); err != nil {
			return err
		}
	}
	o.secretForms = func(ctx context.Context) ([]forms.Form, error) {
		out := slices.Clone(list)
		if f.As == asSealed {
			form, err := f.seal(ctx, o)
			if err != nil {
				return nil, err
			}
			out = append(out, form)
		}
		if f.Federate == federateKarmada {
			out = append(out, forms.Karmada(f.Clusters))
		}
		return out, nil
	}
	return nil
}

func parseStore(text string) (kind, name string, err error) {
	kind, name, found := strings.Cut(text, "/")
	if !found {
		kind, name = forms.SecretStore, text
	}
	kinds := []string{forms.SecretStore, forms.ClusterSecretStore}
	if !slices.Contains(kinds, kind) {
		return "", "", fmt.Errorf("--external-store: %w", unknown("kind of store", kind, kinds))
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return "", "", fmt.Errorf("--external-store: %q is not the name of a store", name)
	}
	return kind, name, nil
}

func parseService(text string) (namespace, name string, err error) {
	namespace, name, found := strings.Cut(text, "/")
	if !found || len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Label(name)) > 0 {
		return "", "", fmt.Errorf("--seal-controller: %q is not the NAMESPACE/NAME of a service", text)
	}
	return namespace, name, nil
}

// seal reads the certificate, and returns the form that is made with it.
func (f *secretFlags) seal(ctx context.Context, o *Options) (forms.Form, error) {
	from := fixes.Clean(f.SealCert)
	var text []byte
	var err error
	if f.SealCert == sealCertCluster {
		from = "of service " + f.SealController
		text, err = f.clusterCertificate(ctx, o)
	} else {
		text, err = readCertificate(f.SealCert)
	}
	if err != nil {
		return nil, err
	}
	key, err := forms.ParseSealingKey(text, o.Now())
	if err != nil {
		return nil, fmt.Errorf("--seal-cert: the certificate %s %w", from, err)
	}
	return forms.Seal(key), nil
}

// clusterCertificate asks the controller for its certificate, as kubeseal
// does: through the API server's proxy of services.
func (f *secretFlags) clusterCertificate(ctx context.Context, o *Options) ([]byte, error) {
	namespace, name, err := parseService(f.SealController)
	if err != nil {
		return nil, err
	}
	text, err := o.cluster.Raw(ctx, "/api/v1/namespaces/"+namespace+"/services/http:"+name+":/proxy/v1/cert.pem")
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		why := fixes.Clean(connectionError(err, o.cluster.Host(), o.Context).Error()) // may hold what the service answered
		return nil, fmt.Errorf("--seal-cert cluster: service %s does not give its certificate: %s; name another with --seal-controller, or a file", f.SealController, why)
	}
	return text, nil
}

func readCertificate(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--seal-cert: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxCertificate))
	if err != nil {
		return nil, fmt.Errorf("--seal-cert: %w", err)
	}
	return text, nil
}

// inForm returns a plan with its new Secrets in the form that was asked for.
func (o *Options) inForm(plan *fixes.Plan, list []forms.Form) (*fixes.Plan, error) {
	if len(list) == 0 {
		return plan, nil
	}
	return forms.Apply(plan, list...)
}

// sayEntries lists what is to be put into a store.
func (o *Options) sayEntries(plan *fixes.Plan) error {
	entries := forms.Entries(plan)
	if len(entries) == 0 {
		return nil
	}
	_, err := fmt.Fprint(o.ErrOut, "To be put into the store, with the values rotated:\n"+export.EntryTable(entries))
	return err
}
