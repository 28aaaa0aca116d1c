#!/bin/sh
# Replays the corpus through the fuzz targets, one per message and format.  Usage: fuzz_replay.sh DIR  (of the built targets)
# Prints "ok NAME" or "not ok NAME: why"; a message without a corpus folder or a target fails.
set -u
dir=$1 bad=0
for m in $(grep -o '^MSG.[a-z_0-9]*' ipc/msg.def | cut -c5-); do
	set -- tests/corpus/"$m"/*
	if [ ! -f "$1" ] || [ $# -lt 2 ]; then
		echo "not ok $m: fewer than two files in tests/corpus/$m"; bad=1
	elif "$dir/fuzz_check_$m" "$@"; then
		echo "ok $m"
	else
		echo "not ok $m: exit $?"; bad=1
	fi
done
for t in attest dhcp doc http minisig; do
	if "$dir/fuzz_$t" tests/corpus/"$t"*/*; then echo "ok $t"; else echo "not ok $t: exit $?"; bad=1; fi
done
exit $bad
