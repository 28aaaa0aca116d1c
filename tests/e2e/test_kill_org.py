#!/usr/bin/python3
"""The kill table of boots with an organisation: every program killed or held in LINK, in ASK and in a download has one expected end.

    test_kill_org.py        the table
    test_kill_org.py all    with more points, and a normal power-on after every row
    test_kill_org.py slow   a held net-link and a held net-worker with the broker's own deadlines: three minutes
    test_kill_org.py ROW... these rows alone: net_ASK_challenge

Tester and image as in test_kill.py; the org's service runs on this host. A machine has enrolled, has two generations in its cache and has
had a ticket for the newer; each row begins with the disk as of then. Ends, of which those that boot are looked at until the jump:
  ticket    boots by a ticket, from the cache
  fetched   boots by a ticket, what the org sends; kept in the cache, unless it was the store that was killed
  older     has a ticket, gets nothing for it, boots the other one that it has
  offline   boots without a ticket, and says which one of how many
  stop, reboot    as in test_kill.py
A normal power-on after a lost store-worker boots by a ticket, and has the generation in the cache then.
"""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import preboot
import service
import test_kill
from test_kill import row

DIR = os.path.join(preboot.BUILD, "e2e", "test_kill_org")
NET_WAIT_S, LINK_WAIT_S = 6, 4     # no row waits so long: under load an answer takes 2 s
JUMP = r"\[9/9\] jump"
BOOTS = {
    "ticket": (r"\[4/9\] ticket: boot generation", "v2 from slot"),
    "fetched": (r"\[4/9\] ticket: boot generation", "supplied from the org"),
    "older": (r"\[4/9\] ticket: boot generation", "v1 from slot"),
    "offline": (r"\[4/9\] offline: boot \d+ of 16 without a ticket", "from slot"),
}
# The challenge, manifest, signatures, kernel, initramfs: what a download asks for.
KERNEL, INITRAMFS = 4, 5

# drop: the ticket's generation is not in the cache.
ROWS = [
    # Replaced until it has had its say; then it is not missed, and ended if it does not end by itself.
    row("link", "LINK", "ticket", "dhcp", "before", only="all", name="asks"),
    row("link", "LINK", "ticket", "link_lease", "before"),
    row("link", "LINK", "ticket", "link_lease", "after", name="leased"),
    row("link", "LINK", "offline", "dhcp", "before", [704, 704], name="spent", times=4),
    row("link", "LINK", "ticket", "dhcp", "before", [703], name="hang", how="hang", timeouts=1),
    row("link", "LINK", "ticket", "link_lease", "after", name="stays", how="hang"),
    # Whatever was asked of it is asked again, from the challenge on: the org may have redeemed the former one.
    row("net", "ASK", "ticket", "crypto_get", "received", only="all", name="asked"),
    row("net", "ASK", "ticket", "net_got", "before", name="challenge"),
    row("net", "ASK", "ticket", "crypto_post", "received", only="all", name="request"),
    row("net", "ASK", "ticket", "net_posted", "before", name="redeemed"),
    row("net", "ASK", "ticket", "net_posted", "after", only="all", name="answered"),
    row("net", "ASK", "offline", "crypto_get", "received", [704, 704], name="spent", times=4),
    row("net", "ASK", "ticket", "crypto_get", "received", [703], name="hang", how="hang", timeouts=1),
    row("net", "ASK", "ticket", "crypto_post", "received", [703], only="all", name="hang_request", how="hang", timeouts=1),
    row("net", "SUPPLY", "fetched", "net_progress", "after", name="midway", drop=1),
    row("net", "SUPPLY", "fetched", "net_got", "after", name="last", count=INITRAMFS, drop=1),
    row("net", "SUPPLY", "fetched", "net_progress", "after", [703], only="all", name="hang", how="hang", timeouts=1, drop=1),
    row("net", "SUPPLY", "older", "crypto_get", "received", [704, 704], name="spent", count=KERNEL, times=4, drop=1),
    row("net", "SUPPLY", "fetched", "crypto_get", "received", only="all", name="manifest", count=2, drop=1),
    row("net", "SUPPLY", "fetched", "net_got", "before", only="all", name="kernel", count=KERNEL, drop=1),
    # Kept or not, what was fetched boots; half of it is never there.
    row("store", "SUPPLY", "fetched", "crypto_keep", "received", only="all", name="manifest", drop=1),
    row("store", "SUPPLY", "fetched", "crypto_keep", "received", only="all", name="minisig", count=2, drop=1),
    row("store", "SUPPLY", "fetched", "crypto_keep", "received", only="all", name="kernel", count=3, drop=1),
    row("store", "SUPPLY", "fetched", "crypto_keep", "received", name="initramfs", count=4, drop=1),
    row("store", "ASK", "ticket", "crypto_post", "before", only="all"),
    row("crypto", "LINK", "stop", "link_lease", "before", [701]),
    row("crypto", "ASK", "stop", "crypto_post", "before", [701]),
    row("broker", "LINK", "reboot", "link_lease", "routed"),
    row("broker", "ASK", "reboot", "net_posted", "routed"),
    row("init", "LINK", "reboot", "link_lease", "received", how="exit"),
    row("init", "ASK", "reboot", "crypto_post", "before", how="exit"),
    row("kexec", "LINK", "stop", "link_lease", "before", [701]),
    row("kexec", "ASK", "stop", "crypto_post", "before", [701]),
    row("crypto", "SUPPLY", "stop", "net_progress", "after", [701], drop=1),
    row("broker", "SUPPLY", "reboot", "net_progress", "after", drop=1),
    row("init", "SUPPLY", "reboot", "net_progress", "after", how="exit", drop=1),
    row("kexec", "SUPPLY", "stop", "net_progress", "after", [701], drop=1),
    row("link", "LINK", "ticket", "dhcp", "before", [703], only="slow", name="slow", how="hang"),
    row("net", "ASK", "ticket", "crypto_get", "received", [703], only="slow", name="slow", how="hang"),
]


class KillOrg(test_kill.Judge):
    """One machine, for a TPM that is copied is refused: its resetCount would go back. Each row begins with the same disk."""

    @classmethod
    def setUpClass(cls):
        cls.org = org = preboot.Organisation(DIR)
        svc = service.Service(org).start()
        cls.addClassCleanup(svc.close)
        config = svc.config(net_wait=NET_WAIT_S, link_wait=LINK_WAIT_S, retry_wait=1, invite=svc.invite("--approve"))
        cls.shipped = org.image(config, modules=service.NIC)
        cls.killing = test_kill.killer_image(org, config, modules=service.NIC)
        initramfs = mkgen.make(org.path("small.initramfs"), "small", compress="zstd")
        older, newer = org.generation("older", 1, initramfs), org.generation("newer", 2, initramfs)
        cls.id = svc.add(newer, config)
        svc.assign(cls.id)
        cls.node = preboot.Node(org.path("node"), org, slots=4, slot_mib=32, image=cls.shipped)
        older_id = cls.node.put(older)
        cls.first = cls.power_on(cls.shipped, preboot.PREBOOT_LINE)     # enrols, and fetches the newer one
        cls.node.healthy(older_id)
        cls.full, cls.dropped = org.path("full.img"), org.path("dropped.img")
        cls.copy(cls.node.cache, cls.full)
        if cls.has():
            preboot.org_tool("cache", "drop", cls.node.cache, cls.id)
        cls.copy(cls.node.cache, cls.dropped)

    @staticmethod
    def copy(source, to):
        preboot.run("cp", "--sparse=always", source, to)

    @classmethod
    def has(cls):
        return cls.id in cls.node.listing()

    @classmethod
    def power_on(cls, image, line):
        cls.node.image = image
        return cls.node.power_on(line=line, timeout_s=test_kill.SLOW_TIMEOUT_S, stop_on=JUMP, extra=service.NETWORK)

    def boots(self, boot, end, codes):
        self.assertFalse(boot.timed_out, "it hangs")
        for text in (JUMP,) + BOOTS[end]:
            self.assertIsNotNone(boot.find(text), text)
        self.assertEqual(preboot.codes(boot), codes)
        self.assertIsNone(boot.find("stopped"))
        self.looks_right(boot)

    def row(self, r):
        self.copy(self.dropped if r.options.get("drop") else self.full, self.node.cache)
        boot = self.power_on(self.killing, test_kill.line(r))
        try:
            self.killed(boot, r)
            if r.end in BOOTS:
                self.boots(boot, r.end, r.codes)
            else:
                self.ends(boot, r.end, r.codes)
                self.assertIsNone(boot.find(JUMP))
            if r.options.get("how") == "hang":
                self.assertIsNotNone(boot.find("KILLER gone %s, signal 9" % r.program))     # who does not end by itself is ended
            if r.end == "fetched":
                self.assertEqual(self.has(), r.program != "store")
                self.assertEqual(boot.find("kept in slot") is not None, r.program != "store")
            if r.program == "store" or "all" in test_kill.WANTED:
                there = self.has()
                boot = self.power_on(self.shipped, preboot.PREBOOT_LINE)
                self.boots(boot, "ticket" if there else "fetched", [])
                self.assertTrue(self.has())
        except AssertionError as error:
            raise AssertionError("%s\n%s" % (error, "\n".join("%8.3f %s" % line for line in boot.lines[-40:]))) from None

    def test_first(self):
        """What all rows begin with."""
        self.boots(self.first, "fetched", [])
        self.assertIsNotNone(self.first.find("kept in slot"))
        self.assertIsNotNone(self.first.find("enrolled with the org"))


def make_test(r):
    return lambda self: self.row(r)


for one in ROWS:
    if test_kill.chosen(one):
        setattr(KillOrg, "test_" + one.name, make_test(one))

if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
