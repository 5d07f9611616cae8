package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
)

// MatrixTable prints who may connect to whom, a line a connection.
func MatrixTable(w io.Writer, m network.Matrix) error {
	if len(m.Rows) == 0 {
		_, err := fmt.Fprintln(w, "No connections: nothing here has a network of its own.")
		return err
	}
	tab := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tab, "FROM\tTO\tPORTS\tSURE\tNOW\tAFTER\tWHY")
	for _, r := range m.Rows {
		columns := []string{fromName(r), endName(r.To), portList(r.Ports), orDash(r.Sure.String()), allowed(r.Before), allowed(r.After), why(r)}
		for i := range columns {
			columns[i] = fixes.Clean(columns[i])
		}
		fmt.Fprintln(tab, strings.Join(columns, "\t"))
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	guesses := ""
	if n := guessed(m); n > 0 {
		are := "are guesses"
		if n == 1 {
			are = "is a guess"
		}
		guesses = fmt.Sprintf(" %d of these %s: --flows, --inspect and --ask-registries tell more, --cut takes one away, --strictness proven all.", n, are)
	}
	_, err := fmt.Fprintf(w, "\nOf %s from workload to workload %d are open now, %d after the plan.%s\n", Count(m.All, "connection"), m.Before, m.After, guesses)
	return err
}

// guessed counts what stays open between workloads as a guess.
func guessed(m network.Matrix) int {
	n := 0
	for _, r := range m.Rows {
		if r.Sure == connections.Guessed && r.After && r.From.IsWorkload() && r.To.IsWorkload() {
			n += len(r.Ports)
		}
	}
	return n
}

func fromName(r network.Row) string {
	if r.Others > 0 {
		return Count(r.Others, "other workload")
	}
	return endName(r.From)
}

func endName(e connections.End) string {
	if e.IsWorkload() {
		return e.Workload.NamespacedName()
	}
	return e.String()
}

func portList(ports []connections.Port) string {
	if len(ports) == 0 {
		return "any"
	}
	list := make([]string, len(ports))
	for i, p := range ports {
		list[i] = p.String()
	}
	return strings.Join(list, ",")
}

func allowed(yes bool) string {
	if yes {
		return "open"
	}
	return "cut"
}

func why(r network.Row) string {
	if r.Others > 0 {
		return "nothing tells of it"
	}
	var reasons []string
	for _, reason := range r.Why { // one of two containers may be the same
		if !slices.Contains(reasons, reason.Text) {
			reasons = append(reasons, reason.Text)
		}
	}
	return strings.Join(reasons, "; ")
}

// matrixJSON is a matrix as programs read it.
type matrixJSON struct {
	SchemaVersion string    `json:"schemaVersion"`
	Connections   []rowJSON `json:"connections"`
	// Open counts ports of workloads that other workloads reach.
	Open struct {
		Before int `json:"before"`
		After  int `json:"after"`
		Of     int `json:"of"`
	} `json:"open"`
}

type rowJSON struct {
	From   endJSON  `json:"from"`
	To     endJSON  `json:"to"`
	Ports  []string `json:"ports"`
	Sure   string   `json:"sure,omitempty"`
	Others int      `json:"otherWorkloads,omitempty"`
	Before bool     `json:"before"`
	After  bool     `json:"after"`
	Why    []string `json:"why"`
}

// endJSON is a workload, or a place.
type endJSON struct {
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Place     string `json:"place,omitempty"`
}

// MatrixJSON writes a matrix for programs.
func MatrixJSON(w io.Writer, m network.Matrix) error {
	out := matrixJSON{SchemaVersion: SchemaVersion, Connections: []rowJSON{}}
	out.Open.Before, out.Open.After, out.Open.Of = m.Before, m.After, m.All
	for _, r := range m.Rows {
		row := rowJSON{From: endOf(r.From), To: endOf(r.To), Ports: []string{}, Sure: r.Sure.String(), Others: r.Others,
			Before: r.Before, After: r.After, Why: []string{}}
		if r.Others > 0 {
			row.From = endJSON{}
		}
		for _, p := range r.Ports {
			row.Ports = append(row.Ports, p.String())
		}
		for _, reason := range r.Why {
			row.Why = append(row.Why, fixes.Clean(reason.String()))
		}
		out.Connections = append(out.Connections, row)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

func endOf(e connections.End) endJSON {
	if e.IsWorkload() {
		return endJSON{Kind: e.Workload.Kind.Name, Namespace: fixes.ManifestNamespace(e.Workload.Namespace), Name: e.Workload.Name}
	}
	return endJSON{Place: string(e.Place), Name: fixes.Clean(e.Name)}
}

// graphFormat is a language of graphs.
type graphFormat struct {
	begin, end string
	node       func(id, label string) string
	link       func(from, to, label string, cut bool) string
}

// MatrixDot writes what objects tell of as a graph of Graphviz; what is cut is
// dashed.
func MatrixDot(w io.Writer, m network.Matrix) error {
	return writeGraph(w, m, graphFormat{
		begin: "digraph connections {\n  rankdir=LR\n  node [shape=box]\n", end: "}\n",
		node: func(id, label string) string { return fmt.Sprintf("  %s [label=%s]\n", id, strconv.Quote(label)) },
		link: func(from, to, label string, cut bool) string {
			style := ""
			if cut {
				style = ", style=dashed, color=red"
			}
			return fmt.Sprintf("  %s -> %s [label=%s%s]\n", from, to, strconv.Quote(label), style)
		},
	})
}

// MatrixMermaid writes it as a flowchart of Mermaid.
func MatrixMermaid(w io.Writer, m network.Matrix) error {
	quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, "#quot;") + `"` }
	return writeGraph(w, m, graphFormat{
		begin: "flowchart LR\n",
		node:  func(id, label string) string { return fmt.Sprintf("  %s[%s]\n", id, quote(label)) },
		link: func(from, to, label string, cut bool) string {
			arrow := "-->"
			if cut {
				arrow = "-.->"
			}
			return fmt.Sprintf("  %s %s|%s| %s\n", from, arrow, quote(label), to)
		},
	})
}

func writeGraph(w io.Writer, m network.Matrix, f graphFormat) error {
	var b strings.Builder
	b.WriteString(f.begin)
	ids := map[connections.End]string{}
	id := func(e connections.End) string {
		if ids[e] == "" {
			ids[e] = "n" + strconv.Itoa(len(ids))
			b.WriteString(f.node(ids[e], fixes.Clean(endName(e))))
		}
		return ids[e]
	}
	for _, r := range m.Rows {
		if r.Others > 0 {
			continue
		}
		from, to := id(r.From), id(r.To)
		b.WriteString(f.link(from, to, portList(r.Ports)+" "+r.Sure.String(), !r.After))
	}
	b.WriteString(f.end)
	_, err := io.WriteString(w, b.String())
	return err
}
