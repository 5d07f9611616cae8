package fixes

// Strictness says what becomes of connections that nothing proves, where
// network policies are made.
type Strictness string

// The degrees of strictness, the strictest first. The zero value stands for
// [WithInferred].
const (
	// ProvenOnly keeps what objects name.
	ProvenOnly Strictness = "proven"
	// WithInferred keeps what objects suggest too, and leaves what has a Service,
	// but no known client, reachable from its own namespace.
	WithInferred Strictness = "inferred"
	// WithinNamespace leaves everything in a namespace reachable from it.
	WithinNamespace Strictness = "namespace"
)

// Strictnesses lists them.
func Strictnesses() []Strictness { return []Strictness{ProvenOnly, WithInferred, WithinNamespace} }
