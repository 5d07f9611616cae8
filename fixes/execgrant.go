package fixes

// ExecGrant says that a group is to be able to run commands in the pods of a
// namespace.
type ExecGrant struct{ Namespace, Group string }
