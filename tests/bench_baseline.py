"""The baseline of make bench: preboot's job as a shell script over Debian packages, on the same machine as ours.

    base = Baseline("build/bench/baseline")
    base.put(generation_initramfs)          # the offline job: both parts on a disk, and a manifest that its own key signs
    base.fetch(url, ca, release_key, network)      # or the online job: a generation's folder at the organisation's service
    base.enrol(pcr4, pcr7)                  # the TPM's index, made on the host
    boot = base.power_on(line, memory_mb=1024)      # vm.Boot, see e2e/vm.py

busybox, tpm2-tools, openssl, minisign, kexec-tools and, online, curl as Debian has them, with the libraries that ldd names;
tests/bench_init.sh is its /init. Nothing of it is used by the product.
"""

import hashlib
import hmac
import os
import re
import shutil
import subprocess

import mkgen
import preboot
import vm

TESTS = os.path.dirname(os.path.abspath(__file__))
PACKAGES = os.path.join(preboot.BUILD, "bench-packages")
INDEX = "0x1500016"
SECRET = hashlib.sha256(b"the baseline's secret").digest()
APPLETS = "sh mount cat cp sed ip udhcpc modprobe sha256sum stat dd tr cpio xxd usleep poweroff mkdir".split()
MIB = 1 << 20


def key():
    """HKDF-SHA256, RFC 5869, one block: what must be /luks.key in the generation."""
    return hmac.new(hmac.new(b"baseline", SECRET, "sha256").digest(), b"luks\x01", "sha256").digest()


def _find(root, name):
    """A program of the unpacked packages, or of this machine."""
    for folder in ("bin", "sbin", "usr/bin", "usr/sbin"):
        for base in (root, "/"):
            path = os.path.join(base, folder, name)
            if os.path.exists(path):
                return path
    raise SystemExit("bench: no %s in Debian's packages" % name)


def _add(tree, packages, path, dest):
    """A program or shared object with its libraries, each at the place that Debian has for it."""
    mkgen.copy(os.path.realpath(path), tree, dest, 0o755)
    libs = os.path.join(packages, "usr/lib/x86_64-linux-gnu")
    said = subprocess.run(["ldd", path], check=True, stdout=subprocess.PIPE, text=True, env=dict(os.environ, LD_LIBRARY_PATH=libs)).stdout
    if "not found" in said:
        raise SystemExit("bench: %s lacks a library: %s" % (path, said))
    for lib in re.findall(r"(/\S+) \(0x", said):
        at = lib[len(packages):] if lib.startswith(packages) else lib
        if not os.path.exists(os.path.join(tree, at.lstrip("/"))):
            mkgen.copy(os.path.realpath(lib), tree, at, 0o755)


def _modules(tree, line, names):
    """The same module files as ours, under /lib/modules for modprobe."""
    with open(preboot.kernel(line, "release")) as f:
        release = f.read().strip()
    folder = os.path.join("lib/modules", release)
    listing = preboot.run(os.path.join(preboot.TOP, "image/modules.sh"), os.path.join(preboot.BUILD, "kernel", line), *names)
    for name in listing.split():
        mkgen.copy(preboot.kernel(line, "modules/" + name), tree, os.path.join(folder, name), 0o644)
    preboot.run("depmod", "-b", tree, release)
    # modprobe reads these two alone
    for name in os.listdir(os.path.join(tree, folder)):
        if name.startswith("modules.") and name not in ("modules.dep", "modules.alias"):
            os.unlink(os.path.join(tree, folder, name))


def make_tree(tree, public_key, line="6.1", url=None, ca=None):
    """The baseline's root folder; url and ca: for the online job."""
    packages = os.path.join(PACKAGES, "root")
    preboot.run(os.path.join(TESTS, "bench_packages.sh"), PACKAGES)
    for name in "dev", "proc", "sys", "run", "tmp":
        os.makedirs(os.path.join(tree, name))
    for name in ("busybox", "minisign", "openssl", "kexec", "tpm2") + (("curl",) if url else ()):
        _add(tree, packages, _find(packages, name), "bin/" + name)
    # tpm2 loads it by name, so ldd does not name it
    _add(tree, packages, "/usr/lib/x86_64-linux-gnu/libtss2-tcti-device.so.0", "usr/lib/x86_64-linux-gnu/libtss2-tcti-device.so.0")
    for name in APPLETS:
        os.symlink("busybox", os.path.join(tree, "bin", name))
    os.symlink("tpm2", os.path.join(tree, "bin/tpm2_nvread"))
    _modules(tree, line, preboot.MODULES + (["virtio_net"] if url else []))
    if url:
        mkgen.copy(ca, tree, "ca.crt", 0o444)
        mkgen.copy(os.path.join(TESTS, "bench_udhcpc.sh"), tree, "udhcpc.sh", 0o755)
        with open(os.path.join(tree, "url"), "w") as f:
            f.write(url)
    mkgen.copy(public_key, tree, "minisign.pub", 0o444)
    mkgen.copy(os.path.join(TESTS, "bench_init.sh"), tree, "init", 0o755)
    with open(os.path.join(tree, "cmdline"), "w") as f:
        f.write(preboot.GENERATION_LINE)


def programs(tree):
    """Its programs, libraries and script: what stands where our programs stand."""
    found = [os.path.join(folder, n) for folder, _, names in os.walk(tree) for n in names if "lib/modules" not in folder]
    return sorted(p for p in found if not os.path.islink(p) and os.access(p, os.X_OK))


class Baseline:
    def __init__(self, dir, line="6.1"):
        shutil.rmtree(dir, ignore_errors=True)
        self.machine = vm.Machine(dir)
        self.line, self.disks, self.extra = line, [], ()
        self.tree, self.image = self.machine.path("tree"), self.machine.path("image")

    def _pack(self, *tree):
        make_tree(self.tree, *tree)
        subprocess.run(["zstd", "-q", "-19", "-T1", "-o", self.image], input=mkgen.cpio(self.tree), check=True)

    def put(self, generation):
        preboot.run("minisign", "-G", "-W", "-p", self.machine.path("ms.pub"), "-s", self.machine.path("ms.key"))
        self._pack(self.machine.path("ms.pub"), self.line)
        self.disks = [self._disk({"kernel": preboot.kernel(self.line), "initramfs": generation})]
        return self

    def fetch(self, url, ca, release_key, network):
        """network: QEMU's arguments for it."""
        self._pack(release_key, self.line, url, ca)
        self.extra = tuple(network)
        return self

    def _disk(self, parts):
        """Manifest, signature, and from 1 MiB on the parts."""
        path, manifest, at = self.machine.path("disk.img"), self.machine.path("manifest"), MIB
        with open(path, "wb") as disk, open(manifest, "w") as text:
            for name, source in parts.items():
                with open(source, "rb") as f:
                    data = f.read()
                text.write("%s %d %d %s\n" % (name, at, len(data), hashlib.sha256(data).hexdigest()))
                disk.seek(at)
                disk.write(data)
                at = (disk.tell() + MIB - 1) // MIB * MIB
            disk.truncate(at)
        preboot.run("minisign", "-S", "-W", "-s", self.machine.path("ms.key"), "-m", manifest)
        with open(path, "r+b") as disk:
            for at, name in (0, manifest), (4096, manifest + ".minisig"):
                with open(name, "rb") as f:
                    disk.seek(at)
                    disk.write(f.read())
        return path

    def enrol(self, pcr4, pcr7):
        """The secret in an index that can be read while PCR 4 and 7 are these (hexadecimal, SHA-256) and PCR 8 is zero, as ours."""
        pcrs, policy = self.machine.path("pcrs"), self.machine.path("policy")
        with open(pcrs, "wb") as f:
            f.write(bytes.fromhex(pcr4) + bytes.fromhex(pcr7) + bytes(32))
        with self.machine.tpm_socket() as t:
            t.run("tpm2_createpolicy", "--policy-pcr", "-l", "sha256:4,7,8", "-f", pcrs, "-L", policy)
            t.run("tpm2_nvdefine", INDEX, "-C", "o", "-s", "32", "-L", policy, "-a", "ownerwrite|policyread")
            t.run("tpm2_nvwrite", INDEX, "-C", "o", "-i-", data=SECRET)

    def power_on(self, kernel_line, memory_mb=1024, timeout_s=180, **options):
        return self.machine.boot(preboot.kernel(self.line), self.image, kernel_line, memory_mb=memory_mb, disks=self.disks,
                                 timeout_s=timeout_s, extra=self.extra, **options)
