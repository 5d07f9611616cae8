//go:build unix

package private

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// NoFollow makes opening a symbolic link fail.
const NoFollow = syscall.O_NOFOLLOW

// NonBlock keeps a named pipe from holding up whoever opens it.
const NonBlock = syscall.O_NONBLOCK

// checkOwner tells why what somebody else may have written is not trusted.
func checkOwner(info fs.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("belongs to user %d, and this is user %d", stat.Uid, os.Geteuid())
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("may be written by others (%v); run chmod go-w on it", info.Mode())
	}
	return nil
}
