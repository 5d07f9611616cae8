package cluster

// An Option changes how a cluster is started.
type Option func(*options)

type options struct {
	nodes         int
	port          int
	stages        []string
	apiserverArgs []string
	kubeletArgs   []string
	audit         bool
}

// WithNodes sets the number of nodes played by kwok, named node-1 and on:
// 2 if this option is not given, none beside a real node.
func WithNodes(n int) Option { return func(o *options) { o.nodes = n } }

// WithStages adds kwok Stage objects (one or more YAML documents each). The
// default stages have no weight: a stage with one takes their place for the
// pods that it selects. See [CrashLoop] and [ImageIDs].
func WithStages(yaml ...string) Option {
	return func(o *options) { o.stages = append(o.stages, yaml...) }
}

// WithAPIServerArgs adds flags to kube-apiserver's.
func WithAPIServerArgs(args ...string) Option {
	return func(o *options) { o.apiserverArgs = append(o.apiserverArgs, args...) }
}

// WithKubeletArgs adds flags to those of the real node's kubelet.
func WithKubeletArgs(args ...string) Option {
	return func(o *options) { o.kubeletArgs = append(o.kubeletArgs, args...) }
}

// WithAudit makes the API server log every request: see [Cluster.Audit].
func WithAudit() Option { return func(o *options) { o.audit = true } }

// WithPort makes the API server reachable at this port of the loopback
// interface, instead of a free one.
func WithPort(port int) Option { return func(o *options) { o.port = port } }

func newOptions(defaults options, opts []Option) options {
	for _, opt := range opts {
		opt(&defaults)
	}
	return defaults
}
