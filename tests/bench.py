#!/usr/bin/python3
"""make bench: sallyport against the baseline of bench_baseline.py, in the same run: seconds in preboot, sizes, memory, lines.

Both boot the same generation kernel and initramfs on the same machine in QEMU under TCG, 1 CPU, 1 GB, in turns (ABAB...), RUNS
times; a figure is the median (least-most). Nothing here can fail for being slow. MEMORY=0 leaves the search for the least memory out.
CPU="max,-cx16,-avx2" is another processor model: TCG emulates vector instructions slowly, and BLAKE2b of libsodium takes the widest there
are, so that what hashing costs here says nothing of hardware.

Seconds are the host's: a line counts when it arrives on the serial console. For both the first one is the kernel's "Run /init as
init process", printed just before the first instruction of init, and the last one is what they print just before the jump.
"""

import concurrent.futures
import glob
import hashlib
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "e2e"))
import bench_baseline
import mkgen
import preboot
import tpmhelp
import vm

RUNS = int(os.environ.get("RUNS", "5"))
MEMORY = os.environ.get("MEMORY", "1") not in ("", "0")
SIZES = {"small": 0, "big": 40}         # MB that do not compress, beside the 1 MB of a busybox system
LINE = "console=ttyS0 loglevel=7 panic=1"
START = r"Run /init as init process"
OURS_END, BASE_END = r"^sallyport .*\[9/9\]", r"^baseline \S+ jump"
STEP_MB, LEAST_MB, MOST_MB = 16, 64, 512

# What is done, and after which of their lines each has done it.
PARTS = (("modules, devices, programs", ["modules"], [1]), ("TPM (ours: and closes it)", ["tpm"], [2]),
         ("manifest and signatures", ["signature"], [3]), ("read kernel and initramfs", ["read"], [4, 5]),
         ("hash them", ["sha256"], [6]), ("record the attempt", [], [7]), ("key, archive, kexec load", ["key", "load"], [8]),
         ("wipe, end, jump", ["jump"], [9]))


class Pair:
    """Ours and the baseline with the same generation, both enrolled and each seen to boot it with the right key."""

    def __init__(self, org, name, image, pad_mb):
        initramfs = mkgen.make(org.path(name + ".img"), name, compress="zstd", pad_mb=pad_mb)
        self.name, self.bytes = name, os.path.getsize(initramfs)
        self.node = preboot.Node(org.path("node-" + name), org, image=image)
        self.id = self.node.put(org.generation(name, 1, initramfs))
        boot = self.ours()
        report = tpmhelp.report(boot, name)
        if not self.is_up(boot) or not report:
            raise SystemExit("bench: %s of ours does not boot, see %s" % (name, self.node.machine.dir))
        self.base = bench_baseline.Baseline(org.path("baseline-" + name), initramfs)
        self.base.enrol(report["pcr4"], report["pcr7"])
        boot = self.baseline()
        if not self.is_up(boot) or hashlib.sha256(bench_baseline.key()).hexdigest() not in boot.block(name)["luks.key"]:
            raise SystemExit("bench: %s of the baseline does not boot, see %s" % (name, self.base.machine.dir))

    # init_on_free is our line's: it is part of what ours costs.
    def ours(self, **options):
        options.setdefault("memory_mb", 1024)
        self.node.healthy(self.id)      # or its earlier attempts, which the bench broke off, would count
        return self.node.power_on(line=LINE + " init_on_free=1", **options)

    def baseline(self, **options):
        return self.base.power_on(LINE, **options)

    def is_up(self, boot):
        return boot.find("GENERATION DONE") and "present" in boot.block(self.name).get("luks.key", "")


def durations(boot, mark, start=START):
    """{step: seconds since the step before}, by lines that match mark, and "all" from init's start to the last of them."""
    steps, last = {}, boot.time_of(start)
    begun = last
    for at, text in boot.lines:
        said = re.search(mark, text)
        if said:
            steps[said.group(1)] = at - last
            last = at
    steps["all"] = last - begun
    return steps


def timed(pair):
    ours, base = [], []
    for _ in range(RUNS):
        ours.append(durations(pair.ours(stop_on=OURS_END), r"^sallyport .*\[(\d)/9\]"))
        base.append(durations(pair.baseline(stop_on=BASE_END), r"^baseline \S+ (\w+)"))
        if "9" not in ours[-1] or "jump" not in base[-1]:
            raise SystemExit("bench: a boot did not come to its jump, see the last serial.* under %s" % preboot.BUILD)
    return ours, base


def spread(values):
    return "%6.2f (%.2f-%.2f)" % (statistics.median(values), min(values), max(values))


def print_times(pair):
    ours, base = timed(pair)
    print("\n%s: initramfs %.1f MB, kernel %.1f MB; %d power-ons each, in turns; load of the host %.1f" %
          (pair.name, pair.bytes / 1e6, os.path.getsize(preboot.kernel("6.1")) / 1e6, RUNS, os.getloadavg()[0]))
    print("  %-28s %22s %22s   ours/baseline" % ("seconds", "ours", "baseline"))
    for title, of_base, of_ours in PARTS + (("INIT'S START TO THE JUMP", ["all"], ["all"]),):
        a = [sum(run[str(n)] for n in of_ours) for run in ours]
        b = [sum(run[n] for n in of_base) for run in base]
        ratio = "%.2f" % (statistics.median(a) / statistics.median(b)) if of_base and statistics.median(b) >= 0.01 else "-"
        print("  %-28s %22s %22s   %s" % (title, spread(a), spread(b) if of_base else "-", ratio))
    sys.stdout.flush()


def least_memory(pair, power_on):
    """The smallest guest, in steps of 16 MB, in which the generation comes up with its key; None if none does."""
    low, high = LEAST_MB, MOST_MB + STEP_MB
    while high - low > STEP_MB:
        middle = (low + high) // 2 // STEP_MB * STEP_MB
        try:
            boot = power_on(memory_mb=middle, timeout_s=90, stop_on="GENERATION DONE|Kernel panic|BASELINE FAILED|stopped: reboot")
            good = pair.is_up(boot)
        except vm.VmError:      # QEMU itself finds no room for the initramfs
            good = False
        low, high = (low, middle) if good else (middle, high)
    return high if high <= MOST_MB else None


def print_memory(pairs):
    jobs = [(pair, power_on) for pair in pairs for power_on in (pair.ours, pair.baseline)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:      # not timed: two at once
        found = list(pool.map(lambda job: least_memory(*job), jobs))
    print("\nsmallest guest that boots, MB in steps of %d     ours   baseline   ours/baseline" % STEP_MB)
    for pair, a, b in zip(pairs, found[::2], found[1::2]):
        print("  %-42s %8s %10s   %s" % (pair.name, a, b, "%.2f" % (a / b) if a and b else "-"))
    sys.stdout.flush()


def packed(data):
    return len(subprocess.run(["zstd", "-q", "-19", "-T1", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout)


def contents(paths):
    data = b""
    for path in paths:
        with open(path, "rb") as f:
            data += f.read()
    return data


def unpacked(image):
    with open(image, "rb") as f:
        return subprocess.run(["zstd", "-q", "-d", "-c"], stdin=f, stdout=subprocess.PIPE, check=True).stdout


def print_sizes(pair, ours):
    theirs = bench_baseline.programs(pair.base.tree)
    rows = [("programs, zstd -19", packed(contents(ours)), packed(contents(theirs))),
            ("initramfs, zstd -19", *(os.path.getsize(i) for i in (pair.node.image, pair.base.image))),     # both are made so
            ("initramfs, unpacked", *(len(unpacked(i)) for i in (pair.node.image, pair.base.image)))]
    print("\nbytes                                %12s %12s   ours/baseline" % ("ours", "baseline"))
    for title, a, b in rows:
        print("  %-34s %12d %12d   %.3f" % (title, a, b, a / b))
    print("  %-34s %12d %12d" % ("programs and libraries in it", len(ours), len(theirs)))


def sources():
    """{program: [files]} as the Makefile has them."""
    with open(os.path.join(preboot.TOP, "Makefile")) as f:
        text = f.read()
    found = {}
    for name, rest in re.findall(r"^(\w+)_SRC *= (.*)", text, re.M):
        found[name] = [f for p in re.findall(r"[\w-]+/[\w*-]+", rest) for f in glob.glob(os.path.join(preboot.TOP, p + ".c"))]
    return found


def lines(files):
    return sum(contents([f]).count(b"\n") for f in files)


def print_programs(programs):
    print("\nprogram             bytes      lines   system calls permitted")
    for policy, files in sources().items():
        name = programs[policy]
        with open(os.path.join(preboot.TOP, "policy", policy + ".expect")) as f:
            calls = int(re.search(r"(\d+) system calls", f.read()).group(1))
        print("  %-14s %9d %10d %10d" % (name, os.path.getsize(os.path.join(preboot.BIN, name)), lines(files), calls))
    shared = glob.glob(os.path.join(preboot.TOP, "ipc/*.c")) + glob.glob(os.path.join(preboot.TOP, "policy/*.c"))
    print("  %-14s %9s %10d" % ("ipc and policy", "", lines(shared)))
    print("  %-14s %9s %10d   one root shell; its programs are Debian's" % ("baseline /init", "",
          lines([os.path.join(preboot.TOP, "tests/bench_init.sh")])))


def main():
    begun = time.monotonic()
    os.environ["PATH"] += ":/sbin:/usr/sbin"
    programs = {"init": "init", "broker": "broker", "store": "store-worker", "crypto": "crypto-worker", "kexec": "kexec-worker"}
    vm.QEMU[vm.QEMU.index("-cpu") + 1] = os.environ.get("CPU") or vm.QEMU[vm.QEMU.index("-cpu") + 1]
    org = preboot.Organisation(os.path.join(preboot.BUILD, "bench"))
    image = org.image(org.config())
    print("sallyport against a busybox script of Debian packages: QEMU %s, 1 CPU, 1024 MB, kernel 6.1" % " ".join(vm.QEMU[2:5]), flush=True)
    pairs = [Pair(org, name, image, pad_mb) for name, pad_mb in SIZES.items()]
    for pair in pairs:
        print_times(pair)
    if MEMORY:
        print_memory(pairs)
    print_sizes(pairs[0], [os.path.join(preboot.BIN, p) for p in programs.values()])
    print_programs(programs)
    print("\nbench: %.0f s" % (time.monotonic() - begun))


if __name__ == "__main__":
    main()
