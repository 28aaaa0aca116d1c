#!/usr/bin/python3
"""What must be refused is refused, on the real thing: each with its stable code, no second kernel of its own, and a good twin that boots.

Many bad candidates share one power-on: they stand before the good generation in the journal, each is refused with its code, then the
good one boots. A case that the product let pass would boot instead of the good one, which the report of the booted generation shows.
"""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import preboot

DIR = os.path.join(preboot.BUILD, "e2e", "refuse")
RAWPUT = os.path.join(preboot.BUILD, "tests", "rawput")
BAD_SLOTS = 7      # of 8; the good one has the last


class Case:
    """A bad generation: name, the one code, and the four files."""

    def __init__(self, org, name, code, manifest=None, signers=("r1", "r2"), kernel=None, initramfs=None, altered=None):
        """altered: what becomes of the manifest after it was signed."""
        self.name, self.code = name, code
        self.dir = org.path("case", name)
        os.makedirs(self.dir)
        good = org.path("good")
        with open(os.path.join(good, "manifest"), "rb") as f:
            base = f.read()
        # Every case has an id of its own, so that a refusal is this case's and no other's.
        base = re.sub(rb"issued \d+", b"issued %d" % (1790000000 + len(os.listdir(org.path("case")))), base)
        self.manifest = manifest(base) if manifest else base
        self.write("manifest.minisig", b"".join(self.sign(org, s, self.manifest) for s in signers))
        if altered:
            self.manifest = bytes(altered(bytearray(self.manifest)))
        self.write("manifest", self.manifest)
        for part, change in (("kernel", kernel), ("initramfs", initramfs)):
            path = os.path.join(self.dir, part)
            if change:
                with open(os.path.join(good, part), "rb") as f:
                    self.write(part, change(bytearray(f.read())))
            else:
                os.link(os.path.join(good, part), path)
        self.id = preboot.blake2b(self.manifest)

    def write(self, name, data):
        with open(os.path.join(self.dir, name), "wb") as f:
            f.write(data)

    def sign(self, org, signer, data):
        """A block by the public tool."""
        self.write("tosign", data)
        path = os.path.join(self.dir, "tosign")
        preboot.run("minisign", "-S", "-H", "-s", org.key(signer) + ".key", "-m", path, "-x", path + ".minisig", "-t", "case")
        with open(path + ".minisig", "rb") as f:
            return f.read()


def line(key, value):
    return lambda m: re.sub(rb"^%s( .*)?$" % key.encode(), ("%s %s" % (key, value)).encode(), m, flags=re.M)


def flip(at):
    def change(data):
        data[at] ^= 1
        return data
    return change


def cut(data):
    return data[:-1]


def swap_lines(m):
    lines = m.split(b"\n")
    lines[1], lines[2] = lines[2], lines[1]
    return b"\n".join(lines)


def cases(org):
    c = lambda *a, **k: Case(org, *a, **k)
    yield c("bit of the kernel", 501, kernel=flip(5000000))
    yield c("last bit of the kernel", 501, kernel=flip(-1))
    yield c("bit of the initramfs", 502, initramfs=flip(1000))
    yield c("bit of the manifest", 402, altered=flip(30))
    yield c("kernel one byte short", 504, kernel=cut)
    yield c("initramfs one byte short", 504, initramfs=cut)
    yield c("k-1 signatures", 402, signers=("r1",))
    yield c("the same key twice", 402, signers=("r1", "r1"))
    yield c("a key that is not listed", 402, signers=("r1", "stranger"))
    yield c("the org key is no release key", 402, signers=("r1", "org"))
    yield c("unknown line", 401, manifest=lambda m: m + b"shell yes\n")
    yield c("repeated line", 401, manifest=lambda m: re.sub(rb"(version 2\n)", rb"\1\1", m))
    yield c("missing line", 401, manifest=lambda m: re.sub(rb"watchdog \d+\n", b"", m))
    yield c("reordered lines", 401, manifest=swap_lines)
    yield c("truncated manifest", 401, manifest=lambda m: m[:-1])
    yield c("another kind of document", 401, manifest=lambda m: m.replace(b"sallyport-manifest 1", b"sallyport-report 1"))
    for n, size in enumerate((2**31 - 1, 2**31, 2**32, 2**63, 2**64, 0)):
        yield c("kernel size %d" % size, 504, manifest=line("kernel_size", size))
        if n % 2:
            yield c("initramfs size %d" % size, 504, manifest=line("initramfs_size", size))
    yield c("version under the floor", 404, manifest=line("version", 1))
    yield c("unpacked size over memory", 503, manifest=line("unpacked_size", 400 << 20))
    yield c("unpacked size 2^63", 504, manifest=line("unpacked_size", 2**63))
    yield c("issued before the build", 405, manifest=line("issued", 1700000000))
    for n, words in enumerate(("quiet -- x", 'quiet "x', "sysctl.kernel.kexec_load_disabled=0", "sysctl/kernel/kexec_load_disabled=0",
                               "sysctl.kernel.kexec-load-disabled=0", "init_on_free=0", "acpi_rsdp=0x1", "sallyport.boot=1", "--")):
        yield c("command line %d" % n, 506, manifest=line("cmdline", words))
    yield c("tab in the command line", 401, manifest=line("cmdline", "a\tb"))


class Refuse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = preboot.Organisation(DIR)
        os.makedirs(cls.org.path("case"))
        cls.initramfs = mkgen.make(cls.org.path("good.img"), "good")
        cls.good = cls.org.generation("good", 2, cls.initramfs, issued=1790000000)
        cls.image = cls.org.image(cls.org.config(least_version=2))
        cls.cases = list(cases(cls.org))

    def power_on(self, name, bad):
        node = preboot.Node(self.org.path("node-" + name), self.org, slots=8, slot_mib=24, image=self.image)
        node.put(self.good)
        for n, case in enumerate(bad):
            files = [os.path.join(case.dir, f) for f in ("manifest", "manifest.minisig", "kernel", "initramfs")]
            preboot.run(RAWPUT, node.cache, 7 - n, *files)
        return node.power_on(stop_on="GENERATION DONE", timeout_s=150)

    def test_bad_candidates(self):
        good_id = preboot.generation_id(self.good)
        for at in range(0, len(self.cases), BAD_SLOTS):
            bad = self.cases[at:at + BAD_SLOTS]
            boot = self.power_on(str(at), bad)
            for case in bad:
                with self.subTest(case.name):
                    said = boot.find(r"SP(\d+) slot \d generation %s" % case.id[:12])
                    self.assertIsNotNone(said, "not refused by name:\n" + boot.serial)
                    self.assertEqual(int(said.group(1)), case.code, boot.serial)
            # The positive twin: what booted is the good one, and one kernel only.
            self.assertEqual(boot.block("good").get("report", "").split("generation ")[1].split()[0], good_id, boot.serial)
            self.assertEqual(len(boot.find_all(preboot.SECOND_KERNEL + "ood$")), 1, boot.serial)

    def test_nothing_but_bad_candidates_stops(self):
        node = preboot.Node(self.org.path("node-only-bad"), self.org, slots=2, slot_mib=24, image=self.image)
        case = self.cases[0]
        preboot.run(RAWPUT, node.cache, 0, *[os.path.join(case.dir, f) for f in ("manifest", "manifest.minisig", "kernel", "initramfs")])
        boot = node.power_on(timeout_s=60)
        self.assertEqual(preboot.codes(boot), [501, 605], boot.serial)
        self.assertFalse(preboot.booted(boot), boot.serial)
        self.assertEqual(boot.ended, "guest-reset", boot.serial)

    def test_empty_cache_stops(self):
        node = preboot.Node(self.org.path("node-empty"), self.org, slots=2, slot_mib=24, image=self.image)
        boot = node.power_on(timeout_s=60)
        self.assertEqual(preboot.codes(boot), [305, 605], boot.serial)
        self.assertFalse(preboot.booted(boot), boot.serial)
        self.assertEqual(boot.ended, "guest-reset", boot.serial)

    def test_unformatted_cache_is_not_enrolled_on(self):
        node = preboot.Node(self.org.path("node-blank"), self.org, slots=2, slot_mib=24, image=self.image)
        with open(node.cache, "r+b") as f:
            f.write(bytes(1 << 20))
        boot = node.power_on(timeout_s=60)
        self.assertEqual(preboot.codes(boot), [302], boot.serial)
        self.assertFalse(preboot.booted(boot), boot.serial)

    def test_kernel_that_kexec_rejects_falls_back_by_itself(self):
        """Signed by all, and no kernel at all: the next power-on boots the older generation and says why."""
        with open(os.path.join(self.good, "kernel"), "rb") as f:
            kernel = bytearray(f.read())
        kernel[0x236:0x238] = b"\0\0"       # xloadflags: no 64-bit entry, not loadable above 4 GiB: kexec's bzImage64 loader wants both
        path = self.org.path("rejected-kernel")
        with open(path, "wb") as f:
            f.write(kernel)
        rejected = self.org.generation("rejected", 3, self.initramfs, kernel_image=path)
        node = preboot.Node(self.org.path("node-rejected"), self.org, slots=4, slot_mib=24, image=self.image)
        node.put(self.good)
        node.healthy(preboot.generation_id(self.good))
        node.put(rejected)
        first = node.power_on(timeout_s=120)
        self.assertEqual(preboot.codes(first), [601], first.serial)
        self.assertFalse(preboot.booted(first), first.serial)
        self.assertEqual(first.ended, "guest-reset", first.serial)
        second = node.power_on(stop_on="GENERATION DONE", timeout_s=120)
        self.assertIn("report generation " + preboot.generation_id(self.good), second.serial)


if __name__ == "__main__":
    unittest.main()
