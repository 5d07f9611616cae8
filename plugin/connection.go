package plugin

import (
	"context"
	"fmt"
	"os"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// connection is a cluster that was named on the command line or in the
// kubeconfig.
type connection struct {
	*client.Client
	// context is the name of the kubeconfig's context.
	context string
	// home is the context's namespace.
	home string
}

// connect prepares a client as kubectl would. It sends nothing yet.
func connect(flags *genericclioptions.ConfigFlags) (*connection, error) {
	loader := flags.ToRawKubeConfigLoader()
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, connectionError(err, "", "")
	}
	if clientcmdapi.IsConfigEmpty(&raw) && *flags.APIServer == "" && os.Getenv("KUBERNETES_SERVICE_HOST") == "" {
		// Left alone, client-go would try localhost:8080.
		return nil, connectionError(clientcmd.ErrEmptyConfig, "", "")
	}
	c := &connection{context: raw.CurrentContext}
	if name := *flags.Context; name != "" {
		c.context = name
	}
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, connectionError(err, "", c.context)
	}
	if v := BuildVersion(); config.UserAgent == "" { // for who reads the audit log
		config.UserAgent = fmt.Sprintf("kubectl-harden/%s (%s)", v.Version, v.Platform)
	}
	if c.home, _, err = loader.Namespace(); err != nil {
		return nil, err
	}
	if c.Client, err = client.New(config); err != nil {
		return nil, err
	}
	return c, nil
}

// identity returns what tells the cluster from others: a context may be made
// to point elsewhere, and a cluster be reached by several. Where the namespace
// kube-system may not be read, the server's address has to do.
func (c *connection) identity(ctx context.Context) (journal.Cluster, error) {
	id := journal.Cluster{Server: c.Host(), Context: c.context}
	system, err := c.Get(ctx, fixes.Ref{Kind: fixes.KindNamespace, Name: "kube-system"})
	switch {
	case err == nil:
		id.UID = string(system.GetUID())
	case !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err):
		return id, connectionError(err, c.Host(), c.context)
	}
	return id, nil
}
