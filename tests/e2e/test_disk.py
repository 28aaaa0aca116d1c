#!/usr/bin/python3
"""A disk that fails while the machine boots: one bad sector, one that takes no write, and none that can be read at all.

QEMU's blkdebug gives EIO for a named sector, as a worn disk does. A broken cache costs a candidate or a record, never the boot of what can
still be read, and a machine that can read nothing says so, waits and reboots.
"""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import preboot

DIR = os.path.join(preboot.BUILD, "e2e", "test_disk")
SECTOR = 512
SLOT_MIB = 64
# ipc/cache.h: slots begin at 1 MiB, a slot's kernel 1 MiB into it; the journal's two sectors.
KERNEL_AT = [(1 + n * SLOT_MIB + 1) << 20 for n in range(2)]
JOURNAL_AT = (4096, 8192)


def tail(boot):
    return "\n".join("%8.3f %s" % line for line in boot.lines[-40:])


class Disk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = preboot.Organisation(DIR)
        image = org.image(org.config(retry_wait=1))
        initramfs = mkgen.make(org.path("initramfs"), "disk", compress="zstd")
        cls.old, cls.new = (org.generation(name, version, initramfs) for name, version in (("old", 1), ("new", 2)))
        cls.node = preboot.Node(org.path("node"), org, slots=2, slot_mib=SLOT_MIB, image=image)
        cls.node.healthy(cls.node.put(cls.old))
        cls.node.put(cls.new)

    def power_on(self, event, *offsets):
        """event: read_aio or write_aio; no offset: every sector."""
        rules = [(event, offset // SECTOR) for offset in offsets] or [(event, None)]
        config = self.org.path("blkdebug.conf")
        with open(config, "w") as f:
            for name, sector in rules:
                f.write("[inject-error]\nevent = \"%s\"\nerrno = \"5\"\nonce = \"off\"\n" % name)
                f.write("" if sector is None else "sector = \"%d\"\n" % sector)
        node = self.node
        return node.machine.boot(preboot.kernel(node.line), node.image, preboot.PREBOOT_LINE, timeout_s=120, stop_on="GENERATION DONE",
                                 disks=["blkdebug:%s:%s" % (config, node.cache)])

    def test_1_whole(self):
        """The twin: nothing fails, the newest boots."""
        boot = self.node.power_on(stop_on="GENERATION DONE")
        self.assertEqual(preboot.codes(boot), [], tail(boot))
        self.assertIn("version 2", boot.block("disk")["report"], tail(boot))

    def test_2_a_bad_sector_in_the_newest(self):
        boot = self.power_on("read_aio", KERNEL_AT[1] + 5 * SECTOR * 1000)
        self.assertEqual(preboot.codes(boot), [303], tail(boot))
        report = boot.block("disk").get("report", "")
        self.assertIn("version 1", report, tail(boot))
        self.assertIn("cause fallback", report, tail(boot))

    def test_3_a_journal_that_takes_no_write(self):
        boot = self.power_on("write_aio", *JOURNAL_AT)
        self.assertEqual(preboot.codes(boot), [303], tail(boot))
        self.assertIsNotNone(boot.find("attempt not recorded"), tail(boot))
        self.assertIn("version 2", boot.block("disk").get("report", ""), tail(boot))

    def test_4_nothing_can_be_read(self):
        boot = self.power_on("read_aio")
        self.assertEqual((boot.ended, preboot.booted(boot)), ("guest-reset", False), tail(boot))
        self.assertEqual(preboot.codes(boot)[-1], 605, tail(boot))
        self.assertIsNotNone(boot.find(r"stopped: reboot in \d+ s"), tail(boot))


if __name__ == "__main__":
    unittest.main(verbosity=2)
