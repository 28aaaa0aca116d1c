#!/bin/sh
# What the baseline's udhcpc calls: the link up, then the lease as it came. No name server: the URL has an address.
set -eu
case $1 in
deconfig)
	ip link set "$interface" up
	;;
bound | renew)
	ip addr add "$ip/$mask" dev "$interface"
	[ -z "${router:-}" ] || ip route add default via "$router"
	;;
esac
