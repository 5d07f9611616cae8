package cluster

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A process is a running part of a cluster.
type process struct {
	name string
	log  string // file of its stdout and stderr
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended; set before done is closed
}

// start runs cmd, named name, with its output in logDir.
func start(name, logDir string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, log: filepath.Join(logDir, name+".log"), cmd: cmd, done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own descriptor
	cmd.Stdout, cmd.Stderr = log, log
	started := make(chan error)
	go p.run(started)
	return p, <-started
}

func (p *process) run(started chan<- error) {
	defer bindToParent(p.cmd)()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
	close(p.done)
}

// kill ends the process and its group, at once: what a cluster would flush on
// its way out goes with the cluster's folder anyway.
func (p *process) kill() {
	killGroup(p.cmd.Process)
	<-p.done
}

// exited says how the process ended, nil while it runs.
func (p *process) exited() error {
	select {
	case <-p.done:
		//nolint:errorlint // it may have ended well, which is no less wrong
		return fmt.Errorf("%s ended (%v)%s", p.name, p.err, p.tail())
	default:
		return nil
	}
}

// tail is the end of the process's log, for an error message.
func (p *process) tail() string {
	const lines = 15
	b, err := os.ReadFile(p.log)
	b = bytes.TrimSpace(b)
	if err != nil || len(b) == 0 {
		return ""
	}
	all := strings.Split(string(b), "\n")
	return "; its log ends:\n\t" + strings.Join(all[max(0, len(all)-lines):], "\n\t")
}
