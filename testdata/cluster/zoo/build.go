package zoo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// base are the packages in the images of all servers: about what the image
// debian:bookworm-slim has, and the program by which entrypoints drop root.
const base = "base-files base-passwd bash coreutils dash debianutils findutils gosu grep gzip hostname" +
	" libc-bin login ncurses-bin netbase passwd perl-base sed sysvinit-utils tar util-linux"

// unneeded are packages that others depend on for their own scripts alone, or
// for what no server of the zoo does. The compiler of PostgreSQL's queries is
// four times as big as the rest of it.
var unneeded = strings.Fields("adduser debconf init-system-helpers iproute2 libllvm14 libperl5.36 logrotate lsb-base" +
	" perl perl-modules-5.36 postgresql-client-common postgresql-common ssl-cert sysvinit-utils ucf")

// baseSetup makes what the scripts of the base's packages make.
const baseSetup = `
cp /usr/share/base-passwd/passwd.master /etc/passwd
cp /usr/share/base-passwd/group.master /etc/group
install -d -m 1777 /tmp /var/tmp
install -d /run/lock /usr/local/bin
rm -rf /var/run /var/lock
ln -s /run /var/run
ln -s /run/lock /var/lock
ldconfig
`

// setup is before every server's own.
const setup = `
user() {
	echo "$1:x:$2:$2::${3:-/nonexistent}:/usr/sbin/nologin" >>/etc/passwd
	echo "$1:x:$2:" >>/etc/group
}
ldconfig
`

// Build makes the archive of the images of all servers, or finds it made:
// [cluster.Node.ImportImages] takes it. Its name holds a hash of all that is said
// here of the images; the versions of the packages are the mirror's of the day.
func Build(ctx context.Context, servers []Server) (archive string, err error) {
	cache, err := cluster.Cache()
	if err != nil {
		return "", err
	}
	sum, err := hash()
	if err != nil {
		return "", err
	}
	archive = filepath.Join(cache, "zoo-"+sum, "images.tar")
	if _, err := os.Stat(archive); err == nil {
		return archive, nil
	}
	fmt.Fprintln(os.Stderr, "zoo: making the images (once, takes a minute)")
	if err := os.MkdirAll(filepath.Dir(archive), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(archive), "building-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	b := builder{work: work, debs: filepath.Join(cache, "zoo-debs")}
	var images []cluster.Image
	for _, s := range servers {
		image, err := b.image(ctx, s)
		if err != nil {
			return "", fmt.Errorf("the image of %s: %w", s.Name, err)
		}
		images = append(images, image)
	}
	whole := filepath.Join(work, "images.tar")
	if _, err := cluster.PackImages(whole, images...); err != nil {
		return "", err
	}
	return archive, os.Rename(whole, archive)
}

// Load makes a node know the images of the servers.
func Load(ctx context.Context, n *cluster.Node, servers []Server) error {
	archive, err := Build(ctx, servers)
	if err != nil {
		return err
	}
	var refs []string
	for _, s := range servers {
		refs = append(refs, s.Ref())
	}
	return n.ImportImages(ctx, archive, refs...)
}

func hash() (string, error) {
	h := sha256.New()
	fmt.Fprint(h, base, unneeded, baseSetup, setup)
	err := fs.WalkDir(assets, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := assets.ReadFile(path)
		fmt.Fprintln(h, path, len(text))
		h.Write(text)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:8]), err
}

// A builder makes images in a folder of its own.
type builder struct {
	work, debs string
	base       string   // the folder of the base's layer, when it is made
	based      []string // packages in it
}

func (b *builder) image(ctx context.Context, s Server) (cluster.Image, error) {
	image := cluster.Image{Ref: s.Ref(), Config: s.Image}
	layer := filepath.Join(b.work, s.Name)
	if err := os.Mkdir(layer, 0o755); err != nil {
		return image, err
	}
	if s.Program != "" {
		image.Config.Entrypoint = []string{"/program"}
		image.Layers = []string{layer}
		return image, cluster.BuildStatic(ctx, filepath.Join(layer, "program"), s.Program)
	}
	if b.base == "" {
		debs, err := b.packages(ctx, base)
		if err != nil {
			return image, err
		}
		b.base, b.based = filepath.Join(b.work, "base.layer"), debs
		if err := os.Mkdir(b.base, 0o755); err != nil {
			return image, err
		}
		if err := b.layer(ctx, b.base, "", "", baseSetup, debs); err != nil {
			return image, err
		}
	}
	if len(image.Config.Env) == 0 || !strings.Contains(strings.Join(image.Config.Env, "\n"), "PATH=") {
		image.Config.Env = append(slices.Clone(image.Config.Env), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	image.Layers = []string{b.base, layer}
	debs, err := b.packages(ctx, s.Packages)
	if err != nil {
		return image, err
	}
	debs = slices.DeleteFunc(debs, func(deb string) bool { return slices.Contains(b.based, deb) })
	files := layer + ".files"
	if err := s.writeFiles(files); err != nil {
		return image, err
	}
	return image, b.layer(ctx, layer, b.base, files, setup+s.Setup, debs)
}

func (s Server) writeFiles(folder string) error {
	for path, text := range s.Files {
		path = filepath.Join(folder, path)
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			return err
		}
	}
	return nil
}

// packages downloads packages and those that they depend on, unless they are
// there, and returns their files.
func (b *builder) packages(ctx context.Context, names string) ([]string, error) {
	if names == "" {
		return nil, nil
	}
	if err := os.MkdirAll(filepath.Join(b.debs, "partial"), 0o755); err != nil {
		return nil, err
	}
	// As if nothing were installed here, whatever the machine has.
	nothing := filepath.Join(b.work, "status")
	if err := os.WriteFile(nothing, nil, 0o644); err != nil {
		return nil, err
	}
	options := []string{"-o", "Dir::State::status=" + nothing, "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=true"}
	list, err := run(ctx, b.debs, nil, "apt-get", append(append(options, "install", "--yes", "--print-uris", "--no-install-recommends"),
		strings.Fields(names)...)...)
	if err != nil {
		return nil, err
	}
	var debs, missing []string
	for line := range strings.Lines(list) {
		// 'http://…/x_1_amd64.deb' x_1_amd64.deb 1234 SHA256:…
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.HasPrefix(line, "'") {
			continue
		}
		name, _, _ := strings.Cut(fields[1], "_")
		if slices.Contains(unneeded, name) && !slices.Contains(strings.Fields(names), name) {
			continue
		}
		deb := filepath.Join(b.debs, fields[1])
		debs = append(debs, deb)
		if _, err := os.Stat(deb); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return debs, nil
	}
	_, err = run(ctx, b.debs, nil, "apt-get", append(append(options, "download", "--quiet"), missing...)...)
	return debs, err
}

// layer unpacks packages into a layer, and runs a script there.
func (b *builder) layer(ctx context.Context, layer, below, files, script string, debs []string) error {
	text, err := assets.ReadFile("layer.sh")
	if err != nil {
		return err
	}
	file := layer + ".setup"
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		return err
	}
	_, err = run(ctx, b.work, bytes.NewReader(text), "unshare", append([]string{"--mount", "sh", "-s", layer, below, files, file}, debs...)...)
	return err
}

func run(ctx context.Context, dir string, stdin *bytes.Reader, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if stdin != nil {
		cmd.Stdin = stdin
	}
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", name, err, errOut.Bytes())
	}
	return out.String(), nil
}
