package inspect

import (
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

const nginxStatus = `Name:	nginx
Umask:	0022
State:	S (sleeping)
Tgid:	7
Pid:	7
PPid:	1
Uid:	0	101	101	101
Gid:	0	101	101	101
Groups:	101 1000 
CapInh:	0000000000000000
CapPrm:	0000000000000400
CapEff:	0000000000000401
CapBnd:	00000000a80425fb
NoNewPrivs:	1`

func TestStatus(t *testing.T) {
	p, ok := parseStatus(strings.Split(nginxStatus, "\n"))
	want := process{RunningProcess: fixes.RunningProcess{
		PID: 7, Name: "nginx", UID: 101, GID: 101, Groups: []int64{101, 1000},
		Effective: []string{"CHOWN", "NET_BIND_SERVICE"},
		Bounding: []string{"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
			"NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"},
		NoNewPrivileges: true,
	}, parent: 1}
	if !ok || !reflect.DeepEqual(p, want) {
		t.Errorf("%v %+v", ok, p)
	}
	for from, to := range map[string]string{
		"Uid:	0	101	101	101":      "Uid:	0	-1	101	101",
		"Gid:	0	101	101	101":      "Gid:	101",
		"Pid:	7":                  "Pid:	9999999999999",
		"0000000000000401":        "zz",
		"CapBnd":                  "CapBbb",
		"Groups:	101 1000":        "Groups:	root",
		"Name:	nginx\nUmask:	002": "Pid:	0\nUmask:	002",
	} {
		lines := strings.Split(strings.Replace(nginxStatus, from, to, 1), "\n")
		if strings.HasPrefix(to, "Pid:	0") {
			lines = slices.DeleteFunc(lines, func(l string) bool { return l == "Pid:	7" })
		}
		if p, ok := parseStatus(lines); ok {
			t.Errorf("%q: %+v", to, p)
		}
	}
}

func TestMounts(t *testing.T) {
	on, readOnly := parseMounts(strings.Split(`overlay / overlay rw,relatime,lowerdir=/a:/b 0 0
proc /proc proc rw,nosuid 0 0
/dev/vda /var/log/my\040app ext4 rw 0 0
bad line
x relative y rw 0 0
overlay / overlay ro,relatime 0 0`, "\n"))
	if !readOnly || !slices.Equal(on, mounts{"/proc", "/var/log/my app"}) {
		t.Error(readOnly, on)
	}
	for p, want := range map[string]bool{"/proc": true, "/proc/1": true, "/process": false, "/var/log": false, "/var/log/my app/x": true} {
		if on.cover(p) != want {
			t.Errorf("%s: %v", p, !want)
		}
	}
}

func TestPaths(t *testing.T) {
	got, all := parsePaths("/\x00/run/a b\x00/data/x\x00/data\x00", mounts{"/data"})
	if !all || !slices.Equal(got, []string{"/", "/run/a b"}) {
		t.Error(all, got)
	}
	for _, hostile := range []string{"relative", "/a/../b", "/a\n/etc", "/\x1b[2J", "/" + strings.Repeat("x", maxPath), "/\xff", "/\u202e"} {
		if got, all := parsePaths("/ok\x00"+hostile+"\x00", nil); all || !slices.Equal(got, []string{"/ok"}) {
			t.Errorf("%q: %v %q", hostile, all, got)
		}
	}
	if got, all := parsePaths(strings.Repeat("/x\x00", maxPaths+1), nil); all || len(got) != maxPaths {
		t.Error(all, len(got))
	}
}

func TestSockets(t *testing.T) {
	lines := strings.Split(`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 21 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   101        0 22 1 0
   2: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 23 1 0
   3: 00000000:C350 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 24 1 0
   4: 00000000:zzzz 00000000:0000 0A 0 0 0 0 0 25
   5: 00000000:0050 00000000:0000 0A 0 0 0 0 0 evil`, "\n")
	if got := parseSockets(lines, false); !slices.Equal(got, []socket{{80, "21"}}) {
		t.Errorf("tcp %v", got)
	}
	if got := parseSockets(lines, true); !slices.Equal(got, []socket{{53, "23"}}) {
		t.Errorf("udp %v", got)
	}
}

func TestOpen(t *testing.T) {
	inodes, readable := parseOpen(`/proc/1/fd:
total 0
lrwx------ 1 101 101 64 Nov 25 03:00 0 -> /dev/null
lrwx------ 1 101 101 64 Nov 25 03:00 6 -> socket:[21]

/proc/7/fd:
total 0
`)
	if !reflect.DeepEqual(inodes, map[string]bool{"21": true}) || !reflect.DeepEqual(readable, map[int]bool{1: true}) {
		t.Error(inodes, readable)
	}
}

// FuzzParse reads anything as what a container prints, and demands that what is
// taken from it could stand in a pod and on a screen.
func FuzzParse(f *testing.F) {
	f.Add("shell 9\nfile /proc/7/status\n" + nginxStatus + "\nfile /proc/mounts\noverlay / overlay ro 0 0\n")
	f.Add("/a\x00/b\x00")
	f.Add("/proc/1/fd:\nx 6 -> socket:[21]\n")
	f.Add("   0: 00000000:0050 00000000:0000 0A 0 0 0 0 0 21\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		_, files := sections(text)
		for _, file := range append(files, section{lines: lines}) {
			if p, ok := parseStatus(file.lines); ok && (p.PID <= 0 || p.UID < 0 || p.GID < 0 || strings.ContainsFunc(p.Name, unicode.IsControl)) {
				t.Errorf("%+v", p)
			}
			on, _ := parseMounts(file.lines)
			paths, _ := parsePaths(text, on)
			for _, p := range paths {
				if !path.IsAbs(p) || path.Clean(p) != p || fixes.Clean(p) != p {
					t.Errorf("path %q", p)
				}
			}
			for _, s := range parseSockets(file.lines, len(text)%2 == 0) {
				if s.port <= 0 {
					t.Errorf("%+v", s)
				}
			}
		}
		parseOpen(text)
	})
}
