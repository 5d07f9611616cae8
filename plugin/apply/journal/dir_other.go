//go:build !unix

package journal

import "io/fs"

const (
	noFollow = 0
	nonBlock = 0
)

// checkOwner trusts what there is: a user's profile on Windows is closed to
// others by its access control list.
func checkOwner(fs.FileInfo) error { return nil }
