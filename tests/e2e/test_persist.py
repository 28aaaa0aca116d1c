#!/usr/bin/python3
"""persist-mount in QEMU, under Debian's kernels: maps, mounts and formats, where the host has no device mapper.

The keys come as preboot hands them over: files of the initramfs, 0400, root's. No preboot here: test generations alone.
"""

import hashlib
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import persist_gen
import vm

BUILD = os.path.join(mkgen.TOP, "build")
DIR = os.path.join(BUILD, "e2e", "test_persist")
APPEND = "console=ttyS0 panic=-1 init_on_free=1"
ID = {name: hashlib.sha256(b"id " + name.encode()).hexdigest() for name in "abc"}

# run ARGS: persist-mount, its lines and its status; the key files are gone afterwards, whatever happened.
TOOLS = r"""
disk=/dev/vda
run() {
	persist-mount --device $disk "$@" >/tmp/out 2>&1; status=$?
	sed 's/^persist-mount: /says /' /tmp/out
	echo "status $status"
	[ -e /luks.key ] || [ -L /luks.key ] || [ -e /luks.key.prev ] && echo "keys left"
	echo "mounts $(grep -c ' /persist ' /proc/mounts)"
}
give() {	# give KEY PREV: as preboot does; - is none
	[ "$1" = - ] || { cp /test/key.$1 /luks.key; chmod 400 /luks.key; }
	[ "$2" = - ] || { cp /test/key.$2 /luks.key.prev; chmod 400 /luks.key.prev; }
}
"""

# Stands in for mkfs.ext4: says how it was started, tries to end persist-mount, then does the work.
MKFS = r"""#!/bin/sh
kill -TERM $PPID
echo "MKFS $(grep SigBlk /proc/self/status) ours $(ls -l /proc/$$/fd | grep -cE 'memfd|/dev/(vd|mapper)')" >/dev/console
exec /sbin/mke2fs -t ext4 "$@"
"""


def key(name):
    return hashlib.sha256(b"key " + name.encode()).digest()


def kernel(line):
    return os.path.join(BUILD, "kernel", line, "vmlinuz")


class Persist(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["rm", "-rf", DIR], check=True)
        os.makedirs(DIR)
        for name in "abc":
            with open(os.path.join(DIR, "key." + name), "wb") as f:
                f.write(key(name))

    def generation(self, line, name, hook, give=("-", "-"), **options):
        """Key files in the archive itself; all keys under /test for give()."""
        keys, files = "abc" if options.pop("keys", True) else "", options.pop("files", [])[:]
        files += [(os.path.join(DIR, "key." + n), "/test/key." + n, 0o400) for n in keys]
        files += [(os.path.join(DIR, "key." + n), path, 0o400) for n, path in zip(give, ("/luks.key", "/luks.key.prev")) if n != "-"]
        pieces = persist_gen.pieces(mkfs=False)
        pieces["programs"] += options.pop("programs", [])
        return mkgen.make(os.path.join(DIR, "%s-%s.initramfs" % (name, line)), name, kernel_dir=os.path.join(BUILD, "kernel", line),
                          hooks=[TOOLS + hook], files=files, **pieces, **options)

    def boot(self, m, line, disk, name, hook, **options):
        give = options.pop("give", ("-", "-"))
        run = {k: options.pop(k) for k in ("on", "stop_on") if k in options}
        r = m.boot(kernel(line), self.generation(line, name, hook, give, **options), APPEND, disks=[disk], tpm=False, timeout_s=180, **run)
        self.assertFalse(r.timed_out, r.serial[-2000:])
        self.assertEqual(r.find_all("^keys left"), [])
        return r

    def says(self, r, *wanted):
        """The runs of a boot, in order: (status, regular expression)."""
        status = [int(x.group(1)) for x in r.find_all(r"^status (\d+)$")]
        texts = [x.group(1) for x in r.find_all(r"^says (.*)$")]
        self.assertEqual(status, [s for s, _ in wanted], r.serial[-4000:])
        self.assertEqual(len(texts), len(wanted), texts)
        for text, (_, regex) in zip(texts, wanted):
            self.assertRegex(text, regex)

    def life(self, line):
        m = vm.Machine(os.path.join(DIR, line))
        disk = m.disk("persist", size_mb=64)
        wrapper = os.path.join(DIR, "mkfs")
        with open(wrapper, "w") as f:
            f.write(MKFS)
        mkfs = dict(files=[(wrapper, "/sbin/mkfs.ext4", 0o755)], programs=[("/sbin/mkfs.ext4", "/sbin/mke2fs")])

        # The power fails while the file system is being made: the header is not on the disk yet, so it is blank as before.
        r = self.boot(m, line, disk, "cut", "run --format --mkfs --generation-id %(a)s\n" % ID, give=("a", "-"),
                      on=[("^MKFS", lambda b: b.power_cut())], **mkfs)
        self.assertTrue(r.cut)
        with open(disk, "rb") as f:
            self.assertEqual(f.read(16 << 20).strip(b"\0"), b"")

        r = self.boot(m, line, disk, "alpha", r"""
run --name first                    # no key at all
give a -; run
give a -; run --format --mkfs       # nobody knows the generation's id
give a -; run --format --mkfs --generation-id %(a)s --device /dev/ram9
cmp -n 16777216 $disk /dev/zero && echo "blank yes"
give a -; run --format --mkfs --generation-id %(a)s
echo "options $(grep ' /persist ' /proc/mounts)"; echo "node $(stat -c %%F /dev/mapper/persist)"
echo "written by alpha" >/persist/file; umount /persist
echo "plain $(grep -c 'written by alpha' $disk)"
""" % ID, **mkfs)
        self.says(r, (10, "luks.key is missing"), (21, "/dev/vda is blank; --format makes"), (4, "needs the generation's id"),
                  (20, "/dev/ram9 cannot be opened"),
                  (0, "^/dev/mapper/persist formatted, keyslot 0 for generation %s, mounted on /persist$" % ID["a"][:12]))
        for fact in "^blank yes$", "^node block special file$", "^plain 0$", "^options /dev/mapper/persist /persist ext4 rw,nosuid,nodev,":
            self.assertTrue(r.find(fact), fact)
        # SIGTERM, sent to persist-mount by mkfs, changed nothing; mkfs itself can be stopped, and has no descriptor of its maker's.
        self.assertTrue(r.find("^MKFS SigBlk:\t0{16} ours 0$"), r.serial[-4000:])

        # The keys are nowhere but in the archive: a dump of all memory afterwards has no copy of either.
        r = self.boot(m, line, disk, "beta", r"""
run --generation-id %(b)s; echo found $(cat /persist/file); umount /persist
x=plan; x="$x"ted-4711; echo DUMP; read -r y </dev/ttyS0
""" % ID, give=("b", "a"), keys=False, on=[("^DUMP", lambda b: (b.dump(m.path("ram")), b.type("go\n")))])
        self.says(r, (0, "^/dev/mapper/persist added keyslot 1 for generation %s, mounted on /persist$" % ID["b"][:12]))
        self.assertTrue(r.find("^found written by alpha$"))
        planted, copies_a, copies_b = vm.count(m.path("ram"), b"planted-4711", key("a"), key("b"))
        os.unlink(m.path("ram"))
        self.assertGreater(planted, 0)
        self.assertEqual((copies_a, copies_b), (0, 0))

        r = self.boot(m, line, disk, "later", r"""
touch /block; run --mountpoint /block               # mapped, cannot be mounted: unmapped again
echo "left $(ls /dev/mapper | grep -c persist)"
give b a; run --generation-id %(b)s --mountpoint /mnt/deep
echo "deep $(cat /mnt/deep/file)"; umount /mnt/deep
give b -; run                                       # the name is in use
give c -; run --name second
""" % ID, give=("b", "-"))
        self.says(r, (37, "/dev/mapper/persist cannot be mounted on /block"),
                  (0, r"opened with keyslot 1 \(token %s\), mounted on /mnt/deep$" % ID["b"][:12]),
                  (36, "/dev/mapper/persist cannot be made"), (12, "none of 2 keyslots"))
        for fact in "^left 0$", "^deep written by alpha$":
            self.assertTrue(r.find(fact), fact)

    def test_life_6_1(self):
        self.life("6.1")

    def test_life_6_12(self):
        self.life("6.12")


if __name__ == "__main__":
    unittest.main(verbosity=2)
