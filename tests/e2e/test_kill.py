#!/usr/bin/python3
"""The kill table: every program killed in every phase, and held in some, has one expected end. Never a hang, never a shell.

    test_kill.py            the table
    test_kill.py all        with more points per phase, and a normal power-on after every row that does not boot
    test_kill.py slow       two held programs with the broker's own deadlines: four minutes
    test_kill.py ROW...     these rows alone: store_SUPPLY

The image is the shipped one with tests/killer.c as /init and the real init, unchanged, at /init.real. Ends:
  boots     the second kernel comes up
  stop      a stable code, the wait before the reboot, a reset by the guest, no second kernel
  reboot    no orderly stop: PID 1 ends, the kernel's panic reboots; no second kernel
Rows of a chain run one after the other on one machine, each on what the former one left, and a normal power-on with the shipped
image ends the chain: it boots, nothing was lost.
"""

import collections
import concurrent.futures
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import preboot

DIR = os.path.join(preboot.BUILD, "e2e", "test_kill")
TIMEOUT_S = 150         # of one power-on: whatever takes longer hangs
SLOW_TIMEOUT_S = 330    # with the broker's own deadlines, broker/steps.c
PHASES = {"CLOSE": 1, "SURVEY": 2, "LINK": 3, "ASK": 3, "SUPPLY": 4, "VERIFY": 5, "RECORD": 6, "LOAD": 7, "GO": 8}    # and the checkpoint before
COMPILE = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wswitch-enum", "-Werror"]
KILLER = ("killer.c", "killer_act.c", "killer_look.c", "killer_see.c")
# What preboot's console may show: our lines, the kernel's, and those of the tester. Anything else would be a prompt.
LINE = re.compile(r"(sallyport( init:| +\d+\.\d{3}) |KILLER |\[ *\d+\.\d+\] )|$")

# message, when: the point. codes: all on the console, in order. seen: the checkpoint printed last before the kill, the phase's own
# unless the kill is at its border. only: all, slow or none.
Row = collections.namedtuple("Row", "program phase end message when codes options seen only name")


def row(program, phase, end, message, when, codes=(), seen=None, only=None, name=None, **options):
    return Row(program, phase, end, message, when, list(codes), options, PHASES[phase] if seen is None else seen, only,
               "_".join(x for x in (program, phase, name) if x))


CHAINS = {
    # Its memory held the secret and the TPM is closed: there is no other. Once it has wiped and said so, its end is what is waited for.
    "crypto": [
        row("crypto", "CLOSE", "stop", "crypto_closed", "before", [701]),
        row("crypto", "SURVEY", "stop", "crypto_want", "after", [701]),
        row("crypto", "SUPPLY", "stop", "crypto_want", "before", [701], count=3),
        row("crypto", "VERIFY", "stop", "crypto_verified", "before", [701]),
        row("crypto", "RECORD", "stop", "store_recorded", "before", [701]),
        row("crypto", "LOAD", "stop", "crypto_handover", "after", [701]),
        row("crypto", "LOAD", "stop", "broker_load", "received", [701], only="all", name="begun"),
        row("crypto", "LOAD", "stop", "crypto_handover", "before", [701], only="all", name="written"),
        row("crypto", "LOAD", "stop", "kexec_loaded", "received", [701], only="all", name="loaded"),
        row("crypto", "GO", "boots", "crypto_wiped", "after", seen=7),
    ],
    # The only one that could reboot in order: said and waited like any other stop, and then the end is init's.
    "kexec": [
        row("kexec", "SURVEY", "stop", "crypto_surveyed", "before", [701]),
        row("kexec", "SUPPLY", "stop", "crypto_want", "before", [701], count=3),
        row("kexec", "VERIFY", "stop", "crypto_verified", "before", [701]),
        row("kexec", "RECORD", "stop", "store_recorded", "before", [701]),
        row("kexec", "LOAD", "stop", "kexec_loaded", "before", [701]),
        row("kexec", "LOAD", "stop", "crypto_handover", "received", [701], only="all", name="handed"),
        row("kexec", "LOAD", "stop", "kexec_loaded", "after", [701], only="all", name="loaded"),
        row("kexec", "GO", "stop", "broker_go", "received", [701], seen=9),
    ],
    "broker": [
        row("broker", "CLOSE", "reboot", "crypto_closed", "before"),
        row("broker", "SURVEY", "reboot", "store_offer", "routed"),
        row("broker", "SUPPLY", "reboot", "crypto_chosen", "received"),
        row("broker", "VERIFY", "reboot", "crypto_verified", "before"),
        row("broker", "RECORD", "reboot", "store_recorded", "received"),
        row("broker", "LOAD", "reboot", "kexec_loaded", "routed"),
        row("broker", "GO", "reboot", "broker_go", "before", seen=9),
    ],
    # kill(2) does nothing to PID 1, whoever sends it; a death that it cannot ignore is a panic, and that is a reboot.
    "init": [
        row("init", "CLOSE", "reboot", "crypto_closed", "before", how="exit"),
        row("init", "SURVEY", "reboot", "crypto_surveyed", "before", how="exit"),
        row("init", "SUPPLY", "reboot", "crypto_want", "before", how="exit", count=3),
        row("init", "VERIFY", "reboot", "crypto_verified", "before", how="exit"),
        row("init", "RECORD", "reboot", "store_recorded", "before", how="exit"),
        row("init", "LOAD", "reboot", "kexec_loaded", "before", how="exit"),
        row("init", "GO", "reboot", "broker_go", "before", how="exit", seen=9),
        row("init", "CLOSE", "boots", "any", "before", name="SIGKILL", times=99),
    ],
    # Replaced where it is needed; where nobody waits for it, it is not missed.
    "store": [
        row("store", "SURVEY", "boots", "store_filled", "before"),
        row("store", "SUPPLY", "boots", "store_filled", "before", count=3),
        row("store", "VERIFY", "boots", "crypto_verified", "before"),
        row("store", "RECORD", "boots", "broker_record", "received"),
        row("store", "LOAD", "boots", "kexec_loaded", "before"),
        row("store", "GO", "boots", "broker_go", "before", seen=9),
        row("store", "SURVEY", "boots", "broker_survey", "received", only="all", name="asked"),
        row("store", "SURVEY", "boots", "store_offer", "after", only="all", name="offered"),
        row("store", "SURVEY", "boots", "store_offered", "after", only="all", name="done"),
        row("store", "SUPPLY", "boots", "store_progress", "after", only="all", name="midway"),
        row("store", "SUPPLY", "boots", "store_filled", "after", only="all", name="kernel", count=3),
        row("store", "RECORD", "boots", "store_recorded", "before", only="all", name="written"),
        # Four times: no fifth one is started. Without a cache nothing boots; without a journal everything does.
        row("store", "SURVEY", "stop", "broker_survey", "received", [704, 605], name="spent", times=4),
        row("store", "SUPPLY", "stop", "crypto_want", "received", [704, 704, 605], name="spent", count=3, times=4),
        row("store", "RECORD", "boots", "broker_record", "received", [704], name="spent", times=4),
    ],
    # Held, not killed: it goes silent. The deadlines are brought near (kill_timeouts), see slow.
    "hang": [
        row("crypto", "CLOSE", "stop", "crypto_closed", "before", [703], name="hang", how="hang", timeouts=9),
        row("broker", "SURVEY", "reboot", "store_offer", "routed", name="hang", how="hang", timeouts=9, only="all"),
        row("crypto", "SURVEY", "stop", "crypto_want", "before", [703], name="hang", how="hang", timeouts=9, only="all"),
        row("crypto", "SUPPLY", "stop", "crypto_want", "before", [703], name="hang", how="hang", timeouts=9, count=3, only="all"),
        row("broker", "SUPPLY", "reboot", "crypto_chosen", "received", name="hang", how="hang", timeouts=9),
        row("crypto", "LOAD", "stop", "crypto_handover", "before", [703], name="hang", how="hang", timeouts=9),
        row("kexec", "LOAD", "reboot", "crypto_handover", "received", [703], name="hang", how="hang", timeouts=9),
        row("kexec", "GO", "reboot", "broker_go", "received", seen=9, name="hang", how="hang", timeouts=9),
        row("store", "SURVEY", "boots", "store_filled", "before", [703], name="hang", how="hang", timeouts=1, only="all"),
        row("store", "SUPPLY", "boots", "store_filled", "before", [703], name="hang", how="hang", timeouts=1, count=3),
        row("store", "RECORD", "boots", "broker_record", "received", [703], name="hang", how="hang", timeouts=1, only="all"),
    ],
    "slow_store": [row("store", "SUPPLY", "boots", "store_filled", "before", [703], only="slow", name="slow", how="hang", count=3)],
    "slow_crypto": [row("crypto", "LOAD", "stop", "crypto_handover", "before", [703], only="slow", name="slow", how="hang")],
}

# The first boot of a machine: (TPM command, its how manieth, when, end of the next normal power-on, its codes). The index of floor and time
# comes first: defined and unwritten it is taken. Defined and never written the secret's is the one state that no boot repairs: a silent
# second definition could be an attacker's.
ENROL = [
    ("12a", 1, "before", "boots", [], "all"),   # NV_DefineSpace
    ("12a", 1, "after", "boots", [], None),
    ("12a", 2, "before", "boots", [], "all"),
    ("12a", 2, "after", "stop", [205], None),
    ("137", 1, "before", "stop", [205], "all"),     # NV_Write
    ("137", 1, "after", "stop", [205], None),   # written, not yet write-locked: not finished either
    ("138", 1, "after", "boots", [], "all"),    # NV_WriteLock
    ("14f", 1, "before", "boots", [], "all"),   # NV_ReadLock
    ("182", 1, "after", "boots", [], "all"),    # PCR_Extend
]
for code, count, when, end, found, only in ENROL:
    name = "enrol_%s_%d_%s" % (code, count, when)
    CHAINS[name] = [row("crypto", "CLOSE", "stop", "tpm_" + code, when, [701], only=only, name=name, then=(end, found), count=count)]

WANTED = set(sys.argv[1:])


def chosen(r):
    names = WANTED - {"all", "slow"}
    if names:
        return r.name in names
    return r.only in (("slow",) if "slow" in WANTED else ("all", None) if "all" in WANTED else (None,))


def is_reset(r):
    return r.end != "boots" and "then" not in r.options


def killer_image(org, config, **options):
    """The shipped image with another first program, made here from its sources."""
    killer, files = org.path("killer"), org.path("files.list")
    preboot.run(os.path.join(preboot.BIN, "sallyport-cc"), *COMPILE, "-I" + preboot.TOP + "/ipc", "-I" + preboot.TOP + "/policy",
                "-o", killer, *(os.path.join(preboot.TOP, "tests", name) for name in KILLER), os.path.join(preboot.BUILD, "target/libipc.a"))
    with open(os.path.join(preboot.TOP, "image/files.list")) as f:
        text, n = re.subn(r"(?m)^file /init 0755 (.*)$", "file /init 0755 %s\nfile /init.real 0755 \\1" % killer, f.read())
    assert n == 1, "files.list has no /init"
    with open(files, "w") as f:
        f.write(text)
    return org.image(config, name="killing", files=files, **options)


def line(r):
    """The kernel's command line for a row, with killer's orders."""
    words = ["kill_program=" + r.program, "kill_message=" + r.message, "kill_when=" + r.when]
    words += ["kill_%s=%s" % o for o in r.options.items() if o[0] in ("count", "times", "how", "timeouts")]
    return " ".join([preboot.PREBOOT_LINE] + words)


class Table:
    """Boots everything, two machines at a time, in the background."""

    def __init__(self):
        self.org = preboot.Organisation(DIR)
        config = self.org.config(retry_wait=1)
        self.shipped, self.killing = self.org.image(config), killer_image(self.org, config)
        self.generation = self.org.generation("alpha", 1, mkgen.make(self.org.path("alpha.initramfs"), "alpha", compress="zstd"))
        pool = concurrent.futures.ThreadPoolExecutor(2)
        chains = {name: [r for r in rows if chosen(r)] for name, rows in CHAINS.items()}
        order = sorted((n for n in chains if chains[n]), key=lambda n: -sum(2 if r.end == "boots" else 1 for r in chains[n]))
        self.futures = {name: pool.submit(self.chain, name, chains[name]) for name in order}
        pool.shutdown(wait=False)

    def chain(self, name, rows):
        """{row's name: (its boot, the normal power-on after it or None)}"""
        node = preboot.Node(self.org.path(name), self.org, image=self.shipped)
        node.put(self.generation)
        done = {}
        for n, r in enumerate(rows):
            node.image = self.killing
            boot = self.power_on(node, line(r), SLOW_TIMEOUT_S if r.only == "slow" else TIMEOUT_S)
            node.image, after = self.shipped, None
            if "then" in r.options or (n + 1 == len(rows) or "all" in WANTED) and r.end != "boots":
                after = self.power_on(node, preboot.PREBOOT_LINE, TIMEOUT_S)
            done[r.name] = boot, after
        return done

    @staticmethod
    def power_on(node, line, timeout_s):
        return node.power_on(line=line, timeout_s=timeout_s, stop_on=preboot.SECOND_KERNEL)


class Judge(unittest.TestCase):
    """Was it the kill that was ordered, and the end that is expected?"""
    table = None

    def ends(self, boot, end, codes):
        self.assertFalse(boot.timed_out, "it hangs")
        self.assertEqual(boot.ended, "host-qmp-quit" if end == "boots" else "guest-reset")
        self.assertEqual(preboot.booted(boot), end == "boots")
        self.assertEqual(preboot.codes(boot), codes)
        self.assertEqual(boot.find(r"stopped: reboot in \d+ s") is not None, end == "stop" or codes == [703] and end == "reboot")
        self.looks_right(boot)

    def looks_right(self, boot):
        for _, text in boot.lines:
            if re.search(preboot.SECOND_KERNEL, text):
                break
            self.assertRegex(text, LINE)

    def killed(self, boot, r):
        """The kill happened, where and as often as ordered."""
        self.assertIsNone(boot.find("KILLER broken"))
        done = [n for n, (_, text) in enumerate(boot.lines) if re.match("KILLER (?!gone)", text)]
        if r.name == "init_CLOSE_SIGKILL":
            self.assertGreater(len(done), 15)
            self.assertTrue(all(boot.lines[n][1].endswith(": 0") for n in done))
            self.assertIsNotNone(boot.find("KILLER sent SIGKILL to init at broker_go: 0"))
            return
        verb = "held" if r.options.get("how") == "hang" else "killed"
        self.assertEqual([boot.lines[n][1] for n in done],
                         ["KILLER %s %s at %s %s" % (verb, r.program, r.message, r.when)] * r.options.get("times", 1))
        marks = [re.search(r"\[(\d)/9\]", text) for _, text in boot.lines[:done[0]]]
        self.assertEqual([int(m.group(1)) for m in marks if m][-1], r.seen)


class Kill(Judge):
    @classmethod
    def setUpClass(cls):
        cls.table = Table()

    def check(self, chain, r):
        boot, after = self.table.futures[chain].result()[r.name]
        try:
            self.killed(boot, r)
            self.ends(boot, r.end, r.codes)
            if after is not None:
                boot = after
                self.ends(after, *r.options.get("then", ("boots", [])))
        except AssertionError as error:
            raise AssertionError("%s\n%s" % (error, "\n".join("%8.3f %s" % line for line in boot.lines[-25:]))) from None


def make_test(chain, r):
    return lambda self: self.check(chain, r)


for chain_name, chain_rows in CHAINS.items():
    for one in chain_rows:
        if chosen(one):
            setattr(Kill, "test_" + one.name, make_test(chain_name, one))

if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
