#!/usr/bin/python3
"""Generations of every form boot with their key: Debian's 6.1 and 6.12 kernels, five compressions, odd sizes, 60 MB of content.

In each the key must be there with its mode, kexec must be off, and the report must name this generation: a kernel that stops unpacking
early boots on without the last files, and ours are the last.
"""

import concurrent.futures
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import preboot

DIR = os.path.join(preboot.BUILD, "e2e", "formats")
FORMS = ("none", "gzip", "xz", "zstd", "lz4")
SIZES = (0, 1, 2, 3, 4, 511)


def forms():
    """(name, kernel line, options of mkgen.make)."""
    for line in ("6.1", "6.12"):
        for compress in FORMS:
            yield "%s-%s" % (line, compress), line, {"compress": compress}
    # Sizes by the formats that fail first: lz4 needs zeros behind it, a plain archive needs its alignment.
    for n in SIZES:
        yield "size-%d" % n, "6.1", {"compress": "lz4" if n % 2 else "gzip", "mod512": n}
    yield "size-lz4-0", "6.1", {"compress": "lz4", "mod512": 0}
    yield "big", "6.1", {"compress": "zstd", "pad_mb": 60}


class Formats(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = preboot.Organisation(DIR)
        cls.images = {line: cls.org.image(cls.org.config("config-" + line), line) for line in ("6.1", "6.12")}
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            cls.boots = dict(pool.map(cls.boot, forms()))

    @classmethod
    def boot(cls, form):
        name, line, options = form
        initramfs = mkgen.make(cls.org.path(name + ".img"), name, **options)
        generation = cls.org.generation("gen-" + name, 1, initramfs, line=line)
        node = preboot.Node(cls.org.path("node-" + name), cls.org, slots=1, slot_mib=96, line=line, image=cls.images[line])
        node.put(generation)
        boot = node.power_on(stop_on="GENERATION DONE", timeout_s=240)
        os.unlink(node.cache)
        return name, (boot, preboot.generation_id(generation))

    def test_every_form_boots_with_its_key(self):
        self.assertEqual(len(self.boots), 18)
        for name, (boot, generation) in self.boots.items():
            with self.subTest(name):
                facts = boot.block(name)
                self.assertRegex(facts.get("luks.key", ""), r"^present [0-9a-f]{64} mode=400 uid=0 gid=0 nlink=1 size=32$", boot.serial)
                self.assertEqual(facts["luks.key.prev"], "absent")
                self.assertEqual(facts["kexec_load_disabled"], "1")
                self.assertIn("generation " + generation, facts["report"])

    def test_keys_differ(self):
        """Another generation, another machine: another key."""
        keys = [boot.block(name)["luks.key"].split()[1] for name, (boot, _) in self.boots.items()]
        self.assertEqual(len(set(keys)), len(keys))


class Image(unittest.TestCase):
    """The image is its file list and nothing else, and the same inputs make the same bytes."""

    def test_image_is_its_list(self):
        org = preboot.Organisation(DIR + "-image")
        image = org.image(org.config())
        again = org.image(org.path("config"), name="again")
        with open(image, "rb") as a, open(again, "rb") as b:
            self.assertEqual(a.read(), b.read())
        plain = subprocess.run(["zstd", "-dc", image], stdout=subprocess.PIPE, check=True).stdout
        names = subprocess.run(["cpio", "-it", "--quiet"], input=plain, stdout=subprocess.PIPE, check=True).stdout.decode().split()
        with open(os.path.join(preboot.TOP, "image/files.list")) as f:
            rows = [row.split() for row in f if not row.startswith("#")]
        listed = {row[1].lstrip("/") for row in rows if row[0] != "modules"}
        with open(org.path("modules-6.1")) as f:
            modules = {"lib/modules/" + os.path.basename(m.strip()) for m in f}
        self.assertEqual(set(names), listed | modules)
        for name in names:
            self.assertNotRegex(name, r"(^|/)(sh|bash|dash|busybox|python.*|perl|lua.*|ld-.*)$")
        self.assertNotRegex(" ".join(modules), r"(ext[234]|vfat|xfs|btrfs|fat|nls_\w+)\.ko")


if __name__ == "__main__":
    unittest.main()
