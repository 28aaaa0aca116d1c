#!/bin/sh
# sallyport-org config, by the real program. Usage: org_config_test.sh PATH-OF-sallyport-org
#
# Outside of every wall. Each refusal wants the exit code and the words that name the reason, and has a twin that succeeds.
# Prints "ok NAME" or "not ok NAME: why" for each test; ends with 1 when one failed.
# shellcheck disable=SC1091,SC2015,SC2086,SC2154,SC2317,SC2329 # the library is read at run time; lists of words are split on purpose
. "$(dirname "$0")/org_lib.sh"

mkdir keys; "$org" keygen keys r1 r2 org >out 2>&1
"$org" init svc --name localhost >out 2>&1
ca=svc/ca.crt hex=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff
base="--release-key keys/r1.pub --release-key keys/r2.pub --org-key keys/org.pub --threshold 2 --cache vda --build-time 1600000000"
config() { "$org" config $base -o c "$@"; }
online() { config --org sally.example --org-ca $ca "$@"; }
enrols() { online --enrol org "$@"; }
fixed() { online --address 192.0.2.7/24 --gateway 192.0.2.1 --dns 192.0.2.53 "$@"; }
# line NAME KEY VALUE: what the document has; a value that is nothing is the key alone
line() { if grep -qxF -e "$2${3:+ $3}" c; then pass "$1"; else cp c out; fail "$1" "no line $2 $3"; fi; }

# --- defaults: as before there was a network -----------------------------------------------------------------------------------------
yes defaults config
sed '1,/^org_key/d' c >rest
cat >want <<'END'
org
org_ca
org_pin
invite
escrow_key
tpm_owner keep
hardware
interface first
vlan 0
address dhcp
gateway
dhcp_routes ignore
link_wait_s 15
net_wait_s 30
offline_max 16
END
same defaults_are want rest
line defaults_enrol enrol none
line defaults_release release local
is defaults_mode "$(stat -c %a c)" 644

# --- everything at once --------------------------------------------------------------------------------------------------------------
printf '%s\n' $hex >invite; printf '%s' "$(echo $hex | tr a-f A-F)" >escrow.pub
yes all enrols --release org --mirror m1.example:444/os --mirror '[2001:db8::9]' --mirror m3.example --mirror 192.0.2.9 --org-pin $hex \
	--invite invite --tpm-owner take --escrow-key escrow.pub --hardware 'Type 7, rev. B' --interface 52:54:00:AB:CD:EF --vlan 7 \
	--address 192.0.2.7/24 --gateway 192.0.2.1 --dns 192.0.2.53 --dns 2001:db8::53 --dns 192.0.2.54 --link-wait 1 --net-wait 600 \
	--offline-max 0
line all_mirror mirror m1.example:444/os
line all_mirror_v6 mirror '[2001:db8::9]'
line all_pin org_pin $hex
line all_invite invite $hex
line all_escrow escrow_key $hex
line all_mac interface 52:54:00:ab:cd:ef
line all_vlan vlan 7
line all_dns dns 192.0.2.54
line all_hardware hardware 'Type 7, rev. B'
line all_offline offline_max 0
is all_mirrors "$(grep -c '^mirror ' c)" 4
is invite_is_not_for_all "$(stat -c %a c)" 600
yes all_dhcp online --address dhcp --dhcp-routes take
line all_routes dhcp_routes take
yes all_ra online --address ra --dns 2001:db8::53
yes enrol_local config --enrol local
line enrol_local_says enrol local
yes words_again enrols --invite $hex --release local --tpm-owner keep --dhcp-routes ignore

# --- certificates: DER or PEM, one behind the other ----------------------------------------------------------------------------------
sed '/-----/d' $ca | base64 -d >ca.der
der=$(od -An -v -tx1 ca.der | tr -d ' \n')
yes ca_pem online
line ca_pem_is org_ca "$der"
"$org" init other --name localhost >out 2>&1
sed '/-----/d' other/ca.crt | base64 -d >other.der
both=$der$(od -An -v -tx1 other.der | tr -d ' \n')
yes ca_der config --org sally.example --org-ca ca.der --org-ca other.der
line ca_der_both org_ca "$both"
cat ca.der other.der >both.der
yes ca_der_together config --org sally.example --org-ca both.der
line ca_der_together_is org_ca "$both"
{ echo 'who it is: -- a text --'; sed 's/$/\r/' $ca; echo; cat other/ca.crt; } >both.crt
yes ca_pem_together config --org sally.example --org-ca both.crt
line ca_pem_together_is org_ca "$both"
ca_no() { no "ca_$1" 2 "$2" config --org sally.example --org-ca "$3"; }
cat $ca other/ca.crt $ca >x; ca_no twice 'given twice' x
no ca_repeated 2 'given twice' online --org-ca ca.der
head -c -1 ca.der >x; ca_no cut_der 'neither DER nor PEM' x
{ cat ca.der; head -c -1 other.der; } >x; ca_no second_cut 'no certificate, or a cut one' x
{ cat ca.der; echo; } >x; ca_no something_behind 'no certificate, or a cut one' x
sed '/END/d' $ca >x; ca_no no_end 'without its end' x
sed 's/^MII/MI*/' $ca >x; ca_no no_base64 'no base64' x
sed '3d' $ca >x; ca_no line_lost 'no certificate, or a cut one' x
printf -- '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n' >x; ca_no empty 'no certificate, or a cut one' x
printf '\060\003\002\001\005' >x; ca_no number 'no certificate, or a cut one' x
grep -q 'BEGIN PRIVATE KEY' svc/ca.key || fail ca_key_material 'svc/ca.key is no key in PEM'
cat $ca svc/ca.key >x; ca_no key 'such as a key' x
sed '/-----/d' svc/ca.key | base64 -d >x; ca_no key_der 'no certificate, or a cut one' x
echo hello >x; ca_no text 'neither DER nor PEM' x
printf 'a\000b' >x; ca_no zeros 'neither DER nor PEM' x
: >x; ca_no nothing 'allowed: 1 to' x
ca_no missing 'No such file' nowhere
{ printf '\060\202\017\374'; printf '\060\202\017\370'; head -c 4088 /dev/zero; } >x; yes ca_largest config --org sally.example --org-ca x
no ca_too_much 2 'more than 4096 bytes' config --org sally.example --org-ca x --org-ca ca.der

# --- each value alone ----------------------------------------------------------------------------------------------------------------
no enrol_word 2 'allowed: none, local, org' config --enrol yes
no release_word 2 'allowed: local, org' config --release none
no owner_word 2 'allowed: keep, take' config --tpm-owner leave
no routes_word 2 'allowed: ignore, take' config --dhcp-routes yes
no vlan_range 2 'allowed: 0 to 4094' config --interface eth0 --vlan 4095
no link_wait_range 2 'allowed: 1 to 600' config --link-wait 601
no net_wait_range 2 'allowed: 1 to 600' config --net-wait 0
no offline_max_range 2 'allowed: 0 to 1000000' config --offline-max 1000001
no org_nothing 2 'and not nothing' online --org ''
no hardware_long 2 'allowed: 0 to 63' config --hardware "$(head -c 64 /dev/zero | tr '\0' x)"
no hardware_blank 2 'no blank at either end' config --hardware ' x'
no hardware_bytes 2 'printable ASCII' config --hardware "$(printf 'Ger\303\244t')"
yes hardware_longest config --hardware "$(head -c 63 /dev/zero | tr '\0' x)"
no pin_short 2 'allowed: 64 hexadecimal digits' online --org-pin ${hex%?}
no pin_letters 2 'allowed: 64 hexadecimal digits' online --org-pin ${hex%?}g
no invite_missing 2 'No such file' enrols --invite ${hex%?}
echo x >short; no invite_short 2 'not one line of 64' enrols --invite short
printf '%s\n\n' $hex >lines; no invite_lines 2 'not one line of 64' enrols --invite lines
cp escrow.pub escrow.key; no escrow_secret 2 'is the secret half' enrols --tpm-owner take --escrow-key escrow.key
no fifth_mirror 2 'more than 4 mirrors' online --mirror a --mirror b --mirror c --mirror d --mirror e
no fourth_dns 2 'more than 3 servers' config --dns 192.0.2.1 --dns 192.0.2.2 --dns 192.0.2.3 --dns 192.0.2.4

# --- what must hold together: config_check() by its options, each with its twin above or here ------------------------------------------
no enrol_org 2 '--enrol: org wants the line org' config --enrol org
no release_org 2 '--release: org wants the line org' config --release org
no mirror_org 2 '--mirror: wants the line org' config --mirror m.example
no pin_org 2 '--org-pin: wants the line org' config --org-pin $hex
no ca_org 2 '--org-ca: wants the line org' config --org-ca $ca
no org_ca 2 '--org-ca: org wants its CA' config --org sally.example
no org_local 2 '--enrol: local is for machines without' online --enrol local
no invite_enrol 2 '--invite: wants enrol org' online --invite $hex
no take_enrol 2 '--tpm-owner: take wants enrol org' online --tpm-owner take --escrow-key $hex
yes escrow_takes enrols --escrow-key $hex
line escrow_is_taken tpm_owner take
no take_escrow 2 '--escrow-key: tpm_owner take wants one' enrols --tpm-owner take
no escrow_keep 2 '--escrow-key: wants tpm_owner take' enrols --tpm-owner keep --escrow-key $hex
no org_host 2 '--org: no HOST' online --org https://sally.example
no org_port 2 '--org: no HOST' online --org sally.example:0
no mirror_host 2 '--mirror: no HOST' online --mirror m.example/os/
no interface_name 2 '--interface: neither first' config --interface eth0:1
no interface_mac 2 '--interface: neither first' config --interface 01:00:5e:00:00:01
no vlan_first 2 '--vlan: wants an interface by its name' config --vlan 7
yes vlan_name config --interface eth0 --vlan 7
no address_bare 2 '--address: neither dhcp nor ra' config --address 192.0.2.7
no address_network 2 '--address: the network' config --address 192.0.2.0/24
no gateway_dhcp 2 '--gateway: wants ADDRESS/PREFIX' config --gateway 192.0.2.1
yes gateway fixed
no gateway_family 2 '--gateway: address is IPv4' fixed --gateway fe80::1
no gateway_reach 2 '--gateway: out of reach' fixed --gateway 192.0.3.1
no gateway_own 2 "--gateway: the node's own" fixed --gateway 192.0.2.7
no dns_name 2 '--dns: no address' fixed --dns resolver.example
no dns_twice 2 '--dns: the same server twice' fixed --dns 192.0.2.53
no dns_wanted 2 '--dns: wanted' online --address 192.0.2.7/24
yes dns_not_wanted config --org 192.0.2.9 --org-ca $ca --address 192.0.2.7/24
no routes_static 2 '--dhcp-routes: take wants' fixed --dhcp-routes take

rm -f c; no refused 2 'wants' config --enrol org
[ ! -e c ] && [ -z "$(find . -name '*.tmp.*')" ] && pass refused_writes_nothing || fail refused_writes_nothing 'something is there'
exit $failed
