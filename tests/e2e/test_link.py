#!/usr/bin/python3
"""The network of a machine, up to the lease: net-link and init in the real image, under their filters, with a real driver.

What a lease is worth, and what a hostile server can do, tests/net_link_test.py shows; here are the kernel's modules, VLAN, cables, and what
the wire sees of the machine before and after.
"""

import os
import re
import select
import socket
import struct
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preboot

DIR = os.path.join(preboot.BUILD, "e2e", "test_link")
MODULES = ("virtio_net", "8021q")
MAC = "52:54:00:12:34:56"
NIC = "virtio-net-pci,netdev=net0,romfile=,mac=" + MAC
LATCH = r"\[2/9\] the door behind is closed"
LEASE = r"(\S+) (%s): address (\S+), gateway (\S+), name server (\S+), from (\S+)" % MAC
LINK_WAIT_S, NET_WAIT_S = 4, 4
ETH_P_ALL = 3


def tail(boot):
    return "\n".join("%8.3f %s" % line for line in boot.lines[-40:])


def frames(path):
    """The Ethernet frames of a pcap file."""
    with open(path, "rb") as f:
        data = f.read()
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


class Wire:
    """A trunk port: QEMU's frames over UDP on one side, tagged; a namespace with dnsmasq on the other, untagged. The tag is made and taken here."""

    def __init__(self, vlan):
        self.vlan, self.space = vlan, "sp%d-wire" % os.getpid()
        self.untagged = 0
        run = lambda *argv: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        run("ip", "netns", "add", self.space)
        run("ip", "-n", self.space, "link", "add", "port", "type", "veth", "peer", "name", "srv")
        run("ip", "-n", self.space, "address", "add", "198.51.100.1/24", "dev", "srv")
        run("ip", "-n", self.space, "link", "set", "srv", "up")
        run("ip", "-n", self.space, "link", "set", "port", "up")
        self.qemu = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.qemu.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.peer = free.getsockname()
        self.port = self._socket_there()
        self.end_r, self.end_w = os.pipe()
        self.dnsmasq = subprocess.Popen(["ip", "netns", "exec", self.space, "dnsmasq", "-d", "-C", "/dev/null", "-p", "0", "--bind-dynamic",
                                         "--interface=srv", "--no-ping", "--user=root", "--pid-file=", "--dhcp-leasefile=/dev/null",
                                         "--dhcp-range=198.51.100.50,198.51.100.60,1h", "--dhcp-option=6,198.51.100.3"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if not any("DHCP, IP range" in line for line in self.dnsmasq.stderr):
            raise AssertionError("dnsmasq does not start")
        self.thread = threading.Thread(target=self._carry, daemon=True)
        self.thread.start()

    def _socket_there(self):
        """A packet socket of the namespace, made by a child that enters it."""
        here, there = socket.socketpair()
        child = subprocess.Popen(["ip", "netns", "exec", self.space, sys.executable, "-c", "import socket,sys\n"
                                  "s=socket.socket(17,3,socket.htons(%d))\ns.bind(('port',0))\n"
                                  "socket.send_fds(socket.socket(fileno=%d),[b'x'],[s.fileno()])" % (ETH_P_ALL, there.fileno())],
                                 pass_fds=[there.fileno()])
        there.close()
        _, fds, _, _ = socket.recv_fds(here, 1, 1)
        here.close()
        child.wait()
        return socket.socket(fileno=fds[0])

    def netdev(self):
        return "socket,id=net0,udp=127.0.0.1:%d,localaddr=127.0.0.1:%d" % (self.qemu.getsockname()[1], self.peer[1])

    def _carry(self):
        tag = struct.pack("!HH", 0x8100, self.vlan)
        while True:
            ready = select.select([self.qemu, self.port, self.end_r], [], [])[0]
            if self.end_r in ready:
                return
            if self.qemu in ready:
                frame = self.qemu.recv(70000)
                if frame[12:16] == tag:
                    self.port.send(frame[:12] + frame[16:])
                else:
                    self.untagged += 1
            if self.port in ready:
                frame, where = self.port.recvfrom(70000)
                if where[2] == socket.PACKET_OUTGOING:
                    continue
                if frame[12:15] == b"\x08\x00\x45" and frame[23] == 17:
                    frame = frame[:40] + bytes(2) + frame[42:]     # UDP: the sum is left to a card that is not there; 0: none (RFC 768)
                self.qemu.sendto(frame[:12] + tag + frame[12:], self.peer)

    def close(self):
        os.write(self.end_w, b"x")
        self.thread.join()
        self.dnsmasq.kill()
        self.dnsmasq.wait()
        self.dnsmasq.stderr.close()
        for end in (self.end_r, self.end_w):
            os.close(end)
        self.qemu.close()
        self.port.close()
        subprocess.run(["ip", "netns", "del", self.space], check=True)


class Link(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = preboot.Organisation(DIR)
        plain = cls.org.config("plain")
        with open(plain) as f:
            cls.plain = f.read()

    def node(self, name, line="6.1", **lines):
        """A node whose config has these lines; the organisation is nowhere: this is about the way to it."""
        lines = dict({"enrol": "org", "org": "192.0.2.99:4433", "org_ca": "3003020105", "link_wait_s": LINK_WAIT_S, "net_wait_s": NET_WAIT_S,
                      "invite": "11" * 32}, **lines)
        text = self.plain
        for key, value in lines.items():
            text, n = re.subn(r"(?m)^%s( .*)?$" % key, ("%s %s" % (key, value)).strip(), text)
            self.assertEqual(n, 1, key)
        config = self.org.path("config-" + name)
        with open(config, "w") as f:
            f.write(text)
        image = self.org.image(config, line=line, name="preboot-" + name, modules=MODULES)
        return preboot.Node(self.org.path(name), self.org, line=line, image=image)

    def boot(self, node, stop_on, netdev="user,id=net0", extra=(), **options):
        nic = ("-netdev", netdev, "-device", NIC) if netdev else ()
        boot = node.power_on(stop_on=stop_on, extra=(*nic, *extra), timeout_s=120, **options)
        self.assertFalse(boot.timed_out, tail(boot))
        self.assertIsNotNone(boot.find(LATCH), tail(boot))
        return boot

    def leased(self, boot):
        self.assertIsNotNone(boot.find(LEASE), tail(boot))
        self.assertEqual([c for c in preboot.codes(boot) if 800 < c < 806], [], tail(boot))
        self.assertIsNone(boot.find(r"init ended|net-link ended|net-link misbehaved|cannot"), tail(boot))
        return boot.find(LEASE).groups()

    # What follows the lease is net-worker's, which finds nobody at 192.0.2.99.
    AFTER = r"SP8(0[6-9]|1\d)|net-worker|offline: boot|SP9\d\d|stopped"

    def test_dhcp_and_what_the_wire_sees(self):
        pcap = self.org.path("dhcp.pcap")
        boot = self.boot(self.node("dhcp"), self.AFTER, extra=("-object", "filter-dump,id=dump,netdev=net0,file=" + pcap))
        self.assertEqual(self.leased(boot), ("eth0", MAC, "10.0.2.15/24", "10.0.2.2", "10.0.2.3", "10.0.2.2"))
        self.assertLess(boot.time_of(LATCH), boot.time_of(LEASE))
        mine = [f for f in frames(pcap) if f[6:12] == bytes.fromhex(MAC.replace(":", ""))]
        # No IPv6, no multicast membership, nothing but DHCP until there is an address.
        self.assertEqual({struct.unpack("!H", f[12:14])[0] for f in mine} - {0x0800, 0x0806}, set())
        unaddressed = [f for f in mine if f[12:14] == b"\x08\x00" and f[26:30] == bytes(4)]
        self.assertGreaterEqual(len(unaddressed), 2)
        for f in unaddressed:
            self.assertEqual((f[23], f[30:34], struct.unpack("!HH", f[34:38])), (17, b"\xff" * 4, (68, 67)))

    def test_fixed_address_on_the_newer_kernel(self):
        boot = self.boot(self.node("fixed", line="6.12", interface=MAC, address="10.0.2.77/24", gateway="10.0.2.2"), self.AFTER)
        self.assertEqual(self.leased(boot)[:4], ("eth0", MAC, "10.0.2.77/24", "10.0.2.2"))

    def test_router_advertisements(self):
        """QEMU's user network has a router."""
        boot = self.boot(self.node("ra", address="ra", net_wait_s=15), self.AFTER, netdev="user,id=net0,ipv6-prefix=2001:db8:5::")
        self.assertEqual(self.leased(boot)[2:4], ("none/0", "none"))

    def test_vlan(self):
        wire = Wire(7)
        try:
            boot = self.boot(self.node("vlan", interface="eth0", vlan=7, net_wait_s=15), self.AFTER, netdev=wire.netdev())
        finally:
            wire.close()
        name, _, address, gateway, dns, server = self.leased(boot)
        self.assertEqual((name, gateway, dns, server), ("eth0.7", "198.51.100.1", "198.51.100.3", "198.51.100.1"))
        self.assertTrue(address.startswith("198.51.100."))
        self.assertEqual(wire.untagged, 0)

    def test_no_interface(self):
        boot = self.boot(self.node("none"), "SP801", netdev=None)
        self.assertLess(boot.time_of("SP801") - boot.time_of(r"\[3/9\]"), LINK_WAIT_S + 5)

    def test_interface_that_comes_late(self):
        """A card that is found after init has locked itself in: it is brought up all the same, and gets its lease."""
        def plug(run):
            run.qmp("device_add", driver="virtio-net-pci", netdev="net0", bus="late", mac=MAC, romfile="")
        boot = self.boot(self.node("late", link_wait_s=30), self.AFTER, netdev=None, on=[(r"\[3/9\]", plug)],
                         extra=("-netdev", "user,id=net0", "-device", "pcie-root-port,id=late,chassis=1"))
        self.assertEqual(self.leased(boot)[:3], ("eth0", MAC, "10.0.2.15/24"))

    def test_cable_out(self):
        boot = self.boot(self.node("cable"), "SP802", on=[(r"\[1/9\]", lambda run: run.qmp("set_link", name="net0", up=False))])
        self.assertTrue(LINK_WAIT_S - 1 < boot.time_of("SP802") - boot.time_of(r"\[3/9\]") < LINK_WAIT_S + 5, tail(boot))

    def test_silent_network(self):
        boot = self.boot(self.node("silent"), "SP803", netdev="hubport,id=net0,hubid=0")
        self.assertTrue(NET_WAIT_S - 1 < boot.time_of("SP803") - boot.time_of(r"\[3/9\]") < NET_WAIT_S + 5, tail(boot))


if __name__ == "__main__":
    unittest.main()
