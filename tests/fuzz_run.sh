#!/bin/sh
# libFuzzer on every target, from the corpus on.  Usage: fuzz_run.sh DIR SECONDS   (of the targets built with SANITIZE=fuzzer)
# Prints "ok NAME" or "not ok NAME: why".  What is found stays in DIR/found: a file that crashes belongs into tests/corpus as bad*.
set -u
dir=$1 seconds=$2 bad=0
for target in "$dir"/fuzz_*; do
	case $target in *.d) continue ;; esac
	name=${target##*/fuzz_}
	found=$dir/found/$name
	mkdir -p "$found"
	# shellcheck disable=SC2046 # a list of folders, without blanks in them
	if "$target" -max_total_time="$seconds" -max_len=20000 -timeout=5 -print_final_stats=1 -artifact_prefix="$found/crash-" "$found" \
		$(ls -d tests/corpus/"${name#check_}"* 2>/dev/null) >"$found.log" 2>&1; then
		echo "ok $name: $(sed -n 's/stat::number_of_executed_units: //p' "$found.log") runs"
	else
		echo "not ok $name: $(grep -m1 -E 'ERROR|SUMMARY|MUST' "$found.log"); see $found.log"; bad=1
	fi
done
exit $bad
