package fixes

// AdmissionPolicy is what the user asks of admission policies. The zero value
// asks for nothing.
type AdmissionPolicy struct {
	// Enforce asks for policies that deny, and not only warn.
	Enforce bool
}
