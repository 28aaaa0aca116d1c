#!/bin/sh
# The organisation's service, by the real program and real clients. Usage: org_service_test.sh PATH-OF-sallyport-org PATH-OF-kill_at.so
#
# Outside of every wall. Nothing here sleeps: it reads the service's own log, waits for processes to end, for sockets to close.
# Prints "ok NAME" or "not ok NAME: why" for each test; ends with 1 when one failed.
# shellcheck disable=SC1091,SC2015,SC2086,SC2154,SC2254,SC2317,SC2329 # the library is read at run time; lists of words are split on purpose
[ $# -eq 2 ] || { echo "usage: $0 PATH-OF-sallyport-org PATH-OF-kill_at.so" >&2; exit 2; }
here=$(realpath "$(dirname "$0")") kill_at=$(realpath "$2")
set -- "$1"
. "$here/org_lib.sh"
trap 'exec 3<&-; [ -z "${server:-}" ] || kill -9 "$server" 2>/dev/null; rm -rf "$dir"' EXIT

chmod 755 "$dir"	# the service's user walks through it
user=
owner() { :; }
[ "$(id -u)" -ne 0 ] || { user='--user nobody'; owner() { chown -R nobody "$1"; }; }

# serve FOLDER OPTIONS...: in the background; fd 3 is its log.   seen PATTERN: reads the log up to such a line.
server=
serve()
{
	rm -f up; mkfifo up
	"$org" serve "$@" $user 2>up & server=$!
	exec 3<up
	seen 'serving' || fail "serve" "does not start: $(cat server.log)"
	port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' server.log | tail -1)
	url=https://localhost:$port/v1
}
seen() { while read -r line <&3; do echo "$line" >>server.log; case $line in $1) return 0;; esac; done; return 1; }
ended() { cat <&3 >>server.log; exec 3<&-; wait "$server"; code=$?; server=; }
stop() { kill "$server"; ended; }
get() { curl -sS -m 60 --cacert svc/ca.crt "$@"; }
status() { get -o body -D head -w '%{http_code}' "$@" 2>out; }
header() { sed -n "s/^$1: \(.*\)\r\$/\1/Ip" head; }

# --- init -----------------------------------------------------------------------------------------------------------------------------
"$org" keygen . r1 r2 r3 org >/dev/null; mkdir keys; mv ./*.key ./*.pub keys
yes init "$org" init svc --name localhost,127.0.0.1,node.example
before=$(cat svc/*.* | b2sum)
no init_never_replaces 1 'svc' "$org" init svc --name localhost
is init_kept_all "$(cat svc/*.* | b2sum)" "$before"
mkdir full; echo mine >full/org.key
no init_never_joins 1 'not empty' "$org" init full --name localhost
is init_left_it "$(cat full/*)" mine
[ -z "$(find . -name '*.tmp.*')" ] && pass init_leaves_no_rest || fail init_leaves_no_rest "$(find . -name '*.tmp.*')"
is init_modes "$(stat -c '%a %n' svc svc/*.key svc/service.db | tr '\n' ' ')" '700 svc 600 svc/ca.key 600 svc/escrow.key 600 svc/org.key 600 svc/server.key 600 svc/service.db '
no init_wildcard 2 'neither a host' "$org" init bad --name '*.example'
no init_name 2 'neither a host' "$org" init bad --name 'a,,b'
no init_number 2 'neither a host' "$org" init bad --name '127.1'
no init_no_name 2 'wants one folder' "$org" init bad
yes init_keys_from "$org" init svc2 --name localhost --keys-from keys
is init_takes_the_key "$(tail -1 svc2/org.pub)" "$(tail -1 keys/org.pub)"
openssl x509 -in svc/ca.crt -noout -text >ca.txt; openssl x509 -in svc/server.crt -noout -text >server.txt
is p256 "$(cat ca.txt server.txt | grep -c 'NIST CURVE: P-256')" 2
grep -A1 'Basic Constraints: critical' ca.txt | grep -q 'CA:TRUE, pathlen:0' && pass ca_signs_no_ca || fail ca_signs_no_ca "$(cat ca.txt)"
grep -A1 'Basic Constraints: critical' server.txt | grep -q 'CA:FALSE' && pass server_is_no_ca || fail server_is_no_ca "$(cat server.txt)"
yes openssl_verifies openssl verify -purpose sslserver -verify_hostname node.example -CAfile svc/ca.crt svc/server.crt
is another_ca "$(openssl verify -CAfile svc2/ca.crt svc/server.crt >/dev/null 2>&1; echo $?)" 2

# --- generations ----------------------------------------------------------------------------------------------------------------------
head -c 8000000 /dev/urandom >tree/bin/large
(cd tree && find . | sort | cpio -o -H newc --quiet) >plain.cpio
gen()
{
	"$org" sign -k keys/r1.key -v "$1" --kernel kernel --initramfs plain.cpio --cmdline a --issued 1700000000 -o "v$1" >out 2>&1
	[ $# -eq 1 ] || return 0
	"$org" cosign -k keys/r2.key "v$1" >out 2>&1; id_of "v$1/manifest"
}
"$org" config --release-key keys/r1.pub --release-key keys/r2.pub --release-key keys/r3.pub --org-key svc/org.pub --cache vda \
	--threshold 2 --build-time 1600000000 -o config
v1=$(gen 1) v2=$(gen 2) v3=$(gen 3); gen 4 unsigned
g() { command=$1; shift; "$org" generation "$command" svc "$@"; }
yes add g add v1 -c config
no add_again 1 'is there already' g add v1 -c config
no add_one_signature 1 '402 doc_signature' g add v4 -c config
cp -r v2 t; flip t/kernel 3000
no add_tampered 1 '501 image_kernel' g add t -c config
no add_usage 2 'wants the service' g add v2
yes add_second g add v2 -c config
yes list g list
says list_newest_first "$v2 v2 served"
is list_count "$(grep -c ' served, added ' out)" 2
no floor_without_assignment 1 'assign one first' g floor 1
no assign_usage 2 'wants --all' g assign "$v1"
no assign_unknown 1 'there is no generation' g assign "$v3" --all
no assign_no_id 2 '64 lower-case' g assign ../v1 --all
yes assign g assign "$v1" --all
no floor_over_assigned 1 'assign a newer one first' g floor 2
yes assign_newer g assign "$v2" --all
yes floor g floor 2
no floor_never_down 1 'never goes down' g floor 1
no assign_under_floor 1 'under the floor' g assign "$v1" --all
yes floor_forced g floor 1 --force
yes floor_again g floor 2
"$org" sign -k keys/r1.key -v 1 --kernel kernel --initramfs plain.cpio --cmdline b -o low >out 2>&1; "$org" cosign -k keys/r2.key low >out 2>&1
no add_under_floor 1 '404 doc_floor' g add low -c config
yes list_assigned g list
says list_says_assigned "$v2 v2 assigned to all"
says list_says_floor 'floor 2'
yes log "$org" log svc
is log_lines "$(sed 's/^\([0-9]*\)  [^U]*UTC  \([a-z]*\)  .*/\1 \2/' out | tr '\n' ' ')" \
	'1 init 2 add 3 add 4 assign 5 assign 6 floor 7 floor 8 floor '
says log_says_forced '2 -> 1, down, forced'
no no_service 1 'unable to open' "$org" log nothing

# --- the log is append only; the schema has a number -----------------------------------------------------------------------------------
sql() { python3 -c 'import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
for s in sys.argv[2:]: print(*c.execute(s).fetchall())' "$@"; }
no log_update 1 'append only' sql svc/service.db "UPDATE log SET what = 'x' WHERE number = 2"
no log_delete 1 'append only' sql svc/service.db 'DELETE FROM log'
no log_replace 1 'append only' sql svc/service.db "INSERT OR REPLACE INTO log (number, time, kind, who, what) VALUES (2, 1, 'a', 'b', 'c')"
no log_insert_number 1 'CHECK constraint failed' sql svc/service.db "INSERT OR REPLACE INTO log (number, time, kind, who, what) VALUES (-1, 1, 'a', 'b', 'c')"
no log_insert_between 1 'append only' sql svc/service.db "INSERT INTO log (number, time, kind, who, what) VALUES (-5, 1, 'a', 'b', 'c')"
is log_is_whole "$("$org" log svc | wc -l)" 8
is journal_mode "$(sql svc/service.db 'PRAGMA journal_mode')" "('wal',)"
cp -r svc newer; sql newer/service.db 'PRAGMA user_version = 99' >out
no newer_schema 1 'made by a newer' "$org" log newer
cp -r svc empty; rm empty/service.db*; : >empty/service.db
yes migrates "$org" generation list empty
is migrated_to "$(sql empty/service.db 'PRAGMA user_version' 'PRAGMA integrity_check' | tr '\n' ' ')" "(2,) ('ok',) "

# --- TLS ----------------------------------------------------------------------------------------------------------------------------------
owner svc
[ -z "$user" ] || no serve_root 1 'will not serve as root' "$org" serve svc --listen 127.0.0.1:0
no serve_usage 2 'either --listen or --plain' "$org" serve svc
no serve_name 1 'allowed: 127.0.0.1:8443' "$org" serve svc --listen 8443
no serve_few_files 1 'wants 576 open files' sh -c 'ulimit -n 500; exec "$@"' sh "$org" serve svc --listen 127.0.0.1:0 $user
if grep -q . /proc/net/if_inet6 2>/dev/null; then
	serve svc --listen '[::]:0'
	is ipv6 "$(status --connect-to "localhost:$port:[::1]:$port" $url/challenge)" 200
	is ipv4_beside_it "$(status --connect-to "localhost:$port:127.0.0.1:$port" $url/challenge)" 200
	stop
	is addresses "$(sed 's/.* //' server.log | tail -3 | tr '\n' ' ')" '::1 127.0.0.1 stopping '
else echo 'skip ipv6: not on this machine'; fi
serve svc --listen 127.0.0.1:0 --patience 60
openssl s_client -connect 127.0.0.1:$port -CAfile svc/ca.crt -verify_return_error -verify_hostname localhost </dev/null >out 2>&1
says tls13 'TLSv1.3'
says tls_verified 'Verify return code: 0 (ok)'
no tls12_refused 1 'no peer certificate' openssl s_client -connect 127.0.0.1:$port -tls1_2
no wrong_ca 60 'certificate' curl -sS --cacert svc2/ca.crt $url/challenge
no wrong_name 60 'no alternative certificate subject name' curl -sS --cacert svc/ca.crt --connect-to other.example:443:127.0.0.1:$port https://other.example/v1/challenge
yes right_name curl -sS --cacert svc/ca.crt --connect-to node.example:443:127.0.0.1:$port https://node.example/v1/challenge
if [ -n "$user" ]; then
	is not_root "$(sed -n 's/^Uid:\t//p' /proc/$server/status | tr -s '\t' '\n' | sort -u)" "$(id -u nobody)"
	is no_groups "$(sed -n 's/^Groups:[\t ]*//p' /proc/$server/status)x" x
	is no_capabilities "$(sed -n 's/^Cap\(Prm\|Eff\):\t//p' /proc/$server/status | sort -u)" 0000000000000000
else echo 'skip not_root: not started as root'; fi
is no_new_privs "$(sed -n 's/^NoNewPrivs:\t//p' /proc/$server/status)" 1

# --- challenges ---------------------------------------------------------------------------------------------------------------------------
is challenge "$(status $url/challenge)" 200
cp body challenge1
sed -n '1,/^seconds/p' challenge1 >challenge; sed '1,/^seconds/d' challenge1 >challenge.minisig
is challenge_form "$(sed 's/[0-9a-f]\{64\}/HEX/; s/^time [0-9]*$/time N/' challenge | tr '\n' '|')" \
	'sallyport-challenge 1|challenge HEX|time N|seconds 60|'
yes minisign_verifies minisign -V -p svc/org.pub -m challenge -x challenge.minisig
sed -i 's/60$/61/' challenge
no minisign_refuses_altered 1 'verification failed' minisign -V -p svc/org.pub -m challenge -x challenge.minisig
is challenge_length "$(header Content-Length)" "$(size_of challenge1)"
is challenge_not_stored "$(header Cache-Control)" no-store
before=$("$org" log svc | wc -l)
get -o challenge2 $url/challenge
is challenges_differ "$(cat challenge1 challenge2 | sed -n 's/^challenge //p' | sort -u | wc -l)" 2
"$org" log svc >out
is challenges_are_not_recorded "$(wc -l <out)" "$before"

# --- files --------------------------------------------------------------------------------------------------------------------------------
for part in manifest manifest.minisig kernel initramfs; do
	is get_$part "$(status $url/generation/$v2/$part)" 200
	same bytes_$part body v2/$part
	is length_$part "$(header Content-Length)" "$(size_of v2/$part)"
	is etag_$part "$(header ETag)" "\"$(id_of v2/$part)\""
	is head_$part "$(status -I $url/generation/$v2/$part) $(header Content-Length)" "200 $(size_of v2/$part)"
done
file=$url/generation/$v2/initramfs size=$(size_of v2/initramfs) etag="\"$(id_of v2/initramfs)\""
is range "$(status -r 100-199 $file) $(header Content-Range) $(header Content-Length)" "206 bytes 100-199/$size 100"
tail -c +101 v2/initramfs | head -c 100 >want; same range_bytes body want
is range_end "$(status -r -50 $file) $(size_of body)" '206 50'
head -c 1234567 v2/initramfs >resumed
is resume "$(get -C - -o resumed -w '%{http_code}' $file)" 206
same resumed_bytes resumed v2/initramfs
is if_range "$(status -r 5- -H "If-Range: $etag" $file)" 206
is if_range_other "$(status -r 5- -H 'If-Range: "0000"' $file) $(size_of body)" "200 $size"
is if_range_date "$(status -r 5- -H 'If-Range: Mon, 23 Nov 2026 13:37:03 GMT' $file)" 200
is range_behind "$(status -r $size- $file) $(header Content-Range)" "416 bytes */$size"
is two_ranges "$(status -r 0-1,5-6 $file) $(size_of body)" "200 $size"
is head_ignores_range "$(status -I -r 0-1 $file)" 200
is if_none_match "$(get -o /dev/null -w '%{http_code} %{size_download}' -H "If-None-Match: $etag" $file)" '304 0'
get -o /dev/null -D head -H "If-None-Match: $etag" $file; is not_modified_has_its_length "$(header Content-Length)" "$size"
is if_none_match_and_the_next "$(get -o /dev/null -w '%{http_code} ' -H "If-None-Match: $etag" $file $file)" '304 304 '
is if_none_match_other "$(status -H 'If-None-Match: "0000"' $file)" 200
is unknown_generation "$(status $url/generation/$v3/kernel)" 404
for path in /v1/generation/$v2/org.key /v1/generation/$v2/../../org.key /v1/generation/$v2/..%2f..%2forg.key /v1/generation/%2e%2e/org.key \
	/../../../etc/passwd /v1/generation/..//kernel /generations/$v2/kernel /v1/generation/$v2 /v1/generation/$v2/ /; do
	is "nothing_at_$path" "$(status --path-as-is "https://localhost:$port$path") $(wc -l <body)" '404 1'
done
# what lies beneath another's name in the folder is not followed
mv svc/generations/$v2/kernel kept; ln -s ../../org.key svc/generations/$v2/kernel
is no_links "$(status $url/generation/$v2/kernel) $(cat body)" '500 the file is damaged here'
rm svc/generations/$v2/kernel; head -c 10 kept >svc/generations/$v2/kernel
is no_other_size "$(status $url/generation/$v2/kernel)" 500
mv kept svc/generations/$v2/kernel
is and_back "$(status $url/generation/$v2/kernel)" 200

# --- withdraw, while it is served ----------------------------------------------------------------------------------------------------
cp -r svc/generations/$v1 unknown; mv unknown svc/generations/$v3
is unrecorded_is_not_served "$(status $url/generation/$v3/kernel)" 404
# the service's user could point the operator's sweep at any folder
mkdir victim; echo keep >victim/file; ln -s "$PWD/victim" "svc/generations/$v3.tmp.aaaaaa"
yes add_takes_its_place g add v3 -c config
is sweep_follows_no_link "$(cat victim/file) $(find svc/generations -name '*.tmp.*' | wc -l)" 'keep 0'
get -o body $url/generation/$v3/manifest; same added_is_served_at_once body v3/manifest
yes withdraw g withdraw "$v3"
is withdrawn_is_not_served "$(status $url/generation/$v3/kernel)" 404
same withdrawn_files_are_kept svc/withdrawn/$v3/kernel v3/kernel
yes withdraw_twice g withdraw "$v3"
no withdrawn_stays_out 1 'does not come back' g add v3 -c config
no withdrawn_not_assigned 1 'does not come back' g assign "$v3" --all
yes withdraw_assigned g withdraw "$v2"
says withdraw_warns 'now no generation is'
g list >out; says withdrawn_record "$v2 v2 withdrawn "
kill -0 $server && pass still_there || fail still_there 'the service is gone'
stop
is clean_stop $code 0
grep -q '^GET /v1/challenge 200 [0-9]* [0-9]* 127.0.0.1$' server.log && pass log_line || fail log_line "$(tail -3 server.log)"
grep -q '^GET /v1/generation/[0-9a-f]*/initramfs 206 100 [0-9]* 127.0.0.1$' server.log && pass log_line_range || fail log_line_range "$(tail -3 server.log)"

# --- hostile clients ----------------------------------------------------------------------------------------------------------------------
serve svc --listen 127.0.0.1:0 --patience 2 --connections 64 --per-address 8
mkfifo hold
# a client that fails ends the service, and with it the log that is waited on
{ python3 "$here/org_service_client.py" 127.0.0.1 $port 2 8 "/v1/generation/$v1/initramfs" <hold >client.out 2>&1 || { kill $server; exit 1; }; } & client=$!
exec 4>hold
drained=0; while read -r line <&3; do echo "$line" >>server.log; case $line in "GET /v1/generation/$v1/initramfs 200 "*) drained=${line##* 200 }; break;; esac; done
drained=${drained%% *}
[ "$drained" -gt 0 ] && [ "$drained" -lt "$(size_of v1/initramfs)" ] && pass unread_answer_is_cut || fail unread_answer_is_cut "$drained bytes"
exec 4>&-
wait $client || failed=1
cat client.out
is after_all_that "$(status $url/generation/$v1/kernel)" 200
stop
is clean_stop_after_that $code 0

# --- plain HTTP on a socket, for a proxy ----------------------------------------------------------------------------------------------
mkdir run; chmod 777 run
serve svc --plain run/socket
plain() { curl -sS -m 60 --unix-socket run/socket -o body -D head -w '%{http_code}' "$@" 2>out; }
is plain "$(plain http://x/v1/challenge)" 200
is plain_file "$(plain -r 10- http://x/v1/generation/$v1/kernel)" 206
tail -c +11 v1/kernel >want; same plain_bytes body want
is plain_mode "$(stat -c %a run/socket)" 660
no plain_is_taken 1 'Address already in use' "$org" serve svc --plain run/socket $user
kill -9 $server; ended
serve svc --plain run/socket
pass dead_socket_is_replaced
stop
grep -q '^GET /v1/challenge 200 [0-9]* [0-9]* proxy$' server.log && pass plain_log || fail plain_log "$(tail -3 server.log)"

if [ -n "$user" ]; then
	serve svc --plain run/socket --plain-group nogroup
	is plain_group "$(stat -c '%a %G' run/socket)" '660 nogroup'
	stop
else echo 'skip plain_group: not started as root'; fi
no plain_group_unknown 1 'there is no group' "$org" serve svc --plain run/other --plain-group nosuchgroup $user
no plain_group_alone 2 'is for --plain' "$org" serve svc --listen 127.0.0.1:0 --plain-group nogroup

# --- a log that nobody reads --------------------------------------------------------------------------------------------------------------
serve svc --plain run/socket
long=$(printf '%0120d' 0)
is unread_log "$(plain "http://x/${long}[1-800]" | grep -o 404 | wc -l)" 800
is served_all_the_same "$(plain http://x/v1/challenge)" 200
# the pipe is full of whole lines; with it read, the next line is preceded by how many are missing
n=0; while [ $n -lt 400 ] && read -r line <&3; do n=$((n + 1)); done
is and_served_again "$(plain http://x/v1/challenge)" 200
seen '* lines were lost: nobody read them' && pass lost_lines_are_counted || fail lost_lines_are_counted "$(tail -2 server.log)"
stop

# --- killed at any moment ---------------------------------------------------------------------------------------------------------------
# A node that the service does not know is told so, signed: what can be signed without a TPM.
zeros=$(printf '%064d' 0)
ask_unknown()
{
	[ "$(plain http://x/v1/challenge)" = 200 ] || return 1
	{
		printf '%s\n' 'sallyport-request 1' "node $(printf '%032d' 0)" "$(grep '^challenge ' body)" "share_key $zeros" 'floor 0' 'time 0' \
			'offline 0' 'last_outcome 0' 'hardware' 'sallyport-quote 1'
		for pcr in 0 4 7 8 11 12 13; do echo "pcr$pcr $zeros"; done
		printf '%s\n' 'attest 00' 'signature 00'
	} >request
	[ "$(plain --data-binary @request http://x/v1/request)" = 200 ]
}
# A service killed before each of its writes: what was given out is in the log, the log has no gap, the next start serves.
killed=0
for at in 1 2 3 4 5 6 7 8 9 10 11 12; do
	rm -f up given; mkfifo up; : >given
	LD_PRELOAD=$kill_at KILL_AT=$at "$org" serve svc --plain run/socket $user 2>up & server=$!
	exec 3<up
	if seen serving; then
		for n in 1 2 3 4 5 6 7 8; do ! ask_unknown || { sed '/^untrusted comment/,$d' body >ticket; id_of ticket >>given; }; done
	fi
	kill $server 2>out; ended	# which may be dead already
	[ $code -ne 137 ] || killed=$((killed + 1))
	"$org" log svc >out 2>&1 || fail "killed_at_write_$at" 'the log cannot be read'
	while read -r hex; do grep -q "$hex" out || fail "killed_at_write_$at" "$hex was given out and is not in the log"; done <given
	[ "$(cut -d' ' -f1 out)" = "$(seq "$(wc -l <out)")" ] || fail "killed_at_write_$at" 'the log has a gap'
done
[ $killed -ge 6 ] && pass killed_at_writes || fail killed_at_writes "only $killed of 12 were killed"
is database_is_whole "$(sql svc/service.db 'PRAGMA integrity_check')" "('ok',)"

# generation add, killed before each step: either it is listed and whole, or it is not served; the next add mends it.
"$org" init fresh --name localhost >out 2>&1; at=1 end=137 whole=0 absent=0
while [ $end -eq 137 ] && [ $at -lt 200 ]; do
	rm -rf svc; cp -r fresh svc; owner svc
	LD_PRELOAD=$kill_at KILL_AT=$at "$org" generation add svc v1 -c config >out 2>&1; end=$?
	serve svc --plain run/socket
	answer=$(plain http://x/v1/generation/$v1/initramfs)
	if g list | grep -q "^$v1 v1 served"; then
		whole=$((whole + 1))
		for part in manifest manifest.minisig kernel initramfs; do
			plain http://x/v1/generation/$v1/$part >status
			cmp -s body v1/$part || fail "killed_at_step_$at" "$part is listed and not whole"
		done
	else
		absent=$((absent + 1))
		[ "$answer" = 404 ] || fail "killed_at_step_$at" "not listed, and the answer is $answer"
		g add v1 -c config >out 2>&1 || fail "killed_at_step_$at" 'the next add does not mend it'
		[ "$(ls svc/generations)" = "$v1" ] || fail "killed_at_step_$at" "a rest is left: $(ls svc/generations)"
		[ "$(plain http://x/v1/generation/$v1/initramfs)" = 200 ] && cmp -s body v1/initramfs || fail "killed_at_step_$at" 'not served afterwards'
	fi
	stop; at=$((at + 1))
done
[ $end -eq 0 ] && [ $absent -ge 10 ] && [ $whole -ge 1 ] && pass "killed_at_every_step_of_add ($at)" || fail killed_at_every_step_of_add "exit $end, $absent absent, $whole whole"

exit $failed
