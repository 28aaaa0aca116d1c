#!/usr/bin/python3
"""Filling memory from net-worker or store-worker costs that program alone: a small machine boots all the same, from what it has.

The image is the shipped one with tests/eater.c, confined as the real one is, in the place of one program. 256 MB, of which preboot leaves
less than 200. That the shipped image boots there by a ticket, from the org and from the cache, is shown first.
"""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import preboot
import service
import test_kill

DIR = os.path.join(preboot.BUILD, "e2e", "test_memory")
MEMORY_MB, LIMIT_MIB, MORE_MIB = 256, 128, 512      # peer.def: net-worker's RLIMIT_AS; and more than the machine has
JUMP, STOPPED = r"\[9/9\] jump", "stopped: reboot"
LINE = preboot.PREBOOT_LINE.replace("loglevel=3", "loglevel=4")     # whom the kernel kills is an error, level 3
OOM = r"Out of memory: Killed process \d+ \(([^)]*)\)"


class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = preboot.Organisation(DIR)
        cls.svc = service.Service(cls.org).start()
        cls.addClassCleanup(cls.svc.close)
        cls.config = cls.svc.config(net_wait=6, link_wait=4, invite=cls.svc.invite("--approve"))
        cls.shipped = cls.org.image(cls.config, modules=service.NIC)
        initramfs = mkgen.make(cls.org.path("small.initramfs"), "small", compress="zstd")
        cls.id = cls.svc.add(cls.org.generation("one", 1, initramfs), cls.config)
        cls.svc.assign(cls.id)
        cls.node = preboot.Node(cls.org.path("node"), cls.org, slots=4, slot_mib=32, image=cls.shipped)
        cls.boots(cls.node, cls.shipped, "kept in slot", [305])
        cls.node.healthy(cls.id)

    @classmethod
    def boots(cls, node, image, wanted, codes):
        node.image = image
        boot = node.power_on(memory_mb=MEMORY_MB, line=LINE, timeout_s=150, extra=service.NETWORK, stop_on=JUMP + "|" + STOPPED)
        for text in (JUMP, wanted):
            if not boot.find(text):
                raise AssertionError("%s\n%s" % (text, boot.serial))
        if preboot.codes(boot) != codes:
            raise AssertionError("%s, not %s\n%s" % (preboot.codes(boot), codes, boot.serial))
        return boot

    def eater(self, program, peer, early_mib):
        """The shipped image with an eater in the place of a program."""
        name = "%s-%d" % (program, early_mib)
        binary, files = self.org.path(name), self.org.path(name + ".list")
        objects = ["policy/confine.o", "policy/caps.o", "policy/root.o", "policy/filter_%s.o" % peer, "libipc.a"]
        preboot.run(os.path.join(preboot.BIN, "sallyport-cc"), *test_kill.COMPILE, "-I" + preboot.TOP + "/ipc",
                    "-I" + preboot.TOP + "/policy", "-DEATER=PEER_" + peer, "-DEARLY_MIB=%d" % early_mib, "-o", binary,
                    os.path.join(preboot.TOP, "tests/eater.c"), *(os.path.join(preboot.BUILD, "target", o) for o in objects), "-lcap")
        with open(os.path.join(preboot.TOP, "image/files.list")) as f:
            text, n = re.subn(r"(?m)^(file /bin/%s 0755) .*$" % program, r"\1 " + binary, f.read())
        assert n == 1, "files.list has no " + program
        with open(files, "w") as f:
            f.write(text)
        return self.org.image(self.config, name="image-" + name, files=files, modules=service.NIC)

    def killed(self, boot):
        """Whom the kernel killed for memory."""
        return [m.group(1) for m in boot.find_all(OOM)]

    def test_net_worker_is_refused(self):
        """At its limit; what it has taken it keeps, and the boot goes on without the network, beside it."""
        boot = self.boots(self.node, self.eater("net-worker", "net", 0), r"offline: boot \d of 16", [807, 807])
        got = int(boot.find(r"SP807 net-worker: .*net_connect, (\d+)\)").group(1))
        self.assertLess(got, LIMIT_MIB)
        self.assertGreater(got, LIMIT_MIB - 8)
        self.assertIn(self.killed(boot), ([], ["net-worker"]))      # where the load needs what it holds

    def test_net_worker_is_killed(self):
        """Without that limit the kernel kills it, and nobody else, in each of its lives."""
        boot = self.boots(self.node, self.eater("net-worker", "net", MORE_MIB), r"offline: boot \d of 16", [704, 704])
        self.assertEqual(self.killed(boot), ["net-worker"] * 4)

    def test_store_worker_is_killed(self):
        """There is no cache then: the org's generation boots."""
        boot = self.boots(self.node, self.eater("store-worker", "store", MORE_MIB), "supplied from the org", [704, 704])
        self.assertEqual(self.killed(boot), ["store-worker"] * 4)
        self.boots(self.node, self.shipped, "supplied from the cache", [])      # which lost nothing


if __name__ == "__main__":
    unittest.main(verbosity=2)
