package report

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
)

// TestMatrix prints a matrix in every format; a hostile name stays a name.
func TestMatrix(t *testing.T) {
	end := func(name string) connections.End {
		return connections.End{Workload: fixes.Ref{Kind: fixes.KindDeployment, Namespace: "shop", Name: name}}
	}
	port := []connections.Port{{Protocol: corev1.ProtocolTCP, Number: 5432}}
	why := []connections.Reason{{Object: end("web").Workload, Text: "variable DB_HOST names Service shop/db"}}
	m := network.Matrix{Before: 3, After: 1, All: 4, Rows: []network.Row{
		{From: end("web"), To: end("db"), Ports: port, Sure: connections.Proven, Why: why, Before: true, After: true},
		{From: end("web"), To: connections.End{Place: connections.Host, Name: "evil\x1b[2J\"]\n.example"}, Sure: connections.Inferred, Why: why, Before: true},
		{To: end("db"), Ports: port, Others: 2, Before: true},
	}}
	printed := func(write func(io.Writer, network.Matrix) error) string {
		t.Helper()
		var b bytes.Buffer
		if err := write(&b, m); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsRune(b.String(), '\x1b') {
			t.Errorf("an escape sequence is printed: %q", b.String())
		}
		return b.String()
	}

	table := printed(MatrixTable)
	for _, want := range []string{
		"shop/web           shop/db", "variable DB_HOST names Service shop/db",
		"2 other workloads  shop/db", "-         open  cut    nothing tells of it",
		"Of 4 connections from workload to workload 3 are open now, 1 after the plan.\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	if n := strings.Count(table, "\n"); n != 6 {
		t.Errorf("%d lines:\n%s", n, table)
	}

	var got matrixJSON
	if err := json.Unmarshal([]byte(printed(MatrixJSON)), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Connections) != 3 || got.Connections[0].From.Name != "web" || got.Connections[1].To.Place != "host" ||
		got.Connections[2].Others != 2 || got.Connections[2].From != (endJSON{}) || got.Open.After != 1 {
		t.Errorf("JSON: %+v", got)
	}

	dot := printed(MatrixDot)
	for _, want := range []string{"digraph connections {\n", `n0 -> n1 [label="5432/TCP proven"]`, `label="any inferred", style=dashed`} {
		if !strings.Contains(dot, want) {
			t.Errorf("the graph lacks %q:\n%s", want, dot)
		}
	}
	mermaid := printed(MatrixMermaid)
	for _, want := range []string{"flowchart LR\n", `n0["shop/web"]`, `n0 -->|"5432/TCP proven"| n1`, `n0 -.->|"any inferred"|`} {
		if !strings.Contains(mermaid, want) {
			t.Errorf("the flowchart lacks %q:\n%s", want, mermaid)
		}
	}
	if strings.Count(mermaid, "\n") != 6 {
		t.Errorf("a name breaks the line:\n%s", mermaid)
	}
}

// TestMatrixGuesses says how many guesses there are, and a reason once.
func TestMatrixGuesses(t *testing.T) {
	end := func(name string) connections.End {
		return connections.End{Workload: fixes.Ref{Kind: fixes.KindDeployment, Namespace: "shop", Name: name}}
	}
	why := connections.Reason{Object: end("web").Workload, Text: "nothing tells who uses Service db"}
	m := network.Matrix{Before: 1, After: 1, All: 1, Rows: []network.Row{{From: end("web"), To: end("db"), Sure: connections.Guessed, Before: true, After: true,
		Ports: []connections.Port{{Protocol: corev1.ProtocolTCP, Number: 5432}}, Why: []connections.Reason{why, why}}}}
	var b bytes.Buffer
	if err := MatrixTable(&b, m); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"  nothing tells who uses Service db\n", "1 of these is a guess: --flows"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, b.String())
		}
	}
}
