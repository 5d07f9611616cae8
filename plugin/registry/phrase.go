package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// phrase says in a few words why an answer is not known. What a registry says is
// never repeated: it may hold a token, or lie.
func phrase(err error) string {
	var said refusal
	var status *transport.Error
	switch {
	case errors.As(err, &said):
		return string(said)
	case certificatePhrase(err) != "": // plain HTTP was tried after it
		return certificatePhrase(err)
	case errors.As(err, &status):
		return statusPhrase(status.StatusCode)
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	if s := connectionPhrase(err); s != "" {
		return s
	}
	var syntax *json.SyntaxError
	var types *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax), errors.As(err, &types):
		return "the answer is no JSON"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the answer is cut short"
	case strings.Contains(err.Error(), "link-local"):
		return "the registry leads to a private address, which is not asked"
	case strings.Contains(err.Error(), "scheme \"http\" not allowed"):
		return "the registry leads from HTTPS to plain HTTP, which is not asked"
	case strings.Contains(err.Error(), "does not match requested digest"), strings.Contains(err.Error(), "error verifying"):
		return "the content does not have the digest that names it"
	}
	return "the answer cannot be understood"
}

func statusPhrase(code int) string {
	switch {
	case code == http.StatusUnauthorized:
		return "401: the registry wants credentials"
	case code == http.StatusForbidden:
		return "403: the registry refuses"
	case code == http.StatusNotFound:
		return "404: the registry does not have it"
	case code == http.StatusTooManyRequests:
		return "429: the registry limits how often it may be asked"
	case code >= http.StatusInternalServerError:
		return fmt.Sprintf("%d: the registry is out of order", code)
	}
	return fmt.Sprintf("%d: not an answer that a registry gives", code)
}

// connectionPhrase says why no connection came about, or returns "".
func connectionPhrase(err error) string {
	var dns *net.DNSError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var timeout net.Error
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case errors.As(err, &dns):
		return "the name of the host cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection is refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection breaks"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "the host cannot be reached"
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "the host does not speak TLS"
	case errors.As(err, &alert), strings.Contains(err.Error(), "tls: "):
		return "the TLS handshake fails"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return ""
}

// certificatePhrase says what is wrong with a certificate, or returns "".
func certificatePhrase(err error) string {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	switch {
	case errors.As(err, &unknown):
		return "its certificate is by an authority that this machine does not know"
	case errors.As(err, &host):
		return "its certificate is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired, or is not valid yet"
	case errors.As(err, &invalid):
		return "its certificate is not valid"
	}
	return ""
}
