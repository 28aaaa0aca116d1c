# Read by the org_*test.sh scripts, which have the program's path as their one argument: verdicts, odd archives, material to sign.
# shellcheck shell=sh disable=SC2034,SC2059 # used by the readers; a format is made on purpose
set -u

[ $# -eq 1 ] || { echo "usage: $0 PATH-OF-sallyport-org" >&2; exit 2; }
org=$(realpath "$1") || exit 2
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
umask 022
unset SOURCE_DATE_EPOCH
export LC_ALL=C TZ=UTC
failed=0

pass() { echo "ok $1"; }
fail() { echo "not ok $1: $2"; sed 's/^/    | /' out; failed=1; }

# yes NAME COMMAND...: must exit 0.   no NAME CODE WORDS COMMAND...: must exit CODE and say WORDS.
yes()
{
	name=$1; shift
	"$@" >out 2>&1 </dev/null; code=$?
	if [ $code -eq 0 ]; then pass "$name"; else fail "$name" "exit $code"; fi
}
no()
{
	name=$1 want=$2 words=$3; shift 3
	"$@" >out 2>&1 </dev/null; code=$?
	if [ $code -ne "$want" ]; then fail "$name" "exit $code, not $want"
	elif ! grep -qF -e "$words" out; then fail "$name" "does not say \"$words\""
	else pass "$name"; fi
}
says() { if grep -qF -e "$2" out; then pass "$1"; else fail "$1" "does not say \"$2\""; fi; }

is() { if [ -n "$3" ] && [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "is $2, not $3"; fi; }
same() { if cmp -s "$2" "$3"; then pass "$1"; else fail "$1" "$2 and $3 differ"; fi; }
flip() { printf "$(printf '\\%03o' $(($(od -An -tu1 -j"$2" -N1 "$1") ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }
id_of() { b2sum -l 256 "$1" | cut -c1-64; }
size_of() { stat -c %s "$1"; }

# newc NAME MODE NLINK CONTENT: one cpio entry, its name as odd as it may be.   trailer: the last one.
pad() { n=$((($1) % 4)); [ $n -eq 0 ] || head -c $((4 - n)) /dev/zero; }
newc()
{
	ino=$((ino + 1))
	printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X' $((${5:-$ino})) "$2" 0 0 "$3" 0 ${#4} 0 0 0 0 $((${#1} + 1)) 0
	printf '%s\0' "$1"; pad $((110 + ${#1} + 1))
	printf '%s' "$4"; pad ${#4}
}
trailer() { newc 'TRAILER!!!' 0 1 ''; }
file=0100644 folder=040755 link=0120777 ino=0

# --- material ---------------------------------------------------------------------------------------------------------------------
{ head -c 510 /dev/zero; printf '\125\252\0\0HdrS'; head -c 4000 /dev/urandom; } >kernel
mkdir -p tree/bin tree/etc tree/sallyport
head -c 100001 /dev/urandom >tree/bin/program
echo hello >tree/etc/hello; ln tree/etc/hello tree/etc/again; ln -s bin/program tree/init
(cd tree && find . | sort | cpio -o -H newc --quiet) >plain.cpio
gzip -9nc plain.cpio >gzip.cpio
xz --check=crc32 -c plain.cpio >xz.cpio
zstd -qc plain.cpio >zstd.cpio
lz4 -lqc plain.cpio >lz4.cpio
{ newc kernel $folder 2 ''; newc kernel/microcode $file 1 early; trailer; } >early.cpio
head -c 508 /dev/zero >zeros

sign() { "$org" sign -k keys/r1.key -v 42 --kernel kernel --initramfs "$1" --cmdline 'console=ttyS0 quiet' --issued 1700000000 -o "$2"; }

