#!/usr/bin/python3
"""The generation, as its root: the key is there once and then nowhere, the TPM stays shut, kexec is off, the report tells the truth.

One machine: the first boot enrols, opens /persist, has its memory dumped, then root tries every TPM command of preboot's and every way to
kexec. The second boots a newer generation with the former one's key beside its own, memory dumped again; then root deletes the index.
The third must say so. One copy of the machine gets a kernel that kexec rejects, for the report's sake; another starts the generation
without preboot, where what was refused must work. Two machines run at a time.
"""

import concurrent.futures
import hashlib
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import persist_gen
import preboot
import tpmhelp
import vm

DIR = os.path.join(preboot.BUILD, "e2e", "inside")
DONE = "GENERATION DONE"
# Response codes, part 2, 6.6; those with a number of parameter or session as they come here.
NV_LOCKED, NV_DEFINED, AUTH_UNAVAILABLE, LOCALITY = "148", "14c", "12f", "907"
POLICY_FAIL, BAD_AUTH, VALUE = "99d", "9a2", "1c4"

# Preboot's commands as tpm2-tss names them.  What touches our index is tried again from inside, each with every authorisation; what
# is left is anybody's: it reads what is public, extends, or makes sessions and keys of its own.
REPLAYED = {"NV_Read", "NV_ReadLock", "NV_Write", "NV_WriteLock", "NV_DefineSpace"}
ANYBODYS = {"NV_ReadPublic", "PolicyPCR", "PolicyRestart", "StartAuthSession", "CreatePrimary", "FlushContext", "GetCapability", "PCR_Read",
            "PCR_Extend", "Hash"}
# Of an enrolment and of boots with an organisation. Root has them too and gains nothing: a quote made here has another PCR 8, which the
# organisation refuses (org_ticket_test.py), as it does another node under this EK; EvictControl and HierarchyChangeAuth are the owner's, which is
# nobody's here (test_org.py test_the_tpm_has_an_owner has one); the index of floor and time is written with PCR 8 as it was (unit_tpm_state.c).
WITH_AN_ORG = {"PolicySecret", "Quote", "ReadPublic", "EvictControl", "HierarchyChangeAuth", "ActivateCredential"}

# The longest line of a manifest, of words that look like ours and are not, or that might hide what stands before them; signable.
SWALLOWING = ("console=ttyS0 loglevel=3 panic=1 kexec_load_disabled=0 kernel.kexec_load_disabled=0 'sysctl.kernel.kexec_load_disabled=0' "
              "sysctl.kernel.kexec_load_disabled2=0 sysctl.kernel.kexec_load_disabled\\=0 xsysctl.kernel.kexec_load_disabled=0 "
              "sysctl='kernel.kexec_load_disabled=0 init_on_free2=0 'init_on_free=0' bootconfig --- a=\\").ljust(1850, "x")

# Opens /persist as a generation does, keeps 32 random bytes in a file in memory, and waits for what is to be done next.
KEEP = r"""
head -c 32 /dev/urandom >/run/planted
echo "planted $(xxd -p -c 64 /run/planted)"
if [ -b /dev/vdc ]; then
	persist-mount --device /dev/vdc --format --mkfs 2>&1 | sed 's/^persist-mount: /persist /'
	umount /persist
fi
echo "left $(ls /luks.key /luks.key.prev 2>/dev/null | tr '\n' ' ')"
echo WIPED
read -r mode </dev/ttyS0
"""

# tpm NAME COMMAND...: the command's status and the first response code that is not zero.
ATTACK = r"""
tpm() {
	name=$1; shift
	out=$("$@" 2>&1); status=$?
	code=$(echo "$out" | sed -n 's/.*ErrorCode (0x0*\([0-9a-f]*\)).*/\1/p' | head -n 1)
	echo "tpm.$name $status ${code:-0}"
}
index=0x01535059
if [ "$mode" = attack ]; then
	head -c 84 /dev/zero >/tmp/zeros
	head -c 32 /dev/zero >/tmp/guess
	attributes() { echo "tpm.$1 0 $(tpm2_nvreadpublic $index | sed -n 's/.*value: *0x//p' | tail -n 1)"; }
	attributes before
	for op in read readlock write writelock; do
		with=
		[ $op = read ] && with="-s 84 -o /tmp/got"
		[ $op = write ] && with="-i /tmp/zeros"
		tpm $op.index tpm2_nv$op $index -C $index $with
		tpm $op.owner tpm2_nv$op $index -C o $with
		tpm $op.platform tpm2_nv$op $index -C p $with
		tpm2_startauthsession --policy-session -S /tmp/session
		tpm $op.measured tpm2_policypcr -S /tmp/session -l sha256:4,7,8
		tpm $op.policy tpm2_nv$op $index -C $index -P session:/tmp/session $with
		tpm2_flushcontext /tmp/session
	done
	{ tpm2_pcrread -Q -o /tmp/pcrs sha256:4,7; cat /tmp/pcrs; head -c 32 /dev/zero; } >/tmp/open
	tpm2_startauthsession --policy-session -S /tmp/session
	tpm told tpm2_policypcr -S /tmp/session -l sha256:4,7,8 -f /tmp/open
	tpm compare.index tpm2_policynv -S /tmp/session -i /tmp/guess --offset 52 $index eq
	tpm compare.owner tpm2_policynv -S /tmp/session -C o -i /tmp/guess --offset 52 $index eq
	tpm2_flushcontext /tmp/session
	tpm define tpm2_nvdefine $index -C o -s 84 -a 0x82082008 -L /tmp/guess
	tpm pcrreset tpm2_pcrreset 8
	attributes after
	[ -s /tmp/got ] && echo "tpm.got $(tail -c 32 /tmp/got | sha256sum | cut -d' ' -f1)"
fi
[ "$mode" != go ] && kexec_try /dev/vdb
echo "kexec_load_disabled.then $(cat /proc/sys/kernel/kexec_load_disabled)"
[ "$mode" = undefine ] && tpm undefine tpm2_nvundefine $index -C o
"""


class Memory:
    """Dumps of one boot: in preboot while it holds the secret and after loading, and in the generation once the key is wiped."""

    # The guest stops a moment after the line that it is stopped for.  [5/9]: hashing follows, for seconds; the secret goes behind [7/9].
    # [8/9]: the key is in what is to be jumped into, and then in /luks.key, until WIPED, where the guest itself waits.
    LINES = r"\[5/9\]", r"\[8/9\]", "^WIPED"

    def __init__(self, node, mode):
        self.paths = [node.machine.path(n) for n in ("held", "loaded", "wiped")]
        self.on = [(line, lambda b, path=path: b.dump(path)) for line, path in zip(self.LINES, self.paths)]
        self.on.append((self.LINES[2], lambda b: b.type(mode + "\n")))

    def counts(self, forms):
        """For each dump {name of a form: how often it was found}."""
        found = [dict(zip(forms, vm.count(path, *forms.values()))) for path in self.paths]
        for path in self.paths:
            os.unlink(path)
        return found


def forms(secret, prk, one, two):
    """What is as good as a key: itself, in hex, and as the two blocks that begin an HMAC with it; by name."""
    found = {}
    for name, key in ("secret", secret), ("prk", prk), ("one", one), ("two", two):
        found.update({name: key, name + ", hex": key.hex().encode()})
        if name != "secret":        # which is HKDF's message
            found.update({name + ", inner": bytes(b ^ 0x36 for b in key), name + ", outer": bytes(b ^ 0x5c for b in key)})
    return found


class Inside(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = preboot.Organisation(DIR)
        cls.kexec_try = tpmhelp.compile_static("kexec_try", org.path("kexec_try"))
        cls.image = org.image(org.config(retry_wait=1))
        cls.one = cls.generation("one", 1, "6.1")
        cls.id = {"one": preboot.generation_id(cls.one)}
        cls.two = cls.generation("two", 2, "6.12", cmdline=SWALLOWING)
        cls.id["two"] = preboot.generation_id(cls.two)
        cls.kernel_disk = org.path("kernel.img")
        with open(preboot.kernel("6.1"), "rb") as f, open(cls.kernel_disk, "wb") as out:
            out.write(f.read() + bytes(512))
            out.truncate(out.tell() // 512 * 512)
        cls.node = preboot.Node(org.path("node"), org, slots=4, slot_mib=48, image=cls.image)
        cls.node.put(cls.one)
        cls.after_one = concurrent.futures.Future()
        cls.scenarios = tpmhelp.Scenarios(cls)

    @classmethod
    def tearDownClass(cls):
        cls.scenarios.close()

    @classmethod
    def generation(cls, name, version, line, **options):
        pieces = persist_gen.pieces()
        pieces["programs"] += [(cls.kexec_try, "/sbin/kexec_try")]
        path = mkgen.make(cls.org.path(name + ".img"), name, compress="zstd", tpm2=True, hooks=[tpmhelp.HOOK, KEEP, ATTACK],
                          kernel_dir=os.path.join(preboot.BUILD, "kernel", line), **pieces)
        return cls.org.generation(name, version, path, line=line, **options)

    @classmethod
    def disks(cls, node):
        return [(cls.kernel_disk, "read-only=on"), node.machine.disk("persist", size_mb=64)]

    @classmethod
    def run_life(cls):
        try:
            return cls.live(cls.node, {})
        finally:
            if not cls.after_one.done():
                cls.after_one.set_exception(AssertionError("the machine to be copied came to nothing"))

    @classmethod
    def live(cls, node, seen):
        memory = Memory(node, "attack")
        seen["one"] = node.power_on(disks=cls.disks(node), on=memory.on, stop_on=DONE, timeout_s=200)
        org_key, secret = tpmhelp.stored(node.machine, tpmhelp.node_of(seen["one"]))
        node.healthy(cls.id["one"])
        cls.after_one.set_result([tpmhelp.clone(node, name) for name in ("rejected", "twin")] + [secret])
        keys = [tpmhelp.luks_key(secret, org_key, cls.id[n]) for n in ("one", "two")]
        searched = forms(secret, tpmhelp.prk(secret, org_key), *keys)
        seen["one.memory"] = memory.counts(dict(searched, planted=bytes.fromhex(seen["one"].block("one")["planted"])))
        node.put(cls.two)
        memory = Memory(node, "undefine")
        seen["two"] = node.power_on(disks=cls.disks(node), on=memory.on, stop_on=DONE, timeout_s=200)
        seen["two.memory"] = memory.counts(dict(searched, planted=bytes.fromhex(seen["two"].block("two")["planted"])))
        seen["undefined"] = node.power_on()
        seen["index"] = tpmhelp.index(node.machine)
        return seen, keys

    @classmethod
    def run_twin(cls):
        """The same generation on the same machine, started without preboot: nothing has closed the TPM, nothing is on the line."""
        _, node, secret = cls.after_one.result()
        boot = node.machine.boot(preboot.kernel("6.1"), cls.org.path("one.img"), preboot.GENERATION_LINE, stop_on=DONE,
                                 disks=[node.cache, (cls.kernel_disk, "read-only=on")], on=[("^WIPED", lambda b: b.type("attack\n"))])
        return boot, secret

    @classmethod
    def run_rejected(cls):
        """A kernel that kexec rejects, signed by all; the next power-on falls back by itself."""
        node = cls.after_one.result()[0]
        with open(preboot.kernel("6.1"), "rb") as f:
            kernel = bytearray(f.read())
        kernel[0x236:0x238] = b"\0\0"
        path = cls.org.path("rejected-kernel")
        with open(path, "wb") as f:
            f.write(kernel)
        node.put(cls.org.generation("rejected", 3, cls.org.path("one.img"), kernel_image=path))
        go = [("^WIPED", lambda b: b.type("go\n"))]
        return node.power_on(), node.power_on(stop_on=DONE, on=go)

    def life(self):
        return self.scenarios.result("life")

    # The key.

    def test_key_is_handed_over(self):
        seen, keys = self.life()
        fact = "present %s mode=400 uid=0 gid=0 nlink=1 size=32"
        one, two = seen["one"].block("one"), seen["two"].block("two")
        digest = [hashlib.sha256(k).hexdigest() for k in keys]
        self.assertEqual((one["luks.key"], one["luks.key.prev"]), (fact % digest[0], "absent"))
        self.assertEqual((two["luks.key"], two["luks.key.prev"]), (fact % digest[1], fact % digest[0]))
        for facts, opened in (one, "formatted, keyslot 0"), (two, "added keyslot 1"):
            self.assertIn(opened, facts["persist"])
            self.assertEqual(facts["left"].strip(), "")

    def test_memory_holds_no_key(self):
        seen, _ = self.life()
        for name in "one", "two":
            held, loaded, wiped = seen[name + ".memory"]
            with self.subTest(name, held=held, loaded=loaded, wiped=wiped):
                # The search finds what is there: the secret in crypto-worker, once; each key in what the kernel is to jump into.
                self.assertEqual({form for form in held if held[form]}, {"secret"})
                self.assertEqual(held["secret"], 1)
                self.assertEqual({form for form in loaded if loaded[form]}, {"one", "two"} if name == "two" else {"one"})
                self.assertEqual({form for form in wiped if wiped[form]}, {"planted"})

    # The TPM.

    def test_tpm_stays_shut(self):
        """Owner and index authorisation are empty, so each command gets as far as it can; what stops it is the latch, or the policy."""
        facts = self.life()[0]["one"].block("one")
        said = {k[4:]: tuple(v.split()) for k, v in facts.items() if k.startswith("tpm.")}
        attributes = ("0", "%X" % (tpmhelp.ATTRIBUTES | tpmhelp.FINISHED | 1 << 28))     # READLOCKED
        wanted = {"before": attributes, "after": attributes, "told": ("1", VALUE), "define": ("1", NV_DEFINED),
                  "compare.index": ("1", AUTH_UNAVAILABLE), "compare.owner": ("1", NV_LOCKED), "pcrreset": ("1", LOCALITY)}
        for op in (name[3:].lower() for name in REPLAYED - {"NV_DefineSpace"}):
            wanted.update({op + ".index": ("1", AUTH_UNAVAILABLE), op + ".platform": ("1", BAD_AUTH), op + ".policy": ("1", POLICY_FAIL),
                           op + ".measured": ("0", "0"), op + ".owner": ("1", NV_LOCKED)})
            # Part 3, 31.11 and 31.14: to lock what is locked does nothing, and that is a success.
            if op.endswith("lock"):
                wanted[op + ".owner"] = ("0", "0")
        self.maxDiff = None
        self.assertEqual(said, wanted)

    def test_tpm_opens_where_preboot_was_not(self):
        """The same commands by the same root: what stopped them is the latch and nothing else."""
        boot, secret = self.scenarios.result("twin")
        said = {k[4:]: v for k, v in boot.block("one").items() if k.startswith("tpm.")}
        self.assertEqual((said["told"], said["read.policy"], said["got"]), ("0 0", "0 0", hashlib.sha256(secret).hexdigest()), boot.serial)

    def test_every_command_of_preboot_was_thought_of(self):
        used = set()
        for name in os.listdir(os.path.join(preboot.TOP, "crypto-worker")):
            with open(os.path.join(preboot.TOP, "crypto-worker", name)) as f:
                used |= set(re.findall(r"\bEsys_(?!TR_|TRSess_|Initialize|Finalize|Free)(\w+)\(", f.read()))
        self.assertEqual(used, REPLAYED | ANYBODYS | WITH_AN_ORG)

    # kexec.

    @staticmethod
    def kexec_tries(boot):
        return [m.groups() for m in boot.find_all(r"^kexec_try (.+): (done|errno \d+)")]

    def test_kexec_is_off(self):
        tries = ["kexec_load_disabled=0"] + ["kexec_file_load" + x for x in ("", ", no initramfs", ", on crash", ", unload")] + [
            "kexec_load" + x for x in ("", ", on crash", ", unload")] + ["kexec_load_disabled=0"]
        seen, _ = self.life()
        for name in "one", "two":
            facts, said = seen[name].block(name), self.kexec_tries(seen[name])
            self.assertEqual([t for t, _ in said], tries, seen[name].serial)
            self.assertEqual([e for _, e in said], ["errno 22"] + ["errno 1"] * 7 + ["errno 22"], seen[name].serial)
            self.assertEqual((facts["kexec_load_disabled"], facts["kexec_load_disabled.then"]), ("1", "1"))
        # The second kernel had all of the line that was made to swallow our words.
        self.assertTrue(seen["two"].block("two")["cmdline"].endswith(" " + SWALLOWING), seen["two"].serial)
        # What is refused here works where nobody has switched it off.
        twin, _ = self.scenarios.result("twin")
        could = self.kexec_tries(twin)
        self.assertEqual([t for t, _ in could], tries, twin.serial)
        could = dict(could)
        for what in "kexec_file_load", "kexec_file_load, no initramfs", "kexec_load", "kexec_load, unload":
            self.assertEqual(could[what], "done", twin.serial)

    # The owner deletes the index: the node is gone, and nothing takes its place.

    def test_deleted_index_is_not_made_again(self):
        seen, _ = self.life()
        self.assertEqual(seen["two"].block("two")["tpm.undefine"], "0 0")
        boot = seen["undefined"]
        self.assertEqual(preboot.codes(boot), [203], boot.serial)
        self.assertFalse(preboot.booted(boot), boot.serial)
        self.assertEqual(boot.ended, "guest-reset", boot.serial)
        self.assertIsNone(seen["index"])

    # The report.

    def check_report(self, boot, name, **wanted):
        facts, report = boot.block(name), tpmhelp.report(boot, name)
        times = {int(m.group(2)): int(m.group(1).replace(".", "")) for m in boot.find_all(r"^sallyport +(\d+\.\d{3}) \[(\d)/9\]")}
        ms = [int(report.pop(k)) for k in ("ms_start", "ms_closed", "ms_surveyed", "ms_supplied", "ms_verified", "ms_loading")]
        order = [times[1], ms[0], ms[1], times[2], ms[2], times[3], times[4], ms[3], times[5], ms[4], times[6], times[7], ms[5], times[8]]
        self.assertEqual(order, sorted(order))
        id = self.id[name]
        self.assertEqual(report, dict({
            "generation": id, "cause": "newest", "keys_good": "2", "keys_need": "2", "node": tpmhelp.node_of(boot), "enrolled_now": "0",
            "previous_key": "0", "pcr4": facts["pcr4.sha256"], "pcr7": facts["pcr7.sha256"], "last_failure": "0",
            "pcr8": tpmhelp.extended("sha256", tpmhelp.LATCH, bytes.fromhex(id))}, **wanted))
        self.assertEqual(facts["pcr8.sha256"], report["pcr8"])
        self.assertIn("sallyport.boot=" + id, facts["cmdline"].split())

    def test_report(self):
        seen, _ = self.life()
        self.check_report(seen["one"], "one", version="1", slot="0", enrolled_now="1")
        self.check_report(seen["two"], "two", version="2", slot="1", previous_key="1")
        self.assertEqual(tpmhelp.node_of(seen["two"]), tpmhelp.node_of(seen["one"]))

    def test_report_of_a_fallback(self):
        rejected, boot = self.scenarios.result("rejected")
        self.assertEqual(preboot.codes(rejected), [601], rejected.serial)
        self.assertFalse(preboot.booted(rejected), rejected.serial)
        self.check_report(boot, "one", version="1", slot="0", cause="fallback", last_failure="601")


if __name__ == "__main__":
    unittest.main()
