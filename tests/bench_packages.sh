#!/bin/sh
# Fetches the baseline's packages that are not for installing here, and unpacks them. Usage: bench_packages.sh DIR
#
# Debian's dynamic busybox conflicts with busybox-static, which the tests use; kexec-tools would have a say in how this machine
# reboots. So both, and the libraries that only they need, are laid under DIR/root. minisign, openssl and tpm2-tools come with
# image/deps.sh. A DIR that is there already is left alone, without asking the network.
set -eu

[ $# -eq 1 ] || { echo "usage: bench_packages.sh DIR" >&2; exit 2; }
dir=$1
[ ! -f "$dir/stamp" ] || exit 0
rm -rf "$dir"
mkdir -p "$dir/archives/partial" "$dir/root"
top=$(cd "$dir" && pwd)

fetch()
{
	apt-get -q -y -o APT::Sandbox::User=root -o Acquire::Retries=3 -o Dir::Cache::archives="$top/archives" \
		install --no-install-recommends --reinstall --download-only kexec-tools &&
		(cd "$top/archives" && apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=3 download busybox)
}

# Where everything else was there, nobody has fetched apt's lists yet.
if ! fetch >"$top/log" 2>&1 && ! { apt-get -q update && fetch; } >>"$top/log" 2>&1; then
	cat "$top/log" >&2
	echo "bench_packages.sh: busybox and kexec-tools cannot be fetched" >&2
	exit 1
fi
for deb in "$top"/archives/*.deb; do
	dpkg-deb -x "$deb" "$top/root"
done
touch "$top/stamp"
