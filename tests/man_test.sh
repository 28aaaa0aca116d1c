#!/bin/sh
# The manual pages: sound mdoc, a page for each command, and page, --help and program say the same of options and ranges.
# Usage: man_test.sh DIRECTORY-OF-THE-PROGRAMS, from the top of the tree.  Prints "ok NAME" or "not ok NAME: why".
# shellcheck disable=SC2015 # ok and no do not fail
set -u
export LC_ALL=C
[ $# -eq 1 ] || { echo "usage: $0 DIRECTORY-OF-THE-PROGRAMS" >&2; exit 2; }
org=$1/sallyport-org
bad=0
ok() { echo "ok $1"; }
no() { echo "not ok $1: $2"; bad=1; }
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT

# lint FILE: mandoc's complaints.
lint() { mandoc -Tlint -Wwarning "$1" 2>&1; }
# options: those in the text on standard input, each once; what every command takes is left out.
options() { tr -c 'A-Za-z0-9-' '\n' | grep -xE -e '--[a-z][a-z-]*|-[a-z]' | grep -vxE -e '-h|--help' | sort -u; }
# text FILE: the page up to EXIT STATUS, its lines not broken.
text() { mandoc -Tascii -Owidth=1000 "$1" | sed 's/.\x08//g' | sed '/^EXIT STATUS/,$d'; }
# heading FILE NAME
heading() { grep -qx "\.Sh $2" "$1"; }

# The checks themselves: a page that is not sound, options of either kind.
printf '.Dd today\n.Sh NAME\n.Nm x\n.Zz\n' >"$dir/unsound.1"
if [ -n "$(lint "$dir/unsound.1")" ]; then ok "an unsound page is noticed"; else no "the check itself" "lint says nothing"; fi
[ "$(echo 'x --a-b, [-c D] e-f lz4 (-g) --help' | options | tr '\n' ' ')" = '--a-b -c -g ' ] &&
	ok "options are found" || no "the check itself" "options"

same() { # same PAGE HELP-COMMAND...
	page=$1; shift
	"$@" --help >"$dir/help" 2>&1
	options <"$dir/help" >"$dir/in-help"
	text "$page" | options >"$dir/in-page"
	if diff "$dir/in-help" "$dir/in-page" >"$dir/diff"; then ok "options of $page, $(wc -l <"$dir/in-page")"
	else no "options of $page" "< --help, > page: $(grep '^[<>]' "$dir/diff" | tr '\n' ' ')"; fi
}
commands=$("$org" --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
for c in $commands; do
	page=org/sallyport-org-$c.1
	[ -f "$page" ] || { no "page of $c" "$page is missing"; continue; }
	same "$page" "$org" "$c"
	if grep -q "^\.Xr sallyport-org-$c 1" org/sallyport-org.1; then ok "$c is in the overview"; else no "$c" "not in org/sallyport-org.1"; fi
done
[ "$(echo "$commands" | wc -w)" -eq "$(find org -name 'sallyport-org-*.1' | wc -l)" ] && ok "as many pages as commands" ||
	no "pages and commands" "$(find org -name 'sallyport-org-*.1' | wc -l) pages for: $commands"
same generation/sallyport-cache.8 "$1/sallyport-cache"
same generation/persist-mount.8 "$1/persist-mount"

for page in org/*.1 generation/*.8; do
	why=$(lint "$page")
	if [ -z "$why" ]; then ok "mandoc $page"; else no "mandoc $page" "$why"; fi
	for h in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
		heading "$page" "$h" || no "$page" "has no section $h"
	done
	# what it refers to here is here
	sed -n 's/^\.Xr \(sallyport[a-z-]*\|persist-mount\) \([18]\).*/\1.\2/p' "$page" | sort -u >"$dir/refers"
	while read -r to; do
		[ -f "org/$to" ] || [ -f "generation/$to" ] || no "$page" "refers to $to, which is not there"
	done <"$dir/refers"
done

for page in org/*.[57]; do
	why=$(lint "$page")
	if [ -z "$why" ]; then ok "mandoc $page"; else no "mandoc $page" "$why"; fi
	for h in NAME DESCRIPTION 'SEE ALSO'; do
		heading "$page" "$h" || no "$page" "has no section $h"
	done
done

# The documents: each line of each kind, in its order, with its range, is in the page as ipc/doc.def has it, and nothing else is.
rows() { # "kind key : range" of doc.def, as the page puts it
	awk -F '[(),]' '
		{ sub(/\/\*.*/, ""); for (i = 2; i <= NF; i++) gsub(/^ +| +$/, "", $i) }
		$1 == "WORDS" { e = $2 }
		$1 == "IS" { words[e] = words[e] (words[e] == "" ? "" : ", ") $3 }
		$1 == "NUM" { print $2, $3, ": number,", $4, "to", $5 }
		$1 == "HEX" { print $2, $3, ":", $4, "bytes" }
		$1 == "BLOB" { print $2, $3, ":", $4, "to", $5, "bytes" }
		$1 == "TEXT" { print $2, $3, ": text,", $4, "to", $5 }
		$1 == "WORD" { print $2, $3, ":", words[$4] }
		$1 == "KEYS" { print $2, $3, ": key, 1" ($4 > 1 ? " to " $4 " lines" : " line") }
		$1 == "NAMES" { print $2, $3, ": text,", $4, "to", $5 ", 0 to", $6, "lines" }
		$1 == "HAVE" { print $2, $3, ": inventory, 0 to", $4, "lines" }' ipc/doc.def
}
stated() { awk '/^\.Sh / { kind = tolower($2) } /^\.It Ic / { sub(/^\.It Ic /, ""); print kind, $0 }' "$1"; }
rows >"$dir/rows"
stated org/sallyport-documents.5 >"$dir/stated"
if why=$(diff "$dir/rows" "$dir/stated"); then ok "documents: $(wc -l <"$dir/rows") lines"
else no documents "< doc.def, > page: $(echo "$why" | grep '^[<>]' | tr '\n' ' ')"; fi
[ "$(wc -l <"$dir/rows")" -eq "$(grep -cE '^(NUM|HEX|BLOB|TEXT|WORD|KEYS|NAMES|HAVE)\(' ipc/doc.def)" ] && ok "every row of doc.def is understood" ||
	no "rows of doc.def" "$(wc -l <"$dir/rows") understood"
sed 's/^\(\.It Ic vlan : number, 0 to \)4094/\14095/' org/sallyport-documents.5 >"$dir/altered"
stated "$dir/altered" | diff -q "$dir/rows" - >/dev/null && no "documents, one range off" "not noticed" || ok "documents: a wrong range is noticed"
sed -n '/^WORDS(reason)/,/^ENDWORDS/s/^IS([A-Z]*, \(.*\))/\1/p' ipc/doc.def >"$dir/reasons"
sed -n '/^\.Sh REASONS/,/^\.El/s/^\.It //p' org/sallyport-documents.5 >"$dir/explained"
[ -s "$dir/reasons" ] && diff "$dir/reasons" "$dir/explained" >/dev/null && ok "documents: every reason" ||
	no "documents: reasons" "$(tr '\n' ' ' <"$dir/explained")"
grep -q "sallyport-documents 5" org/sallyport-org.1 && ok "the documents are in the overview" || no documents "not in org/sallyport-org.1"

# A range is the program's own: what it says when it gets no number.
range() { # range PAGE OPTION COMMAND...
	page=$1 option=$2; shift 2
	says=$("$@" "$option" x 2>&1 | sed -n 's/.*from \([0-9]* to [0-9]*\)$/\1/p')
	if [ -z "$says" ]; then no "range of $option" "$* does not say it"; return; fi
	text "$page" | grep -qwF "$says" || no "range of $option" "$page does not say $says"
	"$@" --help 2>&1 | grep -qwF "$says" || no "range of $option" "$* --help does not say $says"
	ok "range of $option in $page: $says"
}
for o in --version --watchdog --issued; do range org/sallyport-org-sign.1 $o "$org" sign; done
for o in --threshold --least-version --memory; do range org/sallyport-org-verify.1 $o "$org" verify; done
for o in --threshold --least-version --retry-wait --build-time --vlan --link-wait --net-wait --offline-max; do
	range org/sallyport-org-config.1 $o "$org" config
done
range org/sallyport-org-invite.1 --expires "$org" invite
for o in --slots --slot-size --size; do
	range org/sallyport-org-cache.1 $o "$org" cache format
	range generation/sallyport-cache.8 $o "$1/sallyport-cache" format
done
exit $bad
