package plugin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
)

// The exit statuses, which are a contract.
const (
	StatusDone = 0
	// StatusFindings: there are findings at or above --fail-on.
	StatusFindings = 1
	// StatusFailed: wrong usage, or a scan or a fix that failed.
	StatusFailed = 2
	// StatusPartial: the plan was applied in part.
	StatusPartial = 3
	// StatusStale: objects have changed since the scan; nothing is written.
	StatusStale = 4
	// StatusRolledBack: the plan failed, and all is as it was.
	StatusRolledBack = 5
	// StatusInterrupted: a signal ended it.
	StatusInterrupted = 130
)

// statusError ends the program with a status.
type statusError struct {
	status int
	err    error // nil where there is nothing to say
}

func (e *statusError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

func usageError(err error) error { return &statusError{StatusFailed, err} }

// status returns the exit status that an error ends the program with.
func status(err error) int {
	var s *statusError
	switch {
	case err == nil:
		return StatusDone
	case errors.As(err, &s):
		return s.status
	case errors.Is(err, context.Canceled):
		return StatusInterrupted
	case errors.Is(err, apply.ErrPartial):
		return StatusPartial
	case errors.Is(err, apply.ErrStale):
		return StatusStale
	case errors.Is(err, apply.ErrRolledBack):
		return StatusRolledBack
	}
	return StatusFailed
}

// message returns what is said of an error: one line for each thing that went
// wrong, with what to do about it.
func message(err error) string {
	if err == nil {
		return ""
	}
	if errors.Is(err, context.Canceled) {
		if errors.Is(err, apply.ErrPartial) {
			return "interrupted: " + apply.ErrPartial.Error() + "; what was written and what was not is listed above"
		}
		return "interrupted"
	}
	return err.Error()
}

// unknown says that a name is not one of those that are valid, and which one
// may have been meant.
func unknown(what, name string, valid []string) error {
	if near := fixes.Nearest(name, valid); near != "" {
		return fmt.Errorf("unknown %s %q; did you mean %q?", what, name, near)
	}
	return fmt.Errorf("unknown %s %q; valid: %s", what, name, strings.Join(valid, ", "))
}

// connectionError says in one line why a cluster cannot be read.
func connectionError(err error, host, contextName string) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var network *net.OpError
	var dns *net.DNSError
	var wrapped *url.Error
	reason := err
	if errors.As(err, &wrapped) {
		reason = wrapped.Err
	}
	if errors.As(err, &network) {
		reason = network.Err // without the address, which the host says already
	}
	switch {
	case clientcmd.IsEmptyConfig(err):
		return errors.New("no kubeconfig: set KUBECONFIG or --kubeconfig, read manifests with -f, or try --demo")
	case clientcmd.IsContextNotFound(err):
		return fmt.Errorf("%w; see kubectl config get-contexts", err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the server %s refuses the credentials of context %q (401): they are wrong or expired; log in again", host, contextName)
	case errors.As(err, &dns):
		return &fixes.UnreachableError{Host: host, Reason: "does not answer: no such host " + dns.Name,
			Err: fmt.Errorf("the server %s cannot be reached: no such host %s; check --context and --server", host, dns.Name)}
	case network != nil, errors.Is(err, io.EOF), apierrors.IsTimeout(err), errors.Is(err, context.DeadlineExceeded), wrapped != nil:
		said := fmt.Errorf("the server %s cannot be reached: %w; check --context and --server", host, reason)
		if isTLS(err) { // which no waiting mends
			return said
		}
		return &fixes.UnreachableError{Host: host, Reason: "does not answer: " + strings.TrimPrefix(reason.Error(), "connect: "), Err: said}
	case apierrors.IsServiceUnavailable(err), apierrors.IsTooManyRequests(err), apierrors.IsServerTimeout(err), apierrors.IsInternalError(err):
		return &fixes.UnreachableError{Host: host, Reason: "cannot serve now: " + err.Error(), Err: err}
	}
	return err
}

// isTLS reports whether two ends could not agree on a secure connection, or one
// of them does not trust the other.
func isTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var authority x509.UnknownAuthorityError
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &authority) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}
