#!/bin/sh
# The baseline's /init: preboot's offline job as a script of Debian packages, one step after the other. make bench measures
# sallyport against it. It does less than sallyport: one signature is enough, no program is confined, the TPM stays open behind
# it, no attempt is recorded, the key is never wiped, and it stands in openssl's arguments.
export PATH=/bin TPM2TOOLS_TCTI=device:/dev/tpmrm0
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
step() { read -r up _ </proc/uptime; echo "baseline $up $1"; }
trap 'echo "BASELINE FAILED"; poweroff -f' EXIT
set -e
umask 077
cd /run

modprobe virtio_pci
modprobe virtio_blk
n=0
while [ ! -b /dev/vda ] || [ ! -c /dev/tpmrm0 ]; do
	usleep 10000
	n=$((n + 1))
	[ $n -lt 500 ]
done
step modules

# The manifest: "NAME OFFSET BYTES SHA256" of kernel and initramfs. Its first 4 KiB of disk, then as much for the signature.
dd if=/dev/vda bs=4096 count=1 2>/dev/null | tr -d '\000' >manifest
dd if=/dev/vda bs=4096 count=1 skip=1 2>/dev/null | tr -d '\000' >manifest.minisig
while read -r name at bytes sum; do
	dd if=/dev/vda of="$name" bs=1M iflag=skip_bytes,count_bytes skip="$at" count="$bytes" 2>/dev/null
done <manifest
step read

minisign -Vq -m manifest -p /minisign.pub
step signature
while read -r name at bytes sum; do
	echo "$sum  $name" | sha256sum -c -s
done <manifest
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

kexec -s -l kernel --initrd=initramfs --command-line="$(cat /cmdline)"
step load
trap - EXIT
step jump
kexec -e
