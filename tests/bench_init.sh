#!/bin/sh
# The baseline's /init: preboot's job as a script of Debian packages, one step after the other. make bench measures sallyport
# against it. It does less than sallyport: one signature is enough, no program is confined, the TPM stays open behind it, no
# attempt is recorded, the key is never wiped, and it stands in openssl's arguments. With /url it is the online job: the
# generation's four files come from there, and nothing is attested, nobody decides, nothing is kept for the next boot.
export PATH=/bin TPM2TOOLS_TCTI=device:/dev/tpmrm0
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
step() { read -r up _ </proc/uptime; echo "baseline $up $1"; }
trap 'echo "BASELINE FAILED"; poweroff -f' EXIT
set -e
umask 077
cd /run

modprobe virtio_pci
if [ -f /url ]; then
	modprobe virtio_net
	device=/sys/class/net/eth0
else
	modprobe virtio_blk
	device=/dev/vda
fi
n=0
while [ ! -e $device ] || [ ! -c /dev/tpmrm0 ]; do
	usleep 10000
	n=$((n + 1))
	[ $n -lt 500 ]
done
step modules

from_disk()
{
	# The manifest: "NAME OFFSET BYTES SHA256" of kernel and initramfs. Its first 4 KiB of disk, then as much for the signature.
	dd if=/dev/vda bs=4096 count=1 2>/dev/null | tr -d '\000' >manifest
	dd if=/dev/vda bs=4096 count=1 skip=1 2>/dev/null | tr -d '\000' >manifest.minisig
	while read -r name at bytes sum; do
		dd if=/dev/vda of="$name" bs=1M iflag=skip_bytes,count_bytes skip="$at" count="$bytes" 2>/dev/null
	done <manifest
}

from_org()
{
	udhcpc -q -n -t 5 -T 1 -i eth0 -s /udhcpc.sh >/dev/null 2>&1
	step lease
	url=$(cat /url)
	# One connection for all four, as ours.
	curl -sS --fail --fail-early --tlsv1.3 --cacert /ca.crt "$url/{manifest,manifest.minisig,kernel,initramfs}" -o "#1"
	# What the signature covers has the sums twice: as sallyport wants them, and on the command line for sha256sum.
	sed -n 's/^cmdline //p' manifest >cmdline
	for name in kernel initramfs; do
		sed -n "s/.*bench.$name=\\([0-9a-f]*\\).*/$name 0 0 \\1/p" cmdline
	done >sums
}

sums=manifest
if [ -f /url ]; then
	from_org
	sums=sums
else
	from_disk
	cp /cmdline cmdline
fi
step read

minisign -Vq -m manifest -p /minisign.pub
step signature
while read -r name at bytes sum; do
	echo "$sum  $name" | sha256sum -c -s
done <$sums
step sha256

tpm2_nvread 0x1500016 -C 0x1500016 -P pcr:sha256:4,7,8 -s 32 -o secret
step tpm

mkdir tail
openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:"$(xxd -p -c 64 secret)" -kdfopt salt:baseline -kdfopt info:luks \
	-binary -out tail/luks.key HKDF
size=$(stat -c %s initramfs)
dd if=/dev/zero bs=1 count=$(((512 - size % 512) % 512)) 2>/dev/null >>initramfs
(cd tail && echo luks.key | cpio -o -H newc -R 0:0 2>/dev/null) >>initramfs
step key

kexec -s -l kernel --initrd=initramfs --command-line="$(cat cmdline)"
step load
trap - EXIT
step jump
kexec -e
