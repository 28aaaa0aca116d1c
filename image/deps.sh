#!/bin/sh
# Installs the Debian 12 packages that the build, the tests and the demo need. Runs as root,
# outside of every wall: what it installs is the build machine's, none of it goes into the image
# as it is. With everything there it asks dpkg once and ends, without any network.
# shellcheck disable=SC1091,SC2086 # os-release is the machine's; lists of words are split on purpose
set -eu

# One line per purpose.
packages='
	build-essential binutils pkg-config make git
	clang llvm libclang-rt-14-dev
	musl-tools linux-libc-dev
	autoconf automake libtool autoconf-archive libltdl-dev gettext gperf python3
	dpkg-dev ca-certificates debian-archive-keyring
	xz-utils zstd lz4 cpio kmod e2fsprogs mtools busybox-static
	minisign openssl mandoc
	libcmocka-dev libjson-c-dev libblkid-dev libcap-dev
	zlib1g-dev liblzma-dev libzstd-dev liblz4-dev
	cryptsetup-bin libcryptsetup-dev
	libmicrohttpd-dev libgnutls28-dev libsqlite3-dev
	curl openssl iproute2 dnsmasq-base isc-dhcp-server
	qemu-system-x86 seabios swtpm swtpm-tools tpm2-tools
'

suite=$(. /etc/os-release 2>/dev/null && printf '%s' "${VERSION_CODENAME:-unknown}") || suite=unknown

fail()
{
	printf 'deps.sh: %s\n' "$*" >&2
	exit 1
}

# missing: the packages that are not fully installed ("unpacked" counts as missing).
missing()
{
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' $packages 2>/dev/null |
		awk -v want="$packages" '
			$1 == "installed" { have[$2] = 1 }
			END {
				n = split(want, p)
				for (i = 1; i <= n; i++)
					if (!(p[i] in have))
						print p[i]
			}'
}

apt()
{
	DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 \
		-o APT::Install-Recommends=false "$@"
}

want=$(missing)
if [ -z "$want" ]; then
	echo 'deps.sh: all packages are there'
	exit 0
fi
[ "$(id -u)" -eq 0 ] || fail "must run as root to install:" $want
[ "$suite" = bookworm ] ||
	printf 'deps.sh: this is %s, tried on bookworm (Debian 12) only\n' "$suite" >&2

printf 'deps.sh: installing' && printf ' %s' $want && echo
apt update || fail "apt-get update failed (suite $suite)"
for p in $want; do
	apt-cache show --no-all-versions "$p" >/dev/null 2>&1 ||
		fail "package $p is not in suite $suite (see the sources of apt)"
done
# An earlier run that was cut short leaves packages unpacked: finish those first.
dpkg --configure -a >/dev/null 2>&1 || true
if ! apt install $want; then
	# All at once is quick, one by one says which one it was.
	for p in $want; do
		apt install "$p" || fail "package $p of suite $suite does not install"
	done
fi

want=$(missing)
[ -z "$want" ] || fail "still not installed from suite $suite:" $want
