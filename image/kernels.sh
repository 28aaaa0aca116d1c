#!/bin/sh
# Fetches Debian's cloud kernels and unpacks them; nothing is installed. Usage: kernels.sh [LINE...]   (default: 6.1 6.12)
#
# build/kernel/LINE/ then holds vmlinuz, config, release (the uname -r), version (the package's) and modules/ (the content
# of /lib/modules/RELEASE, with modules.dep made by depmod). A line that is there already is left alone, without asking
# the network: remove its folder to get a newer one. apt authenticates what comes; the mirror is the machine's own.
# Needs apt, dpkg-deb, depmod.
set -eu
umask 022

top=$(cd "$(dirname "$0")/.." && pwd)
out=${KERNEL_DIR:-$top/build/kernel}
pkg=linux-image-cloud-amd64
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
suite='(none)' work=

die() { echo "kernels.sh: $*" >&2; exit 1; }
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# The repository that serves a label: "Debian" or "Debian-Security". apt lists only what an earlier update has fetched.
mirror() {
	apt-get indextargets --format '$(CREATED_BY)|$(ORIGIN)|$(LABEL)|$(REPO_URI)' |
		awk -F'|' -v label="$1" '$1 == "Packages" && $2 == "Debian" && $3 == label && !n++ { print $4 }'
}

# apt with our own sources and lists: neither the machine's configuration nor its set of packages has a say in what is chosen.
own_apt() {
	tool=$1
	shift
	"$tool" -q -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
		-o Dir::State="$work/state" -o Dir::State::Lists="$work/state/lists" -o Dir::State::Status="$work/state/status" \
		-o Dir::Cache="$work/cache" -o APT::Architecture=amd64 -o APT::Sandbox::User=root -o Acquire::Languages=none \
		-o Acquire::Retries=3 -o Acquire::http::Timeout=60 -o APT::Get::List-Cleanup=0 "$@"
}

fetch() {
	line=$1
	case $line in
	6.1) suite='bookworm or bookworm-security' ;;
	6.12) suite=bookworm-backports ;;
	*) die "no suite is known for kernel $line (6.1 and 6.12 are)" ;;
	esac
	[ ! -f "$out/$line/stamp" ] || return 0
	mkdir -p "$out"
	# A temporary name beside the final one: an interrupted run leaves nothing that looks finished.
	work=$(mktemp -d "$out/.$line.XXXXXX")
	mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/deb" "$work/new"
	: >"$work/state/status"

	debian=$(mirror Debian)
	security=$(mirror Debian-Security)
	[ -n "$debian" ] || die "cannot fetch $pkg of $suite: apt knows no Debian repository here; run 'apt-get update' first"
	{
		case $line in
		6.1)
			echo "deb [signed-by=$keyring] $debian bookworm main"
			if [ -n "$security" ]; then
				echo "deb [signed-by=$keyring] $security bookworm-security main"
			else
				echo "kernels.sh: note: this machine has no bookworm-security repository; kernel 6.1 comes from bookworm" >&2
			fi
			;;
		6.12) echo "deb [signed-by=$keyring] $debian bookworm-backports main" ;;
		esac
	} >"$work/sources.list"

	own_apt apt-get --error-on=any update >"$work/log" 2>&1 ||
		{ cat "$work/log" >&2; die "cannot fetch $pkg of $suite: its package list did not come"; }

	# The metapackage depends on exactly one image, with its exact version.
	dep=$(own_apt apt-cache show --no-all-versions "$pkg" 2>"$work/log" | sed -n 's/^Depends: //p' | tr ',' '\n' |
		sed -n 's/^ *\(linux-image-[0-9][^ ]*-cloud-amd64\) (= \([^)]*\)).*/\1=\2/p')
	case $dep in
	linux-image-"$line".*=*) ;;
	linux-image-"$line"+*=*) ;;
	'') die "cannot fetch $pkg of $suite: no such package, or it depends on no image" ;;
	*) die "cannot fetch $pkg of $suite: it now means $dep, not a kernel $line" ;;
	esac
	case $dep in *' '* | *'
'*) die "cannot fetch $pkg of $suite: it depends on more than one image: $dep" ;; esac
	echo "kernel $line: $dep of $suite"
	(cd "$work/deb" && own_apt apt-get download "$dep") >"$work/log" 2>&1 ||
		{ cat "$work/log" >&2; die "cannot fetch ${dep%%=*} (version ${dep#*=}) of $suite: the download failed"; }
	dpkg-deb -x "$work"/deb/*.deb "$work/tree" || die "cannot unpack ${dep%%=*} of $suite"

	release=${dep%%=*}
	release=${release#linux-image-}
	[ -d "$work/tree/lib/modules/$release" ] && [ -f "$work/tree/boot/vmlinuz-$release" ] ||
		die "${dep%%=*} of $suite is not laid out as expected: no vmlinuz or modules of $release in it"
	depmod -b "$work/tree" -F "$work/tree/boot/System.map-$release" "$release" 2>"$work/log" ||
		{ cat "$work/log" >&2; die "depmod failed for ${dep%%=*} of $suite"; }
	mv "$work/tree/boot/vmlinuz-$release" "$work/new/vmlinuz"
	mv "$work/tree/boot/config-$release" "$work/new/config"
	mv "$work/tree/lib/modules/$release" "$work/new/modules"
	rm -f "$work/new/modules/build" "$work/new/modules/source"
	echo "$release" >"$work/new/release"
	echo "${dep#*=}" >"$work/new/version"
	: >"$work/new/stamp"
	rm -rf "${out:?}/$line"
	mv "$work/new" "$out/$line"
	rm -rf "$work"
	work=
}

[ $# -gt 0 ] || set -- 6.1 6.12
for l; do
	fetch "$l"
done
