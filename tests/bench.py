#!/usr/bin/python3
"""make bench: seconds in preboot by its own checkpoints, size of its programs, lines and permitted system calls per program.

Median (least-most) of some power-ons in QEMU under TCG, 1 CPU, 1 GB. The busybox baseline is not run beside it yet: no ratio is printed.
"""

import glob
import os
import re
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "e2e"))
import mkgen
import preboot

RUNS = int(os.environ.get("RUNS", "5"))
PARTS = ("to the first checkpoint", "TPM and latch", "survey", "supply", "verify", "record", "load", "wipe, end, jump")
PROGRAMS = {"init": ("init", "broker/init.c broker/prepare.c broker/spawn.c"), "broker": ("broker", "broker/main.c broker/route.c "
            "broker/steps.c broker/losses.c broker/print.c"), "store-worker": ("store", "store-worker/*.c"),
            "crypto-worker": ("crypto", "crypto-worker/*.c"), "kexec-worker": ("kexec", "kexec-worker/*.c")}


def times(boot):
    at = {int(m.group(2)): float(m.group(1)) for m in boot.find_all(r"^sallyport +(\d+\.\d+) \[(\d)/8\]")}
    return [at[n] - at.get(n - 1, at[n]) for n in range(1, 9)] + [at[8] - at[1]]


def main():
    org = preboot.Organisation(os.path.join(preboot.BUILD, "bench"))
    node = preboot.Node(org.path("node"), org)
    node.put(org.generation("gen", 1, mkgen.make(org.path("gen.img"), "gen", compress="zstd")))
    runs = [times(node.power_on(memory_mb=1024, stop_on="GENERATION DONE")) for _ in range(RUNS + 1)][1:]     # the first enrols
    print("seconds, %d power-ons after the enrolling one" % RUNS)
    for name, column in list(zip(PARTS + ("first checkpoint to jump",), zip(*runs)))[1:]:
        print("  %-26s %6.3f (%.3f-%.3f)" % (name, statistics.median(column), min(column), max(column)))
    print("program         bytes  lines  system calls")
    for name, (policy, files) in PROGRAMS.items():
        lines = sum(len(open(f).readlines()) for pattern in files.split() for f in glob.glob(pattern))
        with open("policy/%s.expect" % policy) as f:
            calls = int(re.search(r"(\d+) system calls", f.read()).group(1))
        print("  %-14s %6d %6d %6d" % (name, os.path.getsize(os.path.join(preboot.BIN, name)), lines, calls))
    packed = subprocess.run("cat %s | zstd -19 -c | wc -c" % " ".join(os.path.join(preboot.BIN, p) for p in PROGRAMS), shell=True, check=True,
                            stdout=subprocess.PIPE).stdout
    print("all programs, zstd -19: %d bytes; image: %d bytes" % (int(packed), os.path.getsize(node.image)))


if __name__ == "__main__":
    main()
