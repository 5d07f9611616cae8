package source

import "github.com/kubectl-harden/kubectl-harden/fixes"

// SetListed makes a scan have seen all objects of a kind at a version.
func SetListed(c *Cluster, kind fixes.Kind, version string) { c.note(place{kind, ""}, version) }
