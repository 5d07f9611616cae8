package journal_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

// TestRoundTrip: whatever has been made of a run, its journal gives back every
// change as it was, both ways, without having held a secret.
func TestRoundTrip(t *testing.T) {
	for name, changes := range plans(t) {
		t.Run(name, func(t *testing.T) { bothWays(t, changes) })
	}
}

// deployment returns a Deployment with variables, given as name and value.
func deployment(vars ...string) *appsv1.Deployment {
	d := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u1", ResourceVersion: "7", Generation: 2},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "example.com/web:1"}}},
			},
		},
	}
	c := container(d)
	for pair := range slices.Chunk(vars, 2) {
		c.Env = append(c.Env, corev1.EnvVar{Name: pair[0], Value: pair[1]})
	}
	return d
}

func container(d *appsv1.Deployment) *corev1.Container { return &d.Spec.Template.Spec.Containers[0] }

// applied gives a Deployment the annotation that kubectl apply leaves. kubectl
// escapes HTML in it, others do not.
func applied(d *appsv1.Deployment, html bool) *appsv1.Deployment {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if err := e.Encode(d); err != nil {
		panic(err)
	}
	metav1.SetMetaDataAnnotation(&d.ObjectMeta, corev1.LastAppliedConfigAnnotation, b.String())
	return d
}

// fixed returns the changes that all fixes make to objects.
func fixed(t testing.TB, objects ...fixes.Object) []fixes.Change {
	t.Helper()
	inv := fixes.NewInventory()
	for _, obj := range objects {
		inv.Add(obj)
	}
	return plan(t, inv)
}

// patch returns a change of an object.
func patch[T fixes.Object](before T, edit func(T)) fixes.Change {
	after := before.DeepCopyObject().(T)
	edit(after)
	return fixes.Change{Action: fixes.Patch, Object: fixes.RefOf(before), Before: before, After: after}
}

func secret(name string, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "u2", ResourceVersion: "8"},
		Type:       corev1.SecretTypeOpaque, Data: data,
	}
}

// TestHardValues moves values into a Secret that are written differently in
// the environment, in JSON and in the Secret.
func TestHardValues(t *testing.T) {
	for name, vars := range map[string][]string{
		"dollars":           {"DB_PASSWORD", "t0p$$ecret$$9-Kx"},
		"one dollar":        {"DB_PASSWORD", "t0p$ecret-9Kx7"},
		"some dollars":      {"DB_PASSWORD", "t0p$$ecret$9-Kx$"},
		"three dollars":     {"DB_PASSWORD", "t0p$$$ecret9-Kx"},
		"quotes":            {"DB_PASSWORD", `Tr0ub4"dor\3-h'orse`},
		"html":              {"DB_PASSWORD", "Tr0ub4<dor>&3-horse"},
		"newlines":          {"DB_PASSWORD", "Tr0ub4dor\n&3-\thorse"},
		"letters":           {"DB_PASSWORD", "Tr0üb4dör·3-hørse\u2028x"},
		"space around":      {"DB_PASSWORD", "  Tr0ub4dor$$3-horse\n"},
		"short":             {"DB_PASSWORD", "h4x!", "ROOT_PASSWORD", "h4x!"},
		"twice":             {"DB_PASSWORD", "Tr0ub4dor&3-horse", "MYSQL_PWD", "Tr0ub4dor&3-horse"},
		"twice, escaped":    {"DB_PASSWORD", "Tr0ub$$4dor&3", "DSN", "postgres://shop:Tr0ub$$4dor&3@$(DB_HOST):5432/shop"},
		"prefix":            {"DB_PASSWORD", "Tr0ub4dor&3", "MYSQL_PWD", "Tr0ub4dor&3-horse", "REDIS_PASSWORD", "Tr0ub4"},
		"split":             {"DB_USER", "shop", "DATABASE_URL", "postgres://$(DB_USER):Tr0ub4dor-3@db/shop"},
		"split, escaped":    {"DATABASE_URL", "postgres://$(DB_USER):Tr0$$ub4$dor-3@db/shop"},
		"split in two":      {"DATABASE_URL", "postgres://$(DB_USER):Tr0ub4dor-3@db/shop?sslpassword=Qx7-vT2pL9"},
		"split beside":      {"DB_PASSWORD", "Qx7-vT2pL9zR4", "DATABASE_URL", "postgres://$(DB_USER):Tr0ub4dor-3@db/Qx7-vT2pL9zR4"},
		"duplicate names":   {"DB_PASSWORD", "Tr0ub4dor&3-horse", "DB_PASSWORD", "correct-horse-b4ttery"},
		"escaped in a URL":  {"DB_PASSWORD", "Tr0ub4@dor/3", "DATABASE_URL", "postgres://shop:Tr0ub4%40dor%2F3@db/shop"},
		"value elsewhere":   {"DB_PASSWORD", "Tr0ub4dor-3-horse", "MOTD", "they say Tr0ub4dor-3-horse is a good password"},
		"value in base64":   {"DB_PASSWORD", "Tr0ub4dor-3-horse", "BLOB", "VHIwdWI0ZG9yLTMtaG9yc2U="},
		"a mask":            {"DB_PASSWORD", "••••••••Tr0ub4dor", "API_TOKEN", "Qx7••••••••-vT2pL9zR4"},
		"connection":        {"CONNECTION_STRING", "Server=db;User Id=sa;Password=Xq7-vT2pL9;"},
		"json in a value":   {"CONFIG", `{"user":"shop","password":"Tr0ub4dor\u0026\"3-horse"}`, "DB_PASSWORD", `Tr0ub4dor&"3-horse`},
		"a variable's name": {"DB_PASSWORD", "web-web-web9", "web-web-web9", "x"},
		"overlapping ones":  {"DB_PASSWORD", "abcdefgh12", "MYSQL_PWD", "efgh12ijkl", "MOTD", "see abcdefgh12ijkl there"},
	} {
		for how, d := range map[string]*appsv1.Deployment{
			"bare":                deployment(vars...),
			"applied":             applied(deployment(vars...), true),
			"applied by others":   applied(deployment(vars...), false),
			"applied, with space": indented(applied(deployment(vars...), true)),
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				changes := fixed(t, d)
				if len(moved(changes)) == 0 {
					t.Fatal("no value is moved")
				}
				switch name {
				case "a variable's name": // names are no secrets
					roundTrip(t, changes)
				case "escaped in a URL":
					bothWays(t, changes, "Tr0ub4%40dor%2F3")
				default:
					bothWays(t, changes)
				}
			})
		}
	}
}

func indented(d *appsv1.Deployment) *appsv1.Deployment {
	var v any
	if err := json.Unmarshal([]byte(d.Annotations[corev1.LastAppliedConfigAnnotation]), &v); err != nil {
		panic(err)
	}
	text, _ := json.MarshalIndent(v, "", "  ")
	d.Annotations[corev1.LastAppliedConfigAnnotation] = string(text)
	return d
}

// TestStays: secrets that no change moves stand in the journal neither, and
// come back from the object itself.
func TestStays(t *testing.T) {
	const password = "Qx7-vT2pL9zR4"
	for name, edit := range map[string]func(*appsv1.Deployment){
		"arguments": func(d *appsv1.Deployment) { container(d).Args = []string{"--listen=:80", "--password=" + password} },
		"next word": func(d *appsv1.Deployment) { container(d).Args = []string{"--password", password, "x"} },
		"script": func(d *appsv1.Deployment) {
			container(d).Command = []string{"sh", "-c", "mysql -p" + password + " shop"}
		},
		"annotation": func(d *appsv1.Deployment) { d.Annotations = map[string]string{"example.com/db-password": password} },
		"no JSON": func(d *appsv1.Deployment) {
			d.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "password: " + password}
		},
		"JSON of others": func(d *appsv1.Deployment) {
			d.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: `{"password":"` + strings.Replace(password, "-", `\u002d`, 1) + `"}`}
		},
		"elsewhere": func(d *appsv1.Deployment) {
			container(d).Args = []string{"--password", password}
			container(d).Env = append(container(d).Env, corev1.EnvVar{Name: "MOTD", Value: "they say " + password})
		},
		"url": func(d *appsv1.Deployment) { container(d).Args = []string{"postgres://shop:" + password + "@db/shop"} },
	} {
		for how, moves := range map[string]*appsv1.Deployment{
			"alone":     deployment(),
			"with more": deployment("DB_PASSWORD", "Tr0ub4dor&3-horse"),
			"the same":  deployment("DB_PASSWORD", password),
		} {
			if name == "no JSON" && how != "alone" {
				continue // the fix refuses it
			}
			for _, kept := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%v", name, how, kept), func(t *testing.T) {
					d := moves.DeepCopy()
					edit(d)
					if kept && d.Annotations[corev1.LastAppliedConfigAnnotation] == "" {
						applied(d, true)
					}
					bothWays(t, fixed(t, d), password, strings.Replace(password, "-", `\u002d`, 1))
				})
			}
		}
	}
}

// TestConfigMap edits a configuration around a password that stays in it, and
// one in which it is moved to a Secret.
func TestConfigMap(t *testing.T) {
	const password = "Qx7-vT2pL9zR4&"
	c := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "config", UID: "u3", ResourceVersion: "3"},
		Data: map[string]string{
			"app.properties": "db.host=db\ndb.password=" + password + "\ndb.tls=off\n",
			"name":           password,
		},
		BinaryData: map[string][]byte{"blob": []byte(password)},
	}
	c.Data["app.json"] = `{"db":{"host":"db","password":"Qx7-vT2pL9zR4\u0026"}}`
	around := patch(c, func(c *corev1.ConfigMap) {
		c.Data["app.properties"] = strings.Replace(c.Data["app.properties"], "tls=off", "tls=on", 1)
	})
	roundTrip(t, []fixes.Change{around})
	away := patch(c, func(c *corev1.ConfigMap) {
		c.Data["app.properties"] = strings.Replace(c.Data["app.properties"], password, "${DB_PASSWORD}", 1)
	})
	made := fixes.Change{Action: fixes.Create, After: secret("config-env", map[string][]byte{"DB_PASSWORD": []byte(password)})}
	made.Object = fixes.RefOf(made.After)
	made.After.SetUID("")
	made.After.SetResourceVersion("")
	bothWays(t, []fixes.Change{made, away}, password)
}

// TestSecretThatIsThere changes a Secret: its values are any bytes at all, and
// stand in the annotation of kubectl apply as well.
func TestSecretThatIsThere(t *testing.T) {
	data := map[string][]byte{
		"password": []byte("Tr0ub4dor&3-horse"), "user": []byte("shop"), "none": {},
		"key": {0xff, 0x00, 0x80, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 0xfe}, "accent": []byte("\xa9hello!"),
	}
	s := secret("db", data)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	s.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: string(text) + "\n", "example.com/note": "éhello! Tr0ub4dor&3-horse"}
	label := patch(s, func(s *corev1.Secret) {
		s.Labels = map[string]string{"a": "b"}
		s.Annotations["example.com/note"] += "!"
	})
	web := patch(deployment("GREETING", "éhello!", "USER", "shop"), func(d *appsv1.Deployment) { d.Labels = map[string]string{"user": "shop"} })
	bothWays(t, []fixes.Change{label, web}, slices.Collect(func(yield func(string) bool) {
		for v := range maps.Values(data) {
			if len(v) > 0 && v[0] != 0xa9 && !yield(string(v)) {
				return
			}
		}
	})...)
	// What is typed in as text is stored as data.
	created := secret("new", nil)
	created.StringData = map[string]string{"password": "Tr0ub4dor&3-horse"}
	sealed, journalText := written(t, []fixes.Change{{Action: fixes.Create, Object: fixes.RefOf(created), After: created}, label})
	noSecret(t, journalText, []string{"Tr0ub4dor&3-horse"})
	got, lost, err := journal.Unseal(t.Context(), sealed, after([]fixes.Change{label}, 0).read)
	if err != nil || len(lost) > 0 {
		t.Fatal(err, lost)
	}
	if d := got[0].After.(*corev1.Secret).Data["password"]; string(d) != "Tr0ub4dor&3-horse" {
		t.Errorf("the Secret to create holds %q", d)
	}
}

// TestRandomValues moves random values, of letters that are escaped somewhere.
func TestRandomValues(t *testing.T) {
	const letters = `ab19$$"\/<>&'%+ =@:{}(),;` + "\n\té\u2028🙂"
	random := rand.New(rand.NewPCG(1, 2))
	value := func() string {
		runes := []rune(letters)
		var b strings.Builder
		for range 1 + random.IntN(20) {
			b.WriteRune(runes[random.IntN(len(runes))])
		}
		// In a URL, an @ at its beginning would be taken for the end of another
		// password, with nothing in between to tell where that ends.
		return strings.TrimLeft(b.String(), "@")
	}
	names := []string{"DB_PASSWORD", "API_TOKEN", "DATABASE_URL", "CONFIG", "MOTD"}
	for i := range 100 {
		var vars []string
		pool := []string{value(), value(), value()}
		for range 1 + random.IntN(5) {
			v := pool[random.IntN(len(pool))]
			switch random.IntN(5) {
			case 0:
				v = "postgres://u:" + v + "@$(HOST)/" + pool[0]
			case 1:
				v += pool[random.IntN(len(pool))]
			}
			vars = append(vars, names[random.IntN(len(names))], v)
		}
		d := deployment(vars...)
		if random.IntN(2) == 0 {
			container(d).Args = []string{"--password=" + pool[0], pool[1]}
		}
		if random.IntN(2) == 0 {
			applied(d, random.IntN(2) == 0)
		}
		changes, ok := composed(d)
		if !ok {
			continue // a value that no fix can move
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) { bothWays(t, changes) })
		if t.Failed() {
			t.Fatalf("%q", vars)
		}
	}
}

// composed is fixed, where the fixes can be made.
func composed(d *appsv1.Deployment) ([]fixes.Change, bool) {
	inv := fixes.NewInventory()
	inv.Add(d)
	result := fixes.Scan(inv, []*fixes.Rule{envRule()})
	p, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	return p.Changes, err == nil
}

func envRule() *fixes.Rule {
	rules := secrets.Rules()
	return rules[slices.IndexFunc(rules, func(r *fixes.Rule) bool { return r.ID == "env-secret" })]
}
