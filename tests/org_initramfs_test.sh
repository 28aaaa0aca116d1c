#!/bin/sh
# What sign accepts and refuses as an initramfs: compressions, and names that lead to the key.
# Usage: org_initramfs_test.sh PATH-OF-sallyport-org
#
# Outside of every wall. Each refusal wants the exit code and the words that name the reason, and has a twin that succeeds.
# Prints "ok NAME" or "not ok NAME: why" for each test; ends with 1 when one failed.
# shellcheck disable=SC1091,SC2015,SC2086,SC2154,SC2317 # the library is read at run time; lists of words are split on purpose
. "$(dirname "$0")/org_lib.sh"

mkdir keys; "$org" keygen keys r1 >out

# --- compressions, concatenations -------------------------------------------------------------------------------------------------
unpacked() { sed -n 's/^unpacked_size //p' "$1/manifest"; }
aligned() { cat "$1"; head -c $(((4 - $(stat -c %s "$1") % 4) % 4)) /dev/zero; }
for how in plain gzip xz zstd lz4; do
	yes "sign_$how" sign $how.cpio "c_$how"
	is "size_$how" "$(unpacked "c_$how")" "$(unpacked c_plain)"
	{ aligned early.cpio; cat $how.cpio; } >both.cpio
	yes "sign_early_$how" sign both.cpio "e_$how"
	is "size_early_$how" "$(unpacked "e_$how")" $(($(unpacked c_plain) + 1024 + 1024 + 4096))
	{ aligned $how.cpio; cat zeros early.cpio; } >both.cpio
	yes "sign_late_$how" sign both.cpio "l_$how"
	is "size_late_$how" "$(unpacked "l_$how")" "$(unpacked "e_$how")"
	head -c $(($(stat -c %s $how.cpio) / 2)) $how.cpio >cut.cpio
	no "sign_cut_$how" 1 'cut.cpio: ' sign cut.cpio cut
	cp $how.cpio bad.cpio; flip bad.cpio 100; flip bad.cpio 101
	[ $how = plain ] || no "sign_damaged_$how" 1 'bad.cpio: ' sign bad.cpio cut
done
# ., bin, bin/program (100001 bytes: 25 pages), etc, etc/hello and etc/again (one content), init (a link's target), sallyport
is size_in_pages "$(unpacked c_plain)" $((8 * 1024 + 27 * 4096))
wrong() { no "$1" 1 "$2" sign wrong.cpio w; }
xz -c plain.cpio >wrong.cpio; wrong xz_check 'not CRC32'
lz4 -qc plain.cpio >wrong.cpio; wrong lz4_frame 'legacy format'
printf 'BZh91AY' >wrong.cpio; wrong bzip2 'compress with gzip'
cat lz4.cpio early.cpio >wrong.cpio; wrong lz4_without_padding 'without zero padding'
{ cat gzip.cpio; printf x; } >wrong.cpio; wrong junk_behind 'neither a cpio archive'
{ cat plain.cpio; printf '\0'; cat early.cpio; } >wrong.cpio; wrong unaligned 'multiple of 4'
{ cat plain.cpio; printf '\0'; cat early.cpio; } | gzip -nc >wrong.cpio; wrong unaligned_packed 'multiple of 4'
{ aligned plain.cpio; printf x; } | gzip -nc >wrong.cpio; wrong junk_packed 'neither an entry'
(cd tree && find . | cpio -o -H odc --quiet) >wrong.cpio; wrong odc 'format newc'
head -c 4096 /dev/zero >wrong.cpio; wrong only_zeros 'no file at all'

# --- sallyport's own names, in every disguise -------------------------------------------------------------------------------------
hostile()
{
	hname=$1 words=$2; shift 2
	{ newc bin $folder 2 ''; "$@"; trailer; } >h.cpio
	no "hostile_$hname" 1 "$words" sign h.cpio w
	gzip -nc h.cpio >hz.cpio
	no "hostile_${hname}_packed" 1 "$words" sign hz.cpio w
	{ aligned early.cpio; cat h.cpio; } >hz.cpio
	no "hostile_${hname}_late" 1 "$words" sign hz.cpio w
}
key='puts the disk key'
for n in luks.key ./luks.key /luks.key //luks.key .//./luks.key luks.key.prev ./luks.key/ luks.key/x; do
	hostile "file_$n" "$key" newc "$n" $file 1 x
done
hostile hard_link "$key" newc luks.key $file 2 x
two_links() { newc etc $folder 2 ''; newc etc/a $file 2 '' 77; newc ./luks.key $file 2 secret 77; }
hostile hard_link_group "$key" two_links
hostile symlink "$key" newc luks.key $link 1 /etc/passwd
hostile folder "$key" newc luks.key $folder 2 ''
hostile fifo "$key" newc luks.key 010644 1 ''
hostile dotdot '".."' newc x/../luks.key $file 1 x
hostile dotdot_first '".."' newc ../luks.key $file 1 x
hostile report 'puts its report' newc sallyport/report $file 1 x
hostile report_slashes 'puts its report' newc ./sallyport//report $link 1 x
hostile sallyport_link "sallyport's folder" newc sallyport $link 1 /etc
hostile sallyport_file "sallyport's folder" newc ./sallyport $file 1 x
through() { newc x $link 1 "$1"; newc "$2" $file 1 y; }
hostile through_root "$key" through / x/luks.key
hostile through_dot "$key" through . x/luks.key
hostile through_up "$key" through bin/../. x/./luks.key
chain() { newc a $link 1 b; newc b $link 1 /bin/..; newc a/luks.key.prev $file 1 y; }
hostile through_chain "$key" chain
loop() { newc a $link 1 b; newc b $link 1 a; newc a/x $file 1 y; }
hostile through_loop '40 symbolic links' loop
flips() { newc x $link 1 /; newc x/... $folder 2 ''; newc x/luks.key $file 1 y; }
hostile through_kept_link "$key" flips
dot() { newc . $link 1 zzz; newc ./luks.key $file 1 y; }
hostile through_dot_link "$key" dot
into() { newc x $folder 2 ''; newc x $link 1 /; }
hostile link_over_folder 'in the place of a folder' into
harmless() { newc sallyport $folder 2 ''; newc sallyport/other $file 1 x; newc luks.keys $file 1 x; newc bin/luks.key $file 1 x
	newc lib $link 1 bin; newc lib/x $file 1 x; newc key $link 1 /luks.key; }
{ newc bin $folder 2 ''; harmless; trailer; } >h.cpio
yes harmless_names sign h.cpio harmless
{ newc x $link 1 /; newc x $folder 2 ''; newc x/luks.key $file 1 x; trailer; } >h.cpio
yes replaced_link sign h.cpio replaced

exit $failed
