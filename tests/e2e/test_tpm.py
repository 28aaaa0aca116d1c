#!/usr/bin/python3
"""The TPM's refusals, on the real thing: no TPM, cleared, exchanged, unfinished, changed PCRs, redefined index, banks.

A refusal wants three things: its exact code, no second kernel, and a positive twin that boots. One enrolled machine is copied for
each case, so that each begins with the same TPM and disk; what was altered is the only difference to the twin. Machines run two at a time.
"""

import hashlib
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import preboot
import tpmhelp

DIR = os.path.join(preboot.BUILD, "e2e", "tpm")
DONE = "GENERATION DONE"
FIRST_LIST = "file /init.real 0755 {programs}/init\nfile /init 0755 firstprog\n"


class Tpm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = preboot.Organisation(DIR)
        org.config("config", retry_wait=1)
        cls.image = org.image(org.path("config"))
        cls.image_none = org.image(org.config("config-none", retry_wait=1, enrol="none"), name="preboot-none")
        tpmhelp.compile_static("firstprog", org.path("firstprog"))
        with open(os.path.join(preboot.TOP, "image/files.list")) as f:
            kept = [line for line in f if not line.startswith("file /init ")]
        with open(org.path("first.list"), "w") as f:
            f.write("".join(sorted(kept + FIRST_LIST.splitlines(True), key=lambda line: line.split()[1])))
        cls.image_first = org.image(org.path("config"), name="preboot-first", files=org.path("first.list"))
        cls.gen = org.generation("gen", 1, mkgen.make(org.path("gen.img"), "gen", compress="zstd", tpm2=True, hooks=[tpmhelp.HOOK]))
        cls.id = preboot.generation_id(cls.gen)
        # Enrolled once; the cases are copies of it.
        cls.node = cls.blank("own")
        cls.first = cls.node.power_on(stop_on=DONE)
        cls.fresh = tpmhelp.report(cls.first, "gen")
        cls.scenarios = tpmhelp.Scenarios(cls)

    @classmethod
    def tearDownClass(cls):
        cls.scenarios.close()

    @classmethod
    def blank(cls, name, **options):
        node = preboot.Node(cls.org.path("node-" + name), cls.org, slots=2, slot_mib=32, image=options.pop("image", cls.image), **options)
        node.put(cls.gen)
        return node

    @classmethod
    def enrolled(cls, name, **options):
        node = tpmhelp.clone(cls.node, name)
        node.image = options.get("image", node.image)
        return node

    @staticmethod
    def changed(node, what):
        return node.power_on(line=preboot.PREBOOT_LINE + " TRY_EXTEND=" + what, stop_on=DONE)

    def refused(self, boot, *codes):
        self.assertEqual(preboot.codes(boot), list(codes), boot.serial)
        self.assertFalse(preboot.booted(boot), boot.serial)
        self.assertNotIn(2, preboot.reached(boot), boot.serial)
        self.assertEqual(boot.ended, "guest-reset", boot.serial)
        self.assertFalse(boot.timed_out, boot.serial)

    def came_up(self, boot, node=None, enrolled_now=0):
        """Booted as the machine that it was: its node id, its key."""
        self.assertEqual(preboot.codes(boot), [], boot.serial)
        report = tpmhelp.report(boot, "gen")
        self.assertEqual(report.get("generation"), self.id, boot.serial)
        self.assertEqual(report["enrolled_now"], str(enrolled_now), boot.serial)
        if node:
            self.assertEqual(report["node"], node, boot.serial)
        if node == self.fresh["node"]:
            self.assertEqual(boot.block("gen")["luks.key"], self.first.block("gen")["luks.key"], boot.serial)
        return report

    def extended_before(self, boot, pcr, *banks):
        """The first program did what it was to do; else the case says nothing."""
        for bank in banks or tpmhelp.BANKS:
            self.assertTrue(boot.find(r"^firstprog: PCR %d %s: 0x0$" % (pcr, bank)), boot.serial)

    def banks(self, boot, *banks):
        """PCR 8 in every bank: the latch, then the generation."""
        facts = boot.block("gen")
        self.assertEqual({k[5:]: v for k, v in facts.items() if k.startswith("pcr8.")},
                         {b: tpmhelp.extended(b, tpmhelp.LATCH, bytes.fromhex(self.id)) for b in banks}, boot.serial)
        said = boot.find(r"\[2/9\].* PCR 8 extended in (\d) bank")
        self.assertEqual(int(said.group(1)), len(banks), boot.serial)

    # The machine itself: enrolled, four banks; and every later boot.

    @classmethod
    def run_again(cls):
        return cls.enrolled("again").power_on(stop_on=DONE)

    def test_enrolled_and_again(self):
        report = self.came_up(self.first, tpmhelp.node_of(self.first), enrolled_now=1)
        self.banks(self.first, *tpmhelp.BANKS)
        self.assertEqual(tpmhelp.index(tpmhelp.clone(self.node, "look").machine), (
            tpmhelp.ATTRIBUTES | tpmhelp.FINISHED, tpmhelp.policy(report["pcr4"], report["pcr7"]), tpmhelp.INDEX_BYTES))
        org_key, secret = tpmhelp.stored(self.node.machine, report["node"])
        key = tpmhelp.luks_key(secret, org_key, self.id)
        self.assertIn(hashlib.sha256(key).hexdigest(), self.first.block("gen")["luks.key"])
        again = self.scenarios.result("again")
        self.came_up(again, report["node"])
        self.banks(again, *tpmhelp.BANKS)

    # No TPM, a cleared one, another one.

    @classmethod
    def run_absent(cls):
        node = cls.enrolled("absent")
        return node.power_on(tpm=False), node.power_on(stop_on=DONE)

    def test_no_tpm(self):
        absent, back = self.scenarios.result("absent")
        self.refused(absent, 201, 201)      # init misses the device, crypto-worker the TPM
        self.came_up(back, self.fresh["node"])

    @classmethod
    def run_cleared(cls):
        node = cls.enrolled("cleared")
        with node.machine.tpm_socket() as tpm:
            tpm.run("tpm2_clear", "-c", "p")
        boots = [node.power_on(), node.power_on()]
        index = tpmhelp.index(node.machine)
        # What says that the node is known is blanked, as its owner would.
        preboot.org_tool("cache", "format", node.cache, "--slots", 2, "--slot-size", 32, status=1)
        preboot.org_tool("cache", "format", node.cache, "--slots", 2, "--slot-size", 32, "--force")
        node.put(cls.gen)
        new = cls.enrolled("new-tpm")
        new.machine.tpm_clear()
        return boots + [new.power_on()], index, tpmhelp.index(new.machine), node.power_on(stop_on=DONE)

    def test_cleared(self):
        boots, index, index_new, anew = self.scenarios.result("cleared")
        for boot in boots:
            self.refused(boot, 203)
        self.assertIsNone(index)            # never a silent enrolment
        self.assertIsNone(index_new)
        self.came_up(anew, tpmhelp.node_of(anew), enrolled_now=1)
        self.assertNotEqual(tpmhelp.node_of(anew), self.fresh["node"])
        self.assertNotEqual(anew.block("gen")["luks.key"], self.first.block("gen")["luks.key"])     # which opens nothing old

    @classmethod
    def run_exchanged(cls):
        """Another enrolled machine, with one bank; its TPM under this one's disk."""
        other = cls.blank("other", banks="sha256")
        enrolled = other.power_on(stop_on=DONE)
        mixed = tpmhelp.clone(other, "mixed")
        preboot.run("cp", "--sparse=always", cls.node.cache, mixed.cache)
        return enrolled, mixed.power_on(), other.power_on(stop_on=DONE)

    def test_exchanged(self):
        enrolled, mixed, back = self.scenarios.result("exchanged")
        report = self.came_up(enrolled, tpmhelp.node_of(enrolled), enrolled_now=1)
        self.assertNotEqual(report["node"], self.fresh["node"])
        self.refused(mixed, 204)
        self.came_up(back, report["node"])
        self.banks(back, "sha256")

    # An enrolment that was not finished.

    @classmethod
    def define(cls, tpm, attributes, policy, size=tpmhelp.INDEX_BYTES):
        with tempfile.NamedTemporaryFile() as f:
            f.write(policy)
            f.flush()
            tpm.run("tpm2_nvdefine", hex(tpmhelp.INDEX), "-C", "o", "-s", str(size), "-a", hex(attributes), "-L", f.name)

    @classmethod
    def run_unfinished(cls):
        node = cls.blank("unfinished")
        with node.machine.tpm_socket() as tpm:
            cls.define(tpm, tpmhelp.ATTRIBUTES, tpmhelp.policy(cls.fresh["pcr4"], cls.fresh["pcr7"]))
        before = tpmhelp.index(node.machine)
        boot = node.power_on()
        after = tpmhelp.index(node.machine)
        with node.machine.tpm_socket() as tpm:
            tpm.run("tpm2_nvundefine", hex(tpmhelp.INDEX), "-C", "o")
        return boot, before, after, node.power_on(stop_on=DONE)

    def test_defined_and_unwritten(self):
        boot, before, after, twin = self.scenarios.result("unfinished")
        self.refused(boot, 205)
        self.assertEqual(before, after)     # neither written nor undefined behind the owner's back
        self.came_up(twin, tpmhelp.node_of(twin), enrolled_now=1)

    @classmethod
    def run_power_cut(cls):
        node = cls.blank("cut")
        cut = node.power_on(on=[("", tpmhelp.cut_when_defined(node.machine))], stop_on=DONE)
        return cut, tpmhelp.index(node.machine), node.power_on(stop_on=DONE)

    def test_power_cut_in_enrolment(self):
        """Wherever it struck: what the TPM holds decides what the next boot says, and there is no third way."""
        cut, index, boot = self.scenarios.result("power_cut")
        self.assertTrue(cut.cut, cut.serial)
        self.assertIsNotNone(index)
        if index[0] & tpmhelp.FINISHED == tpmhelp.FINISHED:
            self.came_up(boot, tpmhelp.node_of(boot))
        else:
            self.refused(boot, 205)

    @classmethod
    def run_before_header(cls):
        node = cls.blank("header", image=cls.image_first)
        used = cls.changed(node, "8")
        index = tpmhelp.index(node.machine)
        cut = node.power_on(on=[(r"\[2/9\]", lambda b: b.power_cut())])
        return used, index, cut, node.power_on(stop_on=DONE)

    def test_pcr8_used_before_enrolment(self):
        used, index, cut, boot = self.scenarios.result("before_header")
        self.extended_before(used, 8)
        self.refused(used, 212)
        self.assertIsNone(index)
        # The twin enrols.  The power fails before the cache knows the node: it is the same node all the same.
        self.assertTrue(cut.find("enrolled now"), cut.serial)
        self.came_up(boot, tpmhelp.node_of(cut))

    # Something else ran before.

    @classmethod
    def run_changed(cls):
        node = cls.enrolled("changed", image=cls.image_first)
        return {what: cls.changed(node, what) for what in ("4", "7", "8", "8,sha1", "9")}

    def test_changed_pcrs(self):
        boots = self.scenarios.result("changed")
        for what, code in (("4", 206), ("7", 206), ("8", 212), ("8,sha1", 211)):
            with self.subTest("PCR " + what):
                self.extended_before(boots[what], int(what[0]), *what.split(",")[1:])
                self.refused(boots[what], code)
        self.extended_before(boots["9"], 9)
        self.came_up(boots["9"], self.fresh["node"])
        self.banks(boots["9"], *tpmhelp.BANKS)

    # The owner redefines the index.

    @classmethod
    def run_redefined(cls):
        owners = 1 << 1 | 1 << 17 | tpmhelp.ATTRIBUTES      # OWNERWRITE, OWNERREAD beside ours
        right = tpmhelp.policy(cls.fresh["pcr4"], cls.fresh["pcr7"])
        content = tpmhelp.MAGIC + bytes.fromhex(cls.fresh["node"]) + bytes(64)
        boots, indexes = [], []
        for attributes, size, write in (owners, tpmhelp.INDEX_BYTES, True), (tpmhelp.ATTRIBUTES, 32, False):
            node = cls.enrolled("redefined-%d" % size)
            with node.machine.tpm_socket() as tpm:
                tpm.run("tpm2_nvundefine", hex(tpmhelp.INDEX), "-C", "o")
                cls.define(tpm, attributes, right, size)
                if write:       # the owner's own secret under this node's id, locked as ours is
                    tpm.run("tpm2_nvwrite", hex(tpmhelp.INDEX), "-C", "o", "-i", "-", data=content)
                    tpm.run("tpm2_nvwritelock", hex(tpmhelp.INDEX), "-C", "o")
            indexes.append(tpmhelp.index(node.machine))
            boots.append(node.power_on())
        return boots, indexes

    def test_redefined(self):
        boots, indexes = self.scenarios.result("redefined")
        self.assertEqual(indexes[0][0] & tpmhelp.FINISHED, tpmhelp.FINISHED)
        for boot in boots:
            self.refused(boot, 207)
        self.came_up(self.scenarios.result("again"), self.fresh["node"])

    # Not enrolled, and not to be.

    @classmethod
    def run_none(cls):
        blank = cls.blank("none", image=cls.image_none)
        boot = blank.power_on()
        return boot, tpmhelp.index(blank.machine), cls.enrolled("none", image=cls.image_none).power_on(stop_on=DONE)

    def test_enrol_none(self):
        boot, index, twin = self.scenarios.result("none")
        self.refused(boot, 208)
        self.assertIsNone(index)
        self.came_up(twin, self.fresh["node"])

    # Lockout is no reason to stop: nothing of ours has dictionary-attack protection.

    @classmethod
    def run_lockout(cls):
        node = cls.enrolled("lockout")
        with node.machine.tpm_socket() as tpm:
            tpm.run("tpm2_dictionarylockout", "-s", "-n", "1", "-t", "1000000", "-l", "1000000")
            tpm.run("tpm2_nvdefine", "0x01800001", "-C", "o", "-s", "8", "-a", "authread|authwrite", "-p", "right")
            codes = [tpm.run("tpm2_nvwrite", "0x01800001", "-C", "0x01800001", "-P", "wrong", "-i", "-", data=b"12345678",
                             check=False).returncode for _ in range(2)]
        return codes, node.power_on(stop_on=DONE)

    def test_lockout_does_not_stop(self):
        codes, boot = self.scenarios.result("lockout")
        self.assertNotIn(0, codes)
        self.assertEqual(boot.block("gen").get("lockout"), "1", boot.serial)
        self.came_up(boot, self.fresh["node"])

    # Banks.

    @classmethod
    def run_two_banks(cls):
        """Behind the older interface, TIS."""
        return cls.blank("two-banks", banks="sha1,sha256").power_on(tpm="tis", stop_on=DONE)

    def test_two_banks(self):
        boot = self.scenarios.result("two_banks")
        self.came_up(boot, tpmhelp.node_of(boot), enrolled_now=1)
        self.banks(boot, "sha1", "sha256")

    @classmethod
    def run_sha1(cls):
        node = cls.blank("sha1", banks="sha1")
        boot = node.power_on()
        index = tpmhelp.index(node.machine)
        with node.machine.tpm_socket() as tpm:
            tpm.run("tpm2_pcrallocate", "sha1:none+sha256:all")
        return boot, index, node.power_on(stop_on=DONE)

    def test_sha1_alone(self):
        boot, index, twin = self.scenarios.result("sha1")
        self.refused(boot, 210)
        self.assertIsNone(index)
        self.came_up(twin, tpmhelp.node_of(twin), enrolled_now=1)
        self.banks(twin, "sha256")


if __name__ == "__main__":
    unittest.main()
