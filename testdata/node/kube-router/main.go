//go:build linux

// Command kube-router is the part of kube-router that enforces NetworkPolicies:
//
//	kube-router KUBECONFIG NODE SERVICE_RANGE
//
// Its router and load balancers, which a test node has no use for, bring a BGP
// server and the client of a cloud, which take long to compile.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"sync"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: kube-router KUBECONFIG NODE SERVICE_RANGE")
	}
	log.Fatal(run(os.Args[1], os.Args[2], os.Args[3]))
}

// run enforces policies until the process is killed.
func run(kubeconfig, node, services string) error {
	rest, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return err
	}
	config := options.NewKubeRouterConfig()
	config.HostnameOverride = node
	config.EnableIPv4 = true
	config.ClusterIPCIDRs = []string{services}

	stop := make(chan struct{})
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	factory.Start(stop)
	for kind, ok := range factory.WaitForCacheSync(stop) {
		if !ok {
			return fmt.Errorf("%v cannot be listed", kind)
		}
	}

	iptables, ipsets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return err
	}
	controller, err := netpol.NewNetworkPolicyController(
		client, config, pods, policies, namespaces, &sync.Mutex{}, iptables, ipsets)
	if err != nil {
		return err
	}
	for _, w := range []struct {
		informer cache.SharedIndexInformer
		handler  cache.ResourceEventHandler
	}{
		{pods, controller.PodEventHandler},
		{namespaces, controller.NamespaceEventHandler},
		{policies, controller.NetworkPolicyEventHandler},
	} {
		if _, err := w.informer.AddEventHandler(w.handler); err != nil {
			return err
		}
	}

	health := make(chan *healthcheck.ControllerHeartbeat)
	go func() {
		for range health { // someone has to listen
		}
	}()
	var running sync.WaitGroup
	running.Add(1)
	controller.Run(health, stop, &running)
	return errors.New("the controller has ended")
}
