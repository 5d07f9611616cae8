package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

// host is one registry.
type host struct {
	guard     *guard
	transport *http.Transport

	mu      sync.Mutex
	pullers map[authn.AuthConfig]*remote.Puller // by credentials; see puller
}

func (im *Images) newHost(hostname string, registry name.Registry) *host {
	base := im.Transport
	if base == nil {
		base = http.DefaultTransport.(*http.Transport)
	}
	t := newTransport(base, hostname)
	pause := im.pause
	if pause == nil {
		pause = sleep
	}
	timeout := im.timeout
	if timeout == 0 {
		timeout = requestTimeout
	}
	return &host{
		guard:     &guard{host: hostname, insecure: registry.Scheme() == "http", next: t, timeout: timeout, pause: pause},
		transport: t,
		pullers:   map[authn.AuthConfig]*remote.Puller{},
	}
}

func (h *host) close() { h.transport.CloseIdleConnections() }

// puller returns what asks with some credentials; the same for the same, so that
// a repository is logged in to once.
func (h *host) puller(auth authn.AuthConfig) (*remote.Puller, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.pullers[auth]; p != nil {
		return p, nil
	}
	authenticator := authn.Anonymous
	if auth != (authn.AuthConfig{}) {
		authenticator = authn.FromConfig(auth)
	}
	// The guard tries again by itself, in a bounded way.
	p, err := remote.NewPuller(remote.WithTransport(h.guard), remote.WithAuth(authenticator),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}), remote.WithRetryStatusCodes(),
		remote.WithRetryPredicate(func(error) bool { return false }), remote.WithUserAgent("kubectl-harden"))
	if err == nil {
		h.pullers[auth] = p
	}
	return p, err
}

// loginError is the answer of a registry that wants other credentials.
type loginError struct{ error }

// errNoLogin is what a loginError is.
var errNoLogin = errors.New("no credentials fit")

// Is implements the interface of errors.Is.
func (loginError) Is(target error) bool { return target == errNoLogin }

// Unwrap returns the registry's answer.
func (e loginError) Unwrap() error { return e.error }

// login finds credentials with which the registry tells of an image: none, the
// user's own, or those of a pull secret, in that order. Where none are needed,
// the user's own are still used if they are good, since registries allow them
// more.
func (h *host) login(ctx context.Context, q question) (p *remote.Puller, desc *v1.Descriptor, private bool, err error) {
	p, desc, err = h.try(ctx, q, authn.AuthConfig{})
	if err != nil && !refused(err) {
		return nil, nil, false, err
	}
	private = err != nil
	first := err
	own, ok := userLogin(ctx, q.ref.Context())
	if ok {
		better, d, err := h.try(ctx, q, own)
		switch {
		case err == nil:
			return better, d, private, nil
		case !refused(err):
			return nil, nil, private, err
		}
	}
	if !private {
		return p, desc, false, nil
	}
	for _, l := range q.logins {
		var auth authn.AuthConfig
		if json.Unmarshal(l.Auth, &auth) != nil {
			continue
		}
		auth.Auth = "" // user and password, which were taken from it, say the same
		p, desc, err := h.try(ctx, q, auth)
		if err == nil {
			return p, desc, true, nil
		}
		if !refused(err) {
			return nil, nil, true, err
		}
	}
	return nil, nil, true, loginError{first}
}

func (h *host) try(ctx context.Context, q question, auth authn.AuthConfig) (*remote.Puller, *v1.Descriptor, error) {
	p, err := h.puller(auth)
	if err != nil {
		return nil, nil, err
	}
	desc, err := p.Head(ctx, q.ref)
	if err != nil && !refused(err) && !isStatus(err) && h.guard.Broken() == nil {
		// Some registries leave out of an answer to HEAD what only GET has to say.
		got, getErr := p.Get(ctx, q.ref)
		if getErr != nil {
			return nil, nil, getErr
		}
		return p, &got.Descriptor, nil
	}
	return p, desc, err
}

// refused reports whether a registry wants other credentials.
func refused(err error) bool {
	var status *transport.Error
	return errors.As(err, &status) && (status.StatusCode == http.StatusUnauthorized || status.StatusCode == http.StatusForbidden)
}

func isStatus(err error) bool {
	var status *transport.Error
	return errors.As(err, &status)
}

// userLogin returns what the user's docker config has for a repository.
func userLogin(ctx context.Context, repo name.Repository) (authn.AuthConfig, bool) {
	authenticator, err := authn.Resolve(ctx, authn.DefaultKeychain, repo)
	if err != nil || authenticator == authn.Anonymous {
		return authn.AuthConfig{}, false // a broken docker config is no reason not to try without
	}
	auth, err := authn.Authorization(ctx, authenticator)
	if err != nil || auth == nil || *auth == (authn.AuthConfig{}) {
		return authn.AuthConfig{}, false
	}
	return *auth, true
}

// answer fills in what the registry says of an image.
func (h *host) answer(ctx context.Context, q question, im *Images, fact *fixes.Image) error {
	p, desc, private, err := h.login(ctx, q)
	fact.Private = private
	if err != nil {
		return err
	}
	fact.Asked, fact.Digest = im.Now(), desc.Digest.String()
	pinned := q.ref.Context().Digest(fact.Digest)
	if err := h.newer(ctx, p, q, fact); err != nil {
		return err
	}
	if fact.Unsigned, err = h.unsigned(ctx, p, pinned); err != nil {
		return err
	}
	if im.content(pinned, fact) {
		return nil // asked before: a digest's content does not change
	}
	img, err := h.image(ctx, p, pinned)
	if err != nil {
		return err
	}
	config, err := h.config(ctx, p, pinned.Context(), img)
	if err != nil {
		return err
	}
	describe(config, fact)
	if im.Inspect {
		s := newSearch()
		s.config(config)
		if err := h.layers(ctx, p, pinned.Context(), img, s); err != nil {
			return err
		}
		fact.Secrets, fact.Partial = s.found, s.partial
	}
	im.keepContent(pinned, fact)
	return nil
}

// unsigned reports whether neither cosign's tag nor a referrer that is a
// signature stands beside a digest. In doubt it is not.
func (h *host) unsigned(ctx context.Context, p *remote.Puller, pinned name.Digest) (bool, error) {
	algorithm, hex, _ := strings.Cut(pinned.DigestStr(), ":")
	_, err := p.Head(ctx, pinned.Context().Tag(algorithm+"-"+hex+".sig"))
	var status *transport.Error
	switch {
	case err == nil:
		return false, nil
	case !errors.As(err, &status):
		return false, err
	case status.StatusCode != http.StatusNotFound:
		return false, nil
	}
	referrers, err := remote.Referrers(pinned, remote.WithContext(ctx), remote.Reuse(p))
	if err != nil {
		return false, giveUpOnly(h, err)
	}
	index, err := referrers.IndexManifest()
	if err != nil {
		return false, giveUpOnly(h, err)
	}
	for i := range index.Manifests {
		if isSignature(index.Manifests[i].ArtifactType) {
			return false, nil
		}
	}
	return true, nil
}

// giveUpOnly lets pass what a registry does not know how to answer; a registry
// that does not answer at all is an error.
func giveUpOnly(h *host, err error) error {
	if h.guard.Broken() != nil {
		return err
	}
	return nil
}

func isSignature(artifactType string) bool {
	for _, kind := range []string{"cosign", "sigstore.bundle", "notary.signature"} {
		if strings.Contains(artifactType, kind) {
			return true
		}
	}
	return false
}

// describe takes from an image's config what rules ask for.
func describe(config *v1.ConfigFile, fact *fixes.Image) {
	// Builders that make the same image each time set an epoch: 1970, or 1980,
	// the first day of ZIP and of Cloud Native Buildpacks.
	if config.Created.After(time.Date(1980, 1, 2, 0, 0, 0, 0, time.UTC)) {
		fact.Built = config.Created.Time
	}
	fact.User = config.Config.User
	for port := range config.Config.ExposedPorts {
		fact.Ports = append(fact.Ports, port)
	}
	slices.Sort(fact.Ports)
	fact.Volumes = slices.Sorted(maps.Keys(config.Config.Volumes))
	fact.Env, fact.Entrypoint, fact.Cmd = harmless(config.Config.Env), harmlessArgs(config.Config.Entrypoint), harmlessArgs(config.Config.Cmd)
}

const (
	// maxGiven is how much is kept of what an image gives to its containers: so many
	// texts, each of so many bytes.
	maxGiven     = 100
	maxGivenText = 1 << 10
)

// harmless returns the variables that are no credentials.
func harmless(env []string) []string {
	var out []string
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		if len(out) < maxGiven && len(e) <= maxGivenText && !detect.Classify(name, value).Secret && !hasUserInfo(value) {
			out = append(out, e)
		}
	}
	return out
}

// harmlessArgs returns a command without credentials; nothing, if there is one.
func harmlessArgs(argv []string) []string {
	if len(argv) > maxGiven || slices.ContainsFunc(argv, func(arg string) bool { return len(arg) > maxGivenText || hasUserInfo(arg) }) ||
		slices.ContainsFunc(detect.Args(argv), func(f detect.ArgFinding) bool { return f.Verdict.Secret }) {
		return nil
	}
	return slices.Clone(argv)
}

// hasUserInfo reports whether a text may have a URL with a user's password in it.
func hasUserInfo(text string) bool {
	_, rest, ok := strings.Cut(text, "://")
	return ok && strings.Contains(rest, "@")
}

// image returns the manifest of one platform's image: that of the digest, or of
// an index the one for linux/amd64, or else the first that runs.
func (h *host) image(ctx context.Context, p *remote.Puller, pinned name.Digest) (*v1.Manifest, error) {
	desc, err := p.Get(withBodyLimit(ctx, bodyLimit{bytes: maxManifest}), pinned)
	if err != nil {
		return nil, err
	}
	if desc.MediaType.IsIndex() {
		index, err := v1.ParseIndexManifest(bytes.NewReader(desc.Manifest))
		if err != nil {
			return nil, err
		}
		child, ok := pickPlatform(index)
		if !ok {
			return nil, refusal("the index holds no image that runs")
		}
		if desc, err = p.Get(withBodyLimit(ctx, bodyLimit{bytes: maxManifest}), pinned.Context().Digest(child.String())); err != nil {
			return nil, err
		}
	}
	if !desc.MediaType.IsImage() {
		return nil, refusal("its manifest is of a kind that is not known")
	}
	return v1.ParseManifest(bytes.NewReader(desc.Manifest))
}

func pickPlatform(index *v1.IndexManifest) (v1.Hash, bool) {
	var first *v1.Descriptor
	for i := range index.Manifests {
		m := &index.Manifests[i]
		if !m.MediaType.IsImage() || m.Platform != nil && m.Platform.OS == "unknown" { // an attestation
			continue
		}
		if m.Platform != nil && m.Platform.OS == "linux" && m.Platform.Architecture == "amd64" {
			return m.Digest, true
		}
		if first == nil {
			first = m
		}
	}
	if first == nil {
		return v1.Hash{}, false
	}
	return first.Digest, true
}

// config reads an image's config.
func (h *host) config(ctx context.Context, p *remote.Puller, repo name.Repository, m *v1.Manifest) (*v1.ConfigFile, error) {
	blob, err := p.Layer(withBodyLimit(ctx, bodyLimit{bytes: maxConfig}), repo.Digest(m.Config.Digest.String()))
	if err != nil {
		return nil, err
	}
	r, err := blob.Compressed() // as it is: a config is not compressed
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	config, err := v1.ParseConfigFile(r)
	if err != nil {
		return nil, fmt.Errorf("read the config: %w", err)
	}
	return config, nil
}
