#!/bin/sh
# Builds the pinned libraries and the compiler wrappers, all under build/.
#
#   image/libs.sh            everything; does nothing when all is there
#   image/libs.sh versions   prints what was taken
#   image/libs.sh check FILE...   fails unless each is a static-pie: no interpreter, nothing needed, RELRO
#
# Sources are Debian source packages of newer suites than the machine's own. apt checks the archive's
# signature and the hashes; nothing from the network is used before that. What was taken is written to
# build/versions. llhttp is the exception: its C is made by a program in another language, so Debian's own
# static archive is taken as it is, out of the binary package, which apt checks in the same way.
#
#   build/lib/musl   static libraries against musl, for the programs of the image
#   build/lib/host   the same against glibc, for the build's own tools, tests, org and generation
#   build/lib/TARGET/tls   Mbed TLS once more, with image/mbedtls_config.h: net-worker's
#   build/bin        sallyport-cc, sallyport-clang: make static-pie programs against musl
# shellcheck disable=SC2016 # apt, not the shell, expands the format
set -eu

# name  package  minimum  preferred  suites, first choice first
# The rule is trixie unless the minimum needs sid; for tpm2-tss the newest, for the advisories fixed in 4.1.4.
wanted='
mbedtls   mbedtls    3.6.6   3.6.6   trixie sid
sodium    libsodium  1.0.21  1.0.21  trixie sid
seccomp   libseccomp 2.6.0   2.6.0   trixie sid
cap       libcap2    2.75    2.75    trixie sid
tss       tpm2-tss   4.1.3   4.1.4   sid trixie
llhttp    libllhttp-dev 9.2.1 9.2.1  trixie sid
'
names='mbedtls sodium seccomp cap tss llhttp'
binaries='llhttp'
targets='musl host'
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

here=$(cd "$(dirname "$0")" && pwd)
build=$(dirname "$here")/build
arch=x86_64
musl_libs=/usr/lib/$arch-linux-musl
musl_headers=/usr/include/$arch-linux-musl
# The key covers the script and the place, for the wrappers hold absolute paths.
key=$( (echo "$build"; cat "$here/libs.sh" "$here/mbedtls_config.h") | sha256sum | cut -c1-16)
stamp=$build/stamp/libs-$key

common='-O2 -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection -ffunction-sections -fdata-sections -fno-strict-aliasing'
common="$common -ffile-prefix-map=$build=build"
musl_flags=$common
host_flags="$common -D_FORTIFY_SOURCE=2"

say()
{
	printf 'libs.sh: %s\n' "$*"
}

fail()
{
	printf 'libs.sh: %s\n' "$*" >&2
	exit 1
}

# logged LOG COMMAND...: runs with its output in build/log; on failure shows the end of it.
logged()
{
	log=$build/log/$1.log
	shift
	if ! "$@" </dev/null >>"$log" 2>&1; then
		echo "libs.sh: failed: $*; the last lines of $log:" >&2
		tail -n 25 "$log" >&2
		exit 1
	fi
}

# --- fetching ------------------------------------------------------------------------------------------

# mirror: the main archive this machine's apt already uses, never the security one.
mirror()
{
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' |
		awk '$1 ~ /^http/ && $1 !~ /security/ && $2 ~ /^(bookworm|oldstable|stable|trixie|testing|sid|unstable)$/ { print $1; exit }'
}

# The private apt: own sources, lists, cache and status, so the machine's own configuration stays as it is.
private_apt()
{
	apt-get -q -o Dir::Etc::SourceList="$build/src/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$build/src/lists" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$build/src/cache" -o APT::Sandbox::User="$(id -un)" \
		-o Acquire::AllowInsecureRepositories=false -o APT::Get::AllowUnauthenticated=false \
		-o Acquire::Retries=2 "$@"
}

# in_list WORD WORD...: is the first among the others?
in_list()
{
	case " $2 " in *" $1 "*) return 0 ;; esac
	return 1
}

# fetch NAME PACKAGE MINIMUM PREFERRED SUITE...: takes the first suite that has enough and gives it.
fetch()
{
	name=$1 source=$2 minimum=$3 preferred=$4
	shift 4
	dir=$build/src/$name
	why=
	what='source --only-source' only=--download-only kind=dsc
	if in_list "$name" "$binaries"; then
		what=download only='' kind=deb
	fi
	mkdir -p "$dir"
	for suite in "$@"; do
		# Not in $dir: apt leaves out what is there already.
		# shellcheck disable=SC2086 # an operation and its options
		file=$(cd "$build/src/cache" && private_apt $what --print-uris "$source/$suite" 2>/dev/null |
			sed -n "s/^'[^']*' \([^ ]*\.$kind\) .*/\1/p") || file=
		version=${file#"${source}"_}
		version=${version%.dsc}
		version=${version%_*.deb}
		if [ -z "$file" ]; then
			why="$why; $suite lists none"
			continue
		fi
		if dpkg --compare-versions "${version%-*}" lt "$minimum~"; then
			why="$why; $suite has only $version"
			continue
		fi
		# shellcheck disable=SC2086 # as above
		if ! (cd "$dir" && private_apt $what $only "$source/$suite") >>"$build/log/fetch.log" 2>&1; then
			say "$source $version of $suite is listed but does not come, trying the next suite"
			why="$why; $suite lists $version but does not give it"
			continue
		fi
		echo "$source $version $suite" >"$dir/taken"
		echo "$file" >"$dir/file"
		say "$source $version from $suite"
		if dpkg --compare-versions "${version%-*}" lt "$preferred~"; then
			{
				echo '***********************************************************************'
				echo "*** libs.sh: $source $version is OLDER than the preferred $preferred$why."
				echo '*** Advisories fixed there are open here. Build again when the mirror has it.'
				echo '***********************************************************************'
			} | tee "$dir/warning" >&2
		else
			rm -f "$dir/warning"
		fi
		return 0
	done
	fail "no $source >= $minimum${why}; see $build/log/fetch.log"
}

step_fetch()
{
	uri=${SALLYPORT_MIRROR:-$(mirror)}
	[ -n "$uri" ] || fail 'apt on this machine names no Debian mirror; set SALLYPORT_MIRROR'
	[ -r "$keyring" ] || fail "no $keyring (package debian-archive-keyring)"
	mkdir -p "$build/src/lists/partial" "$build/src/cache/archives/partial"
	for suite in trixie sid; do
		echo "deb-src [signed-by=$keyring] $uri $suite main"
		echo "deb [signed-by=$keyring arch=amd64] $uri $suite main"
	done >"$build/src/sources.list"
	logged fetch private_apt update -o APT::Update::Error-Mode=any
	echo "$wanted" | while read -r line; do
		# shellcheck disable=SC2086 # one row, split into words
		[ -z "$line" ] || fetch $line </dev/null
	done
	for name in $names; do
		cat "$build/src/$name/taken"
	done >"$build/versions.new"
	mv "$build/versions.new" "$build/versions"
}

# --- the compiler wrappers -----------------------------------------------------------------------------

# Debian's musl-gcc takes -static-pie, exits 0 and makes a dynamic PIE with an interpreter: it knows
# neither rcrt1.o nor --no-dynamic-linker. Hence our own specs, and check_pie over what they make.
step_toolchain()
{
	prefix=$build/lib/musl
	mkdir -p "$build/bin" "$prefix/include" "$prefix/lib" "$build/lib/host/include" "$build/lib/host/lib"

	for f in rcrt1.o crti.o crtn.o libc.a; do
		[ -e "$musl_libs/$f" ] || fail "no $musl_libs/$f (package musl-dev)"
	done
	# The kernel's headers for musl programs. Nothing else of /usr/include may be reachable.
	ln -sfn /usr/include/linux "$prefix/include/linux"
	ln -sfn /usr/include/asm-generic "$prefix/include/asm-generic"
	ln -sfn /usr/include/$arch-linux-gnu/asm "$prefix/include/asm"

	cat >"$build/musl-static-pie.specs" <<-SPECS
	%rename cpp_options old_cpp_options

	*cpp_options:
	-nostdinc -isystem $musl_headers -isystem include%s -isystem $prefix/include %(old_cpp_options)

	*cc1:
	%(cc1_cpu) -nostdinc -isystem $musl_headers -isystem include%s -isystem $prefix/include

	*link_libgcc:
	-L$prefix/lib -L$musl_libs -L .%s

	*libgcc:
	libgcc.a%s %:if-exists(libgcc_eh.a%s)

	*startfile:
	$musl_libs/rcrt1.o $musl_libs/crti.o crtbeginS.o%s

	*endfile:
	crtendS.o%s $musl_libs/crtn.o

	*lib:
	-lc

	*link_gcc_c_sequence:
	--start-group %G %L --end-group

	*link:
	-m elf_x86_64 --build-id --eh-frame-hdr --hash-style=gnu -static -pie --no-dynamic-linker -nostdlib -z text -z relro -z now -z noexecstack -z separate-code

	*esp_link:


	*esp_options:


	*esp_cpp_options:


	SPECS

	cat >"$build/bin/sallyport-cc" <<-WRAPPER
	#!/bin/sh
	# Written by image/libs.sh. gcc for the programs of the image: static-pie against musl.
	exec gcc -specs "$build/musl-static-pie.specs" -fPIE "\$@"
	WRAPPER

	# clang finds what it needs by itself in a root laid out the usual way; gcc lends crtbeginS.o and libgcc.
	root=$build/lib/musl-root
	mkdir -p "$root/usr"
	ln -sfn "$musl_libs" "$root/usr/lib"
	ln -sfn "$musl_headers" "$root/usr/include"
	cat >"$build/bin/sallyport-clang" <<-WRAPPER
	#!/bin/sh
	# Written by image/libs.sh. clang for the programs of the image: static-pie against musl.
	link="-static-pie -L$prefix/lib -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code"
	for a in "\$@"; do
		case \$a in
		-c | -S | -E | -M | -MM | -fsyntax-only) link= ;;
		esac
	done
	# shellcheck disable=SC2086
	exec clang --target=$arch-linux-musl --sysroot="$root" --gcc-toolchain=/usr -fPIE \\
		-isystem "$prefix/include" \$link "\$@"
	WRAPPER
	chmod 755 "$build/bin/sallyport-cc" "$build/bin/sallyport-clang"

	for cc in sallyport-cc sallyport-clang; do
		mkdir -p "$build/obj/try"
		cat >"$build/obj/try/$cc.c" <<-'TRY'
		#include <linux/landlock.h>
		#include <stdio.h>
		int (*volatile p)(const char *) = puts; /* a relocation: rcrt1.o must apply it */
		int main(void) { return p("ran") < 0; }
		TRY
		logged toolchain "$build/bin/$cc" -O2 -Wall -Wextra -Wpedantic -Werror -fstack-protector-strong \
			"$build/obj/try/$cc.c" -o "$build/obj/try/$cc"
		check_pie "$build/obj/try/$cc"
		[ "$("$build/obj/try/$cc")" = ran ] || fail "$cc makes programs that do not run"
	done
}

# check_pie FILE: a static-pie and nothing less.
check_pie()
{
	headers=$(readelf -hldW "$1")
	case $headers in *'Type:'*'DYN (Position-Independent'*) ;; *) fail "$1: not a PIE" ;; esac
	case $headers in *INTERP*) fail "$1: has an interpreter" ;; esac
	case $headers in *NEEDED*) fail "$1: needs a shared library" ;; esac
	case $headers in *RWE*) fail "$1: a segment is writable and executable" ;; esac
	case $headers in *GNU_RELRO*) ;; *) fail "$1: no RELRO" ;; esac
	echo "$headers" | grep -q 'GNU_STACK.* RW ' || fail "$1: GNU_STACK is not RW"
}

# --- building ------------------------------------------------------------------------------------------

# step_source NAME: unpacks, with Debian's patches, and prepares what both targets share.
step_source()
{
	tree=$build/src/$1/tree
	rm -rf "$tree"
	file=$build/src/$1/$(cat "$build/src/$1/file")
	if in_list "$1" "$binaries"; then
		logged "source-$1" dpkg-deb -x "$file" "$tree"
		return 0
	fi
	logged "source-$1" dpkg-source --no-copy -x "$file" "$tree"
	case $1 in
	mbedtls) mend_mbedtls "$tree" ;;
	tss) mend_tss "$tree" ;;
	esac
}

# Mbed TLS asks getrandom only with glibc and otherwise opens /dev/random, which a worker's empty root
# does not have: with musl, every salted session and every TLS handshake would fail.
mend_mbedtls()
{
	f=$1/library/entropy_poll.c
	sed -i 's/defined(__linux__) && defined(__GLIBC__)/defined(__linux__)/' "$f"
	grep -q '^#if ((defined(__linux__)) || defined(__midipix__))$' "$f" ||
		fail 'mbedtls: entropy_poll.c is not the one we know; see that it uses getrandom with musl'
}

# The version of tpm2-tss comes from git or from Debian's changelog in a form that configure refuses:
# state it. And its Mbed TLS half drops leading zero bytes of the ECDH secret, where the TPM keeps them
# (TPM 2.0 Part 1, "ECC Point Padding"): one salted session in 256 ended in BAD_AUTH (0x9a2).
mend_tss()
{
	version=$(cut -d' ' -f2 "$build/src/tss/taken")
	sed -i "s/^\(git describe\|dpkg-parsechangelog\).*/echo ${version%-*} > VERSION/" "$1/bootstrap"
	grep -q "^echo ${version%-*} > VERSION" "$1/bootstrap" || fail 'tpm2-tss: bootstrap is not the one we know'
	f=$1/src/tss2-esys/esys_crypto_mbed.c
	sed -i 's/size = mbedtls_mpi_size(&ecp_.*);$/size = (UINT16)((ecp_group.pbits + 7) \/ 8);/' "$f"
	if grep -q 'mbedtls_mpi_size(&ecp_' "$f" || [ "$(grep -c 'ecp_group.pbits + 7' "$f")" -ne 3 ]; then
		fail 'tpm2-tss: esys_crypto_mbed.c is not the one we know; see that coordinates keep their leading zeros'
	fi
	(cd "$1" && logged source-tss ./bootstrap)
}

# step_build TARGET NAME
step_build()
{
	target=$1
	prefix=$build/lib/$target
	obj=$build/obj/$target/$2
	rm -rf "$obj" "$build/log/$target-$2.log"
	mkdir -p "$build/obj/$target"
	cp -a "$build/src/$2/tree" "$obj"
	cd "$obj"
	if [ "$target" = musl ]; then
		CC=$build/bin/sallyport-cc CFLAGS=$musl_flags CPPFLAGS='' LDFLAGS=''
	else
		CC=gcc CFLAGS=$host_flags CPPFLAGS=-I$prefix/include LDFLAGS=-L$prefix/lib
	fi
	# No library of the machine's own may slip in.
	PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig
	export CC CFLAGS CPPFLAGS LDFLAGS PKG_CONFIG_LIBDIR
	begin=$(date +%s)
	"build_$2" "$target-$2"
	# libtool's notes hold paths and tempt other builds to follow them.
	rm -f "$prefix"/lib/*.la
	say "$target: $2 in $(($(date +%s) - begin)) s"
}

build_mbedtls()
{
	logged "$1" make lib CC="$CC" CFLAGS="$CFLAGS" LDFLAGS=
	logged "$1" cp -R include/mbedtls include/psa "$prefix/include/"
	logged "$1" cp library/libmbedcrypto.a library/libmbedx509.a library/libmbedtls.a "$prefix/lib/"
	# Once more for net-worker: whoever includes these headers has the configuration with them.
	logged "$1" make clean
	logged "$1" cp "$here/mbedtls_config.h" include/mbedtls/mbedtls_config.h
	logged "$1" make lib CC="$CC" CFLAGS="$CFLAGS" LDFLAGS=
	logged "$1" mkdir -p "$prefix/tls/include" "$prefix/tls/lib"
	logged "$1" cp -R include/mbedtls include/psa "$prefix/tls/include/"
	logged "$1" cp library/libmbedcrypto.a library/libmbedx509.a library/libmbedtls.a "$prefix/tls/lib/"
	if nm "$prefix/tls/lib/libmbedtls.a" | grep -q ' T .*\(tls12\|handshake_server\|ticket\|debug\)'; then
		fail 'mbedtls: TLS 1.2, a server, tickets or debug texts are in what net-worker links'
	fi
}

# Parses bytes and calls back; wants memset(3), abort(3) and, in its debug code alone, fprintf(3): the same in both C libraries.
build_llhttp()
{
	logged "$1" cp usr/include/llhttp.h "$prefix/include/"
	logged "$1" cp usr/lib/$arch-linux-gnu/libllhttp.a "$prefix/lib/"
	# The linker keeps no object's mark of shadow stacks and branch tracking unless all have it.
	readelf -nW "$prefix/lib/libllhttp.a" | grep -q 'IBT, SHSTK' || fail 'llhttp: built without -fcf-protection'
}

build_sodium()
{
	# In the image one code for every processor: what hashes hostile bytes is not chosen at run time by what the processor says of
	# itself.  Portable BLAKE2b is faster than its SSSE3 and SSE4.1 forms; AVX2 would hash 57 MB in 12 ms less.
	if [ "$target" = musl ]; then
		CPPFLAGS='-UHAVE_TMMINTRIN_H -UHAVE_SMMINTRIN_H -UHAVE_AVX2INTRIN_H'
	fi
	logged "$1" ./configure --prefix="$prefix" --disable-shared --enable-static --disable-dependency-tracking
	logged "$1" make
	logged "$1" make install
	if [ "$target" = musl ] && nm "$prefix/lib/libsodium.a" | grep -q ' T .*blake2b_compress_\(ssse3\|sse41\|avx2\)'; then
		fail 'sodium: BLAKE2b for one kind of processor is still in it'
	fi
}

build_seccomp()
{
	logged "$1" ./configure --prefix="$prefix" --disable-shared --enable-static --disable-python \
		--disable-dependency-tracking
	logged "$1" make -C include
	logged "$1" make -C src
	logged "$1" make -C include install
	logged "$1" make -C src install
}

build_cap()
{
	# -fPIE is filtered out there in favour of -fPIC: as good for a static-pie.
	logged "$1" make -C libcap CC="$CC" BUILD_CC=gcc COPTS="$CFLAGS" BUILD_COPTS=-O2 libcap.a
	logged "$1" mkdir -p "$prefix/include/sys"
	logged "$1" cp libcap/include/sys/capability.h "$prefix/include/sys/"
	logged "$1" cp libcap/libcap.a "$prefix/lib/"
}

build_tss()
{
	logged "$1" ./configure --prefix="$prefix" --disable-shared --enable-static --disable-dependency-tracking \
		--with-crypto=mbed --disable-fapi --disable-policy --enable-nodl --disable-doxygen-doc \
		--disable-vendor --disable-util-io --disable-log-file --with-maxloglevel=none \
		--disable-defaultflags \
		--disable-tcti-device --disable-tcti-mssim --disable-tcti-swtpm --disable-tcti-pcap \
		--disable-tcti-libtpms --disable-tcti-cmd --disable-tcti-spi-helper --disable-tcti-spi-ltt2go \
		--disable-tcti-spidev --disable-tcti-spi-ftdi --disable-tcti-i2c-helper --disable-tcti-i2c-ftdi \
		LIBDL_LDFLAGS=-ldl
	logged "$1" make
	logged "$1" make install-libLTLIBRARIES install-tss2HEADERS install-pkgconfigDATA
}

# --- all of it -----------------------------------------------------------------------------------------

# The order as make rules, so that both cores are kept busy and a second run begins where the first failed.
rules()
{
	echo "all:$(for t in $targets; do for n in $names; do printf ' %s' "$stamp/$t-$n"; done; done)"
	for n in $names; do
		printf '%s: %s\n\t+@sh %s step source %s\n\t@touch $@\n' \
			"$stamp/source-$n" "$stamp/fetch" "$here/libs.sh" "$n"
		for t in $targets; do
			more=
			[ "$n" != tss ] || more="$stamp/$t-mbedtls"
			printf '%s: %s\n\t+@sh %s step build %s %s\n\t@touch $@\n' \
				"$stamp/$t-$n" "$stamp/source-$n $stamp/toolchain $more" "$here/libs.sh" "$t" "$n"
		done
	done
	for s in fetch toolchain; do
		printf '%s:\n\t+@sh %s step %s\n\t@touch $@\n' "$stamp/$s" "$here/libs.sh" "$s"
	done
}

everything()
{
	if [ -e "$stamp/all" ]; then
		return 0
	fi
	# Another key means other flags or another place: nothing built before may be mixed in.
	if [ ! -d "$stamp" ]; then
		rm -rf "${build:?}"/stamp/libs-* "${build:?}/lib" "${build:?}/obj"
	fi
	mkdir -p "$stamp" "$build/log" "$build/obj"
	rm -f "$build/log/fetch.log"
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES GNUMAKEFLAGS
	rules >"$stamp/rules.mk"
	# tss first: its bootstrap is long and uses one core.
	make --no-print-directory -j2 -f "$stamp/rules.mk" "$stamp/source-tss" all || fail 'not finished; run again when mended'
	touch "$stamp/all"
	cat "$build/src"/*/warning 2>/dev/null >&2 || true
	say "done, see $build/versions"
}

umask 022
case ${1:-} in
'') everything ;;
versions) cat "$build/versions" ;;
check) shift; for f in "$@"; do check_pie "$f"; done ;;
step) shift; cmd=step_$1; shift; "$cmd" "$@" ;;
*) fail "usage: $0 [versions | check FILE...]" ;;
esac
