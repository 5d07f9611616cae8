package tui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// followed is a driver that follows the shop by hand: what it is told comes by
// [followed.tell].
type followed struct {
	*driver
	inv    *fixes.Inventory
	number int
}

// follow returns a driver whose watch has begun.
func follow(t testing.TB, s Session, w, h int) *followed {
	f := &followed{inv: shopInventory(t)}
	s.Watch = func(context.Context, func(fixes.Update)) {}
	f.driver = scanned(t, s, w, h)
	f.watch.on = true
	f.startWatch() // its commands are played by hand
	return f
}

// tell changes objects of the shop, as a watch that sees it.
func (f *followed) tell(changes ...fixes.ObjectChange) *followed {
	f.inv = f.inv.Updated(changes)
	f.number++
	u := fixes.Update{Number: f.number, Result: fixes.Scan(f.inv, testRules())}
	for _, c := range changes {
		u.Changed = append(u.Changed, c.Object)
	}
	return f.hear(u)
}

// hear is what the watch tells.
func (f *followed) hear(u fixes.Update) *followed {
	f.watch.feed.put(u)
	f.onWatchReport(f.nextWatchReport(0)().(watchReport)) // whose command would wait for ever
	f.send(nil)
	return f
}

// edited returns a change of a Deployment.
func (f *followed) edited(namespace, name string, edit func(*corev1.PodSpec)) fixes.ObjectChange {
	d, ok := fixes.Lookup[*appsv1.Deployment](f.inv, namespace, name)
	if !ok {
		f.Fatalf("no Deployment %s/%s", namespace, name)
	}
	d = d.DeepCopy()
	edit(&d.Spec.Template.Spec)
	return fixes.ObjectChange{Object: fixes.RefOf(d), After: d}
}

func TestWatchFollowsTheCluster(t *testing.T) {
	f := follow(t, shopSession(t), 120, 40)
	f.has("10 findings", "watching")
	f.on("env[2]").press("space")
	// One finding closes above the cursor, another comes: the cursor stays.
	f.tell(f.edited("pay", "api", func(p *corev1.PodSpec) { p.Containers[0].Env = nil }))
	f.has("9 findings", "watching +0 -1", "1 staged", "›  ✓ shop/web")
	f.tell(f.edited("pay", "api", func(p *corev1.PodSpec) {
		p.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
	}))
	f.has("10 findings", "watching +1 -1", "+ - pay/api", "›  ✓ shop/web")
	f.clock = f.clock.Add(freshFor)
	f.Update(freshOver{})
	f.hasNot("+ - pay/api")
	f.press("W").has("not followed any more").hasNot("watching +")
}

func TestWatchDropsWhatIsFixedElsewhere(t *testing.T) {
	f := follow(t, shopSession(t), 120, 40)
	f.on("sa-token").press("space").on("env[2]").press("space")
	f.has("4 staged")
	f.tell(f.edited("shop", "web", func(p *corev1.PodSpec) { p.Containers[0].Env = nil }))
	f.has("3 staged", "1 staged fix dropped, with nothing left to fix: shop/web")
	// A step about what is gone cannot be taken back: the one before it is.
	f.press("u").has("undone: staged 3 of sa-token", "0 staged")
}

// TestWatchRemakesThePlan looks at a plan while its objects change.
func TestWatchRemakesThePlan(t *testing.T) {
	f := follow(t, shopSession(t), 120, 40)
	f.press("S", "p").has("verified", "4 staged")
	plan := f.plan.plan
	f.tell(f.edited("shop", "web", func(p *corev1.PodSpec) { p.Containers[0].Env[0].Value = "debug" }))
	f.has("re-made: shop/web changed", "verified")
	if f.plan.plan == plan {
		t.Error("the plan is the old one")
	}
	plan = f.plan.plan
	other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "unrelated"}}
	f.press("j")
	f.tell(fixes.ObjectChange{Object: fixes.RefOf(other), After: other})
	f.hasNot("re-made")
	if f.plan.plan != plan {
		t.Error("the plan was made anew for nothing")
	}
	f.tell(f.edited("shop", "web", func(p *corev1.PodSpec) {
		p.Containers[0].Env, p.AutomountServiceAccountToken = nil, new(bool)
	}))
	f.has("re-made: shop/web changed")
	for _, c := range f.plan.changes() {
		if c.Object.Name == "web" {
			t.Errorf("the plan still has %s", c.Object)
		}
	}
}

// TestWatchWaitsForAnAnswer asks whether to apply, while the plan's objects
// change: the answer is about the plan that was seen.
func TestWatchWaitsForAnAnswer(t *testing.T) {
	f := follow(t, shopSession(t), 120, 40)
	f.press("S", "p", "a").has("Apply to prod?")
	plan := f.plan.plan
	f.tell(f.edited("shop", "web", func(p *corev1.PodSpec) { p.Containers[0].Env = nil }))
	f.has("Apply to prod?")
	if f.plan.plan != plan || f.plan.composing {
		t.Error("the plan changed under the question")
	}
	f.press("esc").has("re-made: shop/web changed", "2 staged")
}

// TestWatchAfterApply needs no key to show what an apply has closed.
func TestWatchAfterApply(t *testing.T) {
	f := follow(t, shopSession(t), 120, 40)
	f.press("S", "p", "a", "y").has("done in").hasNot("r scans again")
	var changes []fixes.ObjectChange
	for _, c := range f.apply.plan.Changes {
		changes = append(changes, fixes.ObjectChange{Object: c.Object, After: c.After})
	}
	f.tell(changes...).press("esc").hasNot("from before the apply").has("6 findings", "0 staged")
	f.on("network-open").press("space", "p").has("verified")
}

func TestWatchIsLost(t *testing.T) {
	f := follow(t, shopSession(t), 120, 40)
	down := &fixes.UnreachableError{Host: "https://10.0.0.1:6443", Reason: "does not answer: connection refused", Err: errors.New("x")}
	f.hear(fixes.Update{Lost: down, Retry: f.clock.Add(4 * time.Second)})
	f.has("connection lost, retry in 4 s", "the API server at 10.0.0.1:6443 does not answer: connection refused; retrying in 4 s (r: now)", "10 findings")
	f.press("S", "p").has("4 staged")
	f.hear(fixes.Update{}).has("the cluster is followed again").hasNot("connection lost")
	f.hear(fixes.Update{Polled: []string{"endpointslices.discovery.k8s.io"}}).press("esc").has("watching")
	f.press("!").has("Not to be watched, so read every half minute:", "endpointslices.discovery.k8s.io")
}

// TestOldUpdates demands that an update that is late changes nothing.
func TestOldUpdates(t *testing.T) {
	f := follow(t, shopSession(t), 120, 40)
	f.tell(f.edited("pay", "api", func(p *corev1.PodSpec) { p.Containers[0].Env = nil })).has("9 findings")
	f.hear(fixes.Update{Number: 1, Result: fixes.Scan(shopInventory(t), testRules())}).has("9 findings")
}

func TestRescanOfOneObject(t *testing.T) {
	inv := shopInventory(t)
	s := shopSession(t)
	number := 0
	var asked []fixes.Ref
	var fails error
	s.Rescan = func(_ context.Context, ref fixes.Ref) (fixes.Update, error) {
		asked = append(asked, ref)
		if fails != nil {
			return fixes.Update{}, fails
		}
		number++
		return fixes.Update{Number: number, Result: fixes.Scan(inv, testRules()), Changed: []fixes.Ref{ref}}, nil
	}
	d := scanned(t, s, 120, 40).press("g", "R").has("go to a finding first").on("env[1]")
	d.press("R").has("read anew, with the same findings")
	web, _ := fixes.Lookup[*appsv1.Deployment](inv, "shop", "web")
	web = web.DeepCopy()
	web.Spec.Template.Spec.Containers[0].Env = nil
	inv = inv.Updated([]fixes.ObjectChange{{Object: fixes.RefOf(web), After: web}})
	d.press("R").has("Deployment shop/web: 2 closed", "8 findings")
	if len(asked) != 2 || asked[1] != fixes.RefOf(web) {
		t.Errorf("asked for %v", asked)
	}
	d.on("pay/api")
	fails = &fixes.UnreachableError{Host: "h", Reason: "does not answer: EOF", Err: errors.New("x")}
	d.press("R").has("Deployment pay/api: the API server at h does not answer: EOF")
	d.session.Rescan = nil
	d.press("R").has("r scans again")
}

// TestScanIsTriedAgain scans a server that comes back.
func TestScanIsTriedAgain(t *testing.T) {
	s := shopSession(t)
	works, left := s.Scan, 2
	down := &fixes.UnreachableError{Host: "https://10.0.0.1:6443", Reason: "does not answer: connection refused", Err: errors.New("x")}
	s.Scan = func(ctx context.Context, report func(fixes.Progress)) (*fixes.Result, error) {
		if left > 0 {
			left--
			return nil, down
		}
		return works(ctx, report)
	}
	d := newDriver(t, s, 100, 30)
	var waits []int
	d.opts.backoff = func(n int) time.Duration { waits = append(waits, n); return 0 }
	d.run(d.Init())
	d.has("10 findings").hasNot("does not answer")
	if len(waits) != 2 || waits[1] != 2 {
		t.Errorf("waited %v", waits)
	}
	// A scan that fails later leaves what was found.
	d.opts.backoff = func(int) time.Duration { return 4 * time.Second }
	left = 1
	d.startScan() // its commands are played by hand
	d.Update(scanDone{number: d.scan.number, err: down})
	d.has("10 findings", "connection refused; retrying in 4 s (r: now)", "no answer, retry in 4 s")
	d.clock = d.clock.Add(3 * time.Second)
	d.has("retrying in 1 s")
	left = 0
	d.press("r").has("10 findings").hasNot("retrying")
	// A server that refuses the credentials is not asked again.
	d.session.Scan = func(context.Context, func(fixes.Progress)) (*fixes.Result, error) {
		return nil, errors.New("the server refuses the credentials of context \"prod\" (401)")
	}
	d.press("r").has("(401)", "r scans again").hasNot("retrying")
}

func TestScanIsSeen(t *testing.T) {
	d := newDriver(t, shopSession(t), 120, 30)
	d.startScan()
	d.send(nil)
	d.has("asking the server what it is")
	d.clock = d.clock.Add(2 * time.Second)
	d.Update(newScanReport(d.scan.number, []fixes.Progress{{Kinds: 14, Loaded: 9, Objects: 12345,
		Waiting: []fixes.Kind{fixes.KindPod, fixes.KindSecret},
		Skips:   []fixes.Skip{{Resource: "secrets", Namespace: "pay", Reason: "forbidden"}}}}))
	d.has("scanning 9/14 kinds · 12345 objects", "9 of 14", "12345 (6172 a second)", "pods, secrets", "secrets in pay: forbidden", "none so far")
	found := fixes.Scan(shopInventory(t), testRules()[:2]).Findings
	d.Update(newScanReport(d.scan.number, []fixes.Progress{{Kinds: 14, Loaded: 10, Found: found}}))
	d.has("10 of 14", "3 high").press("j").hasNot("10 of 14  ")
}

// TestManyUpdates lets findings come and go for long: what is gone is not kept.
func TestManyUpdates(t *testing.T) {
	f := follow(t, shopSession(t), 100, 30)
	f.on("env[2]").press("space")
	f.list.items = append(f.list.items, make([]item, mostBuried+100)...)
	for i := range f.list.items {
		if f.list.items[i].f == nil {
			f.list.items[i].f = &fixes.Finding{}
		}
	}
	f.dec.grow(len(f.list.items))
	policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "pay", Name: "deny"}}
	f.tell(fixes.ObjectChange{Object: fixes.RefOf(policy), After: policy})
	if len(f.list.items) > 20 {
		t.Errorf("%d items are kept", len(f.list.items))
	}
	f.has("9 findings", "1 staged")
	if id, ok := f.list.print[fingerprintOf(f, "REDIS_TOKEN")]; !ok || f.dec.taken[id] == 0 {
		t.Error("what was staged is not")
	}
}

func fingerprintOf(f *followed, key string) string {
	for _, id := range f.list.order {
		if strings.Contains(f.list.items[id].f.Message, key) {
			return f.list.items[id].f.Fingerprint
		}
	}
	return ""
}
