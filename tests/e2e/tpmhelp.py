"""What test_tpm.py and test_inside.py share: the TPM's side computed independently of the product, copies of machines, two at a time.

Digests, policy and key are computed here from their definitions (DESIGN.md, TCG part 3), not by the product's code.
"""

import concurrent.futures
import ctypes
import glob
import hashlib
import hmac
import os
import re
import select
import shutil
import struct
import subprocess
import threading

import preboot
import vm

INDEX = 0x01535059
INDEX_BYTES = 4 + 16 + 32 + 32
MAGIC = b"SPY\x01"
LATCH = b"sallyport closed 1"
# TPMA_NV, part 2, 13.4: POLICYWRITE, WRITELOCKED, WRITEDEFINE, POLICYREAD, NO_DA, READ_STCLEAR, WRITTEN
ATTRIBUTES = 1 << 3 | 1 << 13 | 1 << 19 | 1 << 25 | 1 << 31
FINISHED = 1 << 11 | 1 << 29
NO_INDEX = 0x18b        # TPM_RC_HANDLE, handle 1
BANKS = ("sha1", "sha256", "sha384", "sha512")

# Facts for mkgen.make(tpm2=True): PCR 4, 7, 8 of every active bank, and whether the TPM is in lockout.
HOOK = r"""
tpm2_pcrread | awk '/:$/ { bank = substr($1, 1, length($1) - 1) }
	$1 ~ /^[478]$/ && $2 == ":" { print "pcr" $1 "." bank, tolower(substr($3, 3)) }'
echo "lockout $(tpm2_getcap properties-variable | sed -n 's/.*inLockout: *//p')"
"""


def compile_static(name, out):
    """tests/NAME.c as a static program for the guest."""
    os.makedirs(os.path.dirname(out), exist_ok=True)
    preboot.run(os.path.join(preboot.BIN, "sallyport-cc"), "-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wpedantic",
                "-Wconversion", "-Wshadow", "-Wswitch-enum", "-Werror", "-s", "-o", out,
                os.path.join(preboot.TOP, "tests", name + ".c"))
    return out


def extended(bank, *data):
    """A PCR, zero at first, after the digests of data."""
    value = bytes(hashlib.new(bank).digest_size)
    for d in data:
        value = hashlib.new(bank, value + hashlib.new(bank, d).digest()).digest()
    return value.hex()


def policy(pcr4, pcr7):
    """authPolicy of the index: PolicyPCR over 4, 7 and 8 = 0 of the SHA-256 bank."""
    values = hashlib.sha256(bytes.fromhex(pcr4) + bytes.fromhex(pcr7) + bytes(32)).digest()
    selection = struct.pack(">IHB", 1, 0x000b, 3) + bytes([1 << 4 | 1 << 7, 1, 0])
    return hashlib.sha256(bytes(32) + struct.pack(">I", 0x17f) + selection + values).digest()


def prk(secret, org_key):
    """HKDF-SHA256's extract, RFC 5869: the key of every generation is made of it."""
    return hmac.new(org_key, secret, "sha256").digest()


def luks_key(secret, org_key, generation):
    """HKDF-SHA256, RFC 5869, one block."""
    return hmac.new(prk(secret, org_key), b"sallyport luks 1\0" + bytes.fromhex(generation) + b"\x01", "sha256").digest()


def stored(machine, node):
    """(org key, node secret) of the node as swtpm's state file has them in clear; None when they are not in it."""
    data = state(machine)
    at = data.find(MAGIC + bytes.fromhex(node))
    return None if at < 0 else (data[at + 20:at + 52], data[at + 52:at + 84])


def state(machine):
    with open(glob.glob(os.path.join(machine.tpm_dir, "*.permall"))[0], "rb") as f:
        return f.read()


def index(machine):
    """(attributes, authPolicy, size) of the index as the TPM itself says, None when there is none. No machine runs meanwhile."""
    with machine.tpm_socket() as tpm:
        answer = tpm.command(struct.pack(">HIII", 0x8001, 14, 0x169, INDEX))    # TPM2_NV_ReadPublic
    code = struct.unpack(">I", answer[6:10])[0]
    if code == NO_INDEX:
        return None
    if code:
        raise AssertionError("NV_ReadPublic: 0x%x" % code)
    handle, alg, attributes, size = struct.unpack(">IHIH", answer[12:24])
    if (handle, alg) != (INDEX, 0x000b):
        raise AssertionError("NV_ReadPublic: another index")
    return attributes, answer[24:24 + size], struct.unpack(">H", answer[24 + size:26 + size])[0]


def clone(node, name):
    """The same machine once more, disk and TPM state as they are now."""
    dir = node.machine.dir + "-" + name
    shutil.rmtree(dir, ignore_errors=True)
    os.makedirs(dir)
    shutil.copytree(node.machine.tpm_dir, os.path.join(dir, "tpm"))
    new = object.__new__(preboot.Node)
    new.machine, new.line, new.image = vm.Machine(dir), node.line, node.image
    new.cache = new.machine.path("cache.img")
    subprocess.run(["cp", "--sparse=always", node.cache, new.cache], check=True)
    return new


def node_of(boot):
    """The node id of the console."""
    said = boot.find(r"\[2/9\].* node ([0-9a-f]{32})")
    return said.group(1) if said else None


def report(boot, name):
    """The generation's report as {key: value}."""
    lines = boot.block(name).get("report", "").split("\n")
    return dict(line.partition(" ")[::2] for line in lines[1:]) if lines[0] == "sallyport-report 1" else {}


def cut_when_defined(machine):
    """What starts a watch for boot(on=...): the power fails as soon as the index stands in the TPM's state, however far enrolment is."""
    libc = ctypes.CDLL(None, use_errno=True)

    def watch(boot):
        fd = libc.inotify_init1(os.O_CLOEXEC)
        libc.inotify_add_watch(fd, machine.tpm_dir.encode(), 0x08 | 0x80)       # IN_CLOSE_WRITE | IN_MOVED_TO
        try:
            while struct.pack(">I", INDEX) not in state(machine):
                left = boot.deadline - boot.now() - boot.started
                if left <= 0 or not select.select([fd], [], [], left)[0]:
                    return
                os.read(fd, 4096)
            boot.power_cut()
        finally:
            os.close(fd)
    return lambda boot: threading.Thread(target=watch, args=(boot,), daemon=True).start()


class Scenarios:
    """Runs methods of an object two at a time; result(name) waits for one and gives what it returned, or raises what it raised."""

    def __init__(self, owner, prefix="run_"):
        self.pool = concurrent.futures.ThreadPoolExecutor(2)
        self.futures = {n[len(prefix):]: self.pool.submit(getattr(owner, n)) for n in dir(owner) if re.match(prefix, n)}

    def result(self, name):
        return self.futures[name].result()

    def close(self):
        for future in self.futures.values():
            future.cancel()
        self.pool.shutdown()
