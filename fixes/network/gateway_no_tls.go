package network

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// checkGateways reports the listeners of Gateways that do without TLS.
func checkGateways(p *fixes.Pass) {
	for _, c := range fixes.Customs(p.Inventory, fixes.KindGateway, "") {
		gw, ok := fixes.AsGateway(c)
		if !ok || hasAny(gw.Annotations, endsTLSElsewhere) || hasAny(gw.Spec.Infrastructure.Annotations, endsTLSElsewhere) {
			continue
		}
		for i, l := range gw.Spec.Listeners {
			if l.Protocol != "HTTP" && l.Protocol != "TCP" || l.Protocol == "HTTP" && onlyRedirects(p.Inventory, gw, l) {
				continue
			}
			f := fixes.Finding{
				Object: fixes.RefOf(c), Path: fmt.Sprintf("spec.listeners[%d].protocol", i), Key: l.Name,
				Message: fmt.Sprintf("Gateway %s serves %s at port %d without TLS.", gw.Name, hostOf(l), l.Port),
				Fixes:   []fixes.Fix{gatewayFix(p.Inventory, c, gw, l)},
			}
			if l.Protocol == "TCP" {
				f.Severity = fixes.Low // what goes through may be TLS by itself
				f.Message = fmt.Sprintf("Gateway %s passes on port %d as it comes: TLS is left to what is behind it.", gw.Name, l.Port)
			}
			p.Report(f)
		}
	}
}

func hostOf(l fixes.GatewayListener) string {
	if l.Hostname == "" {
		return "all hosts"
	}
	return "host " + l.Hostname
}

// onlyRedirects reports whether all that a listener does is to send clients to
// https.
func onlyRedirects(inv *fixes.Inventory, gw *fixes.Gateway, l fixes.GatewayListener) bool {
	routes := 0
	for _, kind := range []fixes.Kind{fixes.KindHTTPRoute, fixes.KindGRPCRoute} {
		for _, c := range fixes.Customs(inv, kind, "") {
			route, ok := fixes.AsRoute(c)
			if !ok || !attached(route, gw, l) {
				continue
			}
			routes++
			if len(route.Spec.Rules) == 0 || slices.ContainsFunc(route.Spec.Rules, func(r fixes.RouteRule) bool { return !redirects(r) }) {
				return false
			}
		}
	}
	return routes > 0
}

func attached(route *fixes.Route, gw *fixes.Gateway, l fixes.GatewayListener) bool {
	return slices.ContainsFunc(route.Spec.ParentRefs, func(p fixes.RouteParent) bool {
		return p.OnGateway(route.Namespace, gw) && (p.SectionName == "" || p.SectionName == l.Name) && (p.Port == 0 || p.Port == l.Port)
	})
}

func redirects(r fixes.RouteRule) bool {
	return slices.ContainsFunc(r.Filters, func(f fixes.RouteFilter) bool {
		return f.RequestRedirect != nil && f.RequestRedirect.Scheme == "https"
	})
}

func gatewayFix(inv *fixes.Inventory, c *fixes.Custom, gw *fixes.Gateway, l fixes.GatewayListener) fixes.Fix {
	secure := slices.IndexFunc(gw.Spec.Listeners, func(o fixes.GatewayListener) bool {
		return o.Protocol == "HTTPS" && (o.Hostname == "" || matchesHost(o.Hostname, l.Hostname))
	})
	secret := certificateFor(inv, gw.Namespace, l.Hostname)
	port := l.Port
	if port == 80 {
		port = 443
	}
	taken := slices.ContainsFunc(gw.Spec.Listeners, func(o fixes.GatewayListener) bool {
		return o.Name != l.Name && o.Port == port && o.Protocol != "HTTPS" // one port, one protocol
	})
	if l.Protocol != "HTTP" || secure >= 0 || secret == "" || l.Hostname == "" || taken {
		return fixes.Fix{Title: "Serve it with TLS", Confidence: fixes.Manual, Why: gatewayWhy(l, secure, secret), Steps: gatewaySteps(gw, l, secure)}
	}
	ref := fixes.RefOf(c)
	return fixes.Fix{
		Title:      fmt.Sprintf("Serve %s with the certificate of Secret %s, at port %d", l.Hostname, secret, port),
		Confidence: fixes.Review,
		Why:        "the certificate is for this host; whether clients can come by https is not known",
		Risks: []string{fmt.Sprintf("Clients that come by http fail: nothing answers for %s at port %d without TLS any more, and there is no redirect.", l.Hostname, l.Port),
			"Routes that name the listener's port go with no listener any more."},
		Edit: func(d *fixes.Draft) error {
			gw, err := fixes.EditRef[*fixes.Custom](d, ref)
			if err != nil {
				return err
			}
			spec, _ := gw.Object["spec"].(map[string]any)
			listeners, _ := spec["listeners"].([]any)
			for _, item := range listeners {
				listener, _ := item.(map[string]any)
				if listener["name"] != l.Name || listener["protocol"] != "HTTP" {
					continue
				}
				maps.Copy(listener, map[string]any{"protocol": "HTTPS", "port": int64(port),
					"tls": map[string]any{"mode": "Terminate", "certificateRefs": []any{map[string]any{"kind": "Secret", "name": secret}}}})
			}
			return nil
		},
	}
}

func gatewayWhy(l fixes.GatewayListener, secure int, secret string) string {
	switch {
	case l.Protocol != "HTTP":
		return "what the port's protocol is, and who is to end TLS, is not known"
	case secure >= 0:
		return "its routes have to be moved to the listener with TLS one by one"
	case secret == "" || l.Hostname == "":
		return "no TLS Secret of the namespace has a certificate for it"
	}
	return "the port that it would move to has another protocol"
}

func gatewaySteps(gw *fixes.Gateway, l fixes.GatewayListener, secure int) string {
	var b strings.Builder
	if l.Protocol != "HTTP" {
		fmt.Fprintf(&b, "If what is behind speaks TLS by itself, nothing is to do; a listener of protocol TLS with mode Passthrough says so, and takes TLSRoutes. "+
			"Else let the Gateway end TLS: protocol TLS, mode Terminate, with a certificate, for listener %s.\n", l.Name)
		return b.String()
	}
	name := "https"
	if secure >= 0 {
		name = gw.Spec.Listeners[secure].Name
	} else {
		fmt.Fprintf(&b, "Have a certificate made (with cert-manager, the annotation cert-manager.io/cluster-issuer: NAME on the Gateway does), and add a listener:\n\n"+
			"    - name: https\n      port: 443\n      protocol: HTTPS\n      hostname: %q\n      tls: {certificateRefs: [{name: %s-tls}]}\n\n", l.Hostname, gw.Name)
	}
	fmt.Fprintf(&b, "Let the routes name it (sectionName: %s), and leave a redirect at this one:\n\n"+
		"    apiVersion: gateway.networking.k8s.io/v1\n    kind: HTTPRoute\n    metadata: {name: %s-to-https, namespace: %s}\n    spec:\n"+
		"      parentRefs: [{name: %s, sectionName: %s}]\n      rules:\n      - filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301}}]\n",
		name, gw.Name, gw.Namespace, gw.Name, l.Name)
	return b.String()
}
