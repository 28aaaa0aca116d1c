#!/usr/bin/python3
"""make bench: sallyport against the baseline of bench_baseline.py, in the same run: seconds in preboot, sizes, memory, lines.

Both boot the same generation kernel and initramfs on the same machine in QEMU under TCG, 1 CPU, 1 GB, in turns (ABAB...), RUNS
times; a figure is the median (least-most). Two jobs: the whole one, with the organisation's service on this host (bench_online.py), and the
offline one, which is the floor. Nothing here can fail for being slow. MEMORY=0 leaves the search for the least memory out, OFFLINE=0
the offline job.
CPU="max,-cx16,-avx2" is another processor model: TCG emulates vector and AES instructions slowly, so that what hashing and TLS cost here
says nothing of hardware.

Seconds are the host's: a line counts when it arrives on the serial console. For both the first one is the kernel's "Run /init as
init process", printed just before the first instruction of init, and the last one is what they print just before the jump.
"""

import concurrent.futures
import hashlib
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "e2e"))
import bench_baseline
import bench_online
import mkgen
import preboot
import tpmhelp
import vm
from bench_online import BASE_END, LINE, OURS_END

RUNS = int(os.environ.get("RUNS", "5"))
MEMORY, OFFLINE = (os.environ.get(name, "1") not in ("", "0") for name in ("MEMORY", "OFFLINE"))
SIZES = {"small": 0, "big": 40}         # MB that do not compress, beside the 1 MB of a busybox system
STEP_MB, LEAST_MB, MOST_MB = 16, 64, 512
NAMED = """The baseline is a busybox script of Debian packages (tests/bench_init.sh). It attests nothing and asks nobody whether it may boot,
takes one signature for enough, confines no program, keeps nothing for the next boot, and leaves TPM and key as they are.
Seconds, bytes and MB of ours in the first columns, the baseline's in the last; below 1.00 ours is the smaller one."""

# The offline job: what is done, and after which of their lines each has done it.
OURS = tuple((str(n), r"^sallyport .*\[%d/9\]" % n) for n in range(1, 10))
BASELINE = tuple((name, r"^baseline \S+ %s" % name) for name in
                 ("modules", "read", "signature", "sha256", "tpm", "key", "load", "jump"))
PARTS = (("modules, devices, programs", ["1"], ["modules"]), ("TPM (ours: and closes it)", ["2"], ["tpm"]),
         ("manifest and signatures", ["3"], ["signature"]), ("read kernel and initramfs", ["4", "5"], ["read"]),
         ("hash them", ["6"], ["sha256"]), ("record the attempt", ["7"], []), ("key, archive, kexec load", ["8"], ["key", "load"]),
         ("wipe, end, jump", ["9"], ["jump"]))
PROGRAMS = {"init": "init", "broker": "broker", "store": "store-worker", "crypto": "crypto-worker", "kexec": "kexec-worker",
            "link": "net-link", "net": "net-worker"}
ALL = (("INIT'S START TO THE JUMP", ["all"], ["all"]),)


class Pair:
    """Offline: ours and the baseline with the same generation, both enrolled and each seen to boot it with the right key."""

    def __init__(self, org, name, image, initramfs):
        self.name = name
        self.node = preboot.Node(org.path("node-" + name), org, image=image)
        self.id = self.node.put(org.generation(name, 1, initramfs))
        boot = self.ours()
        report = tpmhelp.report(boot, name)
        if not self.is_up(boot) or not report:
            raise SystemExit("bench: %s of ours does not boot, see %s" % (name, self.node.machine.dir))
        self.base = bench_baseline.Baseline(org.path("baseline-" + name)).put(initramfs)
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


def spread(values):
    return "%6.2f (%.2f-%.2f)" % (statistics.median(values), min(values), max(values))


def print_times(title, columns, parts):
    """columns: (name, a function that gives {step: seconds} of one power-on), the baseline as the last one."""
    runs = [[] for _ in columns]
    for _ in range(RUNS):
        for taken, (_, once) in zip(runs, columns):
            taken.append(once())
    print("\n%s; kernel %.1f MB; %d power-ons each, in turns; load of the host %.1f" %
          (title, os.path.getsize(preboot.kernel("6.1")) / 1e6, RUNS, os.getloadavg()[0]))
    print("  %-28s" % "seconds" + "".join(" %22s" % name for name, _ in columns) + "   ours/baseline")
    for title, of_ours, of_base in parts + ALL:
        wanted = [of_ours] * (len(columns) - 1) + [of_base]
        sums = [[sum(run[name] for name in names) for run in taken] if names else [0.0] for names, taken in zip(wanted, runs)]
        medians = [statistics.median(values) for values in sums]
        ratios = "".join(" %5.2f" % (m / medians[-1]) if medians[-1] >= 0.01 else "     -" for m in medians[:-1])
        print("  %-28s" % title + "".join(" %22s" % (spread(values) if any(values) else "-") for values in sums) + "  " + ratios)
    sys.stdout.flush()


def offline_columns(pair):
    return (("ours", lambda: bench_online.steps(pair.ours(stop_on=OURS_END), OURS)),
            ("baseline", lambda: bench_online.steps(pair.baseline(stop_on=BASE_END), BASELINE)))


def online_columns(pair):
    def once(power_on, marks):
        return lambda: bench_online.steps(power_on(), marks, pair.svc.answered)
    return (("ours, in the cache", once(pair.cached, bench_online.OURS)), ("ours, downloaded", once(pair.download, bench_online.OURS)),
            ("baseline, downloaded", once(pair.baseline, bench_online.BASELINE)))


def least_memory(pair, power_on):
    """The smallest guest, in steps of 16 MB, in which the generation comes up with its key; None if none does."""
    low, high = LEAST_MB, MOST_MB + STEP_MB
    while high - low > STEP_MB:
        middle = (low + high) // 2 // STEP_MB * STEP_MB
        try:
            boot = power_on(memory_mb=middle, timeout_s=120, stop_on="GENERATION DONE|Kernel panic|BASELINE FAILED|stopped: reboot")
            good = pair.is_up(boot)
        except vm.VmError:      # QEMU itself finds no room for the initramfs
            good = False
        low, high = (low, middle) if good else (middle, high)
    return high if high <= MOST_MB else None


def print_memory(rows):
    """rows: (title, pair, ours, baseline)"""
    jobs = [(pair, power_on) for _, pair, *both in rows for power_on in both]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:      # not timed: two at once
        found = list(pool.map(lambda job: least_memory(*job), jobs))
    print("\nsmallest guest that boots, MB in steps of %d     ours   baseline   ours/baseline" % STEP_MB)
    for (title, *_), a, b in zip(rows, found[::2], found[1::2]):
        print("  %-42s %8s %10s   %s" % (title, a, b, "%.2f" % (a / b) if a and b else "-"))
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


def sources(*names):
    """The .c files of what the Makefile names so, asked of make itself."""
    rule = "bench-sources: ; @echo $(%s)" % ") $(".join(names)
    said = preboot.run("make", "-s", "--no-print-directory", "-C", preboot.TOP, "--eval", rule, "bench-sources").split()
    return [os.path.join(preboot.TOP, name + ".c") for name in said]


def lines(files):
    return sum(contents([f]).count(b"\n") for f in files)


def print_programs():
    print("\nprogram             bytes  lines of .c   system calls permitted")
    for policy, name in PROGRAMS.items():
        with open(os.path.join(preboot.TOP, "policy", policy + ".expect")) as f:
            calls = int(re.search(r"(\d+) system calls", f.read()).group(1))
        print("  %-14s %9d %12d %10d" % (name, os.path.getsize(os.path.join(preboot.BIN, name)), lines(sources(policy + "_SRC")), calls))
    shared = sources("IPC:%=ipc/%") + [os.path.join(preboot.TOP, "policy", name + ".c") for name in ("confine", "root", "caps", "filter")]
    print("  %-14s %9s %12d   shared by them" % ("ipc and policy", "", lines(shared)))
    script = [os.path.join(preboot.TOP, "tests", name) for name in ("bench_init.sh", "bench_udhcpc.sh")]
    print("  %-14s %9s %12d   one root shell without a filter; its programs are Debian's" % ("baseline", "", lines(script)))


def main():
    begun = time.monotonic()
    os.environ["PATH"] += ":/sbin:/usr/sbin"
    vm.QEMU[vm.QEMU.index("-cpu") + 1] = os.environ.get("CPU") or vm.QEMU[vm.QEMU.index("-cpu") + 1]
    org = preboot.Organisation(os.path.join(preboot.BUILD, "bench"))
    print("sallyport against the baseline: QEMU %s, 1 CPU, 1024 MB, kernel 6.1\n%s" % (" ".join(vm.QEMU[2:5]), NAMED), flush=True)
    generations = {name: mkgen.make(org.path(name + ".img"), name, compress="zstd", pad_mb=mb) for name, mb in SIZES.items()}
    memory = []
    with bench_online.Clocked(org) as svc:
        online = [bench_online.Online(org, svc, *generation) for generation in generations.items()]
        for pair in online:
            print_times("WITH THE ORGANISATION, %s: initramfs %.1f MB" % (pair.name, os.path.getsize(generations[pair.name]) / 1e6),
                        online_columns(pair), bench_online.PARTS)
            memory.append(("with the organisation, downloaded, " + pair.name, pair, pair.download, pair.baseline))
        if OFFLINE:
            image = org.image(org.config())
            for pair in [Pair(org, *generation[:1], image, *generation[1:]) for generation in generations.items()]:
                print_times("OFFLINE, %s: initramfs %.1f MB" % (pair.name, os.path.getsize(generations[pair.name]) / 1e6),
                            offline_columns(pair), PARTS)
                memory.append(("offline, " + pair.name, pair, pair.ours, pair.baseline))
        if MEMORY:
            print_memory(memory)
    print_sizes(online[0], [os.path.join(preboot.BIN, p) for p in PROGRAMS.values()])
    print_programs()
    print("\nbench: %.0f s" % (time.monotonic() - begun))


if __name__ == "__main__":
    main()
