package flows

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

const hubbleSample = `{"flow":{"time":"2026-11-01T10:00:00Z","verdict":"FORWARDED","l4":{"TCP":{"source_port":43210,"destination_port":5432}},"source":{"namespace":"shop","pod_name":"web-7d9f8c-x2x4b"},"destination":{"namespace":"shop","pod_name":"db-0"},"is_reply":false}}` + "\n"

func zipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBroken reads what stands before the place where a stream ends too early.
func TestBroken(t *testing.T) {
	long := `{"flow":{"x":"` + strings.Repeat("x", maxRecord) + `"}}` + "\n"
	many := strings.Repeat(hubbleSample, 2000)
	packed := zipped(t, many+many)
	for name, tt := range map[string]struct {
		text string
		n    int64
		said string
	}{
		"within a record":          {hubbleSample + hubbleSample[:100], 1, "it is cut off after 1 records, which are used"},
		"within a compressed file": {string(packed[:len(packed)-8]), 4000, "it is cut off after 4000 records, which are used"},
		"a record of a mebibyte":   {hubbleSample + long + hubbleSample, 2, "1 record not understood"},
		"no JSON between":          {hubbleSample + "level=warning msg=\"{\"\n{\"flow\":{]}}\n" + hubbleSample, 2, "1 record not understood"},
		"nothing":                  {many, 2000, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, said, fact := load(t, fixestest.Load(t, shop), tt.text)
			if len(fact.Seen) != 1 || fact.Seen[0].Count != tt.n || strings.Join(said, "\n") != tt.said {
				t.Errorf("%+v, said %q", fact.Seen, said)
			}
		})
	}
	t.Run("by an error", func(t *testing.T) {
		s, err := open(io.MultiReader(strings.NewReader(many), iotest.ErrReader(errors.New("gone"))))
		if err != nil {
			t.Fatal(err)
		}
		batch, err := collect(t.Context(), s, NewCollector(fixestest.Load(t, shop), "f"))
		if err != nil || len(batch.Skips) != 1 || batch.Skips[0].Reason != "it cannot be read further after 2000 records, which are used" {
			t.Errorf("%v %+v", err, batch.Skips)
		}
	})
}

// TestOtherFormats refuses what holds no flows.
func TestOtherFormats(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"nothing":                  {"", errEmpty},
		"blanks":                   {" \n\n", errEmpty},
		"a manifest":               {"apiVersion: v1\nkind: Pod\n", errFormat},
		"JSON of something else":   {`{"kind":"List","items":[{"kind":"Pod"}]}`, errFormat},
		"audit logs":               {`{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"get"}` + "\n", errFormat},
		"a CSV of other columns":   {"src,dst,bytes\na,b,1\n", errFormat},
		"a binary":                 {"\x7fELF\x02\x01\x01\x00", errFormat},
		"a damaged gzip":           {"\x1f\x8b\x00\x00garbage", errFormat},
		"a brace":                  {"{", errFormat},
		"a flow of something else": {`{"flow":{"id":1}}`, errFormat},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := open(strings.NewReader(tt.text)); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

// TestFiles reads files, compressed ones and standard input; each may be asked
// for again.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	plain, packed := filepath.Join(dir, "f.json"), filepath.Join(dir, "f.json.gz")
	for path, text := range map[string][]byte{plain: []byte(hubbleSample), packed: zipped(t, hubbleSample)} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Open([]string{plain, packed, "-"}, strings.NewReader(hubbleSample))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var names []string
		err := files.Load(t.Context(), fixestest.Load(t, shop), func(b source.Batch) {
			for _, obj := range b.Objects {
				if f := obj.(*fixes.Flows); len(f.Seen) == 1 && f.Seen[0].Count == 1 {
					names = append(names, f.Name)
				}
			}
		})
		if err != nil || !slices.Equal(names, []string{plain, packed, "standard input"}) {
			t.Errorf("%v %q", err, names)
		}
	}
	for path, want := range map[string]string{filepath.Join(dir, "none"): "none cannot be read: no such file or directory", dir: "is a folder: name the files"} {
		if _, err := Open([]string{path}, nil); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// FuzzRecords compares how records are cut with the decoder of the standard
// library.
func FuzzRecords(f *testing.F) {
	for _, s := range []string{`{"a":1}{"b":"}"}`, `[{"a":"\""},{"b":{}}]`, "{", `{"a":"\\"}` + "\n x {\n{}", "data: {}\n\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cut := &records{r: bufio.NewReaderSize(strings.NewReader(text), 16)}
		var got []string
		for {
			record, err := cut.next()
			if err != nil {
				break
			}
			got = append(got, string(record))
		}
		dec := json.NewDecoder(strings.NewReader(text))
		for i := 0; ; i++ { // as long as it is objects one after another
			var want json.RawMessage
			if dec.Decode(&want) != nil || want[0] != '{' {
				return
			}
			if i >= len(got) || got[i] != string(want) {
				t.Fatalf("record %d of %q is %q, want %q", i, text, got, want)
			}
		}
	})
}

// FuzzParsers gives each parser whatever it likes: a record that is taken names
// ports that are ones, and what is said of it is clean.
func FuzzParsers(f *testing.F) {
	f.Add([]byte(hubbleSample))
	f.Add([]byte(`{"source_name_aggr":"web-*","source_namespace":"shop","dest_name_aggr":"db-*","dest_namespace":"shop","dest_port":5432,"proto":"tcp","action":"allow"}`))
	f.Add([]byte(`{"flow":{"Key":{"sourceName":"web-*","destPort":"1","action":1}}}`))
	f.Add([]byte(`{"k8s":{"namespace":"shop","podName":"web"},"endpoint":{"addr":"::1","port":70000,"proto":17},"egress":1}`))
	f.Add([]byte(`{"pktType":"HOST","port":"80","namespace":"a","pod":"b","remoteLabels":"a=b"}`))
	f.Add([]byte("from_namespace,from,to_namespace,to,port\nshop,web,shop,db,5432"))
	f.Add([]byte("shop,\"web\x1b[2J\",shop,10.0.0.0/8,5432"))
	inv := fixestest.Load(f, shop)
	parsers := []parser{parseHubble, parseCalico, parseGadget, csvParser(csvHeader([]byte("from_namespace,from,to_namespace,to,port,protocol,count,first")))}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := NewCollector(inv, "f")
		for _, parse := range parsers {
			r, ok, err := parse(text)
			if err != nil || !ok {
				continue
			}
			if r.FromPort < 0 || r.FromPort > 65535 || r.ToPort < 0 || r.ToPort > 65535 {
				t.Errorf("ports %d and %d", r.FromPort, r.ToPort)
			}
			c.Add(r)
		}
		batch := c.Batch()
		for _, flow := range batch.Objects[0].(*fixes.Flows).Seen {
			if flow.Port < 1 || flow.Protocol == "" || !flow.From.IsWorkload() && flow.To.Object.Name == "" {
				t.Errorf("%+v", flow)
			}
		}
		for _, skip := range batch.Skips {
			if skip.Reason != fixes.Clean(skip.Reason) {
				t.Errorf("said %q", skip.Reason)
			}
		}
		if s, err := open(bytes.NewReader(text)); err == nil {
			if _, err := collect(t.Context(), s, c); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzFastHubble compares the walk over a record with the decoder.
func FuzzFastHubble(f *testing.F) {
	f.Add([]byte(hubbleSample))
	f.Add([]byte(`{"verdict":"AUDIT","IP":{"source":"10.0.0.1"},"l4":{"UDP":{"destination_port":53}},"source":{"labels":["k8s:a=b"],"workloads":[{"name":"x","kind":"Job"}],"namespace":"n"},"destination":{"labels":["reserved:world"]},"destination_names":["a.b.com"],"x":[{"y":"}\\\""}]}`))
	f.Add([]byte(`{"flow":{"verdict":"DROPPED","is_reply":null,"Source":{}}, "verdict" : "FORWARDED"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := fastHubble(text)
		if !ok || !json.Valid(text) {
			return
		}
		want, ok, err := decodeHubble(text)
		if got.First.Equal(want.First) { // in whatever zone
			got.First, got.Last = want.First, want.Last
		}
		if err != nil || !ok || got != want {
			t.Errorf("%q\n got %+v\nwant %+v, %v, %v", text, got, want, ok, err)
		}
	})
}

// TestFastHubble demands that what Hubble writes is not left to the decoder.
func TestFastHubble(t *testing.T) {
	if _, ok := fastHubble([]byte(strings.TrimSpace(hubbleSample))); !ok {
		t.Error("the decoder has to read a usual record")
	}
	if _, ok := fastHubble([]byte(`{"flow":{"verdict":"FORWARDED"},"flow":{}}`)); ok {
		t.Error("a key stands there twice")
	}
}

// BenchmarkHubble reads a stream of Hubble's lines beside a bare scan of lines,
// which is the floor: MB/s of each.
func BenchmarkHubble(b *testing.B) {
	var text bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&text, `{"flow":{"time":"2026-11-01T10:%02d:%02d.202450754Z","uuid":"cd75b2ac-8dd3-486b-beca-%012d","verdict":"FORWARDED","ethernet":{"source":"62:6b:d0:a4:c5:63","destination":"6e:d0:ea:78:fc:0a"},"IP":{"source":"10.1.0.5","destination":"10.1.0.6","ipVersion":"IPv4"},"l4":{"TCP":{"source_port":%d,"destination_port":5432,"flags":{"ACK":true,"PSH":true}}},"source":{"ID":423,"identity":24753,"cluster_name":"prod","namespace":"shop","labels":["k8s:app=web","k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop","k8s:io.cilium.k8s.policy.cluster=prod","k8s:io.cilium.k8s.policy.serviceaccount=default","k8s:io.kubernetes.pod.namespace=shop"],"pod_name":"web-7d9f8c-x2x4b","workloads":[{"name":"web","kind":"Deployment"}]},"destination":{"ID":1312,"identity":24075,"cluster_name":"prod","namespace":"shop","labels":["k8s:app=db","k8s:io.cilium.k8s.policy.cluster=prod","k8s:io.kubernetes.pod.namespace=shop"],"pod_name":"db-0","workloads":[{"name":"db","kind":"StatefulSet"}]},"Type":"L3_L4","node_name":"prod/n1","node_labels":["kubernetes.io/arch=amd64","kubernetes.io/hostname=n1","kubernetes.io/os=linux","topology.kubernetes.io/zone=a"],"event_type":{"type":4},"traffic_direction":"EGRESS","trace_observation_point":"TO_ENDPOINT","trace_reason":"ESTABLISHED","is_reply":false,"interface":{"index":6,"name":"lxc07eaad73233"},"Summary":"TCP Flags: ACK, PSH"},"node_name":"prod/n1","time":"2026-11-01T10:00:02.202450754Z"}`+"\n", i/60%60, i%60, i, 32768+i%28000)
	}
	inv := fixestest.Load(b, shop)
	b.Run("flows", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		b.ReportAllocs()
		for b.Loop() {
			s, err := open(bytes.NewReader(text.Bytes()))
			if err != nil {
				b.Fatal(err)
			}
			batch, err := collect(b.Context(), s, NewCollector(inv, "f"))
			if err != nil || batch.Objects[0].(*fixes.Flows).Seen[0].Count != 20_000 {
				b.Fatal(err, batch)
			}
		}
	})
	b.Run("lines", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		for b.Loop() {
			lines := bufio.NewScanner(bytes.NewReader(text.Bytes()))
			n := 0
			for lines.Scan() {
				n++
			}
			if n != 20_000 {
				b.Fatal(n)
			}
		}
	})
}
