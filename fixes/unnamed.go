package fixes

// Unnamed is the namespace of objects in manifests that name none: the one that
// whoever applies them will choose. Nothing is called so, for a namespace has no
// capitals; in a command line it reads as what is to be filled in.
const Unnamed = "NAMESPACE"

// NamespaceLabel returns a namespace as people read it.
func NamespaceLabel(namespace string) string {
	if namespace == Unnamed {
		return "(no namespace)"
	}
	return namespace
}

// ManifestNamespace returns a namespace as a manifest says it: not at all, where
// it is [Unnamed].
func ManifestNamespace(namespace string) string {
	if namespace == Unnamed {
		return ""
	}
	return namespace
}
