package trial

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

var causeNames = map[cause]string{readOnly: "readOnly", denied: "denied", ownership: "ownership", missing: "missing", occupied: "occupied",
	full: "full", identity: "identity", needs: "needs", lowPort: "lowPort", forbidden: "forbidden", gains: "gains", filtered: "filtered",
	nobody: "nobody", wantsRoot: "wantsRoot", refusesRoot: "refusesRoot", imageRoot: "imageRoot", imageName: "imageName"}

// brief writes a complaint as the table has it.
func brief(c complaint) string {
	parts := []string{causeNames[c.cause]}
	if c.path != "" {
		p := c.path
		if c.made || c.folder {
			p += "/"
		}
		parts = append(parts, p)
	}
	if c.port != 0 {
		parts = append(parts, fmt.Sprint(c.port))
	}
	if c.id != 0 {
		parts = append(parts, fmt.Sprint("id=", c.id))
	}
	if c.capability != "" {
		parts = append(parts, string(c.capability))
	}
	if c.weak {
		parts = append(parts, "weak")
	}
	return strings.Join(parts, " ")
}

// What programs really write, and what is understood.
func TestWordings(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		// The kubelet and runtimes.
		{`container has runAsNonRoot and image will run as root (pod: "web_shop(1)", container: web)`, "imageRoot"},
		{`container has runAsNonRoot and image has non-numeric user (redis), cannot verify user is non-root`, "imageName"},
		{`failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "/usr/bin/caddy": operation not permitted`, "forbidden /usr/bin/caddy"},
		{`failed to create containerd task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/start.sh": permission denied: unknown`, "forbidden /start.sh DAC_OVERRIDE"},
		{`OCI runtime create failed: runc create failed: unable to start container process: unable to find user app: no matching entries in passwd file`, "nobody"},
		{`Evicted: Usage of EmptyDir volume "scratch-tmp" exceeds the limit "256Mi".`, "full"},
		// Folders that are called as calls are, and minutes that look like ports.
		{`25-Nov-2026 04:40:41.900 directory '/var/cache/bind' is not writable`, "denied /var/cache/bind/"},
		{`25-Nov-2026 04:40:41.900 loading configuration from '/etc/bind/named.conf'`, ""},
		{`FileNotFoundError: [Errno 2] No usable temporary directory found in ['/tmp', '/var/tmp', '/usr/tmp', '/']`, "readOnly /tmp"},
		// Shells and coreutils; musl, glibc, busybox.
		{`/docker-entrypoint.sh: 12: cannot create /etc/nginx/conf.d/default.conf: Read-only file system`, "readOnly /etc/nginx/conf.d/default.conf"},
		{`/entrypoint.sh: line 5: /etc/app/app.conf: Read-only file system`, "readOnly /etc/app/app.conf"},
		{`/bin/sh: can't create /run/app.pid: Permission denied`, "denied /run/app.pid"},
		{`mkdir: cannot create directory '/var/cache/app': Read-only file system`, "readOnly /var/cache/app/"},
		{"mkdir: can't create directory '/data/db': Permission denied", "denied /data/db/"},
		{`mkdir: cannot create directory ‘/var/run/sshd’: Read-only file system`, "readOnly /var/run/sshd/"},
		{`touch: cannot touch '/var/log/app.log': Permission denied`, "denied /var/log/app.log"},
		{`touch: /tmp/x: Read-only file system`, "readOnly /tmp/x"},
		{`chown: changing ownership of '/var/lib/redis': Operation not permitted`, "ownership /var/lib/redis"},
		{`chown: /data: Read-only file system`, "readOnly /data"},
		{`chmod: changing permissions of '/var/run/postgresql': Operation not permitted`, "ownership /var/run/postgresql"},
		{`install: cannot change owner and permissions of '/run/mysqld': Operation not permitted`, "ownership /run/mysqld"},
		{`install: cannot create directory '/run/php': Read-only file system`, "readOnly /run/php/"},
		{`ln: failed to create symbolic link '/etc/mtab': Read-only file system`, "readOnly /etc/mtab"},
		{`sed: couldn't open temporary file /etc/nginx/sedA1b2C3: Read-only file system`, "readOnly /etc/nginx/sedA1b2C3"},
		{`cp: cannot create regular file '/usr/share/app/config.js': Read-only file system`, "readOnly /usr/share/app/config.js"},
		{`cp: preserving times for '/kubectl-harden/seed/.': Operation not permitted`, "ownership /kubectl-harden/seed/"},
		// Changing users.
		{`su-exec: setgroups(33): Operation not permitted`, "identity id=33"},
		{`error: failed switching to "redis": operation not permitted`, "identity"},
		{`setpriv: setresuid failed: Operation not permitted`, "identity"},
		{`setpriv: initgroups failed: Operation not permitted`, "identity"},
		{`runuser: cannot set groups: Operation not permitted`, "identity"},
		{`runuser: may not be used by non-root users`, "wantsRoot"},
		{`su: cannot set groups: Operation not permitted`, "identity"},
		{`su: must be suid to work properly`, "gains"},
		{`start-stop-daemon: unable to set gid to 33 (Operation not permitted)`, "identity id=33"},
		{`chpst: fatal: unable to setgroups: access denied`, "identity"},
		{`s6-applyuidgid: fatal: unable to set supplementary group list: Operation not permitted`, "identity"},
		{`chroot: cannot change root directory to '/': Operation not permitted`, "needs SYS_CHROOT"},
		{`2024/05/01 10:00:00 [emerg] 7#7: setgid(101) failed (1: Operation not permitted)`, "identity id=101"},
		{`2024/05/01 10:00:00 [emerg] 7#7: initgroups(nginx, 101) failed (1: Operation not permitted)`, "identity"},
		{`capsh: unable to set capabilities: Operation not permitted`, "identity"},
		// nginx.
		{`nginx: [emerg] open() "/run/nginx.pid" failed (30: Read-only file system)`, "readOnly /run/nginx.pid"},
		{`2024/05/01 10:00:00 [emerg] 1#1: mkdir() "/var/cache/nginx/client_temp" failed (30: Read-only file system)`, "readOnly /var/cache/nginx/client_temp/"},
		{`nginx: [alert] could not open error log file: open() "/var/log/nginx/error.log" failed (13: Permission denied)`, "denied /var/log/nginx/error.log"},
		{`2024/05/01 10:00:00 [emerg] 1#1: bind() to 0.0.0.0:80 failed (13: Permission denied)`, "lowPort 80"},
		{`2024/05/01 10:00:00 [emerg] 1#1: chown("/var/lib/nginx/body", 33) failed (1: Operation not permitted)`, "ownership /var/lib/nginx/body"},
		{`10-listen-on-ipv6-by-default.sh: info: can not modify /etc/nginx/conf.d/default.conf (read-only file system?)`, "readOnly /etc/nginx/conf.d/default.conf"},
		// Apache.
		{`(13)Permission denied: AH00072: make_sock: could not bind to address [::]:80`, "lowPort 80"},
		{`(30)Read-only file system: AH00099: could not create /var/run/apache2/apache2.pid.aBcDeF`, "readOnly /var/run/apache2/apache2.pid.aBcDeF"},
		{`(13)Permission denied: AH00091: apache2: could not open error log file /var/log/apache2/error.log.`, "denied /var/log/apache2/error.log"},
		{`AH00091: apache2: could not open error log file /var/log/apache2/error.log.`, "denied /var/log/apache2/error.log weak"},
		{`[mpm_event:emerg] [pid 1:tid 1] (1)Operation not permitted: AH02156: setgid: unable to set group id to Group 33`, "identity"},
		{`[unixd:alert] [pid 22] (1)Operation not permitted: AH02155: getpwuid: couldn't determine user name from uid 65532, you probably need to modify the User directive`, "nobody"},
		// Databases.
		{`initdb: error: could not look up effective user ID 65532: user does not exist`, "nobody"},
		{`initdb: error: could not change permissions of directory "/var/lib/postgresql/data": Operation not permitted`, "ownership /var/lib/postgresql/data/"},
		{`initdb: error: could not create directory "/var/lib/postgresql/data": Permission denied`, "denied /var/lib/postgresql/data/"},
		{`initdb: error: cannot be run as root`, "refusesRoot"},
		{`"root" execution of the PostgreSQL server is not permitted.`, "refusesRoot"},
		{`FATAL:  could not create lock file "/var/run/postgresql/.s.PGSQL.5432.lock": Read-only file system`, "readOnly /var/run/postgresql/.s.PGSQL.5432.lock"},
		{`FATAL:  data directory "/var/lib/postgresql/15/main" has wrong ownership`, "ownership /var/lib/postgresql/15/main/"},
		{`LOG:  could not bind Unix address "/var/run/postgresql/.s.PGSQL.5432": Read-only file system`, "readOnly /var/run/postgresql/.s.PGSQL.5432"},
		{`mysqld: Can't create/write to file '/var/lib/mysql/is_writable' (OS errno 13 - Permission denied)`, "denied /var/lib/mysql/is_writable"},
		{`2024-05-01 10:00:00 0 [ERROR] mariadbd: Can't create/write to file '/tmp/ibXXXXXX' (Errcode: 30 "Read-only file system")`, "readOnly /tmp/ibXXXXXX"},
		{`[ERROR] [MY-010273] [Server] Could not create unix socket lock file /var/run/mysqld/mysqld.sock.lock.`, "denied /var/run/mysqld/mysqld.sock.lock weak"},
		{`[ERROR] Please consult the Knowledge Base to find out how to run mysqld as root!`, "refusesRoot"},
		{`[ERROR] Can't start server : Bind on unix socket: Read-only file system`, "readOnly"},
		{`mariadbd: Can't change data dir to '/var/lib/mysql/' (Errcode: 13 "Permission denied")`, "denied /var/lib/mysql/"},
		{`1:M 01 May 2024 10:00:00.000 # Failed opening the temp RDB file temp-1.rdb (in server root dir /data) for saving: Read-only file system`, "readOnly /data/"},
		{`1:M 01 May 2024 10:00:00.000 # Can't open or create append-only dir appendonlydir: Permission denied`, "denied"},
		{`*** FATAL CONFIG FILE ERROR (Redis 7.0.15) *** Can't open the log file: /var/log/redis/redis-server.log: Read-only file system`, "readOnly /var/log/redis/redis-server.log"},
		{`{"t":{"$date":"2024"},"s":"E","c":"CONTROL","attr":{"error":"IllegalOperation: Attempted to create a lock file on a read-only directory: /data/db"}}`, "denied /data/db/ weak"},
		// Proxies, caches, DNS, mail and the like.
		{`[ALERT]    (1) : [haproxy.main()] Cannot chroot(/var/lib/haproxy).`, "needs SYS_CHROOT"},
		{`[ALERT]    (1) : [/usr/sbin/haproxy.main()] Cannot set gid 107.`, "identity id=107 weak"},
		{`[ALERT]    (1) : Starting frontend http: cannot bind socket (Permission denied) for [0.0.0.0:80]`, "lowPort 80"},
		{`[ALERT] (1) : Starting frontend stats: cannot bind UNIX socket (Read-only file system) [/run/haproxy/admin.sock]`, "readOnly /run/haproxy/admin.sock"},
		{`WARNING: Cannot write log file: /var/log/squid/cache.log`, "denied /var/log/squid/cache.log weak"},
		{`FATAL: Unable to open HTTP Socket`, ""},
		{`/var/log/squid/cache.log: Read-only file system`, "readOnly /var/log/squid/cache.log"},
		{`FATAL: failed to open /run/squid.pid: (30) Read-only file system`, "readOnly /run/squid.pid"},
		{`FATAL: Ipc::Mem::Segment::create failed to shm_open(/squid-cf__metadata.shm): (13) Permission denied`, "denied /squid-cf__metadata.shm"},
		{`dnsmasq: failed to create listening socket for port 53: Permission denied`, "lowPort 53"},
		{`dnsmasq: cannot open or create lease file /var/lib/misc/dnsmasq.leases: Read-only file system`, "readOnly /var/lib/misc/dnsmasq.leases"},
		{`dnsmasq: setting capabilities failed: Operation not permitted`, "identity"},
		{`dnsmasq: failed to set supplementary groups: Operation not permitted`, "identity"},
		{`[1717:0] fatal error: could not open ports`, ""},
		{`[1:0] error: can't bind socket: Permission denied for 0.0.0.0 port 53`, "lowPort 53"},
		{`[1:0] fatal error: unable to set group id of unbound: Operation not permitted`, "identity"},
		{`[1:0] error: cannot open pidfile /run/unbound.pid: Read-only file system`, "readOnly /run/unbound.pid"},
		{`[1:0] fatal error: cannot chroot to /etc/unbound: Operation not permitted`, "needs SYS_CHROOT"},
		{`could not open file '/run/named/named.pid': Read-only file system`, "readOnly /run/named/named.pid"},
		{`binding TCP socket: permission denied`, "lowPort"},
		{`the working directory is not writable`, "denied"},
		{`25-Nov-2026 04:40:41.900 /etc/bind/named.conf:2: parsing failed: permission denied`, "denied /etc/bind/named.conf"},
		{`25-Nov-2026 04:32:15.364 could not listen on UDP socket: permission denied`, "lowPort"},
		{`[!] SSL_CTX_use_certificate_chain_file: ../crypto/bio/bss_file.c:308: error:8000000D:system library::Permission denied`, "denied"},
		{`couldn't setuid to 33: Could not set groups of effective user`, "identity id=33 weak"},
		{`memcached: can't find the user nobody to switch to`, "nobody"},
		{`can't run as root without the -u switch`, "refusesRoot"},
		{`failed to assume identity of user memcache`, "identity weak"},
		{`Error: Unable to open log file /var/log/mosquitto/mosquitto.log for writing.`, "denied /var/log/mosquitto/mosquitto.log weak"},
		{`Error setting groups whilst dropping privileges: Operation not permitted.`, "identity"},
		{`500 OOPS: vsftpd: must be started as root (see run_as_launching_user option)`, "wantsRoot"},
		{`2024-05-01 10:00:00 unable to set gid=110 or uid=105 (euid=65532): forcing real = effective`, "identity id=110 weak"},
		{`postfix: fatal: the postfix command is reserved for the superuser`, "wantsRoot"},
		{`/run/sshd must be owned by root and not group or world-writable.`, "ownership /run/sshd"},
		{`Privilege separation user sshd does not exist`, "nobody"},
		{`Missing privilege separation directory: /run/sshd`, "missing /run/sshd/"},
		{`(server.c.1234) opening errorlog '/var/log/lighttpd/error.log' failed: Read-only file system`, "readOnly /var/log/lighttpd/error.log"},
		{`(network.c.309) can't bind to socket: 0.0.0.0:80 : Permission denied`, "lowPort 80"},
		{`Error: Could not create a temporary working dir /var/lib/varnish/x: Read-only file system`, "readOnly /var/lib/varnish/x/"},
		{`Error: Cannot create working directory '/var/lib/varnish/varnishd': Permission denied`, "denied /var/lib/varnish/varnishd/"},
		{`tinyproxy: Could not create file /run/tinyproxy/tinyproxy.pid: Read-only file system`, "readOnly /run/tinyproxy/tinyproxy.pid"},
		{`cron: can't open or create /var/run/crond.pid: Read-only file system`, "readOnly /var/run/crond.pid"},
		{`[01-May-2024 10:00:00] ERROR: failed to open error_log (/var/log/php8.2-fpm.log): Read-only file system (30)`, "readOnly /var/log/php8.2-fpm.log"},
		{`[01-May-2024 10:00:00] ERROR: unable to bind listening socket for address '/run/php/php8.2-fpm.sock': Read-only file system (30)`, "readOnly /run/php/php8.2-fpm.sock"},
		{`[01-May-2024 10:00:00] ERROR: [pool www] failed to setgid(33): Operation not permitted (1)`, "identity id=33"},
		{`Error: Can't drop privilege as nonroot user`, "wantsRoot"},
		{`s6-overlay-suexec: fatal: can only run as pid 1`, "wantsRoot"},
		{`/package/admin/s6-overlay/libexec/preinit: fatal: /run belongs to uid 0 instead of 65532 and we're lacking the privileges to fix it.`, "ownership /run"},
		{`Error: mkdir /etc/traefik: read-only file system`, "readOnly /etc/traefik/"},
		// Languages.
		{`open /data/app.db: read-only file system`, "readOnly /data/app.db"},
		{`listen tcp :80: bind: permission denied`, "lowPort 80"},
		{`panic: mkdir /var/lib/app: permission denied`, "denied /var/lib/app/"},
		{`PermissionError: [Errno 13] Permission denied: '/var/lib/app/x.db'`, "denied /var/lib/app/x.db"},
		{`OSError: [Errno 30] Read-only file system: '/app/logs/app.log'`, "readOnly /app/logs/app.log"},
		{`KeyError: 'getpwuid(): uid not found: 65532'`, "nobody"},
		{`Error: EACCES: permission denied, mkdir '/app/.cache'`, "denied /app/.cache/"},
		{`Error: EROFS: read-only file system, open '/app/logs/out.log'`, "readOnly /app/logs/out.log"},
		{`Error: listen EACCES: permission denied 0.0.0.0:443`, "lowPort 443"},
		{`java.nio.file.AccessDeniedException: /usr/share/elasticsearch/data/nodes`, "denied /usr/share/elasticsearch/data/nodes"},
		{`java.io.FileNotFoundException: /opt/app/logs/app.log (Read-only file system)`, "readOnly /opt/app/logs/app.log"},
		{`java.nio.file.FileSystemException: /tmp/hsperfdata: Read-only file system`, "readOnly /tmp/hsperfdata"},
		{`Permission denied @ rb_sysopen - /app/log/production.log (Errno::EACCES)`, "denied /app/log/production.log"},
		{`PHP Warning:  file_put_contents(/var/www/html/cache/x.php): Failed to open stream: Permission denied`, "denied /var/www/html/cache/x.php"},
		{`Unhandled exception. System.UnauthorizedAccessException: Access to the path '/app/keys' is denied.`, "denied /app/keys"},
		{`System.IO.IOException: Read-only file system : '/app/keys'`, "readOnly /app/keys"},
		{`Error: Os { code: 30, kind: ReadOnlyFilesystem, message: "Read-only file system" }`, "readOnly"},
		{`Failed to create dir /var/lib/rabbitmq/mnesia: eacces`, "denied /var/lib/rabbitmq/mnesia/"},
		{`ping: socket: Operation not permitted`, "needs NET_RAW"},
		{`sudo: effective uid is not 0, is /usr/bin/sudo on a file system with the 'nosuid' option set?`, "gains"},
		{`sudo: The "no new privileges" flag is set, which prevents sudo from running as root.`, "gains"},
		{`io_uring_queue_init: Function not implemented`, "filtered"},
		// No complaints at all.
		{`GET /etc/passwd HTTP/1.1" 403 forbidden, permission denied`, ""},
		{`ERROR 1045 (28000): Access denied for user 'app'@'10.0.0.1' (using password: YES)`, ""},
		{`Listening on 0.0.0.0:80`, ""},
		{`Running as root is not recommended`, "refusesRoot"},
		{`server started in /var/lib/app`, ""},
		{``, ""},
	} {
		var got []string
		for _, c := range parse(test.line) {
			got = append(got, brief(c))
		}
		if strings.Join(got, "; ") != test.want {
			t.Errorf("%s\n\tunderstood %q, want %q", test.line, got, test.want)
		}
	}
}

// A log is hostile: it may name any path, be of any length, and hold anything.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"open /../../proc/self/mem: permission denied", "mkdir '/a//b/./c/': Read-only file system", "/\x00: EROFS", "chown: /: Read-only file system",
		"bind to :99999: permission denied", "setgid(99999999999999) failed: operation not permitted", strings.Repeat("/a", 5000) + ": EROFS", "İ /x: EROFS",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list := read(Outcome{Containers: []Container{{Name: "c", ExitCode: 1, Message: text, Reason: text, Log: text}}, Events: []string{text}})
		if len(list) > maxComplaints {
			t.Fatalf("%d complaints", len(list))
		}
		for _, c := range list {
			if c.path != "" {
				if p, ok := usable(c.path); !ok || p != c.path {
					t.Fatalf("path %q", c.path)
				}
			}
			if c.port < 0 || c.port > 65535 || c.id < 0 {
				t.Fatalf("%+v", c)
			}
			if said := c.said(); !utf8.ValidString(said) || len(said) > maxPath+200 || strings.ContainsAny(said, "\n\x1b") {
				t.Fatalf("it says %q", said)
			}
		}
	})
}

// The last thing that a program says is seldom the whole of it: bind9 ends
// with "loading configuration: permission denied", and named the folder before.
func TestWhatNamesItsPlaceComesFirst(t *testing.T) {
	list := read(Outcome{Containers: []Container{{Name: "c", ExitCode: 1, Log: "directory '/var/cache/bind' is not writable\nloading configuration: permission denied\n"}}})
	if len(list) != 2 || brief(list[0]) != "denied /var/cache/bind/" || brief(list[1]) != "denied" {
		t.Errorf("%+v", list)
	}
}
