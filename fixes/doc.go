// Package fixes is the domain of kubectl harden: what can be wrong with the
// objects of a cluster, and the edits that put it right.
//
// An [Inventory] holds the typed objects of one scan. A [Rule] looks at an
// inventory and reports [Finding]s, each of which may carry [Fix]es. A fix
// edits a [Draft], a copy-on-write overlay on the inventory, so any number of
// fixes compose; and because a draft is an inventory, the same rules judge it
// again. [Compose] does both: it makes a [Plan] out of chosen fixes, derives
// the [Change] of every object touched, and verifies that the findings are
// gone and that no new ones came.
//
// The package knows the Kubernetes API types and nothing of clients, files or
// screens.
package fixes
