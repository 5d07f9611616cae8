package inspect

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// What a container prints is hostile: only what has exactly the form that the
// kernel gives it is taken, and only so much of it.
const (
	maxProcesses = 256
	maxPaths     = 2000
	maxPath      = 512
	maxName      = 64
)

// section is one file of /proc, as [readAll] prints it.
type section struct {
	file  string
	lines []string
}

// sections parts what [readAll] printed, and returns the shell's process number.
func sections(text string) (shell int, list []section) {
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case len(list) == 0 && strings.HasPrefix(line, selfMark):
			shell, _ = strconv.Atoi(line[len(selfMark):])
		case strings.HasPrefix(line, fileMark):
			list = append(list, section{file: line[len(fileMark):]})
		case len(list) > 0:
			last := &list[len(list)-1]
			last.lines = append(last.lines, line)
		}
	}
	return shell, list
}

// process is a process with the one that started it.
type process struct {
	fixes.RunningProcess
	parent int
}

// parseStatus reads /proc/PID/status (proc_pid_status(5)).
func parseStatus(lines []string) (process, bool) {
	var p process
	var have int
	for _, line := range lines {
		key, value, found := strings.Cut(line, ":")
		if !found {
			continue
		}
		value = strings.TrimSpace(value)
		fields := strings.Fields(value)
		ok := true
		switch key {
		case "Name":
			p.Name = fixes.Clean(strings.ToValidUTF8(value[:min(len(value), maxName)], ""))
		case "Pid":
			p.PID, ok = number(value)
			have |= 1
		case "PPid":
			p.parent, ok = number(value)
		case "Uid", "Gid": // real, effective, saved, of the file system
			var id int
			if ok = len(fields) == 4; ok {
				id, ok = number(fields[1])
			}
			if key == "Uid" {
				p.UID = int64(id)
				have |= 2
			} else {
				p.GID = int64(id)
				have |= 4
			}
		case "Groups":
			for _, f := range fields[:min(len(fields), maxProcesses)] {
				id, isID := number(f)
				if !isID {
					return process{}, false
				}
				p.Groups = append(p.Groups, int64(id))
			}
		case "CapEff":
			p.Effective, ok = capabilities(value)
			have |= 8
		case "CapBnd":
			p.Bounding, ok = capabilities(value)
			have |= 16
		case "NoNewPrivs":
			p.NoNewPrivileges = value == "1"
		}
		if !ok {
			return process{}, false
		}
	}
	return p, have == 31 && p.PID > 0
}

// number reads a number as the kernel writes ids: of 32 bits, in decimal.
func number(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return int(n), err == nil
}

// capabilityNames are the capabilities in the order of their bits
// (linux/capability.h).
var capabilityNames = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE
AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

// capabilities reads a set as /proc has it, sorted by name. Bits of capabilities
// that are newer than this program are named by their number.
func capabilities(hex string) ([]string, bool) {
	bits, err := strconv.ParseUint(hex, 16, 64)
	if err != nil {
		return nil, false
	}
	var names []string
	for i := range 64 {
		switch {
		case bits&(1<<i) == 0:
		case i < len(capabilityNames):
			names = append(names, capabilityNames[i])
		default:
			names = append(names, strconv.Itoa(i))
		}
	}
	slices.Sort(names)
	return names, true
}

// mounts are where file systems are mounted, other than the root.
type mounts []string

// parseMounts reads /proc/mounts (fstab(5)), and whether the root is mounted
// read-only.
func parseMounts(lines []string) (at mounts, readOnly bool) {
	for _, line := range lines {
		fields := strings.Fields(line)
		if len(fields) != 6 || !path.IsAbs(fields[1]) {
			continue
		}
		if fields[1] == "/" {
			readOnly = slices.Contains(strings.Split(fields[3], ","), "ro") // the last one is on top
			continue
		}
		at = append(at, unescape.Replace(fields[1]))
	}
	return at, readOnly
}

// unescape undoes how /proc/mounts writes blanks in paths.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// cover reports whether a path is on one of the mounts.
func (m mounts) cover(p string) bool {
	return slices.ContainsFunc(m, func(at string) bool { return p == at || strings.HasPrefix(p, at+"/") })
}

// parsePaths reads what find -print0 printed: paths of the container's own file
// system. It reports whether that is all of them.
func parsePaths(text string, on mounts) (paths []string, all bool) {
	all = true
	for p := range strings.SplitSeq(text, "\x00") {
		switch {
		case p == "":
		case !path.IsAbs(p) || path.Clean(p) != p || len(p) > maxPath || !utf8.ValidString(p) || strings.ContainsFunc(p, isUnprintable):
			all = false // no path that could be written into a pod
		case on.cover(p):
		case len(paths) == maxPaths:
			return paths, false
		default:
			paths = append(paths, p)
		}
	}
	return paths, all
}

func isUnprintable(r rune) bool { return !unicode.IsPrint(r) }

// socket is one that is listened on.
type socket struct {
	port  int32
	inode string
}

// ephemeral is where the ports begin that the kernel gives to those who ask for
// any (ip_local_port_range): an unconnected UDP socket there is a client's.
const ephemeral = 32768

// parseSockets reads /proc/net/tcp, tcp6, udp or udp6 (proc_net_tcp(5)).
func parseSockets(lines []string, udp bool) []socket {
	const listen, unconnected = "0A", "07" // include/net/tcp_states.h
	var all []socket
	for _, line := range lines {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != listen && f[3] != unconnected || (f[3] == unconnected) != udp {
			continue
		}
		_, hex, _ := strings.Cut(f[1], ":")
		port, err := strconv.ParseUint(hex, 16, 16)
		if _, isNumber := number(f[9]); err != nil || !isNumber || port == 0 || udp && port >= ephemeral || len(all) == maxProcesses {
			continue
		}
		all = append(all, socket{int32(port), f[9]})
	}
	return all
}

// parseOpen reads what ls -l printed of the folders /proc/PID/fd: the inodes of
// sockets, and whose folders could be read.
func parseOpen(text string) (inodes map[string]bool, readable map[int]bool) {
	inodes, readable = map[string]bool{}, map[int]bool{}
	pid := 0
	for line := range strings.SplitSeq(text, "\n") {
		if of, ok := strings.CutSuffix(line, "/fd:"); ok {
			pid, _ = number(strings.TrimPrefix(of, "/proc/"))
			continue
		}
		_, to, found := strings.Cut(line, " -> ")
		if !found || len(inodes) == maxPaths {
			continue
		}
		readable[pid] = true
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return inodes, readable
}
