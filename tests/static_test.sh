#!/bin/sh
# Checks of what was built and of the tree, without running it.  Prints "ok NAME" or "not ok NAME: why".
set -u
bad=0
ok() { echo "ok $1"; }
no() { echo "not ok $1: $2"; bad=1; }

for p in init broker store-worker crypto-worker kexec-worker; do
	f=build/bin/$p
	if why=$(image/libs.sh check "$f" 2>&1); then ok "static-pie $p"; else no "static-pie $p" "$why"; fi
done
# A twin that must fail: an ordinary dynamic program has an interpreter.
if image/libs.sh check /bin/true >/dev/null 2>&1; then no "the check itself" "it takes a dynamic program"; else ok "a dynamic program is refused"; fi

for p in init broker store crypto kexec; do
	if cmp -s build/policy/$p.expect policy/$p.expect; then ok "golden listing $p"
	else no "golden listing $p" "policy/$p.expect is not what the rules make: see diff build/policy/$p.expect policy/$p.expect"; fi
done

# The one program that may kexec, and the one that may use the network (none yet), by the listings themselves.
for call in kexec_file_load reboot; do
	holders=$(grep -l "^ALLOW[_A-Z0-9]*($call," policy/*.def | tr '\n' ' ')
	if [ "$holders" = "policy/kexec.def " ]; then ok "only kexec-worker's rules name $call"; else no "$call" "in: $holders"; fi
done
if grep -lE '^ALLOW[_A-Z0-9]*\((socket|connect|ptrace|bpf|finit_module|init_module|io_uring_[a-z]*|kexec_load),' policy/*.def >/dev/null; then
	no "never in any list" "$(grep -lE '^ALLOW[_A-Z0-9]*\((socket|connect|ptrace|bpf|finit_module|kexec_load),' policy/*.def)"
else ok "never in any list"; fi

# Secrets are in crypto-worker alone: no other program of the image names one.
if grep -nE '\bsec_[a-z]|luks_key|node_secret' broker/*.c store-worker/*.c kexec-worker/*.c ipc/*.c policy/*.c >/dev/null; then
	no "secrets only in crypto-worker" "$(grep -lE '\bsec_[a-z]|luks_key|node_secret' broker/*.c store-worker/*.c kexec-worker/*.c ipc/*.c policy/*.c)"
else ok "secrets only in crypto-worker"; fi

# The house style's hard numbers.
long=$(git ls-files '*.c' '*.h' | grep -v '^tests/' | xargs wc -l | awk '$2 != "total" && $1 > 400 { print $2 " " $1 }')
if [ -z "$long" ]; then ok "no file of the product over 400 lines"; else no "file over 400 lines" "$long"; fi
if git grep -nIE '\b(system|popen)\(' -- '*.c' >/dev/null; then no "no shell from C" "$(git grep -lIE '\b(system|popen)\(' -- '*.c')"; else ok "no shell from C"; fi

# The documents' generated tables are what the tables make.
for doc in SECURITY.md; do
	if image/tables.sh "$doc" | cmp -s - "$doc"; then ok "generated tables of $doc"; else no "generated tables of $doc" "run image/tables.sh -w $doc"; fi
done
exit $bad
