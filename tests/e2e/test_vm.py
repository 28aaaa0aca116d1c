#!/usr/bin/python3
"""Self-test of vm.py and mkgen.py: Debian's kernels boot a test generation directly, with nothing of ours in between."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import vm

BUILD = os.path.join(mkgen.TOP, "build")
DIR = os.path.join(BUILD, "e2e", "test_vm")
LINES = ("6.1", "6.12")
APPEND = "console=ttyS0 panic=-1"
INDEX = "0x1500016"
NV = ["tpm2_nvwrite", "-C", "o", INDEX, "-i-"]


def kernel(line):
    return os.path.join(BUILD, "kernel", line, "vmlinuz")


def generation(name, **options):
    return mkgen.make(os.path.join(DIR, name + ".initramfs"), name, **options)


class Self(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["rm", "-rf", DIR], check=True)
        os.makedirs(DIR)

    def machine(self, name, **options):
        return vm.Machine(os.path.join(DIR, name), **options)

    def test_disk_tpm_and_modules(self):
        m = self.machine("tpm", pcr_banks="sha256")
        disk = m.disk("a", size_mb=16)
        with m.tpm_socket() as t:
            t.run("tpm2_nvdefine", "-C", "o", "-s", "5", INDEX)
            t.run(*NV, data=b"kept!")
            self.assertEqual(t.command(bytes.fromhex("80010000000c000001440000"))[6:], bytes.fromhex("00000100"))
        for line in LINES:
            g = generation("disk" + line, compress="gzip", kernel_dir=os.path.join(BUILD, "kernel", line), tpm2=True,
                           modules=["virtio_blk", "virtio_pci"], hooks=[
                               'echo "disk $(cat /sys/block/vda/size)"; echo "tpm $(ls /dev/tpm0 /dev/tpmrm0 | wc -l)"\n'
                               "export TPM2TOOLS_TCTI=device:/dev/tpmrm0\n"
                               'echo "nv $(tpm2_nvread -C o %s)"; tpm2_pcrread sha256:8 | sed "s/^/pcr /"\n' % INDEX])
            r = m.boot(kernel(line), g, APPEND, disks=[disk], timeout_s=90)
            facts = r.block("disk" + line)
            with open(os.path.join(BUILD, "kernel", line, "release")) as f:
                self.assertEqual(facts["uname"], f.read().strip())
            self.assertEqual((facts["disk"], facts["tpm"], facts["nv"]), ("32768", "2", "kept!"))
            self.assertIn("0x" + "0" * 64, facts["pcr"])
            self.assertEqual((facts["luks.key"], facts["report"], facts["kexec_load_disabled"]), ("absent", "absent", "0"))
            self.assertEqual((r.ended, r.timed_out), ("guest-shutdown", False))
            print("kernel %s: init after %.1f s" % (line, r.time_of("Run /init")))
        m.tpm_clear("sha256")
        with m.tpm_socket() as t:
            self.assertNotEqual(t.run("tpm2_nvread", "-C", "o", INDEX, check=False).returncode, 0)

    def test_dump_input_stop(self):
        m = self.machine("dump")
        g = generation("dump", hooks=['x=plan; x="$x"ted-4711; echo ASK; read -r y </dev/ttyS0; echo "got $y"; echo READY; cat\n', "sleep 99\n"])
        r = m.boot(kernel("6.1"), g, APPEND, tpm=False, timeout_s=60, stop_on="^GENERATION never|READY",
                   on=[("^ASK", lambda b: b.type("typed text\n")), ("^READY", lambda b: b.dump(m.path("ram")))])
        self.assertEqual((r.stopped_on, r.ended, r.exit_status), ("READY", "host-qmp-quit", 0))
        self.assertTrue(r.find("^got typed text$"))
        planted, absent = vm.count(m.path("ram"), b"planted-4711", b"planted-4712")
        self.assertGreater(planted, 0)
        self.assertEqual(absent, 0)
        self.assertEqual(os.path.getsize(m.path("ram")), 512 << 20)
        os.unlink(m.path("ram"))

    def test_power_cut_keeps_the_disk(self):
        m = self.machine("cut")
        disk = m.disk("a", size_mb=1)
        g = generation("cut", kernel_dir=os.path.join(BUILD, "kernel", "6.1"), modules=["virtio_blk", "virtio_pci"],
                       hooks=["echo written | dd of=/dev/vda conv=fsync 2>/dev/null; echo NOW; sleep 99\n"])
        r = m.boot(kernel("6.1"), g, APPEND, disks=[disk], timeout_s=60, on=[("^NOW", lambda b: b.power_cut())])
        self.assertEqual((r.cut, r.timed_out, r.ended), (True, False, None))
        with open(disk, "rb") as f:
            self.assertEqual(f.read(8), b"written\n")

    def test_ends(self):
        m = self.machine("ends")
        for end, reason in ("reboot", "guest-reset"), ("crash", "guest-reset"):
            r = m.boot(kernel("6.1"), generation(end, end=end), APPEND, tpm=False, timeout_s=60)
            self.assertEqual((r.ended, r.exit_status, r.timed_out), (reason, 0, False))
        g = generation("keys", end="hang")
        r = m.boot(kernel("6.1"), g, APPEND, tpm=False, timeout_s=60, on=[("DONE", lambda b: b.keys("ctrl-alt-delete"))])
        self.assertEqual((r.ended, r.timed_out), ("guest-reset", False))
        r = m.boot(kernel("6.1"), g, APPEND, tpm=False, timeout_s=60, on=[("DONE", lambda b: b.reset())])
        self.assertEqual((r.ended, r.timed_out), ("host-qmp-system-reset", False))
        r = m.boot(kernel("6.1"), g, APPEND, tpm="tis", timeout_s=60, no_reboot=False, stop_on="GENERATION DONE",
                   on=[("GENERATION keys", lambda b: b.reset())])
        self.assertEqual(len(r.find_all("^GENERATION keys")), 2)
        r = m.boot(kernel("6.1"), g, APPEND, tpm=False, timeout_s=8)
        self.assertEqual((r.ended, r.timed_out, r.exit_status), (None, True, -9))
        with self.assertRaises(vm.VmError):
            m.boot("/nonexistent", g, APPEND, timeout_s=10)

    def test_generation_sizes(self):
        for compress in mkgen.COMPRESS:
            for mod in 0, 3, 511:
                g = generation("size", compress=compress, mod512=mod)
                self.assertEqual(os.path.getsize(g) % 512, mod)
            with open(g, "rb") as a, open(generation("again", init="#!/bin/sh\n", compress=compress), "rb") as b, \
                    open(generation("again", init="#!/bin/sh\n", compress=compress), "rb") as c:
                data = b.read()
                self.assertEqual(data, c.read())
                self.assertNotEqual(data, a.read())


if __name__ == "__main__":
    unittest.main(verbosity=2)
