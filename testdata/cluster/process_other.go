//go:build !linux

package cluster

import (
	"os"
	"os/exec"
	"syscall"
)

// bindToParent does nothing here: no kernel but Linux's ends a process with
// its parent.
func bindToParent(*exec.Cmd) (release func()) { return func() {} }

func killGroup(p *os.Process) { p.Kill() }

// newNamespaces is for real nodes, which only Linux has.
func newNamespaces() *syscall.SysProcAttr { return nil }
