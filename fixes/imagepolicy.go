package fixes

import "time"

// ImagePolicy is what the user asks of images. The zero value asks for nothing.
type ImagePolicy struct {
	// Allowed are the registries and repositories that images may come from:
	// a host, or a host with the beginning of a path ("ghcr.io/acme"), which ends
	// at a slash. Where none is given, nothing is refused.
	Allowed []string
	// Enforce asks for a policy that denies all others, and not only warns.
	Enforce bool
	// MaxAge is how long ago an image may have been built; zero: any time.
	MaxAge time.Duration
}
