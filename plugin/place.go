package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/tui"
)

// knock bounds how long a server is waited for before a session moves to it.
const knock = 10 * time.Second

// contexts lists the contexts of the kubeconfig in order of their names.
func (o *Options) contexts() ([]string, error) {
	raw, err := o.connection.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, connectionError(err, "", "")
	}
	return slices.Sorted(maps.Keys(raw.Contexts)), nil
}

// namespaces lists the cluster's namespaces, which a scan of one does not know.
func (o *Options) namespaces(ctx context.Context) ([]string, error) {
	var names []string
	err := o.cluster.List(ctx, fixes.KindNamespace, "", func(objects []fixes.Object) {
		for _, obj := range objects {
			names = append(names, obj.GetName())
		}
	})
	if apierrors.IsForbidden(err) {
		return nil, errors.New("you may not list namespaces")
	}
	return names, connectionError(err, o.cluster.Host(), o.Context)
}

// switchTo returns a session that looks elsewhere, once the server there has
// answered.
func (o *Options) switchTo(ctx context.Context, to tui.Place) (tui.Session, error) {
	next, err := o.elsewhere(to)
	if err != nil {
		return tui.Session{}, err
	}
	if err := next.open(ctx); err != nil {
		return tui.Session{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, knock)
	defer cancel()
	if _, err := next.cluster.ServerVersion(ctx); err != nil {
		return tui.Session{}, connectionError(err, next.cluster.Host(), next.Context)
	}
	if to.Namespace != "" {
		_, err := next.cluster.Get(ctx, fixes.Ref{Kind: fixes.KindNamespace, Name: to.Namespace})
		if apierrors.IsNotFound(err) {
			return tui.Session{}, fmt.Errorf("namespace %q does not exist", to.Namespace)
		}
	}
	next.keepers = o.keepers
	return next.session(), nil
}

// elsewhere returns the options of the same command line for another place.
// What was said about one cluster is not said about another: credentials,
// addresses, observed connections, and names of what may be deleted.
func (f *Flags) elsewhere(from *Options, to tui.Place) (*Options, error) {
	next := *f
	next.Connection = copyConnection(f.Connection)
	*next.Connection.Namespace, next.AllNamespaces = to.Namespace, to.Namespace == ""
	// By name also where it stays: the kubeconfig's current context may be
	// another one by now.
	*next.Connection.Context = to.Context
	same := to.Context == from.Context
	if !same {
		forgetCluster(next.Connection)
		next.Access.AuditLogs, next.Flows, next.Decisions, next.Recreate = nil, flowFlags{}, decisionFlags{}, nil
	}
	o, err := next.ToOptions(from.IOStreams)
	if err != nil {
		return nil, err
	}
	if same { // the user has decided more since the flags
		o.decisions = from.decisions
	}
	return o, nil
}

// copyConnection returns flags of a connection that can be changed.
func copyConnection(from *genericclioptions.ConfigFlags) *genericclioptions.ConfigFlags {
	to := genericclioptions.NewConfigFlags(true)
	for _, f := range []struct{ to, from *string }{
		{to.CacheDir, from.CacheDir}, {to.KubeConfig, from.KubeConfig}, {to.ClusterName, from.ClusterName},
		{to.AuthInfoName, from.AuthInfoName}, {to.Context, from.Context}, {to.Namespace, from.Namespace},
		{to.APIServer, from.APIServer}, {to.TLSServerName, from.TLSServerName}, {to.CertFile, from.CertFile},
		{to.KeyFile, from.KeyFile}, {to.CAFile, from.CAFile}, {to.BearerToken, from.BearerToken},
		{to.ProxyURL, from.ProxyURL}, {to.Impersonate, from.Impersonate}, {to.ImpersonateUID, from.ImpersonateUID}, {to.Timeout, from.Timeout},
	} {
		*f.to = *f.from
	}
	*to.Insecure, *to.DisableCompression = *from.Insecure, *from.DisableCompression
	*to.ImpersonateGroup = slices.Clone(*from.ImpersonateGroup)
	*to.ImpersonateUserExtra = slices.Clone(*from.ImpersonateUserExtra)
	to.WrapConfigFn = from.WrapConfigFn
	return to
}

// forgetCluster empties what flags say of one cluster. Whom to impersonate
// stays: it would be a surprise to have more rights elsewhere.
func forgetCluster(flags *genericclioptions.ConfigFlags) {
	for _, f := range []*string{flags.ClusterName, flags.AuthInfoName, flags.APIServer, flags.TLSServerName,
		flags.CertFile, flags.KeyFile, flags.CAFile, flags.BearerToken, flags.ProxyURL} {
		*f = ""
	}
	*flags.Insecure = false
}
