// Command controlplane runs one part of a Kubernetes control plane:
//
//	controlplane etcd DIR
//	controlplane kube-apiserver FLAGS...
//	controlplane kube-controller-manager FLAGS...
//	controlplane kube-scheduler FLAGS...
//
// The parts share nearly all of their code, so one binary links in a quarter
// of the time and space of four.
package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// parts are constructors, because building one Kubernetes command takes hold
// of the process's signal handler and of its feature gates: only the part that
// was asked for may be built.
var parts = map[string]func() *cobra.Command{
	"etcd":                    etcd,
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
}

func main() {
	if len(os.Args) < 2 || parts[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: controlplane etcd|kube-apiserver|kube-controller-manager|kube-scheduler ...")
		os.Exit(2)
	}
	cmd := parts[os.Args[1]]()
	cmd.SetArgs(os.Args[2:])
	if err := cmd.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func etcd() *cobra.Command {
	return &cobra.Command{
		Use:  "etcd DIR",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runEtcd(args[0]) },
	}
}

// runEtcd serves a one-member etcd on a loopback port of the kernel's choice
// and writes its address on a line of stdout when it is ready. Nobody outlives
// a test with this data, so nothing is fsynced.
func runEtcd(dir string) error {
	loopback := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg := embed.NewConfig()
	cfg.Dir = dir
	cfg.LogLevel = "error"
	cfg.UnsafeNoFsync = true
	cfg.QuotaBackendBytes = 6 << 30
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = loopback, loopback
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = loopback, loopback
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	server, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	defer server.Close()
	select {
	case <-server.Server.ReadyNotify():
	case <-ctx.Done():
		return nil
	}
	fmt.Println("http://" + server.Clients[0].Addr().String())
	select {
	case <-ctx.Done():
		return nil
	case err := <-server.Err():
		return err
	}
}
