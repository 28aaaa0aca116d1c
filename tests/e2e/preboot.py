"""A whole sallyport for the tests: an organisation with its keys, signed generations, a preboot image, and machines that boot it.

    org = Organisation("build/e2e/x")                       # keys r1 r2 r3 (threshold 2) and an org key
    gen = org.generation("alpha", version=1, initramfs=mkgen.make(...))     # signed by r1, cosigned by r2
    node = Node("build/e2e/x/node", org)                    # disk with a formatted cache, TPM, preboot initramfs
    node.put(gen)
    r = node.power_on()                                     # vm.Boot, see vm.py

Everything is made by the product's own tools; nothing here knows a format.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import vm

TOP = mkgen.TOP
BUILD = os.path.join(TOP, "build")
BIN = os.path.join(BUILD, "bin")
# panic: the end of PID 1 is a reboot. init_on_free: a freed page keeps no key. loglevel: the console is the operator's.
PREBOOT_LINE = "console=ttyS0 loglevel=3 panic=1 init_on_free=1"
GENERATION_LINE = "console=ttyS0 loglevel=3 panic=1"
MODULES = ["virtio_pci", "virtio_blk"]
SECOND_KERNEL = r"GENERATION \w"


def kernel(line, name="vmlinuz"):
    return os.path.join(BUILD, "kernel", line, name)


def run(*argv, status=0):
    """Run a tool; its output. Another exit status than the expected one raises."""
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != status:
        raise AssertionError("%s: exit %d, expected %d:\n%s" % (" ".join(map(str, argv)), done.returncode, status, done.stdout))
    return done.stdout


def org_tool(*argv, status=0):
    return run(os.path.join(BIN, "sallyport-org"), *argv, status=status)


def blake2b(data):
    return hashlib.blake2b(data, digest_size=32).hexdigest()


class Organisation:
    def __init__(self, dir, names=("r1", "r2", "r3"), threshold=2):
        self.dir = os.path.abspath(dir)
        self.names, self.threshold = names, threshold
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        os.mkdir(self.path("keys"))
        org_tool("keygen", self.path("keys"), *names, "org", "stranger")

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def key(self, name):
        return self.path("keys", name)

    def config(self, name="config", **options):
        """A config document; options are those of sallyport-org config, with _ for -."""
        args = {"threshold": self.threshold, "cache": "vda", "tpm": "tpm0", "console": "ttyS0", "enrol": "local", "retry-wait": 2,
                "build-time": 1790000000}
        args.update({k.replace("_", "-"): v for k, v in options.items()})
        argv = [x for k, v in args.items() for x in ("--" + k, v)]
        keys = [x for n in self.names for x in ("--release-key", self.key(n) + ".pub")]
        out = self.path(name)
        org_tool("config", *argv, *keys, "--org-key", self.key("org") + ".pub", "-o", out)
        return out

    def image(self, config, line="6.1", name=None, files=None, modules=()):
        """The preboot initramfs for a kernel line; modules: more than MODULES."""
        out = self.path(name or "preboot-" + line)
        order = self.path("modules-" + line)
        with open(order, "w") as f:
            f.write(run(os.path.join(TOP, "image/modules.sh"), os.path.join(BUILD, "kernel", line), *MODULES, *modules))
        org_tool("image", "-c", config, "--programs", BIN, "--modules-dir", kernel(line, "modules"), "--modules", order, "--list",
                  files or os.path.join(TOP, "image/files.list"), "-o", out)
        return out

    def generation(self, name, version, initramfs, line="6.1", cmdline=GENERATION_LINE, signers=("r1", "r2"), kernel_image=None, **options):
        out = self.path(name)
        argv = [x for k, v in options.items() for x in ("--" + k.replace("_", "-"), v)]
        org_tool("sign", "-k", self.key(signers[0]) + ".key", "-v", version, "--kernel", kernel_image or kernel(line),
                 "--initramfs", initramfs, "--cmdline", cmdline, *argv, "-o", out)
        for signer in signers[1:]:
            org_tool("cosign", "-k", self.key(signer) + ".key", out)
        return out


def generation_id(folder):
    with open(os.path.join(folder, "manifest"), "rb") as f:
        return blake2b(f.read())


class Node:
    """A machine: a disk with the cache, a TPM, and the preboot image it boots."""

    def __init__(self, dir, org, slots=4, slot_mib=96, line="6.1", config=None, image=None, banks=None):
        shutil.rmtree(dir, ignore_errors=True)
        self.machine = vm.Machine(dir, pcr_banks=banks)
        self.line = line
        self.image = image or org.image(config or org.config(), line)
        self.cache = self.machine.path("cache.img")
        org_tool("cache", "format", self.cache, "--slots", slots, "--slot-size", slot_mib, "--size", slots * slot_mib + 1)

    def put(self, generation):
        org_tool("cache", "put", self.cache, generation)
        return generation_id(generation)

    def healthy(self, generation_id):
        org_tool("cache", "healthy", self.cache, generation_id)

    def listing(self):
        return org_tool("cache", "list", self.cache)

    def power_on(self, memory_mb=512, disks=(), line=PREBOOT_LINE, timeout_s=120, **options):
        return self.machine.boot(kernel(self.line), self.image, line, memory_mb=memory_mb, disks=[self.cache, *disks],
                                 timeout_s=timeout_s, **options)


def codes(boot):
    """The stable codes on the console, in order."""
    return [int(m.group(1)) for m in boot.find_all(r"SP(\d{3}) ")]


def reached(boot):
    """The numbered checkpoints on the console, in order."""
    return [int(m.group(1)) for m in boot.find_all(r"\[(\d)/9\]")]


def booted(boot):
    """Did a second kernel come up?"""
    return boot.find(SECOND_KERNEL) is not None
