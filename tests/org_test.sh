#!/bin/sh
# The operator's commands, by the real program. Usage: org_test.sh PATH-OF-sallyport-org
#
# Outside of every wall. Each refusal wants the exit code and the words that name the reason, and has a twin that succeeds.
# Prints "ok NAME" or "not ok NAME: why" for each test; ends with 1 when one failed.
# shellcheck disable=SC1091,SC2015,SC2086,SC2154,SC2317 # the library is read at run time; lists of words are split on purpose
. "$(dirname "$0")/org_lib.sh"

# --- keys -------------------------------------------------------------------------------------------------------------------------
mkdir keys
yes keygen "$org" keygen keys r1 r2 r3 org
is keygen_mode "$(stat -c %a keys/r1.key)" 600
before=$(cat keys/r1.key)
no keygen_never_replaces 1 'File exists' "$org" keygen keys r1
rm keys/r3.pub
no keygen_never_replaces_secret_half 1 'File exists' "$org" keygen keys r3
"$org" keygen keys r3b >/dev/null; mv keys/r3b.key keys/r3.key; mv keys/r3b.pub keys/r3.pub
is keygen_kept_key "$(cat keys/r1.key)" "$before"
[ -z "$(find . -name '*.tmp.*')" ] && pass no_temporary_files || fail no_temporary_files "$(find . -name '*.tmp.*')"
no keygen_usage 2 'at least one name' "$org" keygen keys
no keygen_name 1 'no name for a key' "$org" keygen keys ../x
yes minisign_signs_with_ours minisign -S -H -s keys/r1.key -m kernel -x k.sig -t t
yes minisign_verifies_it minisign -V -p keys/r1.pub -m kernel -x k.sig
yes minisign_keygen minisign -G -W -f -p keys/m.pub -s keys/m.key

# --- sign, verify -----------------------------------------------------------------------------------------------------------------
yes sign sign gzip.cpio g
yes minisign_verifies_ours minisign -V -p keys/r1.pub -m g/manifest -x g/manifest.minisig
sed s/42/43/ g/manifest >altered
no minisign_refuses_altered 1 'verification failed' minisign -V -p keys/r1.pub -m altered -x g/manifest.minisig
two="--release-key keys/r1.pub --release-key keys/r2.pub --release-key keys/r3.pub --threshold 2"
no verify_one_of_two 1 '402 doc_signature' "$org" verify $two g
says verify_counts '1 of 2 needed keys, 3 listed'
no cosign_same_key 1 'has signed already' "$org" cosign -k keys/r1.key g
yes cosign "$org" cosign -k keys/r2.key g
yes verify "$org" verify $two g
says verify_says_how_many '2 of 3 release keys have signed, 2 are needed'
no cosign_again 1 'has signed already' "$org" cosign -k keys/r2.key g
no cosign_usage 2 'wants -k' "$org" cosign g
yes sign_with_minisign_key "$org" sign -k keys/m.key -v 7 --kernel kernel --initramfs plain.cpio --cmdline a -o gm
yes minisign_verifies_its_own minisign -V -p keys/m.pub -m gm/manifest -x gm/manifest.minisig
cp -r g gi; head -4 g/manifest.minisig >gi/manifest.minisig
minisign -S -H -s keys/m.key -m gi/manifest -x m.sig>out
cat m.sig >>gi/manifest.minisig
yes verify_minisign_block "$org" verify --release-key keys/r1.pub --release-key keys/m.pub --threshold 2 gi
cat g/manifest.minisig m.sig >gi/manifest.minisig
yes verify_three_blocks "$org" verify --release-key "$(tail -1 keys/r2.pub)" --release-key keys/m.pub --threshold 2 gi
head -4 g/manifest.minisig >gi/manifest.minisig; head -4 g/manifest.minisig >>gi/manifest.minisig
no verify_block_twice 1 '1 of 2 needed keys' "$org" verify $two gi
no verify_usage 2 'is more than the 1 keys' "$org" verify --release-key keys/r1.pub --threshold 2 g
no verify_key_twice 2 'is given twice' "$org" verify --release-key keys/r1.pub --release-key keys/r1.pub --threshold 2 g
no verify_no_rules 2 'wants -c' "$org" verify g
no verify_floor 1 '404 doc_floor' "$org" verify $two --least-version 43 g
yes verify_at_floor "$org" verify $two --least-version 42 g
no verify_memory 1 '503 image_memory' "$org" verify $two --memory 32 g
yes verify_enough_memory "$org" verify $two --memory 64 g

# --- config -----------------------------------------------------------------------------------------------------------------------
config="--release-key keys/r1.pub --release-key keys/r2.pub --release-key keys/r3.pub --org-key keys/org.pub --cache vda"
yes config "$org" config $config --threshold 2 --enrol local --build-time 1600000000 -o config
yes verify_by_config "$org" verify -c config g
"$org" config $config --threshold 2 --build-time 2023-11-14T22:13:21Z -o late
no verify_build_time 1 '405 doc_time' "$org" verify -c late g
"$org" config $config --threshold 2 --build-time 1 --least-version 43 -o floor
no verify_config_floor 1 '404 doc_floor' "$org" verify -c floor g
no config_threshold 2 'more than the 3 release keys' "$org" config $config --threshold 4 -o bad
no config_device 2 'no device' "$org" config $config --threshold 2 --tpm ../tpm0 -o bad
no config_enrol 2 'allowed: none, local, org' "$org" config $config --threshold 2 --enrol yes -o bad
no config_org_is_release 2 'is a release key too' "$org" config --release-key keys/r1.pub --org-key keys/r1.pub --threshold 1 \
	--cache vda -o bad
no config_number 2 'allowed: 1 to 86400' "$org" config $config --threshold 2 --retry-wait 0 -o bad
[ ! -e bad ] && pass config_refused_writes_nothing || fail config_refused_writes_nothing 'bad is there'
echo 'sallyport-config 1' >broken
no verify_broken_config 1 'broken: line' "$org" verify -c broken g

# --- tampering: one bit, one byte, one line ---------------------------------------------------------------------------------------
tamper() { rm -rf t; cp -r g t; }
tamper; flip t/kernel 3000
no kernel_bit 1 '501 image_kernel' "$org" verify -c config t
no cosign_kernel_bit 1 '501 image_kernel' "$org" cosign -k keys/r3.key t
no inspect_kernel_bit 1 'DIFFER' "$org" inspect t
no put_kernel_bit 1 '501 image_kernel' "$org" cache put nothing t
tamper; flip t/initramfs 50000
no initramfs_bit 1 '502 image_initramfs' "$org" verify -c config t
tamper; truncate -s -1 t/kernel
no kernel_short 1 '504 image_size' "$org" verify -c config t
tamper; truncate -s -1 t/initramfs
no initramfs_short 1 '504 image_size' "$org" verify -c config t
tamper; flip t/manifest 25
no manifest_bit 1 '402 doc_signature' "$org" verify -c config t
tamper; truncate -s -1 t/manifest
no manifest_short 1 '402 doc_signature' "$org" verify -c config t
tamper; truncate -s -1 t/manifest.minisig
no minisig_short 1 '403 doc_minisig' "$org" verify -c config t
tamper; rm t/kernel
no kernel_missing 1 'No such file' "$org" verify -c config t
tamper; : >t/kernel
no kernel_empty 1 'allowed: 1 to' "$org" verify -c config t
# Well signed by minisign and still wrong: what the signature cannot say.
resign()
{
	for k in r1 r2; do minisign -S -H -s keys/$k.key -m t/manifest -x t/$k </dev/null >out; done
	cat t/r1 t/r2 >t/manifest.minisig
}
tamper; resign
yes resigned "$org" verify -c config t
tamper; sed -i 's/^kernel_size .*/kernel_size 4294967296/' t/manifest; resign
no size_range 1 '504 image_size' "$org" verify -c config t
tamper; sed -i 's/^watchdog .*/watchdog 3601/' t/manifest; resign
no line_named 1 'line 9' "$org" verify -c config t
tamper; sed -i '/^watchdog/d' t/manifest; resign
no line_missing 1 '401 doc_syntax' "$org" verify -c config t
tamper; sed -i 's/^cmdline .*/cmdline a -- b/' t/manifest; resign
no cmdline_signed 1 '506 cmdline_forbidden' "$org" verify -c config t
tamper; { newc luks.key $file 1 x; trailer; } >t/initramfs
sed -i "s/^initramfs_size .*/initramfs_size $(size_of t/initramfs)/" t/manifest
sed -i "s/^initramfs_blake2b .*/initramfs_blake2b $(id_of t/initramfs)/" t/manifest; resign
no verify_finds_luks_key 1 'puts the disk key' "$org" verify -c config t
yes inspect "$org" inspect g
says inspect_unverified UNVERIFIED
says inspect_id "$(id_of g/manifest)"

# --- what sign refuses and warns of -----------------------------------------------------------------------------------------------
more() { "$org" sign -k keys/r1.key -v 1 --kernel "$1" --initramfs plain.cpio --cmdline "$2" -o more "$3" ${4:+"$4"}; }
no sign_no_bzimage 1 'no bzImage' more plain.cpio quiet --watchdog 0
no sign_dashes 1 '-- is forbidden' more kernel 'a -- b' --watchdog 0
no sign_quote 1 'double quote' more kernel 'a="b c"' --watchdog 0
no sign_our_key 1 'init_on_free is forbidden' more kernel 'init-on-free=0' --watchdog 0
no sign_long_cmdline 1 'allowed: 1850' more kernel "$(head -c 1851 /dev/zero | tr '\0' x)" --watchdog 0
no sign_watchdog 2 'allowed: 0 to 3600' more kernel a --watchdog 3601
[ ! -e more ] && [ -z "$(find . -name '*.tmp.*')" ] && pass sign_refused_leaves_nothing || fail sign_refused_leaves_nothing "$(ls)"
printf 'CONFIG_X86=y\nCONFIG_KEXEC=y\n# CONFIG_KEXEC_FILE is not set\n' >kconfig
yes sign_long_enough more kernel "$(head -c 1850 /dev/zero | tr '\0' x)" --kernel-config kconfig
says sign_warns_of_kexec 'CONFIG_KEXEC=y'
no sign_existing 1 'not empty' more kernel a --watchdog 0
rm -rf more; mkdir more
yes sign_into_empty_folder more kernel 'rdinit=/bin/sh retain_initrd x=y' --watchdog 0
says sign_warns_of_rdinit 'warning: command line: rdinit=/bin/sh'
says sign_warns_of_retain 'warning: command line: retain_initrd'
# each word that is a way around something is allowed, and said
words='init=x rdinit=x break=x rd.break single systemd.debug_shell retain_initrd dump_initrd'
words="$words crashkernel=1M kexec_file=x memmap=1M lockdown=none"
rm -rf more; yes sign_allows_doubtful_words more kernel "$words" --watchdog 0
for w in $words; do says "sign_warns_of_$w" "warning: command line: $w: "; done
rm -rf more; yes sign_plain_words more kernel 'root=/dev/vda ro' --watchdog 0
grep -q 'warning: command line' out && fail sign_warns_of_nothing 'warns of plain words' || pass sign_warns_of_nothing
cp kernel vmlinuz-1.2; echo CONFIG_KEXEC_FILE=y >config-1.2; rm -rf more
yes sign_finds_config more vmlinuz-1.2 a --watchdog 0
says sign_warns_of_kexec_file 'CONFIG_KEXEC_FILE=y'
no sign_no_version 2 'wants -k, -v' "$org" sign -k keys/r1.key --kernel kernel --initramfs plain.cpio --cmdline a -o more2
no sign_bad_key 1 'no secret key' "$org" sign -k keys/r1.pub -v 1 --kernel kernel --initramfs plain.cpio --cmdline a -o more2
# one bit of the number, the key's first half, its second half, the checksum; then the halves again, with minisign's own zero checksum
damage()
{
	sed -n 2p keys/r1.key | base64 -d >raw; flip raw "$1"
	[ $# -eq 1 ] || dd if=/dev/zero of=raw bs=1 seek=126 count=32 conv=notrunc 2>out
	{ echo 'untrusted comment: x'; base64 -w0 raw; echo; } >keys/damaged.key; chmod 600 keys/damaged.key
}
for at in 54 62 94 126 '62 zero' '94 zero'; do
	damage $at
	no "sign_damaged_key_$at" 1 'damaged' "$org" sign -k keys/damaged.key -v 1 --kernel kernel --initramfs plain.cpio --cmdline a \
		-o more2
done
printf 'quiet console=ttyS0\n' >line
yes sign_cmdline_file "$org" sign -k keys/r1.key -v 1 --kernel kernel --initramfs plain.cpio --cmdline-file line -o more3
is sign_cmdline_text "$(sed -n 's/^cmdline //p' more3/manifest)" 'quiet console=ttyS0'
printf 'quiet\nconsole=ttyS0\n' >line
no sign_two_lines 1 'not printable' "$org" sign -k keys/r1.key -v 1 --kernel kernel --initramfs plain.cpio --cmdline-file line -o more4
sign gzip.cpio same >out 2>&1
head -4 g/manifest.minisig >first; same sign_same_signature first same/manifest.minisig; same sign_same_manifest g/manifest same/manifest

# --- cache ------------------------------------------------------------------------------------------------------------------------
gen() { "$org" sign -k keys/r1.key -v "$1" --kernel kernel --initramfs plain.cpio --cmdline a --issued 1700000000 -o "v$1" >/dev/null 2>&1
	"$org" cosign -k keys/r2.key "v$1" >/dev/null 2>&1; id_of "v$1/manifest"; }
v1=$(gen 1) v2=$(gen 2) v3=$(gen 3) v4=$(gen 4)
no format_too_small 1 'want' "$org" cache format img --slots 2 --slot-size 2 --size 4
rm -f img
yes format "$org" cache format img --slots 2 --slot-size 2 --size 5
no format_again 1 '--force' "$org" cache format img --slots 2 --slot-size 2
yes format_forced "$org" cache format img --slots 2 --slot-size 2 --force
head -c 5242880 /dev/urandom >other
no format_not_empty 1 'not empty' "$org" cache format other --slots 2 --slot-size 2
no format_keeps_file 1 'File exists' "$org" cache format other --slots 2 --slot-size 2 --size 5
no format_usage 2 'allowed: 1 to 8' "$org" cache format img --slots 9 --slot-size 2
no put_no_cache 1 'no valid header' "$org" cache put other v1
yes put "$org" cache put img v1 -c config
says put_slot "slot 0  $v1"
yes put_again "$org" cache put img v1
says put_same_slot 'slot 0'
no put_unsigned 1 '402 doc_signature' "$org" cache put img gm -c config
yes put_second "$org" cache put img v2
says put_second_slot 'slot 1'
yes list "$org" cache list img
says list_order 'order of boot, when verified: 1 0'
yes healthy "$org" cache healthy img "$v1"
yes put_third "$org" cache put img v3
says put_keeps_last_healthy "slot 1  $v3"
yes list_three "$org" cache list img
says list_healthy "slot 0  $v1  v1  kernel 4518  initramfs $(size_of plain.cpio) bytes  last healthy"
no drop_healthy 1 'last healthy' "$org" cache drop img "$v1"
no drop_unknown 1 'has no generation' "$org" cache drop img "$v2"
no drop_short_id 1 '8 to 64 digits' "$org" cache drop img abc
no healthy_unknown 1 'has no generation' "$org" cache healthy img "$v2"
yes drop "$org" cache drop img "$(echo "$v3" | cut -c1-12)"
yes drop_listed "$org" cache list img
says drop_emptied 'slot 1  empty'
"$org" cache put img v3 >out; "$org" cache healthy img "$v3"
yes put_fourth "$org" cache put img v4
says put_over_formerly_healthy "slot 0  $v4"
"$org" cache healthy img "$v4"; "$org" cache drop img "$v3" >out
dd if=img of=part bs=1 skip=$((1048576 + 4096)) count="$(size_of v4/manifest)" 2>/dev/null; same put_manifest part v4/manifest
dd if=img bs=4096 skip=512 count=2 2>/dev/null | head -c 4518 >part; same put_kernel part kernel
dd if=img bs=4096 skip=514 count=99 2>/dev/null | head -c "$(size_of plain.cpio)" >part; same put_initramfs part plain.cpio
"$org" cache format one --slots 1 --slot-size 2 --size 3; "$org" cache put one v1 >out; "$org" cache healthy one "$v1"
no put_nowhere 1 'no slot may be freed' "$org" cache put one v2
minisign -S -H -s keys/r3.key -m v1/manifest -x r3.sig </dev/null >out; cat r3.sig >>v1/manifest.minisig
yes put_more_signatures "$org" cache put one v1
dd if=one of=part bs=4096 skip=$((256 + 5)) count=1 2>out; head -c "$(size_of v1/manifest.minisig)" part >part2
same put_has_more_signatures part2 v1/manifest.minisig
"$org" cache format three --slots 3 --slot-size 2 --size 7
for g in v2 v1 v3; do "$org" cache put three $g >out; done; "$org" cache put three v2 >out
yes put_three "$org" cache put three v4
says put_over_the_oldest "slot 1  $v4"
head -c 2200000 /dev/urandom >big; { newc big $file 1 "$(head -c 1100000 /dev/zero | tr '\0' x)"; trailer; } >big.cpio
"$org" sign -k keys/r1.key -v 9 --kernel kernel --initramfs big.cpio --cmdline a -o big.g >out 2>&1
no put_too_big 1 'wants a slot of 3 MiB' "$org" cache put img big.g
# what failed to load: only a ticket names it.  The later journal's first row, by a hand that has no tool
cat >fail_first.py <<'END'
import struct, sys, zlib
f = open(sys.argv[1], "r+b")
def sector(at): f.seek(at); return bytearray(f.read(512))
at = max((4096, 8192), key=lambda at: struct.unpack_from("<Q", sector(at), 16)[0])
s = sector(at)
struct.pack_into("<I", s, 88 + 40, 601)
struct.pack_into("<I", s, 508, zlib.crc32(s[:508]))
f.seek(at); f.write(s)
END
python3 fail_first.py three
yes list_failed "$org" cache list three
says list_failed_code 'failed: 601 load_kernel'
says list_failed_last 'order of boot, when verified: 0 2; failed, only by a ticket: 1'
flock -x img -c "'$org' cache list img" >out 2>&1
says one_at_a_time 'another program works on it'
flock -s img -c "'$org' cache list img && '$org' cache drop img $v4 --force" >out 2>&1
says readers_together 'order of boot'
says no_writer_beside_readers 'another program works on it'
no cache_usage 2 'has no command' "$org" cache fill img

# --- image ------------------------------------------------------------------------------------------------------------------------
mkdir -p programs mods/a; cp tree/bin/program programs/init
echo m1 >mods/a/one.ko; echo m2 >mods/two.ko.xz; printf 'two.ko.xz\na/one.ko\n' >order
cat >list <<'END'
# what is in it
dir /lib 0755
dir /lib/modules 0755
modules /lib/modules 0444 {modules}
file /modules 0444 {modules-list}
file /init 0755 {programs}/init
file /config 0444 {config}
dir /dev 0755
node /dev/console 0600 c 5 1
file /own 0400 tree/etc/hello
END
image() { "$org" image -c config --list "$1" --programs programs --modules-dir mods --modules order --compress "$2" -o "$3"; }
yes image image list none i1
cpio -itv --quiet <i1 >out 2>&1
says image_console 'crw-------   1 root     root       5,   1 Jan  1  1970 dev/console'
mkdir x1; (cd x1 && cpio -idm --quiet <../i1)
same image_program x1/init programs/init; same image_config x1/config config; same image_own_file x1/own tree/etc/hello
same image_module x1/lib/modules/one.ko mods/a/one.ko
printf '/lib/modules/two.ko.xz\n/lib/modules/one.ko\n' >want; same image_modules_order x1/modules want
# the lines in another order, other times and modes of the sources: the same bytes
(head -3 list; sed 1,3d list | tac) >tsil; touch -d 2001-01-01 programs/init; chmod 600 mods/a/one.ko
for how in none gzip zstd xz; do
	image list $how "i_$how" >out 2>&1
	yes "image_$how" image tsil $how "j_$how"
	same "image_same_$how" "i_$how" "j_$how"
done
gzip -dc i_gzip >u; same image_gunzips u i1; zstd -qdc i_zstd >u; same image_unzstds u i1; xz -dc i_xz >u; same image_unxzs u i1
xz -l --robot -v i_xz >out 2>&1; says image_xz_check CRC32
# wherever the last entry ends within 512 bytes: zeros behind the trailer, and no byte beside the image (under the sanitizer)
sizes=0
for n in $(seq 0 4 508); do
	head -c "$n" /dev/zero | tr '\0' x >tree/sized
	printf 'file /sized 0400 tree/sized\n' >sized.list
	"$org" image -c config --list sized.list --programs programs --modules-dir mods --modules order --compress none -o sized >out 2>&1 &&
		[ $(($(size_of sized) % 512)) -eq 0 ] && [ "$(cpio -it --quiet <sized)" = sized ] &&
		[ "$(grep -abo 'TRAILER!!!' sized | tail -1 | cut -d: -f1)" -gt $(($(size_of sized) - 526)) ] &&
		[ "$(tail -c +"$(($(grep -abo 'TRAILER!!!' sized | tail -1 | cut -d: -f1) + 11))" sized | tr -d '\0' | wc -c)" -eq 0 ] &&
		sizes=$((sizes + 1))
done
is image_of_any_size "$sizes" 128
export SOURCE_DATE_EPOCH=1000000000; yes image_dated image list none i2; unset SOURCE_DATE_EPOCH
cmp -s i1 i2 && fail image_date 'is not in the image' || pass image_date
bad_list() { sed "$3" list >bad.list; no "list_$1" 1 "bad.list:$2" image bad.list none bad; }
bad_list unknown_word '2: no entry begins so' '2s/dir/directory/'
bad_list few_words '2: too many or too few words' '2s/ 0755//'
bad_list many_words '2: too many or too few words' '2s/$/ x/'
bad_list mode '2: no mode' '2s/0755/rwx/'
bad_list path '6: no path' '6s,/init,init,'
bad_list dotdot '6: no path' '6s,/init,/lib/../init,'
bad_list twice '10: "/init" is there already, by line 6' '10s,/own,/init,'
bad_list orphan '9: "/dev/console": its folder has no entry' '8d;7s/$/\n#/'
bad_list source '7: no source' '7s/config}/konfig}/'
bad_list missing_file '10: this file cannot be had' '10s/hello/nothing/'
bad_list device '9: no kind of device' '9s/ c / p /'
no image_compress_bogus 2 'allowed: none, gzip, zstd, xz' image nowhere bogus bad
cp broken config; no image_broken_config 1 'config: line' image list none bad
[ ! -e bad ] && pass image_refused_writes_nothing || fail image_refused_writes_nothing 'bad is there'

# --- the program ------------------------------------------------------------------------------------------------------------------
for c in keygen sign cosign verify inspect cache config image; do
	yes "help_$c" "$org" $c --help
	says "help_${c}_usage" 'usage: '
	no "unknown_option_$c" 2 '' "$org" $c --nonsense
done
no no_command 2 usage "$org"
no unknown_command 2 'no command "x"' "$org" x
yes help "$org" --help
no full_output 1 'cannot be written' sh -c "'$org' --help >/dev/full"
[ -z "$(find . -name '*.tmp.*')" ] && pass no_temporary_files_at_the_end || fail no_temporary_files_at_the_end "$(find . -name '*.tmp.*')"
exit $failed
