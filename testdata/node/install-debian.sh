#!/bin/sh
# Installs what a real test node takes from Debian: everything else that it runs
# is built from Go modules. Needs root. Says nothing if all is there.
set -eu
missing=
for package in runc containernetworking-plugins iproute2 iptables nftables ipset conntrack; do
	dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
