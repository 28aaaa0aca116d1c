"""What a generation's plain initramfs needs for persist-mount; pieces for mkgen.make().

    mkgen.make(out, "alpha", kernel_dir=..., hooks=[persist_gen.HOOK], **persist_gen.pieces())

MODULES: Debian's 6.1 and 6.12 cloud kernels; names that are built in are skipped by image/modules.sh. ext4, aes and sha256
are built into both; 6.1 wants ecb for xts. No algif: libcryptsetup decrypts keyslots in user space. Beside them: /proc (memfds
and libdevmapper), /sys, /run (libcryptsetup's locks) and devtmpfs on /dev. No udev: libdevmapper makes its own nodes.
"""

import os

MODULES = ["virtio_pci", "virtio_blk", "dm_mod", "dm_crypt", "ecb", "xts", "aesni_intel"]
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("PERSIST_MOUNT", os.path.join(TOP, "build/bin/persist-mount"))

# The last disk is the volume. The first boot formats it; what was written is found again by every later one.
HOOK = r"""
disk=/dev/$(ls /sys/block | grep '^vd' | tail -n 1)
persist-mount --device "$disk" --format --mkfs 2>&1 | sed 's/^persist-mount: /persist /'
if grep -q '^/dev/mapper/persist /persist ' /proc/mounts; then
	echo "found $(cat /persist/file 2>/dev/null || echo nothing)"
	[ -f /persist/file ] || echo "written by @NAME@" >/persist/file
	umount /persist
fi
"""


def pieces(mkfs=True):
    """Keyword arguments for mkgen.make(): persist-mount, what it runs, their libraries, the modules."""
    programs = [(PROGRAM, "/sbin/persist-mount")] + (["/sbin/mkfs.ext4"] if mkfs else [])
    return {"modules": MODULES, "programs": programs}
