#!/usr/bin/python3
"""Machines and their organisation: enrolment, tickets, downloads, refusals, and boots without any of them, in QEMU against the real service.

Most power-ons end at the jump: what a generation does with its key, test_inside.py and the demo show. Here one does, to compare two keys.
"""

import os
import re
import socket
import ssl
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import preboot
import service
import vm

DIR = os.path.join(preboot.BUILD, "e2e", "test_org")
NET_WAIT_S, LINK_WAIT_S = 6, 4
JUMP, STOPPED = r"\[9/9\] jump", "stopped: reboot"
SILENT = ("-netdev", "user,id=net0,restrict=on") + service.NETWORK[2:]      # DHCP answers, and nothing else


def tail(boot):
    return "\n".join("%8.3f %s" % line for line in boot.lines[-40:])


def guest_time(boot, pattern):
    """Preboot's own clock at the first line that matches."""
    return float(boot.find(r"^sallyport +(\d+\.\d{3}) .*(?:%s)" % pattern).group(1))


class Org(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = preboot.Organisation(DIR)
        cls.svc = service.Service(org, options=("--offline-max", "3")).start()
        cls.initramfs = mkgen.make(org.path("small.initramfs"), "small", compress="zstd")
        cls.plain = cls.svc.config("config-plain", net_wait=NET_WAIT_S, link_wait=LINK_WAIT_S, invite="00" * 32)
        cls.id = {}
        for name, version in ("one", 1), ("two", 2):
            cls.id[name] = cls.svc.add(org.generation(name, version, cls.initramfs), cls.plain)
        cls.svc.assign(cls.id["one"])

    @classmethod
    def tearDownClass(cls):
        cls.svc.close()

    def node(self, name, approve=True, **options):
        """A machine with an empty cache and an invite of its own; svc: whose."""
        image = self.image(name, *(("--approve",) if approve else ()), **options)
        return preboot.Node(self.org.path(name), self.org, slots=4, slot_mib=32, image=image)

    def image(self, name, *invited, svc=None, **options):
        svc = svc or self.svc
        config = svc.config("config-" + name, net_wait=NET_WAIT_S, link_wait=LINK_WAIT_S, invite=svc.invite("--name", name, *invited), **options)
        return self.org.image(config, name="preboot-" + name, modules=service.NIC)

    def boots(self, node, *wanted, **options):
        boot = node.power_on(extra=options.pop("extra", service.NETWORK), stop_on=JUMP + "|" + STOPPED, timeout_s=150, **options)
        for text in (JUMP,) + wanted:
            self.assertIsNotNone(boot.find(text), "%s\n%s" % (text, tail(boot)))
        return boot

    def stops(self, node, *codes, **options):
        boot = node.power_on(extra=options.pop("extra", service.NETWORK), stop_on=JUMP + "|" + STOPPED, timeout_s=150, **options)
        self.assertIsNotNone(boot.find(STOPPED), tail(boot))
        self.assertIsNone(boot.find(JUMP), tail(boot))
        self.assertEqual(preboot.codes(boot)[-len(codes):], list(codes), tail(boot))
        return boot

    # Membership.

    def test_an_operator_approves(self):
        """Pending until the EK that the console showed is approved; and an invite is for one machine."""
        node = self.node("pending", approve=False)
        boot = self.stops(node, 912)
        ek = boot.find(r"EK ([0-9a-f]{64})").group(1)
        self.assertIn(ek, self.svc.tool("node show", "pending"))
        self.svc.tool("node approve", "pending", "--ek", "0" * 64, status=1)
        self.stops(node, 912)
        self.svc.tool("node approve", "pending", "--ek", ek)
        self.boots(node, r"\[4/9\] ticket: boot generation " + self.id["one"][:12], "from the org")
        # The same disk image, and so the same invite, in another machine.
        other = preboot.Node(self.org.path("pending-too"), self.org, image=node.image)
        self.stops(other, 916)

    def test_a_refusal_outlives_the_network(self):
        node = self.node("refused")
        self.boots(node, "kept in slot 0")
        node.healthy(self.id["one"])
        self.svc.tool("node revoke", "refused")
        self.stops(node, 913)
        self.stops(node, 921, extra=SILENT)         # no cable helps whoever was refused
        # Revoked is for good: forgotten, and enrolled anew with another invite, which comes in another image.
        self.svc.tool("node forget", "refused")
        self.stops(node, 916)
        node.image = self.image("refused-again", "--approve")
        self.boots(node, "enrolled with the org", "from slot 0")
        self.boots(node, "offline: boot 1 of 3", extra=SILENT)

    def test_the_tpm_has_an_owner(self):
        """Its authorisations are set with the enrolment, and what the operators' key opens are these."""
        data = self.svc.data
        node = self.node("owned", tpm_owner="take", escrow_key=os.path.join(data, "escrow.pub"))
        with node.machine.tpm_socket() as tpm:
            tpm.run("tpm2_createprimary", "-C", "o", "-c", "/dev/null")         # a factory-new TPM is nobody's
        self.boots(node, "enrolled with the org")
        text = self.svc.tool("node escrow", "owned", "--key", os.path.join(data, "escrow.key"))
        owner, lockout = (re.search(r"^%s +([0-9a-f]{64})$" % name, text, re.M).group(1) for name in ("ownerAuth", "lockoutAuth"))
        with node.machine.tpm_socket() as tpm:
            self.assertNotEqual(tpm.run("tpm2_createprimary", "-C", "o", "-c", "/dev/null", check=False).returncode, 0)
            tpm.run("tpm2_createprimary", "-C", "o", "-P", "hex:" + owner, "-c", "/dev/null")
            tpm.run("tpm2_dictionarylockout", "-c", "-p", "hex:" + lockout)
            self.assertNotEqual(tpm.run("tpm2_clear", "-c", "l", check=False).returncode, 0)    # behind it: a wrong one locks this one out
        self.boots(node, r"\[4/9\] ticket", "from slot")      # preboot needs neither

    # What is booted.

    def test_cache_and_download(self):
        """What is there is not fetched again; a generation that fails gives way to the last healthy one, by ticket."""
        svc = service.Service(self.org).start()
        self.addCleanup(svc.close)
        with open(os.path.join(self.org.path("one"), "kernel"), "rb") as f:
            kernel = bytearray(f.read())
        kernel[0x236:0x238] = b"\0\0"               # kexec's loader refuses it: see test_refuse.py
        with open(self.org.path("kernel-refused"), "wb") as f:
            f.write(kernel)
        bad = self.org.generation("bad", 3, self.initramfs, kernel_image=self.org.path("kernel-refused"))
        node = self.node("cached", svc=svc)
        config = self.org.path("config-cached")
        first = svc.add(self.org.path("one"), config)
        svc.assign(first)
        self.boots(node, "from the org", "kept in slot 0")
        node.healthy(first)
        self.assertIsNone(self.boots(node, "from slot 0").find("from the org"))
        svc.assign(svc.add(bad, config))
        self.stops(node, 601)
        boot = self.boots(node, r"\[4/9\] ticket: boot generation " + first[:12], "from slot 0")
        self.assertIsNone(boot.find("from the org"))
        self.assertIn("601", svc.tool("node show", "cached"))
        # A slot that rots: fetched again.
        with open(node.cache, "r+b") as disk:
            disk.seek((1 << 20) + (1 << 20) + 4096)
            disk.write(b"\xff" * 4096)
        self.boots(node, "from the org", "kept in slot")

    def test_a_floor(self):
        node = self.node("floor")
        self.boots(node)
        node.healthy(self.id["one"])
        svc = self.svc
        svc.tool("node group", "floor", "raised")
        svc.assign(self.id["two"], "--group", "raised")
        self.boots(node, "kept in slot 1")
        node.healthy(self.id["two"])
        svc.tool("generation floor", 2, "--group", "raised")
        self.boots(node, "floor 2")
        # In the TPM from then on: what is under it is out, whatever the disk says.
        preboot.org_tool("cache", "drop", node.cache, self.id["two"], "--force")
        boot = self.stops(node, 605, extra=SILENT)
        self.assertIn(404, preboot.codes(boot))

    # Without an org.

    def test_a_silent_network(self):
        """Each offline decision within its stated bound; so many boots, and no more."""
        node = self.node("alone")
        self.stops(node, 921, extra=SILENT)         # never seen a ticket
        self.boots(node, "kept in slot 0")
        boot = self.boots(node, "offline: boot 1 of 3", "SP8", extra=SILENT)
        self.assertLess(guest_time(boot, "offline: boot") - guest_time(boot, "eth0 "), NET_WAIT_S + 3, tail(boot))
        boot = self.boots(node, "offline: boot 2 of 3", "SP802 ",
                          on=[(r"\[1/9\]", lambda machine: machine.qmp("set_link", name="net0", up=False))])
        self.assertLess(guest_time(boot, "offline: boot") - guest_time(boot, r"\[3/9\]"), LINK_WAIT_S + 2, tail(boot))
        self.svc.stop()
        try:
            boot = self.boots(node, "offline: boot 3 of 3", "SP807 ")
            self.assertLess(guest_time(boot, "offline: boot") - guest_time(boot, "eth0 "), NET_WAIT_S + 3, tail(boot))
            self.stops(node, 921)
        finally:
            self.svc.start()
        self.boots(node, r"\[4/9\] ticket")         # and the count begins anew
        self.boots(node, "offline: boot 1 of 3", extra=SILENT)

    def test_the_clock_is_not_asked(self):
        node = self.node("clock")
        self.boots(node, extra=service.NETWORK + ("-rtc", "base=1970-01-01T00:00:00"))
        self.boots(node, r"\[4/9\] ticket", extra=service.NETWORK + ("-rtc", "base=2100-01-01T00:00:00"))

    def test_wrong_servers(self):
        """Another CA, another name: no ticket, and the service hears nothing."""
        other = service.Service(self.org, names="127.0.0.1")
        self.addCleanup(other.close)
        config = self.svc.config("config-ca", net_wait=NET_WAIT_S, invite="11" * 32, org_ca=os.path.join(other.data, "ca.crt"))
        node = preboot.Node(self.org.path("ca"), self.org, image=self.org.image(config, name="preboot-ca", modules=service.NIC))
        before = self.svc.tool("log")
        self.assertIsNotNone(self.stops(node, 921).find("SP809 "))
        self.assertEqual(self.svc.tool("log"), before)
        other.start()
        config = other.config("config-name", net_wait=NET_WAIT_S, invite="11" * 32)
        node = preboot.Node(self.org.path("name"), self.org, image=self.org.image(config, name="preboot-name", modules=service.NIC))
        self.assertIsNotNone(self.stops(node, 921).find("SP809 "))

    # The share.

    def test_who_reads_the_traffic_does_not_have_the_share(self):
        """A proxy that ends TLS, with a certificate of the org's CA, sees every byte; the key changes with the share, and the share is not in it."""
        svc = service.Service(self.org)
        self.addCleanup(svc.close)
        proxy = Proxy(svc)
        self.addCleanup(proxy.close)
        invite = svc.invite("--name", "shared", "--approve")
        config = svc.config("config-shared", org=proxy.url, invite=invite, release="org", net_wait=NET_WAIT_S)
        loud = mkgen.make(self.org.path("loud.initramfs"), "loud", compress="zstd")
        id = svc.add(self.org.generation("loud", 1, loud), config)
        svc.assign(id)
        node = preboot.Node(self.org.path("shared"), self.org, image=self.org.image(config, name="preboot-shared", modules=service.NIC))
        key = self.key(node)
        ram = node.machine.path("ram")
        self.assertEqual(self.key(node, on=[("GENERATION loud", lambda machine: machine.dump(ram))]), key)
        seen = bytes(proxy.seen)
        self.assertIn(b"sallyport-ticket 1\n", seen)        # the proxy does see what is inside TLS
        self.assertIn(b"sallyport-request 1\n", seen)
        share = svc.share("shared")
        self.assertEqual(len(share), 32)
        for form in (share, share.hex().encode(), share[:16], share.hex()[:32].encode()):
            self.assertNotIn(form, seen)
        # Nor is it in the memory of what was booted; the search does see that memory.
        copies, lines = vm.count(ram, share, b"GENERATION loud")
        self.assertEqual(copies, 0)
        self.assertGreater(lines, 0)
        os.unlink(ram)
        # Another share, another key: it is half of what the key is made of.
        svc.change_share("shared", bytes(range(32)))
        self.assertNotEqual(self.key(node), key)

    def key(self, node, **options):
        """The digest of /luks.key, as the generation saw it."""
        boot = node.power_on(extra=service.NETWORK, timeout_s=150, **options)
        found = boot.find(r"^luks\.key present ([0-9a-f]{64})")
        self.assertIsNotNone(found, tail(boot))
        return found.group(1)


class Proxy:
    """Ends TLS with the service's own certificate, speaks plain HTTP to it over a socket, and keeps every byte."""

    def __init__(self, svc):
        self.svc, self.seen = svc, bytearray()
        self.path = svc.start_plain()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = "%s:%d" % (service.HOST, self.socket.getsockname()[1])
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.load_cert_chain(os.path.join(svc.data, "server.crt"), os.path.join(svc.data, "server.key"))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as outer, socket.socket(socket.AF_UNIX) as inner:
                inner.connect(self.path)
                back = threading.Thread(target=self._copy, args=(inner, outer), daemon=True)
                back.start()
                self._copy(outer, inner)
                back.join()
        except OSError:
            pass        # whoever was there has gone

    def _copy(self, source, sink):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                self.seen += data
                sink.sendall(data)
        except OSError:
            pass
        try:
            (sink.unwrap() if isinstance(sink, ssl.SSLSocket) else sink).shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.socket.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
