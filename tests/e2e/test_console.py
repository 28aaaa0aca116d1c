#!/usr/bin/python3
"""Never a shell, never a read of the console: whatever is typed, sent as BREAK or pressed, preboot does what it does without it.
And no console, or one that takes nothing, does not stop a boot."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import preboot
import test_kill
import vm

DIR = os.path.join(preboot.BUILD, "e2e", "test_console")
RETRY_WAIT_S = 6
O_ACCMODE, O_WRONLY, O_NONBLOCK = 3, 1, 0o4000
# Enter, Ctrl-C, Ctrl-D, Ctrl-Z, Ctrl-\, Escape, XON, and what somebody would type who hopes for a shell.
TYPED = "\r\n", "\x03\x04\x1a\x1c\x1b\x11", "root\r", "sh\rreboot\rexit\r", "\x01c~.\r"
# Reboot, kill all, terminate all, SAK, show tasks, crash, help: after a BREAK, and with Alt-SysRq.
SYSRQ = "b", "i", "e", "k", "t", "c", "h"
CHORDS = ["ctrl-alt-delete", "ctrl-c", "ctrl-z", "ctrl-backslash", "ret", "esc", "alt-f2"]
STOP = "\x13"   # Ctrl-S: XOFF
SECOND = r"GENERATION (\w+)"


def press(boot):
    """All that one can do at a keyboard and at a serial line."""
    for text in TYPED:
        boot.type(text)
    for letter in SYSRQ:
        boot.qmp("chardev-send-break", id="serial")
        boot.type(letter)
        boot.keys("alt-sysrq-" + letter)
    boot.qmp("chardev-send-break", id="serial")
    boot.type("\r")
    boot.keys(*CHORDS)


def said(boot):
    """What the operator reads of preboot, without times, numbers of bytes and the node's id."""
    return [re.sub(r"^sallyport +\d+\.\d{3} ", "", text) for _, text in boot.lines if text.startswith("sallyport ")]


def tail(boot):
    return "\n".join("%8.3f %s" % line for line in boot.lines[-30:])


class Console(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = preboot.Organisation(DIR)
        cls.config = cls.org.config(retry_wait=RETRY_WAIT_S)
        cls.shipped = cls.org.image(cls.config)
        generation = cls.org.generation("alpha", 1, mkgen.make(cls.org.path("alpha.initramfs"), "alpha", compress="zstd"))
        cls.node = preboot.Node(cls.org.path("node"), cls.org, image=cls.shipped)
        cls.node.put(generation)
        cls.quiet = cls.power_on()      # enrols: what follows finds the same
        cls.quiet = cls.power_on()

    @classmethod
    def power_on(cls, words="", node=None, **options):
        return (node or cls.node).power_on(line=preboot.PREBOOT_LINE + words, timeout_s=150, stop_on=SECOND, **options)

    def boots(self, boot):
        self.assertTrue(preboot.booted(boot), tail(boot))
        self.assertFalse(boot.timed_out, tail(boot))

    def only_ours(self, boot):
        for _, text in boot.lines:
            if re.search(SECOND, text):
                break
            self.assertRegex(text, test_kill.LINE, tail(boot))

    def test_a_boot_takes_no_input(self):
        at = [(re.escape("[%d/9]" % n), press) for n in range(1, 9)]
        boot = self.power_on(on=at)
        self.boots(boot)
        self.assertEqual(said(boot), said(self.quiet), tail(boot))
        self.only_ours(boot)

    def test_a_wait_takes_no_input(self):
        node = preboot.Node(self.org.path("empty"), self.org, image=self.shipped)
        quiet = self.power_on(node=node)
        boot = self.power_on(node=node, on=[("stopped: reboot in", press), (r"SP605", press)])
        for b in quiet, boot:
            self.assertEqual((b.ended, b.timed_out, preboot.booted(b)), ("guest-reset", False, False), tail(b))
            stopped, end = b.time_of("stopped: reboot in"), next(t for t, name, _ in b.events if name == "SHUTDOWN")
            self.assertGreater(end - stopped, RETRY_WAIT_S - 0.5, tail(b))
            self.assertLess(end - stopped, RETRY_WAIT_S + 20, tail(b))
        self.assertEqual(preboot.codes(boot), preboot.codes(quiet), tail(boot))
        self.only_ours(boot)

    def test_a_held_line_does_not_hold_the_boot(self):
        boot = self.power_on(on=[(re.escape("[1/9]"), lambda b: b.type(STOP))])
        self.boots(boot)
        self.only_ours(boot)

    def test_no_console_device(self):
        boot = self.power_on(" 8250.nr_uarts=0")
        self.boots(boot)
        self.assertEqual(said(boot), [], tail(boot))

    def test_no_serial_port(self):
        """The only port is the second one; the generation speaks there, preboot, told of the first, nowhere."""
        node = preboot.Node(self.org.path("second"), self.org, image=self.shipped)
        node.put(self.org.generation("beta", 1, mkgen.make(self.org.path("beta.initramfs"), "beta", compress="zstd"),
                                     cmdline=preboot.GENERATION_LINE.replace("ttyS0", "ttyS1")))
        whole = vm.QEMU
        vm.QEMU = whole + ["-serial", "none"]
        try:
            boot = self.power_on(node=node)
        finally:
            vm.QEMU = whole
        self.boots(boot)
        self.assertEqual(said(boot), [], tail(boot))

    def test_no_program_can_read_the_console(self):
        """As the kernel has it: every descriptor of every program, and every system call of the whole boot."""
        killing = test_kill.killer_image(self.org, self.config)
        self.node.image = killing
        try:
            boot = self.power_on(" kill_how=look", on=[(re.escape("[%d/9]" % n), press) for n in range(1, 9)])
        finally:
            self.node.image = self.shipped
        self.boots(boot)
        self.assertEqual(sorted(m.group(1) for m in boot.find_all(r"KILLER looked (\w+) \d+")),
                         ["broker", "crypto", "init", "kexec", "store"], tail(boot))
        found = [(m.group(1), m.group(2), int(m.group(3), 8)) for m in boot.find_all(r"KILLER terminal (\w+) \d+ (\d+:\d+) (\d+)")]
        self.assertIn(("broker", "4:64"), [f[:2] for f in found], tail(boot))
        self.assertEqual([f for f in found if f[2] & O_ACCMODE != O_WRONLY or not f[2] & O_NONBLOCK], [])
        self.assertEqual({f[0] for f in found}, {"init", "broker"})
        self.assertEqual([m.string for m in boot.find_all("KILLER console read|KILLER broken")], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
