#!/usr/bin/python3
"""The kill table of boots with an organisation: every program killed or held in LINK, in ASK and in a download has one expected end.

    test_kill_org.py        the table
    test_kill_org.py all    with more points
    test_kill_org.py slow   a held net-link and a held net-worker with the broker's own deadlines: three minutes
    test_kill_org.py ROW... these rows alone: net_ASK_challenge

Tester and image as in test_kill.py; the org's service runs on this host. One machine enrols, has two generations in its cache and a ticket for
the newer; each chain begins with a copy of its disk and TPM. Ends, of which those that boot are looked at until the jump:
  ticket    boots by a ticket, from the cache
  fetched   boots by a ticket, what the org sends; kept in the cache, unless it was the store that was killed
  offline   boots without a ticket, and says which one of how many
  stop, reboot    as in test_kill.py
Behind a chain a normal power-on boots by a ticket.
"""

import concurrent.futures
import os
import re
import shutil
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
    "ticket": (r"\[4/9\] ticket: boot generation", "from slot"),
    "fetched": (r"\[4/9\] ticket: boot generation", "supplied from the org"),
    "offline": (r"\[4/9\] offline: boot \d+ of 16 without a ticket", "from slot"),
}
# The challenge, manifest, signatures, kernel, initramfs: what a download asks for.
KERNEL, INITRAMFS = 4, 5

# drop: the ticket's generation is taken out of the cache first.
CHAINS = {
    "network": [
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
    ],
    "download": [
        row("net", "SUPPLY", "fetched", "net_progress", "after", name="midway", drop=1),
        row("net", "SUPPLY", "fetched", "net_got", "after", name="last", count=INITRAMFS, drop=1),
        row("net", "SUPPLY", "fetched", "net_progress", "after", [703], name="hang", how="hang", timeouts=1, drop=1),
        row("net", "SUPPLY", "offline", "crypto_get", "received", [704, 704], name="spent", count=KERNEL, times=4, drop=1),
        row("net", "SUPPLY", "fetched", "crypto_get", "received", only="all", name="manifest", count=2, drop=1),
        row("net", "SUPPLY", "fetched", "net_got", "before", only="all", name="kernel", count=KERNEL, drop=1),
        # Kept or not, what was fetched boots; half of it is never there.
        row("store", "SUPPLY", "fetched", "crypto_keep", "received", name="manifest", drop=1),
        row("store", "SUPPLY", "fetched", "crypto_keep", "received", only="all", name="minisig", count=2, drop=1),
        row("store", "SUPPLY", "fetched", "crypto_keep", "received", only="all", name="kernel", count=3, drop=1),
        row("store", "SUPPLY", "fetched", "crypto_keep", "received", name="initramfs", count=4, drop=1),
        row("store", "ASK", "ticket", "crypto_post", "before", only="all"),
    ],
    "others": [
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
    ],
    "slow_link": [row("link", "LINK", "ticket", "dhcp", "before", [703], only="slow", name="slow", how="hang")],
    "slow_net": [row("net", "ASK", "ticket", "crypto_get", "received", [703], only="slow", name="slow", how="hang")],
}


class Table:
    """Boots everything, two machines at a time, in the background."""

    def __init__(self):
        self.org = preboot.Organisation(DIR)
        self.svc = service.Service(self.org).start()
        config = self.svc.config(net_wait=NET_WAIT_S, link_wait=LINK_WAIT_S, retry_wait=1, invite=self.svc.invite("--approve"))
        self.shipped = self.org.image(config, modules=service.NIC)
        self.killing = test_kill.killer_image(self.org, config, modules=service.NIC)
        initramfs = mkgen.make(self.org.path("small.initramfs"), "small", compress="zstd")
        older = self.org.generation("older", 1, initramfs)
        self.id = self.svc.add(self.org.generation("newer", 2, initramfs), config)
        self.svc.assign(self.id)
        self.first = preboot.Node(self.org.path("first"), self.org, slots=4, slot_mib=32, image=self.shipped)
        older_id = self.first.put(older)
        self.first_boot = self.power_on(self.first, preboot.PREBOOT_LINE)
        self.first.healthy(older_id)
        pool = concurrent.futures.ThreadPoolExecutor(2)
        chains = {name: [r for r in rows if test_kill.chosen(r)] for name, rows in CHAINS.items()}
        order = sorted((n for n in chains if chains[n]), key=lambda n: -len(chains[n]))
        self.futures = {name: pool.submit(self.chain, name, chains[name]) for name in order}
        pool.shutdown(wait=False)

    def copy(self, name):
        node = preboot.Node(self.org.path(name), self.org, slots=4, slot_mib=32, image=self.killing)
        shutil.copytree(self.first.machine.tpm_dir, node.machine.tpm_dir, dirs_exist_ok=True)
        preboot.run("cp", "--sparse=always", self.first.cache, node.cache)
        return node

    def has(self, node):
        return self.id in node.listing()

    def chain(self, name, rows):
        """{row's name: (its boot, is the generation in the cache, the normal power-on after it or None)}"""
        node, done = self.copy(name), {}
        for n, r in enumerate(rows):
            if r.options.get("drop") and self.has(node):
                preboot.org_tool("cache", "drop", node.cache, self.id)
            boot, after = self.power_on(node, test_kill.line(r)), None
            kept = self.has(node)
            if n + 1 == len(rows):
                node.image = self.shipped
                after = self.power_on(node, preboot.PREBOOT_LINE)
            done[r.name] = boot, kept, after
        return done

    @staticmethod
    def power_on(node, line):
        return node.power_on(line=line, timeout_s=test_kill.SLOW_TIMEOUT_S, stop_on=JUMP, extra=service.NETWORK)


class KillOrg(test_kill.Judge):
    @classmethod
    def setUpClass(cls):
        cls.table = Table()
        cls.addClassCleanup(cls.table.svc.close)

    def boots(self, boot, end):
        self.assertFalse(boot.timed_out, "it hangs")
        for text in (JUMP,) + BOOTS[end]:
            self.assertIsNotNone(boot.find(text), text)
        self.assertIsNone(boot.find("stopped"))

    def check(self, chain, r):
        boot, kept, after = self.table.futures[chain].result()[r.name]
        try:
            self.killed(boot, r)
            if r.end in BOOTS:
                self.boots(boot, r.end)
                self.assertEqual(preboot.codes(boot), r.codes)
                self.looks_right(boot)
            else:
                self.ends(boot, r.end, r.codes)
                self.assertIsNone(boot.find(JUMP))
            if r.end == "fetched":
                self.assertEqual(kept, r.program != "store")
                self.assertEqual(boot.find("kept in slot") is not None, kept)
            if r.options.get("how") == "hang":
                self.assertIsNotNone(boot.find("KILLER gone %s, signal 9" % r.program))     # who does not end by itself is ended
            if after is not None:
                boot = after
                self.boots(boot, "ticket" if kept else "fetched")
                self.assertEqual(preboot.codes(boot), [])
        except AssertionError as error:
            raise AssertionError("%s\n%s" % (error, "\n".join("%8.3f %s" % line for line in boot.lines[-40:]))) from None

    def test_first(self):
        """What all rows begin with."""
        self.assertIsNotNone(self.table.first_boot.find("kept in slot"), self.table.first_boot.serial)
        self.boots(self.table.first_boot, "fetched")


def make_test(chain, r):
    return lambda self: self.check(chain, r)


for chain_name, chain_rows in CHAINS.items():
    for one in chain_rows:
        if test_kill.chosen(one):
            setattr(KillOrg, "test_" + one.name, make_test(chain_name, one))

if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
