// Command shop is every part of a small shop: which one, its environment tells.
// Each part answers, asks the parts that it needs all the time, each time by a
// new name lookup and a new connection, and tells how that goes to whoever asks
// inside of its container. TestSegmentedOnNode runs it.
//
//	shop                        the part that ROLE names
//	shop status                 how the connections of this container's part go
//	shop probe KIND/ADDRESS...  which of these can be reached from here
//	shop wait ADDRESS           ends when a connection to ADDRESS works
//
// It speaks HTTP, a line of TCP ("get x" is answered by "+x"), and the same by UDP.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// statusAddress is heard inside of the pod alone.
const statusAddress = "127.0.0.1:9999"

const patience = time.Second

func main() {
	args := os.Args[1:]
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		run(os.Getenv("ROLE"), args)
		return
	}
	switch args[0] {
	case "status":
		body, err := get("http://"+statusAddress, "")
		if err != nil {
			fail(err)
		}
		fmt.Print(body)
	case "probe":
		probe(args[1:])
	case "wait":
		for ask("tcp", args[1]) != nil {
			time.Sleep(patience / 5)
		}
	default:
		fail(errors.New("unknown command " + args[0]))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// listens are the ports of each part.
var listens = map[string][]string{
	"front":     {"http/8080", "http/9102"},
	"catalogue": {"http/8080", "http/9000"},
	"orders":    {"http/8081"},
	"queue":     {"line/4222"},
	"mail":      {"line/2525"},
	"db":        {"line/5432"},
	"ring":      {"line/7000"},
	"clock":     {"udp/1123"},
	"gateway":   {"http/8443"},
	"outside":   {"line/443", "line/80"},
}

// peers are what a part asks, as it learns of them: by its environment, a file,
// its arguments; and two that are only here.
func peers(role string, args []string) []string {
	env := os.Getenv
	switch role {
	case "front":
		return []string{"http/" + host(env("CATALOGUE_URL"), "80"), "http/orders:8081"}
	case "catalogue":
		return []string{"line/" + host(env("DATABASE_URL"), "5432"), "udp/" + env("CLOCK_ADDR")}
	case "orders":
		return []string{"line/" + host(property("/etc/shop/orders.properties", "database.url"), "5432"),
			"line/" + flag(args, "--queue="), "http/" + host(env("PAYMENTS_URL"), "80")}
	case "worker":
		return []string{"line/" + net.JoinHostPort(env("QUEUE_HOST"), env("QUEUE_PORT")), "line/mail:2525", "line/" + env("PARTNER_ADDR")}
	case "ring":
		var out []string
		for _, address := range strings.Split(flag(args, "--peers="), ",") {
			out = append(out, "line/"+address)
		}
		return out
	case "report":
		return []string{"line/" + net.JoinHostPort(env("DB_HOST"), env("DB_PORT")), "http/" + host(env("CATALOGUE_ADMIN"), "80")}
	case "watcher":
		return []string{"api/kubernetes.default.svc:443"}
	}
	return nil
}

// host returns a URL's host and port.
func host(text, port string) string {
	u, err := url.Parse(text)
	if err != nil {
		fail(err)
	}
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), port)
	}
	return u.Host
}

func property(file, key string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		fail(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, key+"="); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func flag(args []string, name string) string {
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, name); ok {
			return value
		}
	}
	return ""
}

// State is how a connection goes.
type State struct {
	// Since is when the first of the answers came that followed one another until
	// now, and Last when it was asked the last time that is known of.
	Since, Last time.Time
	Answers     int
	Failures    int
	Error       string
}

func run(role string, args []string) {
	for _, l := range listens[role] {
		kind, port, _ := strings.Cut(l, "/")
		go serve(kind, ":"+port, role)
	}
	asked := peers(role, args)
	states := map[string]*State{}
	var lock sync.Mutex
	for _, peer := range asked {
		state := &State{}
		states[peer] = state
		go func() {
			for ; ; time.Sleep(200 * time.Millisecond) {
				start := time.Now()
				kind, address, _ := strings.Cut(peer, "/")
				err := ask(kind, address)
				lock.Lock()
				state.Last = start
				if err != nil {
					state.Answers, state.Error = 0, err.Error()
					state.Failures++
				} else if state.Answers++; state.Answers == 1 {
					state.Since, state.Error = start, ""
				}
				lock.Unlock()
			}
		}()
	}
	status := func() string {
		lock.Lock()
		defer lock.Unlock()
		text, _ := json.Marshal(states)
		return string(text) + "\n"
	}
	if role == "report" {
		report(states, &lock, status)
		return
	}
	go func() {
		fail(http.ListenAndServe(statusAddress, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, status()) })))
	}()
	end, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	<-end.Done()
}

// report ends well when all have answered.
func report(states map[string]*State, lock *sync.Mutex, status func() string) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		all := true
		lock.Lock()
		for _, s := range states {
			all = all && s.Answers > 0
		}
		lock.Unlock()
		if all {
			fmt.Print(status())
			return
		}
	}
	fail(errors.New(status()))
}

func serve(kind, address, role string) {
	switch kind {
	case "http":
		fail(http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, role) })))
	case "udp":
		conn, err := net.ListenPacket("udp", address)
		if err != nil {
			fail(err)
		}
		for buf := make([]byte, 512); ; {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				fail(err)
			}
			_, _ = conn.WriteTo(append([]byte("+"), buf[:n]...), from)
		}
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fail(err)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			fail(err)
		}
		go func() {
			defer conn.Close()
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				fmt.Fprintf(conn, "+%s\n", strings.TrimPrefix(lines.Text(), "get "))
			}
		}()
	}
}

// ask makes a new connection and wants an answer.
func ask(kind, address string) error {
	switch kind {
	case "dns":
		ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
		defer cancel()
		_, err := net.DefaultResolver.LookupHost(ctx, address)
		return err
	case "http":
		_, err := get("http://"+address, "")
		return err
	case "api":
		token, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/token")
		if err != nil {
			return err
		}
		_, err = get("https://"+address+"/api/v1/namespaces/shop/services", string(token))
		return err
	}
	network := "tcp"
	if kind == "udp" {
		network = kind
	}
	conn, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if kind == "tcp" {
		return nil
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(conn, "get x"); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "+") {
		err = fmt.Errorf("answer %q", line)
	}
	return err
}

func get(address, token string) (string, error) {
	// The answer of the API is what counts, not who signed its certificate.
	client := http.Client{Timeout: 2 * patience, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(body), err
}

// probe prints the targets that can be reached, a line each.
func probe(targets []string) {
	var group sync.WaitGroup
	reached := make([]bool, len(targets))
	for i, target := range targets {
		group.Add(1)
		go func() {
			defer group.Done()
			kind, address, _ := strings.Cut(target, "/")
			reached[i] = ask(kind, address) == nil
		}()
	}
	group.Wait()
	for i, target := range targets {
		if reached[i] {
			fmt.Println(target)
		}
	}
}
