#!/bin/sh
# Renews the generated tables of a Markdown document: what stands between "<!-- table: COMMAND -->" and "<!-- end -->" becomes the
# output of build/bin/COMMAND.  tables.sh FILE prints the renewed document; tables.sh -w FILE writes it back.
set -eu
write=
[ "$1" != -w ] || { write=1; shift; }
render() {
	awk '
	/^<!-- table: / { print; cmd = $0; sub(/^<!-- table: /, "", cmd); sub(/ -->$/, "", cmd); system("build/bin/" cmd); skip = 1; next }
	/^<!-- end -->$/ { skip = 0 }
	!skip { print }' "$1"
}
if [ -n "$write" ]; then
	render "$1" >"$1.new"
	mv "$1.new" "$1"
else
	render "$1"
fi
