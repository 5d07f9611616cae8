package plugin

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// accessFormats are the values of --output of the access commands.
var accessFormats = []string{outputTable, outputJSON}

func newAccessCommand(streams genericiooptions.IOStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "access",
		Short: "Show who may do what, and by which bindings",
		Long: `Show who may do what, by the roles and bindings of a cluster or of manifests, and
the whole way that leads there: which pods run as which ServiceAccount, by which
binding, to which role. Other authorizers (nodes, webhooks) are not asked.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError(errors.New("access takes a command: who-can or what-can; see kubectl harden access --help"))
		},
	}
	cmd.AddCommand(newWhoCanCommand(streams), newWhatCanCommand(streams))
	return cmd
}

func newWhoCanCommand(streams genericiooptions.IOStreams) *cobra.Command {
	subresource := ""
	return accessCommand(streams, &cobra.Command{
		Use:   "who-can VERB RESOURCE[.GROUP][/NAME] | VERB /PATH",
		Short: "Show who may do something",
		Long: `Show who may do something: to all objects of a resource or to one, in a namespace
(-n) or in all of them at once, or to a path of the API server. Who may do it in
single namespaces is said apart; -n shows how. Beside manifests (-f) count the roles
that every cluster has (cluster-admin, admin, edit, view and system:…).`,
		Example: `  # Who may read every Secret of the cluster, or of a namespace, or one
  kubectl harden access who-can list secrets
  kubectl harden access who-can get secrets -n shop
  kubectl harden access who-can get secrets/db -n shop

  # Who may exec into pods, scale Deployments, read metrics
  kubectl harden access who-can create pods --subresource exec -n shop
  kubectl harden access who-can update deployments.apps/web --subresource scale -n shop
  kubectl harden access who-can get /metrics`,
	}, 2, func(fs *pflag.FlagSet) {
		fs.StringVar(&subresource, "subresource", "", "A subresource, as in kubectl auth can-i (exec, log, scale, token).")
	}, func(ctx context.Context, o *Options, args []string) error {
		request, err := parseRequest(args[0], args[1], subresource, o.Namespace)
		if err != nil {
			return usageError(err)
		}
		o.sayDoubts(request, args[1])
		return o.whoCan(ctx, request)
	})
}

func newWhatCanCommand(streams genericiooptions.IOStreams) *cobra.Command {
	return accessCommand(streams, &cobra.Command{
		Use:   "what-can SUBJECT",
		Short: "Show what somebody may do",
		Long: `Show what somebody may do, in a namespace (-n) or in all, and by which bindings: a
user (user:NAME), a group (group:NAME), or a ServiceAccount (sa:NAMESPACE/NAME, sa:NAME
with -n, or as kubectl has it, system:serviceaccount:NAMESPACE:NAME). Rights of groups
that the subject is in by its nature are among it (system:authenticated and the like),
and the column AS names them; the groups of a person only their identity provider knows: ask for each.`,
		Example: `  kubectl harden access what-can sa:shop/web
  kubectl harden access what-can group:developers -n shop -o json
  kubectl harden access what-can system:serviceaccount:shop:web -f deploy/`,
	}, 1, nil, func(ctx context.Context, o *Options, args []string) error {
		subject, err := parseSubject(args[0], o.Namespace)
		if err != nil {
			return usageError(err)
		}
		return o.whatCan(ctx, subject)
	})
}

// accessCommand completes a command that takes a number of arguments, a source
// and a format.
func accessCommand(streams genericiooptions.IOStreams, cmd *cobra.Command, arguments int, more func(*pflag.FlagSet),
	run func(context.Context, *Options, []string) error) *cobra.Command {
	flags := NewFlags()
	flags.Categories = []string{string(fixes.Access)}
	output := outputTable
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) != arguments {
			return usageError(fmt.Errorf("usage: kubectl harden access %s", cmd.Use))
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(accessFormats, output) {
			return usageError(unknown("output", output, accessFormats))
		}
		o, err := flags.ToOptions(streams)
		if err != nil {
			return usageError(err)
		}
		o.Output = output
		o.config = nil // no finding is shown
		return run(cmd.Context(), o, args)
	}
	groups := addGroups(cmd,
		flagGroupOf("What to look at", flags.addSource),
		flagGroupOf("How", func(fs *pflag.FlagSet) {
			if more != nil {
				more(fs)
			}
			fs.StringVarP(&output, "output", "o", outputTable, "One of "+strings.Join(accessFormats, "|")+".")
		}),
		flagGroupOf("Connection, as in kubectl", flags.Connection.AddFlags))
	setUsage(cmd, groups)
	return cmd
}

// versioned is a version before an API group.
var versioned = regexp.MustCompile(`^v[0-9]+((alpha|beta)[0-9]+)?(\.|$)`)

// parseRequest reads what is asked for as kubectl auth can-i does.
func parseRequest(verb, what, subresource, namespace string) (rbac.Request, error) {
	if strings.HasPrefix(what, "/") {
		if subresource != "" {
			return rbac.Request{}, errors.New("--subresource goes with a resource, not with a path")
		}
		return rbac.Request{Verb: verb, Path: what}, nil
	}
	resource, name, named := strings.Cut(what, "/")
	if named && name == "" {
		return rbac.Request{}, fmt.Errorf("%q ends where a name belongs; write RESOURCE.GROUP/NAME, and --subresource for a subresource", what)
	}
	if strings.Contains(name, "/") && resource != "signers" && !strings.HasPrefix(resource, "signers.") { // DOMAIN/NAME
		return rbac.Request{}, fmt.Errorf("%q holds more than a resource and a name; give the namespace by -n, and a subresource by --subresource", what)
	}
	word, group, grouped := strings.Cut(resource, ".")
	group = versioned.ReplaceAllString(group, "") // deployments.v1.apps, as kubectl has it
	r := rbac.Request{Verb: verb, Group: group, Resource: word, Namespace: namespace, Name: name}
	if known, ok := rbac.FindResource(word, group, grouped); ok {
		r.Group, r.Resource = known.Group, known.Name
		if !known.Namespaced {
			r.Namespace = ""
			if known.Name == "namespaces" && known.Group == "" && name != "" {
				r.Namespace = name // a namespace's own roles count for itself
			}
		}
	} else if !grouped && word != rbacv1.ResourceAll {
		return r, fmt.Errorf("%q is no resource of Kubernetes itself; add its API group (certificates.cert-manager.io)", word)
	}
	if word == rbacv1.ResourceAll && !grouped {
		r.Group = rbacv1.APIGroupAll
	}
	if subresource != "" {
		r.Resource += "/" + subresource
	}
	return r, nil
}

// parseSubject reads the name of a subject; a ServiceAccount without a namespace is one
// of the given namespace.
func parseSubject(s, namespace string) (rbacv1.Subject, error) {
	kind, name, ok := strings.Cut(s, ":")
	bad := fmt.Errorf("bad subject %q; write user:NAME, group:NAME, sa:NAMESPACE/NAME or system:serviceaccount:NAMESPACE:NAME", s)
	if !ok || name == "" {
		return rbacv1.Subject{}, bad
	}
	subject := rbacv1.Subject{APIGroup: rbacv1.GroupName, Name: name}
	switch strings.ToLower(kind) {
	case "user", "u":
		subject.Kind = rbacv1.UserKind
	case "group", "g":
		subject.Kind = rbacv1.GroupKind
	case "sa", "serviceaccount":
		ns, account, ok := strings.Cut(name, "/")
		if !ok && namespace != "" {
			ns, account, ok = namespace, name, true
		}
		if !ok || ns == "" || account == "" || strings.Contains(account, "/") {
			return rbacv1.Subject{}, bad
		}
		return rbac.Account(ns, account), nil
	case "system":
		subject.Kind, subject.Name = rbacv1.UserKind, s
	default:
		return rbacv1.Subject{}, bad
	}
	c, ok := rbac.Canonical(subject, "")
	if !ok {
		return rbacv1.Subject{}, bad
	}
	return c, nil
}

// loadRights loads roles, bindings and what runs, and judges nothing.
func (o *Options) loadRights(ctx context.Context) (*fixes.Inventory, error) {
	return o.loadKinds(ctx, "access", append(slices.Concat(rbac.Kinds(), fixes.WorkloadKinds()), fixes.KindServiceAccount))
}

// loadKinds loads objects of some kinds for a command, and judges nothing.
func (o *Options) loadKinds(ctx context.Context, command string, kinds []fixes.Kind) (*fixes.Inventory, error) {
	if err := o.connect(); err != nil {
		return nil, err
	}
	o.Rules = []*fixes.Rule{{ID: command, Category: fixes.Access, Kinds: kinds, Check: func(*fixes.Pass) {}}}
	result, err := o.scanShown(ctx)
	if result == nil {
		return nil, err
	}
	return result.Inventory, err
}

func (o *Options) whoCan(ctx context.Context, request rbac.Request) error {
	inv, err := o.loadRights(ctx)
	if inv == nil {
		return err
	}
	runners, index := rbac.RunnersOf(inv), rbac.Of(inv)
	answer := report.WhoCan{Request: request}
	for _, g := range index.WhoCan(request) {
		answer.Paths = append(answer.Paths, rbac.PathsOf(rbac.Bound{Binding: g.Binding, Role: g.Role}, g.Subject, runners)...)
	}
	if o.Output == outputJSON {
		err = errors.Join(err, answer.JSON(o.Out))
	} else {
		err = errors.Join(err, answer.Table(o.Out))
		o.sayElsewhere(index.Elsewhere(request))
	}
	o.sayUnresolved(inv, request)
	return errors.Join(err, o.saySkipped(inv))
}

func (o *Options) whatCan(ctx context.Context, s rbacv1.Subject) error {
	inv, err := o.loadRights(ctx)
	if inv == nil {
		return err
	}
	index := rbac.Of(inv)
	answer := report.WhatCan{
		Subject: s, Bindings: index.WhatCan(s, o.Namespace),
		Unresolved: index.LostTo(s, o.Namespace), Partial: !rolesSeen(inv, o.Namespace), Unseen: !bindingsSeen(inv, o.Namespace),
	}
	if s.Kind == rbacv1.ServiceAccountKind {
		for _, w := range rbac.RunnersOf(inv)[rbac.Account(s.Namespace, s.Name)] {
			answer.Runners = append(answer.Runners, w.Ref())
		}
		ref := fixes.Ref{Kind: fixes.KindServiceAccount, Namespace: s.Namespace, Name: s.Name}
		if inv.Live && inv.Get(ref) == nil && inv.Covers(ref.Kind, ref.Namespace) {
			fmt.Fprintf(o.ErrOut, "%s does not exist; it would have these rights if it did.\n", fixes.Clean(ref.String()))
		}
	}
	answer.All = slices.Contains(rbac.IdentityOf(s).Groups, rbac.Masters)
	if o.Output == outputJSON {
		return errors.Join(err, answer.JSON(o.Out), o.saySkipped(inv))
	}
	return errors.Join(err, answer.Table(o.Out), o.saySkipped(inv))
}
