package fixes

// Wishes are what the user asks of fixes. Rules read them from the inventory,
// where they are embedded.
type Wishes struct {
	Images    ImagePolicy
	Admission AdmissionPolicy
	// Strictness says which connections network policies keep.
	Strictness Strictness
	// Decisions are about single connections; who has an inventory does not
	// change them.
	Decisions []Decision
	// Exec says who is to have exec where, once nobody has it everywhere.
	Exec []ExecGrant
	Logs LogPolicy
}
