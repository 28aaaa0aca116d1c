#!/bin/sh
# Checks of what was built and of the tree, without running it.  Prints "ok NAME" or "not ok NAME: why".
# shellcheck disable=SC2016,SC2030,SC2031,SC2043 # backquotes are the document's; each subshell has a name of its own
set -u
bad=0
ok() { echo "ok $1"; }
no() { echo "not ok $1: $2"; bad=1; }

for p in init broker store-worker crypto-worker kexec-worker net-link net-worker; do
	f=build/bin/$p
	if why=$(image/libs.sh check "$f" 2>&1); then ok "static-pie $p"; else no "static-pie $p" "$why"; fi
done
# A twin that must fail: an ordinary dynamic program has an interpreter.
if image/libs.sh check /bin/true >/dev/null 2>&1; then no "the check itself" "it takes a dynamic program"; else ok "a dynamic program is refused"; fi

for p in init broker store crypto kexec link net; do
	if cmp -s build/policy/$p.expect policy/$p.expect; then ok "golden listing $p"
	else no "golden listing $p" "policy/$p.expect is not what the rules make: see diff build/policy/$p.expect policy/$p.expect"; fi
done

# The one program that may kexec, and the one that may open sockets of the network, by the listings themselves.
for call in kexec_file_load reboot; do
	holders=$(grep -l "^ALLOW[_A-Z0-9]*($call," policy/*.def | tr '\n' ' ')
	if [ "$holders" = "policy/kexec.def " ]; then ok "only kexec-worker's rules name $call"; else no "$call" "in: $holders"; fi
done
for call in socket connect sendto; do
	holders=$(grep -l "^ALLOW[_A-Z0-9]*($call," policy/*.def | tr '\n' ' ')
	if [ "$holders" = "policy/net.def " ]; then ok "only net-worker's rules name $call"; else no "$call" "in: $holders"; fi
done
holders=$(grep -lE '^ALLOW.*\b(SIOCS[A-Z]*|SIOCADD[A-Z]*|SIOCDEL[A-Z]*)\b' policy/*.def | tr '\n' ' ')
if [ "$holders" = "policy/init.def " ]; then ok "only init's rules change interfaces and routes"; else no "changes of interfaces and routes" "in: $holders"; fi
if grep -lE '^ALLOW[_A-Z0-9]*\((listen|accept4?|ptrace|bpf|finit_module|init_module|io_uring_[a-z]*|kexec_load),' policy/*.def >/dev/null; then
	no "never in any list" "$(grep -lE '^ALLOW[_A-Z0-9]*\((listen|accept4?|ptrace|bpf|finit_module|kexec_load),' policy/*.def)"
else ok "never in any list"; fi

# Secrets are in crypto-worker alone: no other program of the image names one.
if grep -nE '\bsec_[a-z]|luks_key|node_secret' broker/*.c store-worker/*.c kexec-worker/*.c net-worker/*.c ipc/*.c policy/*.c >/dev/null; then
	no "secrets only in crypto-worker" "$(grep -lE '\bsec_[a-z]|luks_key|node_secret' broker/*.c store-worker/*.c kexec-worker/*.c net-worker/*.c ipc/*.c policy/*.c)"
else ok "secrets only in crypto-worker"; fi

# So are TLS's in net-worker: no other program has the code that could make one.  A label of RFC 8446, 7.1, is in whoever derives keys.
holders=
for p in init broker store-worker crypto-worker kexec-worker net-link net-worker; do
	if grep -q 'c hs traffic' "build/bin/$p"; then holders="$holders$p "; fi
done
if [ "$holders" = "net-worker " ]; then ok "only net-worker has TLS"; else no "only net-worker has TLS" "in: $holders"; fi

# The house style's hard numbers.
long=$(git ls-files '*.c' '*.h' | grep -v '^tests/' | xargs wc -l | awk '$2 != "total" && $1 > 400 { print $2 " " $1 }')
if [ -z "$long" ]; then ok "no file of the product over 400 lines"; else no "file over 400 lines" "$long"; fi
if git grep -nIE '\b(system|popen)\(' -- '*.c' >/dev/null; then no "no shell from C" "$(git grep -lIE '\b(system|popen)\(' -- '*.c')"; else ok "no shell from C"; fi

# The documents' generated tables are what the tables make.
for doc in SECURITY.md; do
	if image/tables.sh "$doc" | cmp -s - "$doc"; then ok "generated tables of $doc"; else no "generated tables of $doc" "run image/tables.sh -w $doc"; fi
done

# The libraries that were taken have the fixes that SECURITY.md counts on.
while read -r name least; do
	has=$(sed -n "s/^$name \([^ ]*\) .*/\1/p" build/versions)
	if [ -n "$has" ] && dpkg --compare-versions "$has" ge "$least"; then ok "library is new enough: $name $has"
	else no "library is new enough: $name" "it is ${has:-not there}, not $least"; fi
done <<'END'
mbedtls 3.6.6
libsodium 1.0.21
libseccomp 2.6.0
tpm2-tss 4.1.0
END

# SECURITY.md names what is there: every source and test file; and in each table whose last column is "held by" each function or
# case, in the file named before it.  find_file NAME: its path.  claims DOCUMENT: what is wrong, a line each.
find_file() { for f in "$1" "tests/$1" "tests/e2e/$1"; do [ ! -f "$f" ] || { echo "$f"; return; }; done; }
claims()
{
	grep -oE '[A-Za-z0-9_/.-]+\.(c|h|py|sh)\b' "$1" | sort -u | while read -r name; do
		[ -n "$(find_file "$name")" ] || echo "$name is not there"
	done
	rows=$(awk '/^## /{ on = $0 == "## What went wrong elsewhere" } on && /^\| V-/' "$1")
	echo "$rows" | awk -F'|' 'NF != 6 { print "a row has not four cells: " $2 }
		$5 !~ /`|[Ee]xception: |\*[Uu]nproved\*/ { print "held by nothing:" $2 }'
	awk -F'|' '!/^\|/ { on = 0 } on { print $(NF - 1) } /\| held by \|$/ { on = 1 }' "$1" | grep -oE '\*[^*]+\*|`[^`]+`' | while read -r word; do
		case $word in
		\*[Uu]nproved\*) ;;
		\**) file=${word#\*} file=$(find_file "${file%\*}") ;;
		*) name=${word#?} name=${name%?}
			# a name that ends in _ begins those of several cases
			case $name in *_) how=-qF ;; *) how=-qwF ;; esac
			[ -n "$file" ] && grep $how -e "$name" "$file" || echo "$name is not in ${file:-a file}" ;;
		esac
	done
}
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
why=$(claims SECURITY.md)
if [ -z "$why" ]; then ok "SECURITY.md names what is there, $(grep -c '^| V-' SECURITY.md) rows"; else no "SECURITY.md names what is there" "$why"; fi
# Its twins: a test renamed, one in another file, a file that is gone, a row that nothing holds.
for change in 's/`refuses_unused_pcrs`/`refuses_unused_pcr`/' 's/\*unit_cmdline.c\*/*unit_doc.c*/' 's/unit_tpm_wipe\.c/unit_tpm_wiped.c/' \
	's/^\(| V-B4.*|\) exception: .* |$/\1 nothing |/' 's/`test_cable_out`/`test_cable_in`/'; do
	sed "$change" SECURITY.md >"$dir/altered"
	if ! cmp -s SECURITY.md "$dir/altered" && [ -n "$(claims "$dir/altered")" ]; then ok "noticed: $change"
	else no "the check itself" "does not notice $change"; fi
done
exit $bad
