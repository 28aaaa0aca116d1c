#!/usr/bin/python3
"""What follows a boot that came to nothing, with nobody at the machine.

A generation that hangs is reset by the watchdog that init armed before the jump; when it has done so often enough, the last healthy one
boots. A preboot that stops waits before its reboot, each time longer; a boot that gets through ends that.
"""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import preboot
import test_kill

DIR = os.path.join(preboot.BUILD, "e2e", "test_wait")
WATCHDOG_S = 25         # a busy host needs half of it to bring the second kernel up
ATTEMPTS = 3            # of a generation that never reported healthy: CACHE_ATTEMPTS_MAX of ipc/cache.h
DEVICE = ("-device", "i6300esb", "-action", "watchdog=reset")


def tail(boot):
    return "\n".join("%8.3f %s" % line for line in boot.lines[-40:])


class Wait(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = preboot.Organisation(DIR)
        # Debian's 6.1 cloud kernel has no driver for a watchdog that QEMU has.
        cls.image = org.image(org.config(retry_wait=2), line="6.12", modules=["i6300esb"])
        good = mkgen.make(org.path("good.initramfs"), "good", compress="zstd")
        hangs = mkgen.make(org.path("hangs.initramfs"), "hangs", compress="zstd", end="hang")
        cls.good = org.generation("good", 1, good)
        cls.watched = org.generation("watched", 2, good, watchdog=60)
        cls.hangs = org.generation("hangs", 3, hangs, watchdog=WATCHDOG_S)

    @classmethod
    def node(cls, name):
        return preboot.Node(cls.org.path(name), cls.org, line="6.12", image=cls.image)

    @staticmethod
    def watchdogs(boot):
        return [t for t, name, _ in boot.events if name == "WATCHDOG"]

    def test_a_generation_that_hangs(self):
        """One QEMU process from the first power-on to the fallback: nobody touches it."""
        node = self.node("hangs-node")
        node.healthy(node.put(self.good))
        node.put(self.hangs)
        boot = node.power_on(no_reboot=False, stop_on="GENERATION good", timeout_s=300, extra=DEVICE)
        self.assertFalse(boot.timed_out, tail(boot))
        jumps = [t for t, text in boot.lines if "[9/9] jump" in text]
        resets = self.watchdogs(boot)
        self.assertEqual((len(jumps), len(resets)), (ATTEMPTS + 1, ATTEMPTS), tail(boot))
        self.assertIn(len(boot.find_all("GENERATION hangs")), range(1, ATTEMPTS + 1), tail(boot))    # it may hang before it says so
        self.assertEqual(len(boot.find_all(r"watchdog: a reset in %d s" % WATCHDOG_S)), ATTEMPTS, tail(boot))
        for jump, reset in zip(jumps, resets):
            self.assertLess(reset - jump, WATCHDOG_S + 10, tail(boot))
            self.assertGreater(reset - jump, WATCHDOG_S - 2, tail(boot))
        self.assertIsNotNone(boot.find(", a fallback"), tail(boot))
        self.assertEqual(preboot.codes(boot), [], tail(boot))

    def test_a_generation_that_does_not(self):
        node = self.node("watched-node")
        node.put(self.watched)
        boot = node.power_on(stop_on="GENERATION DONE", extra=DEVICE)
        self.assertIsNotNone(boot.find("watchdog: a reset in 60 s"), tail(boot))
        self.assertIsNotNone(boot.find("GENERATION good"), tail(boot))
        self.assertEqual((preboot.codes(boot), self.watchdogs(boot)), ([], []), tail(boot))

    def test_no_watchdog_where_one_is_wanted(self):
        node = self.node("none-node")
        node.put(self.watched)
        boot = node.power_on(stop_on="GENERATION good")
        self.assertTrue(preboot.booted(boot), tail(boot))
        self.assertEqual(preboot.codes(boot), [606], tail(boot))
        self.assertIsNone(boot.find("watchdog: a reset"), tail(boot))

    def test_a_kexec_worker_that_dies_at_the_jump(self):
        """The watchdog was running by then: the wait is not its time but the config's."""
        image = test_kill.killer_image(self.org, self.org.config("config-15", retry_wait=15), line="6.12", modules=["i6300esb"])
        node = preboot.Node(self.org.path("dies-node"), self.org, line="6.12", image=image)
        node.put(self.org.generation("soon", 4, self.org.path("good.initramfs"), watchdog=8))
        boot = node.power_on(line=preboot.PREBOOT_LINE + " kill_program=kexec kill_message=broker_go kill_when=received", extra=DEVICE)
        self.assertIsNotNone(boot.find("watchdog: a reset in 8 s"), tail(boot))
        self.assertEqual((boot.ended, preboot.codes(boot), self.watchdogs(boot)), ("guest-reset", [701], []), tail(boot))
        end = next(t for t, name, _ in boot.events if name == "SHUTDOWN")
        self.assertGreater(end - boot.time_of("stopped: reboot in 15 s"), 14.5, tail(boot))

    def test_the_wait_grows(self):
        node = self.node("waits-node")
        waits = []
        for _ in range(3):
            boot = node.power_on()
            self.assertEqual((boot.ended, preboot.codes(boot)), ("guest-reset", [305, 605]), tail(boot))
            seconds = int(boot.find(r"stopped: reboot in (\d+) s").group(1))
            end = next(t for t, name, _ in boot.events if name == "SHUTDOWN")
            self.assertGreater(end - boot.time_of("stopped: reboot in"), seconds - 0.5, tail(boot))
            waits.append(seconds)
        self.assertEqual(waits, [2, 4, 8])
        node.put(self.good)
        self.assertTrue(preboot.booted(node.power_on(stop_on=preboot.SECOND_KERNEL)))
        preboot.org_tool("cache", "drop", "--force", node.cache, preboot.generation_id(self.good))
        boot = node.power_on()
        self.assertIsNotNone(boot.find("stopped: reboot in 2 s"), tail(boot))


if __name__ == "__main__":
    unittest.main(verbosity=2)
