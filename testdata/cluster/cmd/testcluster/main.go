//go:build unix

// Command testcluster starts by hand what the tests start:
//
//	go run ./testdata/cluster/cmd/testcluster build [--node]
//	go run ./testdata/cluster/cmd/testcluster up DIR [--node] [--zoo] [--nodes N] [--port N] [--audit]
//	go run ./testdata/cluster/cmd/testcluster down DIR
//
// A cluster that is up stays up until it is taken down. Its folder must be
// empty before, and is gone after.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

const usage = `usage:
  testcluster build [--node]                            build what clusters run
  testcluster up DIR [--node] [--zoo] [--nodes N] [--port N] [--audit]    start a cluster
  testcluster down DIR                                  stop it and remove DIR

--node     with one real node, on which containers run (Linux, root)
--zoo      with a real node, and the servers of testdata/cluster/zoo on it
--nodes N  with N nodes that are played (2, or 0 beside a real one)
--port N   with the API server at this port of loopback (any free one)
--audit    with the API server's audit log in DIR/audit.log
`

var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "testcluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	command, args := args[0], args[1:]
	var dir string
	if command != "build" {
		if len(args) == 0 || strings.HasPrefix(args[0], "-") {
			return errUsage
		}
		var err error
		if dir, err = filepath.Abs(args[0]); err != nil {
			return err
		}
		args = args[1:]
	}
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main prints the usage
	node := flags.Bool("node", false, "")
	withZoo := flags.Bool("zoo", false, "")
	nodes := flags.Int("nodes", -1, "")
	port := flags.Int("port", 0, "")
	audit := flags.Bool("audit", false, "")
	if flags.Parse(args) != nil || flags.NArg() > 0 {
		return errUsage
	}
	*node = *node || *withZoo
	switch command {
	case "build":
		return cluster.Build(ctx, *node)
	case "up":
		if err := cluster.Build(ctx, *node); err != nil { // here, where it can be watched
			return err
		}
		return up(ctx, dir, args)
	case hold:
		opts := []cluster.Option{cluster.WithPort(*port)}
		if *nodes >= 0 {
			opts = append(opts, cluster.WithNodes(*nodes))
		}
		if *audit {
			opts = append(opts, cluster.WithAudit())
		}
		return holdUp(ctx, dir, *node, *withZoo, opts)
	case "down":
		return down(ctx, dir)
	}
	return errUsage
}
