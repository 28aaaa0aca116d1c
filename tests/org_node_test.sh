#!/bin/sh
# What an operator says of machines: invites, nodes, assignments, floors, the log; on real databases, by the real program.
# Usage: org_node_test.sh PATH-OF-sallyport-org PATH-OF-registry_play PATH-OF-kill_at.so
#
# Outside of every wall. registry_play is the service's side of an enrolment and of a request, without network and TPM. Nothing here sleeps.
# Prints "ok NAME" or "not ok NAME: why" for each test; ends with 1 when one failed.
# shellcheck disable=SC1091,SC2015,SC2086,SC2154,SC2317,SC2329 # the library is read at run time; lists of words are split on purpose
[ $# -eq 3 ] || { echo "usage: $0 PATH-OF-sallyport-org PATH-OF-registry_play PATH-OF-kill_at.so" >&2; exit 2; }
here=$(realpath "$(dirname "$0")") play=$(realpath "$2") kill_at=$(realpath "$3")
set -- "$1"
. "$here/org_lib.sh"

g() { command=$1; shift; "$org" generation "$command" svc "$@"; }
n() { command=$1; shift; "$org" node "$command" svc "$@"; }
node() { "$play" svc "$@"; }
# id NUMBER: of the machine with that number, as registry_play makes it.
id() { printf 'node %s' "$1" | b2sum -l 128 | cut -c1-32; }
ek() { python3 -c 'import hashlib, sys
print(hashlib.sha256(hashlib.blake2b(b"ek " + sys.argv[1].encode(), digest_size=64).digest()).hexdigest())' "$1"; }
sql() { python3 -c 'import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
for s in sys.argv[2:]: print(*c.execute(s).fetchall())' "$@"; }

# --- generations to give out ---------------------------------------------------------------------------------------------------------
yes init "$org" init svc --name localhost
"$org" keygen . r1 >out
"$org" config --release-key r1.pub --threshold 1 --org-key svc/org.pub --cache vda --build-time 1600000000 -o config
for v in 1 2 3 4; do
	"$org" sign -k r1.key -v $v --kernel kernel --initramfs plain.cpio --cmdline a --issued 1700000000 -o v$v >out 2>&1
	yes add_$v g add v$v -c config
done
v1=$(id_of v1/manifest) v2=$(id_of v2/manifest) v3=$(id_of v3/manifest) v4=$(id_of v4/manifest)

# --- invites -------------------------------------------------------------------------------------------------------------------------
yes invite "$org" invite svc
sed -n 1p out >invite1; "$org" invite svc --approve --name web1 --group lab --class 'big server' --expires 1 >invite2 2>err
is invite_is_64_digits "$(grep -cx '[0-9a-f]\{64\}' invite1 invite2 | tr '\n' ' ')" 'invite1:1 invite2:1 '
is invite_alone_on_standard_output "$(wc -l <invite2)" 1
grep -q '^invite 2, until ....-..-.. ..:..:.. UTC$' err && pass invite_says_number || fail invite_says_number "$(cat err)"
is invites_differ "$(sort -u invite1 invite2 | wc -l)" 2
python3 - <<'END' && pass invite_is_not_kept || fail invite_is_not_kept 'it is in the database, or its digest is not'
import glob, hashlib
text = open("invite2").read().strip()
raw = bytes.fromhex(text)
kept = b"".join(open(f, "rb").read() for f in glob.glob("svc/service.db*"))
assert hashlib.blake2b(raw, digest_size=32).digest() in kept and raw not in kept and text.encode() not in kept
END
yes invite_list "$org" invite list svc
says invite_open '1 open until '
says invite_options ', approves, name web1, group lab, class big server'
no invite_name_taken 1 'invite 2 gives the name web1 already' "$org" invite svc --name web1
no invite_expires 2 '1 to 8760' "$org" invite svc --expires 0
no invite_ek 2 '64 lower-case hexadecimal digits' "$org" invite svc --ek 12ab
no invite_bad_name 2 'is no name for a node' "$org" invite svc --name 'a b'
no invite_name_like_an_id 2 'begin of a node' "$org" invite svc --name deadbeef
no invite_bad_group 2 'is no group' "$org" invite svc --group ''
no invite_bad_class 2 'is no hardware class' "$org" invite svc --class ' x'
no invite_usage 2 'wants the service' "$org" invite
no invite_nowhere 1 'unable to open' "$org" invite nothing
no invite_revoke_unknown 1 'there is no invite 9' "$org" invite revoke svc 9

# --- enrolment -------------------------------------------------------------------------------------------------------------------------
escrow=$(cat svc/escrow.pub)
is enrol_pending "$(node enrol 1 "$(cat invite1)" "$escrow")" pending
is enrol_member "$(node enrol 2 "$(cat invite2)")" none
is enrol_used "$(node enrol 3 "$(cat invite1)")" invite
is enrol_again "$(node enrol 1 "$(cat invite1)" "$escrow")" pending
is enrol_unknown_invite "$(node enrol 3 "$(cat svc/escrow.pub)")" invite
"$org" invite svc >invite3 2>out; "$org" invite svc --ek "$(ek 4)" --approve >invite4 2>out
yes invite_revoke "$org" invite revoke svc 3
no invite_revoke_twice 1 'revoked already' "$org" invite revoke svc 3
is enrol_revoked_invite "$(node enrol 3 "$(cat invite3)")" invite
is enrol_other_ek "$(node enrol 3 "$(cat invite4)")" invite
is enrol_that_ek "$(node enrol 4 "$(cat invite4)")" none
"$org" invite list svc >out
is invite_states "$(cut -d' ' -f1,2 out | tr '\n' ' ')" '1 used 2 used 3 revoked 4 used '
says invite_used_by "node $(id 2)"
"$org" invite svc --expires 1 >invite5 2>out
sql svc/service.db 'DROP TRIGGER invite_used' 'UPDATE invite SET until = 1000 WHERE number = 5' >out
is enrol_expired_invite "$(node enrol 3 "$(cat invite5)")" invite
"$org" invite list svc >out; says invite_over '5 over until 1970'

# --- list, show -------------------------------------------------------------------------------------------------------------------------
yes node_list n list
is list_sorted_lines "$(sort out | b2sum) $(wc -l <out)" "$(b2sum <out) 3"
says list_pending "$(id 1) pending - all - - thin client"
says list_member "$(id 2) member web1 lab - - big server"
is list_group "$(n list --group lab | cut -c1-32)" "$(id 2)"
is list_state "$(n list --state pending | cut -c1-32)" "$(id 1)"
is list_neither "$(n list --state revoked | wc -l)" 0
no list_bad_state 2 'pending, member, revoked' n list --state x
yes show n show "$(id 1 | cut -c1-8)"
says show_ek "ek          $(ek 1)"
says show_escrow 'escrow      kept'
says show_pcr "$(printf 'pcr11       03')"
yes show_by_name n show web1
says show_class 'class       big server'
says show_says_class 'says class  thin client'
no show_short 1 'at least 8 digits' n show "$(id 1 | cut -c1-7)"
no show_unknown 1 'there is no node' n show 0123456789
no show_name 1 'there is no node "web2"' n show web2
sql svc/service.db 'CREATE TEMP TABLE t AS SELECT * FROM node' "UPDATE t SET number = 99, node = CAST(substr(t.node, 1, 8) || x'0000000000000000' AS BLOB),
	ek_digest = zeroblob(32), name = NULL WHERE name = 'web1'" 'DELETE FROM t WHERE number <> 99' 'INSERT INTO node SELECT * FROM t' >out
no show_ambiguous 1 'more than one node' n show "$(id 2 | cut -c1-16)"
yes show_enough_digits n show "$(id 2 | cut -c1-20)"
sql svc/service.db 'UPDATE node SET state = 3 WHERE number = 99' 'DELETE FROM node WHERE number = 99' >out
no member_is_not_deleted 1 'a member is not forgotten' sql svc/service.db 'DELETE FROM node'
no ek_is_not_changed 1 'do not change' sql svc/service.db 'UPDATE node SET ek_digest = zeroblob(32)'
no node_is_not_replaced 1 'there already' sql svc/service.db 'INSERT OR REPLACE INTO node SELECT * FROM node'

# --- approve, name, group ----------------------------------------------------------------------------------------------------------------
is pending_boots_nothing "$(node request 1 1 10)" 'refuse pending floor 0'
no approve_other_ek 1 'this is another machine' n approve "$(id 1)" --ek "$(ek 2)"
is still_pending "$(n list --state pending | cut -c1-32)" "$(id 1)"
yes approve n approve "$(id 1)" --ek "$(ek 1)"
no approve_twice 1 'a member already' n approve "$(id 1)"
is approved_is_unassigned "$(node request 1 1 10)" 'refuse unassigned floor 0'
yes name n name "$(id 1)" kiosk.1
no name_taken 1 "node $(id 1) has this name" n name web1 kiosk.1
no name_bad 2 'is no name for a node' n name web1 .x
no name_like_an_id 2 'begin of a node' n name web1 0123abcd
yes name_none n name kiosk.1 -
yes name_again n name "$(id 1)" kiosk.1
yes group n group kiosk.1 lobby
no group_bad 2 'is no group' n group kiosk.1 'a b'
no change_usage 2 'wants the service' n revoke
no change_option 2 'unrecognized option' n revoke web1 --ek "$(ek 1)"

# --- assignments -------------------------------------------------------------------------------------------------------------------------
yes assign_all g assign "$v1" --all
yes assign_group g assign "$v2" --group lobby
yes assign_class g assign "$v3" --class 'big server'
is boots_of_group "$(node request 1 1 10)" "boot $v2 v2 floor 0"
is boots_of_class "$(node request 2 1 10)" "boot $v3 v3 floor 0"
is boots_of_all "$(node request 4 1 10)" "boot $v1 v1 floor 0"
yes assign_node g assign "$v4" --node web1
is boots_of_node "$(node request 2 1 10)" "boot $v4 v4 floor 0"
n list >out; says list_told "$(id 2) member web1 lab $(date -u +%Y)"; says list_told_what " boot:$v4 big server"
yes generation_list g list
says generation_scopes "$v4 v4 assigned to node $(id 2), added "
says generation_class "$v3 v3 assigned to class big server, added "
yes unassign_node g unassign --node web1
is boots_of_class_again "$(node request 2 1 10)" "boot $v3 v3 floor 0"
no unassign_twice 1 "nothing is assigned to node $(id 2)" g unassign --node web1
no assign_two_scopes 2 'one of them only' g assign "$v1" --all --group lobby
no assign_percent_range 2 'allowed: 1 to 100' g assign "$v1" --all --percent 101
no assign_percent_of_one 2 '--percent of one node' g assign "$v1" --node web1 --percent 50
no assign_percent_of_the_same 1 'what should the others have' g assign "$v1" --percent 10
# what failed there
is falls_back "$(node request 1 1 10 "$v2" "$v1")" "boot $v1 v1 floor 0 fallback"
is falls_back_to_nothing_unknown "$(node request 1 1 10 "$v2" "$(cat svc/escrow.pub)")" 'refuse unassigned floor 0'

# a canary: whoever is in it can be computed by anyone
for i in $(seq 100 160); do
	"$org" invite svc --approve --group canary 2>err >inv; [ "$(node enrol $i "$(cat inv)")" = none ] || fail canary_enrol "$i"
done
yes canary_before g assign "$v1" --group canary
had=
for percent in 10 40 70 100; do
	yes canary_$percent g assign "$v2" --group canary --percent $percent
	for i in $(seq 100 160); do echo "$(id $i) $(node request $i 1 10 | cut -d' ' -f3)"; done >told
	python3 - "$v2" $percent >want <<'END'
import hashlib, sys
for line in open("told"):
    node = line.split()[0]
    h = hashlib.blake2b(bytes.fromhex(node) + bytes.fromhex(sys.argv[1]), digest_size=32).digest()
    print(node, "v2" if int.from_bytes(h[:4], "big") * 100 >> 32 < int(sys.argv[2]) else "v1")
END
	same canary_${percent}_is_computed told want
	now=$(grep ' v2$' told | cut -d' ' -f1)
	for i in $had; do case $now in *$i*) ;; *) fail canary_grows "$i lost it at $percent";; esac; done
	had=$now
done
is canary_is_all "$(grep -c ' v2$' told)" 61
g assign "$v3" --group canary --percent 5 >out 2>&1; g list >out
says canary_list "$v3 v3 assigned to 5% of group canary, class big server"
says canary_list_others 'assigned to 95% of group canary'
is canary_log "$("$org" log svc | tail -1 | sed 's/.*uid [0-9]*  //')" "$v3 v3 to 5% of group canary"

# --- floors --------------------------------------------------------------------------------------------------------------------------------
no floor_over_all 1 'assigned to all is version 1' g floor 2
yes floor_of_group g floor 2 --group lobby
is floor_counts_there "$(node request 1 1 10)" "boot $v2 v2 floor 2"
is floor_not_elsewhere "$(node request 4 1 10)" "boot $v1 v1 floor 0"
no floor_group_over 1 'assigned to group lobby is version 2' g floor 3 --group lobby
no floor_group_bad 2 'is no group' g floor 3 --group 'a b'
no assign_under_group_floor 1 'floor 2 of group lobby' g assign "$v1" --group lobby
g list >out; says floor_list 'floor 2 of group lobby'

# --- measured, learn, revoke, forget ---------------------------------------------------------------------------------------------------
no learn_nothing 1 'nothing to learn' n learn kiosk.1
is other_image "$(node request 1 2 11)" 'refuse measured floor 2'
n show kiosk.1 >out; is show_refused "$(grep -c '^pcr.* refused$' out)" 6
is show_told "$(sed -n 's/^told *//p' out)" 'refuse measured'
yes learn n learn kiosk.1
is learned "$(node request 1 2 11)" "boot $v2 v2 floor 2"
is unlearned "$(node request 1 1 12)" 'refuse measured floor 2'
is reset_count "$(node request 1 2 10)" 'refuse measured floor 2'
# what was looked at, and no other; of one, of all that have it
is looked_at "$(node request 1 3 13)" 'refuse measured floor 2'
n show kiosk.1 >out; seen=$(sed -n 's/^refused *//p' out)
is list_refused "$(n list --refused)" "$(id 1) kiosk.1 lobby $(n list | sed -n "s/^$(id 1) member kiosk.1 lobby \([^ ]*\) .*/\1/p") $seen \
PCR 0, PCR 4, PCR 7, PCR 11, PCR 12, PCR 13, resetCount 11 -> 13"
is comes_in_another "$(node request 1 4 14)" 'refuse measured floor 2'
no learn_another 1 ", not $seen" n learn kiosk.1 --pcrs "$seen"
is another_is_not_learned "$(node request 1 4 15)" 'refuse measured floor 2'
is comes_back "$(node request 1 3 16)" 'refuse measured floor 2'
yes learn_that n learn kiosk.1 --pcrs "$seen"
is that_is_learned "$(node request 1 3 17)" "boot $v2 v2 floor 2"
for i in $(seq 100 139); do
	[ "$(node request $i 3 12)" = 'refuse measured floor 0' ] || fail update_refused "$i"
done
is other_update "$(node request 140 5 12)" 'refuse measured floor 0'
is old_state "$(node request 141 3 9)" 'refuse measured floor 0'
is list_refused_group "$(n list --refused --group canary | cut -d' ' -f5 | sort | uniq -c | sed 's/^ *//;s/ .*//' | sort -n | tr '\n' ' ')" '1 41 '
no learn_all_of_none 1 'no member of group lobby' n learn --pcrs "$seen" --group lobby
no learn_all_left 1 "node $(id 141): its resetCount went down as well" n learn --pcrs "$seen" --group canary
says learn_all_count 'learned of 40'
for i in $(seq 100 139); do
	case $(node request $i 3 13) in boot*) ;; *) fail update_learned "$i";; esac
done
is other_update_stays "$(node request 140 5 13)" 'refuse measured floor 0'
is old_state_stays "$(node request 141 3 9)" 'refuse measured floor 0'
no learn_bad_digest 2 'is no digest of PCRs' n learn --pcrs 12ab
no learn_no_node 2 'or --pcrs' n learn
no learn_group_of_one 2 'without a node' n learn kiosk.1 --pcrs "$seen" --group lobby
yes back_again n learn kiosk.1 --pcrs "$(node request 1 2 18 >out; n show kiosk.1 | sed -n 's/^refused *//p')"
share=$(node share 1)
is share_stays "$(node share 1)" "$share"
n show kiosk.1 >out; says show_share 'share       made'
grep -q "$share" out && fail show_hides_share "$share" || pass show_hides_share
no forget_member 1 'revoke it first' n forget kiosk.1
yes revoke n revoke kiosk.1
no revoke_twice 1 'revoked already' n revoke kiosk.1
no approve_revoked 1 'for good' n approve kiosk.1
no invite_for_revoked 1 'was revoked' "$org" invite svc --ek "$(ek 1)"
is revoked_boots_nothing "$(node request 1 2 12)" 'refuse revoked floor 2'
"$org" invite svc --approve >inv 2>err; is revoked_stays_out "$(node enrol 1 "$(cat inv)")" revoked
yes forget n forget kiosk.1
is forgotten "$(node request 1 2 12)" 'refuse unknown floor 0'
is former_invite_is_dead "$(node enrol 1 "$(cat invite1)")" invite
is comes_anew "$(node enrol 1 "$(cat inv)" "$escrow")" none
is anew_with_another_share "$([ "$(node share 1)" != "$share" ] && echo another)" another

# --- escrow --------------------------------------------------------------------------------------------------------------------------------
mkdir offline; mv svc/escrow.key offline; one=$(id 1)
yes escrow n escrow "$one" --key offline/escrow.key
is escrow_owner "$(sed -n 's/^ownerAuth *//p' out)" "$(printf 'aa%.0s' $(seq 32))"
is escrow_lockout "$(sed -n 's/^lockoutAuth *//p' out)" "$(printf 'bb%.0s' $(seq 32))"
"$org" log svc --node "$one" | tail -1 >out; says escrow_is_logged '  escrow  '
"$org" init other --name localhost >out
no escrow_other_key 1 'sealed to another key' n escrow "$one" --key other/escrow.key
tr 0-9a-f g <offline/escrow.key >bad.key
no escrow_not_a_key 1 'not an escrow key' n escrow "$one" --key bad.key
no escrow_no_file 1 'No such file' n escrow "$one" --key nothing.key
no escrow_none 1 'gave nothing' n escrow web1 --key offline/escrow.key
no escrow_usage 2 'wants the service' n escrow web1

# --- the log ---------------------------------------------------------------------------------------------------------------------------------
yes log_node "$org" log svc --node web1
is log_node_kinds "$(sed 's/.*UTC  \([a-z]*\)  .*/\1/' out | sort | uniq | tr '\n' ' ')" 'enrol ticket '
yes log_forgotten "$org" log svc --node "$one"
says log_says_forget '  forget  '
yes log_since "$org" log svc --since "$(date -u -d '+1 day' +%Y-%m-%dT%H:%M:%SZ)"
is log_since_nothing "$(wc -l <out)" 0
is log_since_all "$("$org" log svc --since 1 | wc -l)" "$("$org" log svc | wc -l)"
no log_bad_since 2 'neither seconds' "$org" log svc --since 2026-11-23
no log_bad_node 1 'there is no node' "$org" log svc --node nobody

# what is shown to a pager that nobody reads holds nothing of the database
sql svc/service.db "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 5000)
	INSERT INTO log (time, kind, who, what) SELECT 1, 'filler', 'uid 0', printf('%0100d', i) FROM c" >out
cat >checkpoint.py <<'END'
import sqlite3, subprocess, sys
def checkpoint(wait):
    c = sqlite3.connect("svc/service.db", timeout=wait, isolation_level=None)
    c.execute("CREATE TABLE IF NOT EXISTS written (a)")
    c.execute("INSERT INTO written VALUES (1)")
    busy = c.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    c.execute("DROP TABLE written")
    c.close()
    return busy
if sys.argv[1:] == ["held"]:        # a reader that does hold one is noticed
    r = sqlite3.connect("svc/service.db", isolation_level=None)
    r.execute("BEGIN"); r.execute("SELECT count(*) FROM log").fetchone()
    print(checkpoint(0.1)); sys.exit()
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
first = p.stdout.readline()         # under way, and far from its end: the pipe takes 64 KiB
print(checkpoint(20), len(first) > 0, p.poll()); p.kill()
END
is reader_with_a_snapshot "$(python3 checkpoint.py held)" 1
is log_holds_nothing "$(python3 checkpoint.py "$org" log svc)" '0 True None'
sql svc/service.db "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3000) INSERT INTO node (node, ek_digest, state, grp,
	class_set, hardware, ek, ek_cert, ek_verified, ak, escrow, enrolled, seen, pcrs, resets, said_floor, said_offline, said_outcome, ticket_time,
	ticket_reason, ticket_generation, ticket_digest) SELECT CAST(printf('%016d', i) AS BLOB), CAST(printf('%032d', i) AS BLOB), 1, 'filler', '', '',
	x'00', x'', 0, x'00', x'', 1, 0, zeroblob(192), 1, 0, 0, 0, 0, 0, zeroblob(32), zeroblob(32) FROM c" >out
is node_list_holds_nothing "$(python3 checkpoint.py "$org" node list svc)" '0 True None'
is node_list_is_whole "$(n list --group filler | wc -l)" 3000
sql svc/service.db "DELETE FROM node WHERE grp = 'filler'" >out

# --- from the former schema -----------------------------------------------------------------------------------------------------------------
# the statements as they were released: a database that they made must be taken over
cat >step1.py <<'END'
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("PRAGMA journal_mode = WAL")
c.executescript("""
CREATE TABLE generation (id BLOB PRIMARY KEY CHECK (length(id) = 32), version INTEGER NOT NULL, issued INTEGER NOT NULL, added INTEGER NOT NULL,
 withdrawn INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
CREATE TABLE part (id BLOB NOT NULL REFERENCES generation(id), part INTEGER NOT NULL CHECK (part BETWEEN 1 AND 4),
 bytes INTEGER NOT NULL CHECK (bytes > 0), blake2b BLOB NOT NULL CHECK (length(blake2b) = 32), PRIMARY KEY (id, part)) STRICT, WITHOUT ROWID;
CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), floor INTEGER NOT NULL CHECK (floor >= 0), assigned BLOB REFERENCES generation(id)) STRICT;
INSERT INTO state (one, floor) VALUES (1, 0);
CREATE TABLE log (number INTEGER PRIMARY KEY AUTOINCREMENT CHECK (number BETWEEN 1 AND 9007199254740991), time INTEGER NOT NULL, kind TEXT NOT NULL,
 who TEXT NOT NULL, what TEXT NOT NULL) STRICT;
CREATE TRIGGER log_update BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log is append only'); END;
CREATE TRIGGER log_delete BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is append only'); END;
CREATE TRIGGER log_insert BEFORE INSERT ON log WHEN NEW.number <= (SELECT max(number) FROM log) AND NEW.number <> -1
 BEGIN SELECT RAISE(ABORT, 'the log is append only'); END;
PRAGMA user_version = 1;
""")
for i in (1, 2):
    c.execute("INSERT INTO generation VALUES (?, ?, 5, 6, 0)", (bytes([i]) * 32, i))
    for part in (1, 2, 3, 4):
        c.execute("INSERT INTO part VALUES (?, ?, 7, zeroblob(32))", (bytes([i]) * 32, part))
    c.execute("INSERT INTO log (time, kind, who, what) VALUES (1, 'add', 'uid 0', ?)", (str(i),))
if len(sys.argv) > 2:
    c.execute("UPDATE state SET floor = 2, assigned = ?", (b"\2" * 32,))
c.close()
END
former() { rm -rf old; mkdir old; : >old/service.db; python3 step1.py old/service.db "$@"; }
two=$(printf '02%.0s' $(seq 32))
former assigned
yes migrates "$org" generation list old
says migrates_assignment "$two v2 assigned to all, added "
says migrates_floor 'floor 2'
is migrated_to "$(sql old/service.db 'PRAGMA user_version' 'PRAGMA integrity_check' 'PRAGMA foreign_key_check' | tr '\n' ' ')" "(2,) ('ok',)  "
is migrates_log "$("$org" log old | wc -l)" 2
no migrated_log_is_append_only 1 'append only' sql old/service.db 'UPDATE log SET node = zeroblob(16)'
former
yes migrates_unassigned "$org" generation list old
is migrated_unassigned "$(grep -c ' served, added ' out) $(tail -1 out)" '2 floor 0'
at=1 end=137 before=0 after=0
while [ $end -eq 137 ] && [ $at -lt 300 ]; do
	former assigned
	LD_PRELOAD=$kill_at KILL_AT=$at "$org" generation list old >out 2>&1; end=$?
	case $(sql old/service.db 'PRAGMA user_version') in '(1,)') before=$((before + 1));; '(2,)') after=$((after + 1));; *) fail "migration_killed_$at" version;; esac
	"$org" generation list old >out 2>&1 && grep -q "^$two v2 assigned to all" out && grep -qx 'floor 2' out || fail "migration_killed_at_$at" 'not taken over'
	at=$((at + 1))
done
[ $end -eq 0 ] && [ $before -ge 3 ] && [ $after -ge 1 ] && pass "migration_killed_at_every_step ($at)" || fail migration_killed "exit $end, $before, $after"

# --- killed at any moment ---------------------------------------------------------------------------------------------------------------
# Each command, killed before each step: what it does is done with its entry in the log, or neither is; and the next one works.
mv svc large; "$org" init svc --name localhost >out
for v in 1 2 4; do g add v$v -c config >out; done
g assign "$v1" --all >out; g assign "$v1" --group canary >out
"$org" invite svc --approve --group lab >inv 2>err; node enrol 50 "$(cat inv)" >out; node request 50 2 11 >out
"$org" invite svc --group lab >inv 2>err; node enrol 51 "$(cat inv)" >out
"$org" invite svc --group lab >inv 2>err
sql svc/service.db 'PRAGMA wal_checkpoint(TRUNCATE)' >out; mv svc whole
cat >killed.py <<'END'
import hashlib, os, shutil, signal, sqlite3, subprocess, sys
name, command = sys.argv[1], sys.argv[2:]
def fresh():
    shutil.rmtree("svc", ignore_errors=True)
    shutil.copytree("whole", "svc")
def run(at):
    env = dict(os.environ, LD_PRELOAD=os.environ["KILLER"], KILL_AT=str(at)) if at else None
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out).returncode
def look():     # how many entries the log has, and all that the command may change
    c = sqlite3.connect("svc/service.db")
    assert c.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the database is damaged"
    tables = ("node", "invite", "assignment", "floor", "generation", "enrolment")
    rows = repr([sorted(map(repr, c.execute("SELECT * FROM " + t))) for t in tables])
    entries = c.execute("SELECT count(*) FROM log").fetchone()[0]
    c.close()
    return entries, rows
out = open("out", "w")
fresh()
had, before, after, at, end = look(), 0, 0, 0, -signal.SIGKILL
while end == -signal.SIGKILL and at < 200:
    at += 1
    fresh()
    end = run(at)
    new = look()
    if new == had:
        before += 1
        assert end != 0, "done, it says, and nothing changed"
        assert run(0) == 0, "step %d: the next one does not work" % at
        new = look()
    else:
        after += 1
    assert new[0] == had[0] + 1 and new[1] != had[1], "step %d: done by half" % at
assert end == 0 and before >= 2 and after >= 1, "exit %d, %d before, %d after" % (end, before, after)
print(at)
END
# killed NAME COMMAND...
killed()
{
	steps=$(KILLER=$kill_at python3 killed.py "$@" 2>err) && pass "killed_at_every_step_of_$1 ($steps)" || fail "killed_at_every_step_of_$1" "$(tail -1 err)"
}
killed invite "$org" invite svc --name new1
killed invite_revoke "$org" invite revoke svc 3
killed approve "$org" node approve svc "$(id 51)"
killed revoke "$org" node revoke svc "$(id 50)"
killed forget "$org" node forget svc "$(id 51)"
killed learn "$org" node learn svc "$(id 50)"
killed name "$org" node name svc "$(id 50)" name1
killed group "$org" node group svc "$(id 50)" group1
killed assign "$org" generation assign svc "$v4" --group lab --percent 50
killed unassign "$org" generation unassign svc --group canary
killed floor "$org" generation floor svc 1
killed enrol "$play" svc enrol 52 "$(cat inv)" "$escrow"
rm -rf svc whole; mv large svc

# init: DIR is whole or not there, and the next one takes away what a killed one left
at=1 end=137 rests=0
while [ $end -eq 137 ] && [ $at -lt 400 ]; do
	LD_PRELOAD=$kill_at KILL_AT=$at "$org" init made --name localhost >out 2>&1; end=$?
	set -- made.tmp.*; [ ! -e "$1" ] || rests=$((rests + 1))
	[ $# -eq 1 ] || fail "init_killed_at_$at" "an earlier rest is left: $*"
	[ ! -e made ] || "$org" log made >out 2>&1 || fail "init_killed_at_$at" 'it is there and not whole'
	[ $end -eq 0 ] || rm -rf made
	at=$((at + 1))
done
set -- made.tmp.*
[ $end -eq 0 ] && [ $rests -ge 50 ] && [ ! -e "$1" ] && pass "init_killed_at_every_step ($at)" || fail init_killed "exit $end, $rests rests, $*"
rm -rf made
# what somebody works in, and what only looks like a rest, stays
mkdir made.tmp.aaaaaa made.tmp.bbbbbb made.tmp.ccccccc keep; echo mine >keep/file; ln -s keep made.tmp.dddddd
exec 5<made.tmp.aaaaaa; flock 5
"$org" init made --name localhost >out 2>&1
is init_takes_only_rests "$(echo made.tmp.* | tr '\n' ' ') $(cat keep/file)" 'made.tmp.aaaaaa made.tmp.ccccccc made.tmp.dddddd  mine'
exec 5<&-; rm -rf made*

# --- what power would undo, what is refused late -------------------------------------------------------------------------------------
# withdraw: the record is durable before the folder moves, and the move before the command ends
"$org" generation add svc v4 -c config >out 2>&1
svc=$(realpath svc)
KILL_AT_LOG=calls LD_PRELOAD=$kill_at "$org" generation withdraw svc "$v4" >out 2>&1
sed -n "/^rename .*withdrawn\/$v4\$/,\$p" calls >moved; sed "/^rename .*withdrawn\/$v4\$/,\$d" calls >earlier
is withdraw_moves "$(head -1 moved)" "rename svc/withdrawn/$v4"
grep -q "^f[a-z]*sync $svc/service.db-wal\$" earlier && pass withdraw_record_is_durable_first || fail withdraw_record_is_durable_first "$(cat calls)"
is withdraw_both_folders_are_durable "$(grep -x "fsync $svc/\(generations\|withdrawn\)" moved | sort | tr '\n' ' ')" \
	"fsync $svc/generations fsync $svc/withdrawn "
# add: refused after its files were copied: they are gone
"$org" sign -k r1.key -v 9 --kernel kernel --initramfs plain.cpio --cmdline a --issued 1700000000 -o v9 >out 2>&1; v9=$(id_of v9/manifest)
sql svc/service.db "CREATE TRIGGER late BEFORE INSERT ON generation BEGIN SELECT RAISE(ABORT, 'refused late'); END" >out
no add_refused_late 1 'refused late' g add v9 -c config
[ ! -e "svc/generations/$v9" ] && pass add_refused_late_leaves_nothing || fail add_refused_late_leaves_nothing "$(ls svc/generations/$v9)"
sql svc/service.db 'DROP TRIGGER late' >out
yes add_then_works g add v9 -c config
[ -e "svc/generations/$v9/kernel" ] && pass add_then_is_there || fail add_then_is_there 'no kernel'

exit $failed
