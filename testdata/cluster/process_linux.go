package cluster

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// bindToParent makes the kernel kill the process that cmd will be when this
// one dies, however that happens. The kernel goes by the thread that started
// it, so the caller must stay on it until the process has ended, and then call
// release.
func bindToParent(cmd *exec.Cmd) (release func()) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if cmd.SysProcAttr.Pdeathsig == 0 {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}

// newNamespaces is for a process that gets a process tree, mounts and a network
// of its own. The kernel tells it when this process dies: see nodeinit.
func newNamespaces() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGTERM,
	}
}

// killGroup kills a process and those that it started, which share the group
// that bindToParent gave it.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
