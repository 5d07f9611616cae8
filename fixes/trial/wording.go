package trial

import (
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// errno is one of the kernel's errors, in the words in which programs say it:
// the C libraries', the languages', the number.
type errno struct {
	name  string
	words *regexp.Regexp
}

// errnos are tried in this order.
var errnos = []errno{
	{"EROFS", regexp.MustCompile(`read-only file ?system|\berofs\b|readonlyfilesystem|\(30[:)]|errno[ =:]+30\b|errcode: 30\b|os error 30\b|readonly file system|no usable temporary directory`)},
	{"EEXIST", regexp.MustCompile(`file exists|\beexist\b|not a directory|\benotdir\b|\bexdev\b|invalid cross-device link|device or resource busy|\bebusy\b`)},
	{"ENOSPC", regexp.MustCompile(`no space left on device|\benospc\b|exceeds the limit|usage of emptydir volume`)},
	{"ENOSYS", regexp.MustCompile(`function not implemented|\benosys\b|bad system call|\bsigsys\b`)},
	{"EPERM", regexp.MustCompile(`operation not permitted|not permitted|\beperm\b|errno[ =:]+1\b|errcode: 1\b|os error 1\b|\(1: `)},
	{"EACCES", regexp.MustCompile(`permission denied|\beacces\b|accessdenied|permissionerror|permissiondenied|unauthorizedaccess|path '[^']*' is denied|access is denied|access denied|\(13[:)]|errno[ =:]+13\b|errcode: 13\b|os error 13\b|insufficient permissions|lacking the privileges|no write permission|not writ[e]?able|must be writ[e]?able|is not writ|wrong ownership|wrong permissions|invalid permissions|must be owned|not owned by`)},
	{"ENOENT", regexp.MustCompile(`no such file or directory|\benoent\b|does not exist|not found|missing`)},
}

var (
	// Not every refusal is the kernel's.
	notKernel = regexp.MustCompile(`access denied for|authentication fail|password|forbidden|denied by (pg_hba|acl|policy)|is not recommended|iam|(http|status)[ /=:]+40[13]|\bcors\b`)

	identityWords = regexp.MustCompile(`\b(set(res|re|e|fs)?[ug]id|setgroups|initgroups|init_groups|setusercontext|setlogin)(32)?\b|` +
		`set(ting)? (the )?(effective |real |saved |supplementary |additional )*(groups?|user|uid|gid|egid|euid)\b|` +
		`(switch|chang|drop)(e|es|ing|ed)? (to )?(the )?(effective )?(user|group|uid|gid|priv|identity|root)|(user|group) switch|` +
		`failed switching|assume identity|su-exec|gosu|setpriv|runuser|chpst|setuidgid|s6-setuidgid|start-stop-daemon|capsh|` +
		`become user|as user|cannot set groups|unable to set (gid|uid)|supplementary groups|initialize supplementary|\bseteuid|set(ting)? capabilities|\bcap_set_proc\b`)
	bindWords      = regexp.MustCompile(`\bbind|listen|make_sock|listening socket|\bport\b`)
	ownershipWords = regexp.MustCompile(`\b[lf]?ch(own|mod|grp)(at)?\b|(owner|permission|mode|group)s? (of|on|for)\b|ownership|owned by|preserving|futimes?|utime|set times|invalid permissions|wrong permissions|belongs to uid`)
	gainWords      = regexp.MustCompile(`no new privileges|sudo:|effective uid is not 0|must be setuid|must be suid|setuid root|not setuid|newuidmap|must be installed setuid`)
	execWords      = regexp.MustCompile(`\bexec(v|ve|vp|vpe|le?)?\b|fork/exec|starting container process|unable to start container|cannot execute|can't execute`)
	nobodyWords    = regexp.MustCompile(`no passwd entry|unknown user ?id|uid not found|no user exists for uid|could not look up (effective )?user|cannot find name for user|unknown uid|getpwuid|no such user|privilege separation user|user does not exist|can't find the user|can't get (the )?(user|passwd)|you don't exist|unable to (find|get|determine) (the )?(user|uid|current user)|current user.*(unknown|not found)|no matching entries in passwd`)
	wantsRootWords = regexp.MustCompile(`(must|needs?|have|has|should|required|requires?) (to )?(be )?(run|started|executed|invoked|launched)? ?(as |by |with )?(the )?(root|superuser)\b|must be root|only root (can|may|is)|root privileges? (is|are|needed|required)|requires? root|(not|n't) (running as |be |have )?root(,| privileg|$)|are you root|may not be used by non-root|(only|just) be (run|used|executed) (as|by) (the )?(root|superuser)|superuser privileges|reserved for the superuser|can only run as pid 1|as nonroot user|need to be root|as non-root`)
	refusesWords   = regexp.MustCompile(`(not|n't|never|without|refus\w+|dangerous|discouraged|non-?)[^.]{0,24} (be )?(run(ning)?|start(ed|ing)?|execut\w+)?[^.]{0,12}\b(as|to|by|using) (the )?(user )?"?root\b|"root" execution|not run as root|run .{0,24} as root!|as root is not|root is not (allowed|permitted|supported)|unprivileged user id|under an unprivileged`)
	folderBefore   = regexp.MustCompile(`(director(y|ies)|\bdir|folder|mkdir|mkdir_p|mkdirat)\(?[ :"'=` + "`" + `]*$`)
	madeWords      = regexp.MustCompile(`\bmkdir|(creat|mak)\w* (the |a |directory|dir|folder|temporary dir)|createdirectory|mkpath|makedirs`)
	weakWords      = regexp.MustCompile(`(unable|fail|cannot|can't|can not|could ?n[o']t|couldn't|error|not).{0,60}(open|creat|writ|mkdir|make|lock|append|bind|remove|unlink|rename|initiali)`)
	idWords        = regexp.MustCompile(`(?:[ug]id|groups)(?:\(|[ =:]+|[ =:]+(?:to|of) )(\d{1,9})\b`)
	portWords      = regexp.MustCompile(`(?:[:\]]|\bport[ =:#]+|address )(\d{1,5})\b`)
)

// calls are what takes a capability, by the words of whoever fails at it.
var calls = []struct {
	words      *regexp.Regexp
	capability corev1.Capability
}{
	{regexp.MustCompile(`\bmknod|mkfifo.*device`), "MKNOD"},
	{regexp.MustCompile(`raw socket|sock_raw|\bicmp\b|icmp open socket|socket\(af_packet|\bping`), "NET_RAW"},
	{regexp.MustCompile(`\bkill(ing)?\b|send(ing)? signal|\bsignal process`), "KILL"},
	{regexp.MustCompile(`\bmlock(all)?\b|lock memory`), "IPC_LOCK"},
	{regexp.MustCompile(`\b(un)?mount(ing)?\b|unshare|setns|pivot_root|sethostname|clone\(|namespace`), "SYS_ADMIN"},
	{regexp.MustCompile(`\biptables|rtnetlink|netlink|nftables|sock_packet|so_bindtodevice|net_admin|tuntap|/dev/net/tun|ip_transparent`), "NET_ADMIN"},
	{regexp.MustCompile(`settimeofday|adjtime|clock_settime|system clock`), "SYS_TIME"},
	{regexp.MustCompile(`setpriority|sched_set|nice\b|ioprio`), "SYS_NICE"},
	{regexp.MustCompile(`\bptrace`), "SYS_PTRACE"},
	{regexp.MustCompile(`setrlimit|rlimit`), "SYS_RESOURCE"},
	{regexp.MustCompile(`\baudit_`), "AUDIT_WRITE"},
	{regexp.MustCompile(`\bcapset|pr_capbset|bounding set`), "SETPCAP"},
}

// quotes are those that GNU's tools write in UTF-8.
var quotes = strings.NewReplacer("‘", "'", "’", "'", "“", "\"", "”", "\"")

// parse reads one line of a log, a message or an event. Most lines hold no
// complaint, few more than one.
func parse(line string) []complaint {
	if len(line) > maxLine {
		line = line[:maxLine/2] + " " + line[len(line)-maxLine/2:]
	}
	line = quotes.Replace(line)
	low := strings.ToLower(line)
	if len(low) != len(line) { // some letters change their length: places would not fit
		line = low
	}
	if c, ok := kubelet(low); ok {
		return []complaint{c}
	}
	name, at := "", 0
	for _, e := range errnos {
		if place := e.words.FindStringIndex(low); place != nil {
			name, at = e.name, place[0]
			break
		}
	}
	c, ok := understand(line, low, name, at)
	if !ok {
		return nil
	}
	return []complaint{c}
}

// kubelet knows what the kubelet and the runtime say.
func kubelet(low string) (complaint, bool) {
	switch {
	case strings.Contains(low, "image will run as root"), strings.Contains(low, "runasuser breaks non-root policy"):
		return complaint{cause: imageRoot}, true
	case strings.Contains(low, "non-numeric user"):
		return complaint{cause: imageName}, true
	}
	return complaint{}, false
}

func understand(line, low, name string, at int) (complaint, bool) {
	p := about(line, low, at)
	said := bare(low)
	switch {
	case gainWords.MatchString(low):
		return complaint{cause: gains}, true
	case nobodyWords.MatchString(low):
		return complaint{cause: nobody}, true
	case refusesWords.MatchString(low):
		return complaint{cause: refusesRoot}, true
	case name != "" && name != "ENOENT" && notKernel.MatchString(low):
		return complaint{}, false
	}
	switch name {
	case "EROFS":
		p.cause = readOnly
		return p, true
	case "EEXIST":
		p.cause = occupied
		return p, p.path != ""
	case "ENOSPC":
		p.cause = full
		return p, true
	case "ENOSYS":
		return complaint{cause: filtered}, true
	case "EPERM", "EACCES":
		return refused(p, low, name)
	case "ENOENT":
		p.cause = missing
		return p, p.path != ""
	}
	switch {
	case wantsRootWords.MatchString(low):
		return complaint{cause: wantsRoot}, true
	case identityWords.MatchString(low) && failure.MatchString(low):
		return complaint{cause: identity, id: idIn(low), weak: true}, true
	case chrootWords.MatchString(low) && failure.MatchString(low):
		return complaint{cause: needs, capability: "SYS_CHROOT"}, true
	case p.path != "" && weakWords.MatchString(low):
		p.cause, p.weak = denied, true
		return p, true
	case bindWords.MatchString(said) && failure.MatchString(low):
		return complaint{cause: lowPort, port: portIn(said), weak: true}, portIn(said) != 0
	}
	return complaint{}, false
}

var (
	chrootWords = regexp.MustCompile(`\bchroot`)
	failure     = regexp.MustCompile(`unable|fail|cannot|can't|could not|couldn't|error|fatal`)
)

// refused tells what the kernel did not let a program do.
func refused(p complaint, low, name string) (complaint, bool) {
	said := bare(low)
	switch {
	case wantsRootWords.MatchString(low):
		return complaint{cause: wantsRoot}, true
	case bindWords.MatchString(said) && name == "EACCES" && (p.path == "" || portIn(said) != 0):
		return complaint{cause: lowPort, port: portIn(said)}, true
	case name == "EPERM" && chrootWords.MatchString(low):
		return complaint{cause: needs, capability: "SYS_CHROOT"}, true
	case name == "EPERM" && identityWords.MatchString(low) && !ownershipWords.MatchString(low):
		return complaint{cause: identity, id: idIn(low)}, true
	case execWords.MatchString(low):
		p.cause = forbidden
		if name == "EACCES" {
			p.capability = "DAC_OVERRIDE" // a matter of the file's mode, not of its capabilities
		}
		return p, true
	case p.path != "" && ownershipWords.MatchString(low):
		p.cause = ownership
		return p, true
	case identityWords.MatchString(low):
		return complaint{cause: identity, id: idIn(low)}, true
	}
	for _, call := range calls {
		if name == "EPERM" && call.words.MatchString(low) {
			return complaint{cause: needs, capability: call.capability}, true
		}
	}
	p.cause = denied
	return p, true
}

// about returns the path that a line is about: the last one before the words
// of the error, else the first behind them.
func about(line, low string, at int) complaint {
	var best *found
	list := pathsIn(line)
	for i := range list {
		if best == nil || list[i].end <= at {
			best = &list[i]
		}
	}
	if best == nil {
		return complaint{}
	}
	return complaint{
		path: best.path, made: madeWords.MatchString(low),
		folder: strings.HasSuffix(strings.TrimRight(line[best.start:best.end], "."), "/") || folderBefore.MatchString(low[:best.start]),
	}
}

var timeOfDay = regexp.MustCompile(`(^|[ t[])\d{1,2}:\d\d(:\d\d)?([.,]\d+)?\b`)

// bare returns a line without its paths and times: a folder may be called as a
// call is, and a minute looks like a port.
func bare(low string) string {
	text := []byte(low)
	for _, p := range pathsIn(low) {
		for i := p.start; i < p.end && text[i] != ':'; i++ {
			text[i] = ' '
		}
	}
	return timeOfDay.ReplaceAllString(string(text), " ")
}

// portIn returns the first port below 1024 in a line, or 0.
func portIn(low string) int {
	for _, m := range portWords.FindAllStringSubmatch(low, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil && n > 0 && n < 1024 {
			return n
		}
	}
	return 0
}

// idIn returns the user or the group that a line names by its number, or 0.
func idIn(low string) int64 {
	m := idWords.FindStringSubmatch(low)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(m[1], 10, 32)
	if err != nil {
		return 0
	}
	return n
}
