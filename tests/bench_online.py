"""The online job of make bench: an enrolled node of the organisation, with the generation in its cache and with an empty one, and the
baseline that fetches the same files from the same service.

    with Clocked(org) as svc:
        pair = Online(org, svc, "big", generation, id)
        steps(pair.cached(), OURS), steps(pair.download(), OURS), steps(pair.baseline(), BASELINE)      # {step: seconds}
"""

import hashlib
import os
import re
import time

import bench_baseline
import preboot
import service
import tpmhelp

LINE = "console=ttyS0 loglevel=7 panic=1"
START = r"Run /init as init process"
OURS_END, BASE_END = r"^sallyport .*\[9/9\]", r"^baseline \S+ jump"
SLOTS, SLOT_MIB = 4, 96

# What ends each step: a line of the console, or (after "GET ") the line that the service writes when it has answered.
OURS = tuple((str(n), r"^sallyport .*\[%d/9\]" % n) for n in (1, 2, 3)) + (
    ("lease", r"^sallyport .* address \S+/\d+, gateway"), ("tls", r"GET /v1/challenge 200"), ("4", r"^sallyport .*\[4/9\]"),
    ("documents", r"GET \S+/manifest.minisig 200"), ("transfer", r"GET \S+/initramfs 200"), ("keep", r"^sallyport .* kept in slot")) + tuple(
    (str(n), r"^sallyport .*\[%d/9\]" % n) for n in (5, 6, 7, 8, 9))
BASELINE = (("modules", r"^baseline \S+ modules"), ("lease", r"^baseline \S+ lease"), ("tls", r"GET \S+/manifest 200"),
            ("documents", r"GET \S+/manifest.minisig 200"), ("read", r"^baseline \S+ read")) + tuple(
            (name, r"^baseline \S+ %s" % name) for name in ("signature", "sha256", "tpm", "key", "load", "jump"))
PARTS = (("modules, devices, programs", ["1"], ["modules"]), ("TPM (ours: and closes it)", ["2"], ["tpm"]),
         ("look into the cache", ["3"], []), ("link and DHCP", ["lease"], ["lease"]),
         ("TLS, first answer", ["tls"], ["tls"]), ("quote, request, ticket", ["4"], []),
         ("manifest and signatures", ["documents"], ["documents", "signature"]),
         ("kernel and initramfs sent", ["transfer"], ["read"]), ("hash, keep in the cache", ["keep"], []), ("or read from it", ["5"], []),
         ("hash what is used", ["6"], ["sha256"]), ("record the attempt", ["7"], []), ("key, archive, kexec load", ["8"], ["key", "load"]),
         ("wipe, end, jump", ["9"], ["jump"]))


class Clocked(service.Service):
    """Also knows when each request was answered."""

    def __init__(self, *args, **options):
        self.answered = []
        super().__init__(*args, **options)

    def _read(self, stream):
        for line in stream:
            self.answered.append((time.monotonic(), line))
            self.lines.append(line.rstrip("\n"))


def steps(boot, marks, answered=()):
    """{step: seconds since the step before}, and "all" from init's start to the last of them. A step that was not there is 0."""
    last = begun = boot.time_of(START)
    lines = boot.lines + [(at - boot.started, text) for at, text in answered]
    found = {}
    for name, mark in marks:
        at = next((at for at, text in lines if at >= begun and re.search(mark, text)), None)
        found[name] = 0.0 if at is None else max(0.0, at - last)
        last = last if at is None else max(last, at)
    found["all"] = last - begun
    if not boot.stopped_on:
        raise SystemExit("bench: a boot did not come to its jump, see the last serial.* under %s" % preboot.BUILD)
    return found


def with_sums(initramfs):
    """The command line of a generation for both: sallyport takes its BLAKE2b sums from the manifest, the baseline SHA-256 from here."""
    line = preboot.GENERATION_LINE
    for name, path in ("kernel", preboot.kernel("6.1")), ("initramfs", initramfs):
        with open(path, "rb") as f:
            line += " bench.%s=%s" % (name, hashlib.sha256(f.read()).hexdigest())
    return line


class Online:
    """Ours enrolled with the organisation, and the baseline, each seen to boot the generation with a key."""

    def __init__(self, org, svc, name, initramfs):
        self.svc, self.name = svc, name
        config = svc.config("config-" + name, release="org", invite=svc.invite("--approve", "--name", name))
        self.id = svc.add(org.generation("online-" + name, 1, initramfs, cmdline=with_sums(initramfs)), config)
        svc.assign(self.id)
        image = org.image(config, name="preboot-" + name, modules=service.NIC)
        self.node = preboot.Node(org.path("node-online-" + name), org, slots=SLOTS, slot_mib=SLOT_MIB, image=image)
        boot = self._ours(stop_on=None)
        report = tpmhelp.report(boot, name)
        if not self.is_up(boot) or not report:
            raise SystemExit("bench: %s of ours does not boot online, see %s" % (name, self.node.machine.dir))
        svc.assign(self.id, "--node", name)
        url = "https://%s/v1/generation/%s" % (svc.url, self.id)
        self.base = bench_baseline.Baseline(org.path("baseline-online-" + name)).fetch(
            url, os.path.join(svc.data, "ca.crt"), org.key("r1") + ".pub", service.NETWORK)
        self.base.enrol(report["pcr4"], report["pcr7"])
        boot = self.baseline(stop_on=None)
        if not self.is_up(boot) or hashlib.sha256(bench_baseline.key()).hexdigest() not in boot.block(name)["luks.key"]:
            raise SystemExit("bench: %s of the baseline does not boot online, see %s" % (name, self.base.machine.dir))

    # init_on_free is our line's: it is part of what ours costs.
    def _ours(self, memory_mb=1024, stop_on=OURS_END, **options):
        del self.svc.answered[:]
        return self.node.power_on(memory_mb, line=LINE + " init_on_free=1", extra=service.NETWORK, stop_on=stop_on, **options)

    def cached(self, **options):
        self.node.healthy(self.id)      # or its earlier attempts, which the bench broke off, would count
        return self._ours(**options)

    def download(self, **options):
        preboot.org_tool("cache", "format", self.node.cache, "--force", "--slots", SLOTS, "--slot-size", SLOT_MIB)
        return self._ours(**options)

    def baseline(self, stop_on=BASE_END, **options):
        del self.svc.answered[:]
        return self.base.power_on(LINE, stop_on=stop_on, **options)

    def is_up(self, boot):
        return boot.find("GENERATION DONE") and "present" in boot.block(self.name).get("luks.key", "")
