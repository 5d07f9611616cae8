package fixes

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func secretNamed(name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
}

// TestMemo: what was derived is kept until an object of its kinds comes, and a
// draft makes its own only where it changes one.
func TestMemo(t *testing.T) {
	type count int
	built := 0
	ask := func(inv *Inventory) count {
		return Memo(inv, []Kind{KindSecret}, func(inv *Inventory) count { built++; return count(inv.Len(KindSecret)) })
	}
	inv := NewInventory()
	inv.Add(secretNamed("a"))
	draft := inv.Draft()
	draft.Add(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c"}})
	if ask(inv) != 1 || ask(draft.Inventory) != 1 || built != 1 {
		t.Errorf("built %d times", built)
	}
	draft.Add(secretNamed("b"))
	if ask(draft.Inventory) != 2 || ask(inv) != 1 || built != 2 {
		t.Errorf("the draft's is not its own: built %d times", built)
	}
	inv.Add(secretNamed("c"))
	if ask(inv) != 2 || draft.Scanned() != inv || draft.Draft().Scanned() != inv {
		t.Error("what was derived is out of date")
	}
}

// TestDraftDelete: an object that a draft deletes is a change of its own, and
// one that the draft had added is none.
func TestDraftDelete(t *testing.T) {
	inv := NewInventory()
	inv.Add(secretNamed("a"))
	draft := inv.Draft()
	if err := draft.Create(secretNamed("b")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "gone"} {
		ref := Ref{Kind: KindSecret, Namespace: "shop", Name: name}
		draft.Delete(ref)
		draft.Delete(ref)
		if draft.Get(ref) != nil {
			t.Errorf("%s is there", name)
		}
	}
	if draft.Len(KindSecret) != 0 || inv.Len(KindSecret) != 1 {
		t.Error("the draft holds what it deleted, or the inventory does not")
	}
	changes, err := draft.Changes()
	if err != nil || len(changes) != 1 || changes[0].Action != Delete || changes[0].Before == nil || changes[0].After != nil {
		t.Fatalf("%v %+v", err, changes)
	}
	back, kept, err := changes[0].Revert(nil)
	if err != nil || len(kept) > 0 || back.Action != Create || back.After.GetName() != "a" {
		t.Errorf("taken back by %+v, keeping %v: %v", back, kept, err)
	}
}

func TestSecretNames(t *testing.T) {
	sa := &corev1.ServiceAccount{
		ImagePullSecrets: []corev1.LocalObjectReference{{Name: "pull"}}, Secrets: []corev1.ObjectReference{{Name: "token"}},
	}
	if got := SecretNames(sa); !slices.Equal(got, []string{"pull", "token"}) {
		t.Errorf("%q", got)
	}
	if got := SecretNames(secretNamed("a")); got != nil {
		t.Errorf("%q", got)
	}
}
