#!/usr/bin/python3
"""net-link as it is shipped, under its filter, and init's part of the network, in network namespaces: against dnsmasq, ISC's dhcpd, the
kernel's own router advertisements' client, and a server that means harm. Usage: net_link_test.py NET-LINK LINK-RIG [TEST...]

Outside of every wall; wants root. The machine's own network is not touched. Nothing here sleeps: it reads what the programs say.
"""

import ipaddress
import json
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

NET_LINK, RIG = (os.path.abspath(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 and not sys.argv[1].startswith("-") else ("", "")
HERE = os.path.dirname(os.path.abspath(__file__))
MAC = "52:54:00:12:34:56"
KEY = "RWQBAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJico"
CONFIG = """sallyport-config 1
build_time 1760000000
enrol local
release local
cache vda1
tpm tpm0
console ttyS0
least_version 0
retry_wait_s 30
threshold 1
release_key %s
org_key %s
org sally.example
org_ca
org_pin
invite
escrow_key
tpm_owner keep
hardware
interface %s
vlan %d
address %s
%s
%sdhcp_routes %s
link_wait_s %d
net_wait_s %d
offline_max 16
"""


def ip(*argv):
    done = subprocess.run(["ip", *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise AssertionError("ip %s: %s" % (" ".join(argv), done.stdout))
    return done.stdout


def has_vlan():
    """Does this kernel make VLANs? Asked in a namespace that ends with the question."""
    return subprocess.run(["unshare", "-n", "sh", "-c", "ip link add a type veth peer name b && ip link add link a name a.7 type vlan id 7"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class Rig:
    """One run of link_rig: what it says, line by line."""

    def __init__(self, space, config, *options):
        self.lines, self.begin = [], time.monotonic()
        self.process = subprocess.Popen(["ip", "netns", "exec", space, RIG, NET_LINK, config, *options], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def until(self, word):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(word):
                return
        raise AssertionError("no %r:\n%s" % (word, "\n".join(self.lines)))

    def end(self):
        self.lines += [line.rstrip("\n") for line in self.process.stdout]
        self.process.stdout.close()
        status = self.process.wait()
        self.seconds = time.monotonic() - self.begin
        if status != 0 or "ended 0 0" not in self.lines or "a second message" in self.lines:
            raise AssertionError("status %d:\n%s" % (status, "\n".join(self.lines)))
        return self

    def all(self, word):
        return [line[len(word) + 1:] for line in self.lines if line.startswith(word + " ")]

    @property
    def lease(self):
        found = self.all("lease")
        if not found:
            raise AssertionError("no lease:\n" + "\n".join(self.lines))
        return dict(f.split("=", 1) for f in found[-1].split())

    @property
    def failed(self):
        found = self.all("failed")
        if not found:
            raise AssertionError("it did not fail:\n" + "\n".join(self.lines))
        return int(found[0].split()[0])


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="net_link.")
        self.node, self.world = "sp%d-node" % os.getpid(), "sp%d-world" % os.getpid()
        self.running = []
        for space in (self.node, self.world):
            ip("netns", "add", space)
            self.addCleanup(ip, "netns", "del", space)
        self.addCleanup(shutil.rmtree, self.dir)
        self.addCleanup(self.stop)
        # Nobody but who is asked to shall speak: the world's kernel has no IPv6 of its own where the test gives it none.
        self.nic("eth0", MAC)

    def stop(self):
        for p in self.running:
            p.kill()
            p.wait()
            for f in (p.stdout, p.stdin):
                if f:
                    f.close()
        self.running = []

    def nic(self, name, mac=None, up=True):
        ip("-n", self.node, "link", "add", name, *(["address", mac] if mac else []), "type", "veth", "peer", "name", "to-" + name, "netns",
           self.world)
        if up:
            ip("-n", self.world, "link", "set", "to-" + name, "up")

    def config(self, interface="first", vlan=0, address="dhcp", gateway="", dns=(), routes="ignore", link_wait=10, net_wait=10):
        path = os.path.join(self.dir, "config")
        with open(path, "w") as f:
            f.write(CONFIG % (KEY, KEY.replace("RWQ", "RWS"), interface, vlan, address, ("gateway " + gateway).strip(),
                              "".join("dns %s\n" % d for d in dns), routes, link_wait, net_wait))
        return path

    def rig(self, *options, **config):
        return Rig(self.node, self.config(**config), *options)

    def start(self, word, *argv, space=None):
        """A server in the world, until it says that it is ready."""
        p = subprocess.Popen(["ip", "netns", "exec", space or self.world, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        self.running.append(p)
        said = ""
        for line in p.stdout:
            said += line
            if word in line:
                return p
        raise AssertionError("%s: %s" % (argv[0], said))

    def dnsmasq(self, *options, interface="to-eth0"):
        return self.start("started", "dnsmasq", "-d", "-C", "/dev/null", "-p", "0", "--bind-dynamic", "--interface=" + interface,
                          "--no-ping", "--log-facility=-", "--pid-file=" + os.path.join(self.dir, "dnsmasq.pid"),
                          "--dhcp-leasefile=" + os.path.join(self.dir, "leases"), "--user=root", *options)

    def address_of(self, interface, family=4):
        return [(a["local"], a["prefixlen"]) for i in json.loads(ip("-n", self.node, "-j", "address", "show", "dev", interface))
                for a in i.get("addr_info", []) if a["family"] == ("inet6" if family == 6 else "inet") and a["scope"] == "global"]

    def routes_of(self, family="-4"):
        return {(r["dst"], r.get("gateway", "-"), r["dev"]) for r in json.loads(ip("-n", self.node, family, "-j", "route"))}

    def setting(self, key):
        out = subprocess.run(["ip", "netns", "exec", self.node, "cat", "/proc/sys/net/" + key], capture_output=True, text=True)
        return out.stdout.strip()

    def talk(self, address, family="AF_INET"):
        """Bytes go from the node to that address of the world, and back: a TCP connection."""
        server = self.start("ready", sys.executable, "-c", "import socket\ns=socket.socket(socket.%s)\ns.bind((%r,4711))\ns.listen()\n"
                            "print('ready',flush=True)\nc,_=s.accept()\nc.sendall(c.recv(9)+b' back')" % (family, address))
        out = subprocess.run(["ip", "netns", "exec", self.node, sys.executable, "-c", "import socket\ns=socket.create_connection((%r,4711),5)\n"
                              "s.sendall(b'hello')\nprint(s.recv(99).decode())" % address], capture_output=True, text=True)
        self.assertEqual(out.stdout, "hello back\n", out.stderr)
        self.assertEqual(server.wait(), 0)

    def applied(self, rig, resolv):
        self.assertIn("lies 4", rig.lines)
        self.assertIn("applied 0", rig.lines, "\n".join(rig.lines))
        self.assertIn("twice 114", rig.lines)       # EALREADY
        self.assertEqual(rig.all("resolv"), ["read-only"] + ["nameserver " + d for d in resolv] + ["options timeout:2 attempts:2"])


class Dnsmasq(Case):
    """A real server, the usual one on small networks."""

    def world_up(self, *options):
        ip("-n", self.world, "address", "add", "192.0.2.1/24", "dev", "to-eth0")
        return self.dnsmasq("--dhcp-range=192.0.2.50,192.0.2.60,1h", *options)

    def test_lease(self):
        self.world_up("--dhcp-option=6,192.0.2.3,192.0.2.4", "--dhcp-option=26,1400")
        r = self.rig().end()
        lease = r.lease
        self.assertEqual((lease["interface"], lease["mac"], lease["index"]), ("eth0", MAC, "2"))
        self.assertIn(ipaddress.ip_interface(lease["address"]).ip, [ipaddress.ip_address("192.0.2.%d" % n) for n in range(50, 61)])
        self.assertEqual((lease["gateway"], lease["server"], lease["dns"]), ("192.0.2.1", "192.0.2.1", "192.0.2.3,192.0.2.4,-"))
        self.assertEqual((lease["mtu"], lease["lease"]), ("1400", "3600"))
        self.applied(r, ["192.0.2.3", "192.0.2.4"])
        address, prefix = lease["address"].split("/")
        self.assertEqual(self.address_of("eth0"), [(address, int(prefix))])
        self.assertEqual(self.routes_of(), {("default", "192.0.2.1", "eth0"), ("192.0.2.0/24", "-", "eth0")})
        self.assertEqual(json.loads(ip("-n", self.node, "-j", "link", "show", "eth0"))[0]["mtu"], 1400)
        for key, value in {"ipv4/conf/eth0/rp_filter": "1", "ipv4/conf/eth0/accept_redirects": "0", "ipv4/conf/all/accept_redirects": "0",
                           "ipv4/conf/eth0/accept_source_route": "0", "ipv4/conf/eth0/send_redirects": "0", "ipv4/conf/eth0/arp_ignore": "1",
                           "ipv6/conf/eth0/disable_ipv6": "1", "ipv6/conf/eth0/accept_ra": "0"}.items():
            self.assertEqual(self.setting(key), value, key)
        self.talk("192.0.2.1")
        self.assertLess(r.seconds, 5)

    def test_name_servers_of_the_config(self):
        self.world_up("--dhcp-option=6,192.0.2.3")
        r = self.rig(dns=["198.51.100.1", "2001:db8::3"]).end()
        self.assertEqual(r.lease["dns"], "198.51.100.1,2001:db8::3,-")
        self.applied(r, ["198.51.100.1", "2001:db8::3"])

    def test_no_router(self):
        self.world_up("--dhcp-option=3")
        r = self.rig().end()
        self.assertEqual(r.lease["gateway"], "-")
        self.applied(r, [])
        self.assertEqual(self.routes_of(), {("192.0.2.0/24", "-", "eth0")})

    def test_reservation_by_mac_holds(self):
        self.world_up("--dhcp-host=%s,192.0.2.99" % MAC)
        self.assertEqual(self.rig().end().lease["address"], "192.0.2.99/24")

    def test_the_os_gets_the_same_lease(self):
        """No client identifier of ours: a client with one, as the generation's, is not given a second address."""
        self.world_up()
        first = self.rig().end().lease["address"]
        with open(os.path.join(self.dir, "leases")) as f:
            self.assertRegex(f.read(), r"^\d+ %s %s \* \*" % (MAC, first.split("/")[0]))

    def test_again_on_the_same_sockets(self):
        """net-link was lost and replaced: the socket is bound to its interface already, which only root could change."""
        self.world_up()
        r = self.rig("again").end()
        self.assertEqual(r.lines.count("ended 0 0"), 2)
        self.assertEqual(len(r.all("lease")), 2)
        self.applied(r, [])

    def test_refused_then_found(self):
        """Its range is another than what is on the wire until it is started anew."""
        ip("-n", self.world, "address", "add", "192.0.2.1/24", "dev", "to-eth0")
        r = self.rig(net_wait=20)
        r.until("started")
        self.dnsmasq("--dhcp-range=192.0.2.50,192.0.2.60,1h")
        self.assertTrue(r.end().lease["address"].startswith("192.0.2."))


class Isc(Case):
    """Another real server, with the options that small ones lack."""

    def dhcpd(self, extra="", subnet="192.0.2.0 netmask 255.255.255.0", range_="192.0.2.50 192.0.2.60", interface="to-eth0"):
        conf, leases = os.path.join(self.dir, "dhcpd.conf"), os.path.join(self.dir, "dhcpd.leases")
        with open(conf, "w") as f:
            f.write("option rfc3442 code 121 = array of unsigned integer 8;\noption ms-routes code 249 = array of unsigned integer 8;\n"
                    "authoritative;\ndefault-lease-time 600;\nmax-lease-time 600;\n%s\nsubnet %s { range %s; }\n" % (extra, subnet, range_))
        open(leases, "w").close()
        os.chmod(self.dir, 0o755)
        return self.start("Server starting service", "dhcpd", "-4", "-d", "-f", "--no-pid", "-cf", conf, "-lf", leases, interface)

    ROUTES = ("option routers 192.0.2.1;\noption domain-name-servers 192.0.2.3, 192.0.2.4, 192.0.2.5, 192.0.2.6;\noption interface-mtu 9000;\n"
              "option rfc3442 24, 198, 51, 100, 192, 0, 2, 9, 0, 192, 0, 2, 7;\n"
              "option dhcp-parameter-request-list 1, 3, 6, 26, 51, 121, 249;")

    def test_lease_and_routes_ignored(self):
        ip("-n", self.world, "address", "add", "192.0.2.1/24", "dev", "to-eth0")
        self.dhcpd(self.ROUTES)
        r = self.rig().end()
        lease = r.lease
        self.assertTrue(lease["address"].startswith("192.0.2."))
        self.assertNotIn("route", lease)
        self.assertEqual((lease["gateway"], lease["dns"], lease["mtu"], lease["lease"]),
                         ("192.0.2.1", "192.0.2.3,192.0.2.4,192.0.2.5", "9000", "600"))
        self.applied(r, ["192.0.2.3", "192.0.2.4", "192.0.2.5"])
        self.assertEqual(self.routes_of(), {("default", "192.0.2.1", "eth0"), ("192.0.2.0/24", "-", "eth0")})
        self.talk("192.0.2.1")

    def test_routes_taken(self):
        ip("-n", self.world, "address", "add", "192.0.2.7/24", "dev", "to-eth0")
        self.dhcpd(self.ROUTES)
        r = self.rig(routes="take").end()
        self.assertEqual((r.lease["gateway"], r.lease["route"]), ("192.0.2.7", "198.51.100.0/24,192.0.2.9"))
        self.applied(r, ["192.0.2.3", "192.0.2.4", "192.0.2.5"])
        self.assertEqual(self.routes_of(), {("default", "192.0.2.7", "eth0"), ("192.0.2.0/24", "-", "eth0"),
                                            ("198.51.100.0/24", "192.0.2.9", "eth0")})
        self.talk("192.0.2.7")

    def test_one_address_alone(self):
        """A lease of one address, as clouds give it: the router is no part of any subnet, and works."""
        ip("-n", self.world, "address", "add", "192.0.2.1/24", "dev", "to-eth0")
        ip("-n", self.world, "address", "add", "10.9.9.1/32", "dev", "to-eth0")
        self.dhcpd("option routers 10.9.9.1; option subnet-mask 255.255.255.255;")
        r = self.rig().end()
        self.assertEqual((r.lease["gateway"], r.lease["address"][-3:]), ("10.9.9.1", "/32"))
        self.applied(r, [])
        self.assertEqual(self.routes_of(), {("default", "10.9.9.1", "eth0"), ("10.9.9.1", "-", "eth0")})
        self.talk("10.9.9.1")


class Interfaces(Case):
    """Which one, and when."""

    def setUp(self):
        super().setUp()
        ip("-n", self.world, "address", "add", "192.0.2.1/24", "dev", "to-eth0")

    def fixed(self, **config):
        return self.rig(address="192.0.2.10/24", gateway="192.0.2.1", **config)

    def test_no_carrier(self):
        ip("-n", self.world, "link", "set", "to-eth0", "down")
        r = self.fixed(link_wait=2).end()
        self.assertEqual(r.failed, 802)
        self.assertTrue(2 <= r.seconds < 4, r.seconds)

    def test_the_carrier_comes(self):
        ip("-n", self.world, "link", "set", "to-eth0", "down")
        r = self.fixed(link_wait=60)
        r.until("started")
        ip("-n", self.world, "link", "set", "to-eth0", "up")
        self.assertEqual(r.end().lease["interface"], "eth0")
        self.assertLess(r.seconds, 20)

    def test_no_such_interface(self):
        for name in ("eth9", "52:54:00:99:99:99"):
            r = self.fixed(interface=name, link_wait=1).end()
            self.assertEqual(r.failed, 801)
            self.assertTrue(1 <= r.seconds < 3, r.seconds)
        self.assertNotIn("UP", json.loads(ip("-n", self.node, "-j", "link", "show", "eth0"))[0]["flags"])

    def test_the_interface_comes(self):
        """A driver that is slow: init brings the interface up when the kernel tells of it."""
        r = self.fixed(interface="eth1", link_wait=60)
        r.until("started")
        self.nic("eth1")
        self.assertEqual(r.end().lease["interface"], "eth1")
        self.applied(r, [])
        self.assertEqual(self.address_of("eth1"), [("192.0.2.10", 24)])

    def test_first_with_carrier(self):
        self.nic("eth1")
        self.nic("eth2")
        ip("-n", self.world, "link", "set", "to-eth0", "down")
        r = self.fixed().end()
        self.assertEqual(r.lease["interface"], "eth1")
        self.applied(r, [])
        flags = {i["ifname"]: i["flags"] for i in json.loads(ip("-n", self.node, "-j", "link"))}
        self.assertIn("UP", flags["eth1"])
        self.assertNotIn("UP", flags["eth0"])        # brought up, and down again: the lease is not for them
        self.assertNotIn("UP", flags["eth2"])

    def test_news_of_one_while_others_are_asked(self):
        """A carrier that comes just behind another interface's news, while the rest is still being asked, is not slept over."""
        for n in range(40):
            self.nic("a%d" % n, MAC, up=False)
        self.nic("other", "52:54:00:12:34:aa", up=False)
        ip("-n", self.node, "link", "set", "other", "up")
        batch = os.path.join(self.dir, "batch")
        with open(batch, "w") as f:
            f.write("link set to-other up\nlink set to-eth0 up\n")
        for _ in range(20):
            ip("-n", self.world, "link", "set", "to-eth0", "down")
            ip("-n", self.world, "link", "set", "to-other", "down")
            r = self.fixed(interface=MAC, link_wait=5)
            r.until("started")
            ip("-n", self.world, "-batch", batch)
            self.assertEqual(r.end().lease["interface"], "eth0")
            self.assertLess(r.seconds, 4)

    def test_by_mac(self):
        self.nic("eth1", "52:54:00:12:34:aa")
        r = self.fixed(interface="52:54:00:12:34:AA").end()
        self.assertEqual((r.lease["interface"], r.lease["mac"]), ("eth1", "52:54:00:12:34:aa"))
        self.applied(r, [])
        self.assertNotIn("UP", json.loads(ip("-n", self.node, "-j", "link", "show", "eth0"))[0]["flags"])

    def test_fixed_v4(self):
        r = self.fixed(dns=["192.0.2.3"]).end()
        self.assertEqual(r.lease["address"], "192.0.2.10/24")
        self.applied(r, ["192.0.2.3"])
        self.assertEqual(self.routes_of(), {("default", "192.0.2.1", "eth0"), ("192.0.2.0/24", "-", "eth0")})
        self.talk("192.0.2.1")

    def test_fixed_v4_alone(self):
        ip("-n", self.world, "route", "add", "192.0.2.10", "dev", "to-eth0")
        r = self.rig(address="192.0.2.10/32", gateway="192.0.2.1").end()
        self.applied(r, [])
        self.assertEqual(self.routes_of(), {("default", "192.0.2.1", "eth0"), ("192.0.2.1", "-", "eth0")})
        self.talk("192.0.2.1")

    def test_fixed_v6(self):
        ip("-n", self.world, "address", "add", "2001:db8::1/64", "dev", "to-eth0", "nodad")
        r = self.rig(address="2001:db8::10/64", gateway="2001:db8::1", dns=["2001:db8::3"]).end()
        self.assertEqual((r.lease["address"], r.lease["gateway"]), ("2001:db8::10/64", "2001:db8::1"))
        self.applied(r, ["2001:db8::3"])
        self.assertEqual(self.address_of("eth0", 6), [("2001:db8::10", 64)])
        self.assertIn(("default", "2001:db8::1", "eth0"), self.routes_of("-6"))
        self.assertEqual(self.setting("ipv6/conf/eth0/accept_ra"), "0")
        self.talk("2001:db8::1", "AF_INET6")

    def test_fixed_v6_router_outside(self):
        ip("-n", self.world, "address", "add", "fd00::1/64", "dev", "to-eth0", "nodad")
        ip("-n", self.world, "route", "add", "2001:db8::10", "dev", "to-eth0")
        r = self.rig(address="2001:db8::10/128", gateway="fd00::1").end()
        self.applied(r, [])
        self.assertIn(("default", "fd00::1", "eth0"), self.routes_of("-6"))
        self.talk("fd00::1", "AF_INET6")

    @unittest.skipUnless(has_vlan(), "this kernel has no VLANs; tests/e2e/test_link.py has one that does")
    def test_vlan(self):
        ip("-n", self.world, "link", "add", "link", "to-eth0", "name", "tagged", "type", "vlan", "id", "7")
        ip("-n", self.world, "link", "set", "tagged", "up")
        ip("-n", self.world, "address", "add", "198.51.100.1/24", "dev", "tagged")
        self.dnsmasq("--dhcp-range=198.51.100.50,198.51.100.60,1h", interface="tagged")
        r = self.rig(vlan=7).end()
        self.assertEqual(r.lease["interface"], "eth0.7")
        self.applied(r, ["198.51.100.1"])
        self.talk("198.51.100.1")


class Advertised(Case):
    """IPv6 by the kernel's own client of router advertisements."""

    def world_up(self):
        ip("-n", self.world, "address", "add", "2001:db8:7::1/64", "dev", "to-eth0", "nodad")
        return self.dnsmasq("--enable-ra", "--dhcp-range=2001:db8:7::,ra-only,1h", "--ra-param=to-eth0,4,1800")

    def test_address(self):
        self.world_up()
        r = self.rig(address="ra", dns=["2001:db8:7::1"]).end()
        self.assertEqual((r.lease["address"], r.lease["dns"]), ("-/0", "2001:db8:7::1,-,-"))
        self.applied(r, ["2001:db8:7::1"])
        (address, prefix), = self.address_of("eth0", 6)
        self.assertIn(ipaddress.ip_address(address), ipaddress.ip_network("2001:db8:7::/64"))
        self.assertTrue(any(r[0] == "default" for r in self.routes_of("-6")))
        self.talk("2001:db8:7::1", "AF_INET6")

    def test_address_was_there_before(self):
        self.world_up()
        r = self.rig("again", address="ra").end()       # the second one has missed the kernel's news, and asks
        self.assertEqual(len(r.all("lease")), 2)

    def test_no_router(self):
        r = self.rig(address="ra", net_wait=2).end()
        self.assertEqual(r.failed, 803)
        self.assertTrue(2 <= r.seconds < 4, r.seconds)

    def test_ignored_unless_config_wants_it(self):
        self.world_up()
        ip("-n", self.world, "address", "add", "192.0.2.1/24", "dev", "to-eth0")
        self.applied(self.rig(address="192.0.2.10/24").end(), [])
        self.talk("192.0.2.1")
        self.assertEqual(self.address_of("eth0", 6), [])
        self.assertEqual(self.routes_of("-6"), set())


# --- a server that means harm: this file again, in the world's namespace ------------------------------------------------------------------
OFFER, ACK, NAK = 2, 5, 6


def packet(kind, xid, mac, address="192.0.2.10", options=None, drop=()):
    """A good reply unless told otherwise."""
    have = {53: bytes([kind]), 54: bytes([192, 0, 2, 2]), 51: struct.pack("!I", 3600), 1: bytes([255, 255, 255, 0]), 3: bytes([192, 0, 2, 1])}
    have.update(options or {})
    out = struct.pack("!BBBBIHH", 2, 1, 6, 0, xid, 0, 0x8000) + bytes(4) + ipaddress.ip_address(address).packed + bytes(8) + mac + bytes(10)
    out += bytes(192) + b"\x63\x82\x53\x63"
    return out + b"".join(bytes([c, len(v)]) + v for c, v in have.items() if c not in drop) + b"\xff"


def seeds(xid, mac):
    """Every bad seed of the corpus, made to answer this very question."""
    top = os.path.join(HERE, "corpus", "dhcp")
    for name in sorted(os.listdir(top)):
        if name.startswith("bad"):
            with open(os.path.join(top, name), "rb") as f:
                p = bytearray(f.read())
            if len(p) >= 34:
                flip = [(7, 1)] if name == "bad-xid" else [(33, 1)] if name == "bad-chaddr" else []
                p[4:8], p[28:34] = struct.pack("!I", xid), mac
                for at, bits in flip:
                    p[at] ^= bits
            yield bytes(p)


def bad_values(kind, xid, mac):
    def v4(text):
        return ipaddress.ip_address(text).packed
    for address in ("0.0.0.0", "127.0.0.1", "224.0.0.5", "240.0.0.1", "255.255.255.255", "192.0.2.0", "192.0.2.255"):
        yield packet(kind, xid, mac, address)
    for mask in ("0.0.0.0", "255.0.255.0", "0.0.0.255", "255.255.255.1"):
        yield packet(kind, xid, mac, options={1: v4(mask)})
    for router in ("192.0.2.10", "0.0.0.0", "127.0.0.1", "192.0.3.1", "192.0.2.255", "224.0.0.1"):
        yield packet(kind, xid, mac, options={3: v4(router)})
    for server in ("0.0.0.0", "127.0.0.1", "255.255.255.255"):
        yield packet(kind, xid, mac, options={54: v4(server)})
    yield packet(kind, xid, mac, options={51: bytes(4)})
    for code in (1, 51, 53, 54):
        yield packet(kind, xid, mac, drop=(code,))
    yield packet(kind, xid ^ 1, mac)
    yield packet(kind, 0, mac)
    yield packet(kind, xid, bytes(6))
    yield packet(kind, xid, mac)[:-1]
    yield packet(kind, xid, mac) + bytes(1500)
    yield b""


def noise(xid, mac, seed, count):
    """Replies for us with bytes turned; the address, which stays, can be nobody's."""
    rnd = random.Random(seed)
    base = packet(OFFER, xid, mac, "127.0.0.1", {6: bytes([10, 0, 0, 1]), 52: b"\x03", 121: bytes([24, 10, 0, 0, 192, 0, 2, 9])})
    for _ in range(count):
        p = bytearray(base)
        for _ in range(rnd.randint(1, 12)):
            at = rnd.choice((rnd.randrange(44, len(p)), rnd.randrange(240, len(p))))
            p[at] = rnd.choice((0, 1, 52, 53, 54, 121, 255, rnd.randrange(256)))
        yield bytes(p[:rnd.randint(200, len(p))] if rnd.random() < 0.3 else p)


def harm(interface, play):
    """Answers every question as the play says; says on stdout what was asked."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, 25, interface.encode())      # SO_BINDTODEVICE
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.bind(("0.0.0.0", 67))
    print("ready", flush=True)
    asked = 0
    while True:
        q = s.recv(2000)
        xid, mac, kind = struct.unpack("!I", q[4:8])[0], q[28:34], q[242]
        print("asked", kind, q.hex(), flush=True)
        asked += 1
        answer = ACK if kind == 3 else OFFER
        out = []
        if play in ("nonsense", "only-nonsense"):
            # 40: all of it fits into the socket's buffer
            out += list(seeds(xid, mac)) + list(bad_values(answer, xid, mac)) + list(noise(xid, mac, 4711 + asked, 40))
        if play == "no" and kind == 3 and asked < 4:
            out.append(packet(NAK, xid, mac))
        elif play == "always-no" and kind == 3:
            out += [packet(NAK, xid, mac)] * 50
        elif play == "offers" and kind == 3:
            pass                                                  # and falls silent
        elif play == "options":
            out.append(packet(answer, xid, mac, options={26: b"\xff\xff", 6: bytes([127, 0, 0, 1, 224, 0, 0, 1, 192, 0, 2, 3]),
                                                         121: bytes([0, 192, 0, 2, 66, 1, 128, 192, 0, 2, 66]), 12: b"evil", 66: b"x" * 60}))
        elif play != "only-nonsense":
            out.append(packet(answer, xid, mac))
        for p in out:
            s.sendto(p, ("255.255.255.255", 68))


class Harm(Case):
    def server(self, play):
        ip("-n", self.world, "address", "add", "192.0.2.1/24", "dev", "to-eth0")
        return self.start("ready", sys.executable, os.path.abspath(__file__), "--harm", "to-eth0", play)

    def asked(self, server):
        """What the client sent, by now; the server ends."""
        server.kill()
        return [line.split()[1:] for line in server.stdout if line.startswith("asked")]

    def test_good_twin(self):
        server = self.server("good")
        r = self.rig().end()
        self.assertEqual((r.lease["address"], r.lease["gateway"], r.lease["server"]), ("192.0.2.10/24", "192.0.2.1", "192.0.2.2"))
        self.applied(r, [])
        self.talk("192.0.2.1")
        asked = self.asked(server)
        # Once more is no fault: the world's end of the wire drops what it sends until its kernel has seen the carrier.
        self.assertRegex("".join(a[0] for a in asked), r"^1+3+$")
        discover, request = (bytes.fromhex(a[1]) for a in (asked[0], asked[-1]))
        self.assertEqual(len(discover), 300)
        # Nothing that names the machine: no host name, no client identifier, no vendor class.
        self.assertEqual(discover[240:252].hex(), "35010137050103061a33ff00")
        self.assertEqual(request[240:264].hex(), "3501033204c000020a3604c00002023705" + "0103061a33ff00")
        self.assertEqual(discover[4:8], request[4:8])

    def test_numbers_are_fresh(self):
        server = self.server("good")
        seen = set()
        for _ in range(8):
            self.assertTrue(self.rig().end().lease)
            ip("-n", self.node, "address", "flush", "dev", "eth0")
            self.nic_again()
        for a in self.asked(server):
            seen.add(a[1][8:16])
        self.assertEqual(len(seen), 8)

    def nic_again(self):
        ip("-n", self.node, "link", "set", "eth0", "down")

    def test_nonsense_before_every_answer(self):
        server = self.server("nonsense")
        r = self.rig(net_wait=20).end()
        self.assertEqual((r.lease["address"], r.lease["gateway"]), ("192.0.2.10/24", "192.0.2.1"))
        self.applied(r, [])
        self.assertGreaterEqual(len(self.asked(server)), 2)

    def test_only_nonsense(self):
        server = self.server("only-nonsense")
        r = self.rig(net_wait=2, routes="take").end()
        self.assertEqual(r.failed, 804)
        self.assertTrue(2 <= r.seconds < 4, r.seconds)
        self.assertLess(len(self.asked(server)), 10)

    def test_silent_network(self):
        r = self.rig(net_wait=2).end()
        self.assertEqual(r.failed, 803)
        self.assertTrue(2 <= r.seconds < 4, r.seconds)

    def test_no_and_then_yes(self):
        server = self.server("no")
        self.assertEqual(self.rig(net_wait=20).end().lease["address"], "192.0.2.10/24")
        self.assertRegex("".join(a[0] for a in self.asked(server)), r"^1+3+1+3+$")

    def test_always_no(self):
        server = self.server("always-no")
        r = self.rig(net_wait=3).end()
        self.assertEqual(r.failed, 803)
        self.assertTrue(3 <= r.seconds < 5, r.seconds)
        self.assertLess(len(self.asked(server)), 30)     # whoever says no sets no pace

    def test_offers_and_falls_silent(self):
        server = self.server("offers")
        r = self.rig(net_wait=3).end()
        self.assertEqual(r.failed, 803)
        self.assertTrue(3 <= r.seconds < 5, r.seconds)
        self.assertLess(len(self.asked(server)), 20)

    def test_options_that_lead_astray(self):
        """CVE-2024-3661: routes for everything; and an MTU, name servers and more that are out of range."""
        self.server("options")
        r = self.rig().end()
        self.assertEqual((r.lease["gateway"], r.lease["mtu"], r.lease["dns"]), ("192.0.2.1", "0", "192.0.2.3,-,-"))
        self.assertNotIn("route", r.lease)
        self.applied(r, ["192.0.2.3"])
        self.assertEqual(self.routes_of(), {("default", "192.0.2.1", "eth0"), ("192.0.2.0/24", "-", "eth0")})

    def test_beside_a_real_server(self):
        """Nonsense alone from one, and dnsmasq on the same wire: the node gets dnsmasq's."""
        ip("-n", self.world, "link", "add", "name", "wires", "type", "bridge")
        other = "sp%d-other" % os.getpid()
        ip("netns", "add", other)
        self.addCleanup(ip, "netns", "del", other)
        ip("-n", other, "link", "add", "wire", "type", "veth", "peer", "name", "to-other", "netns", self.world)
        for link in ("to-eth0", "to-other"):
            ip("-n", self.world, "link", "set", link, "master", "wires", "up")
        ip("-n", self.world, "link", "set", "wires", "up")
        ip("-n", other, "link", "set", "wire", "up")
        ip("-n", other, "address", "add", "192.0.2.66/24", "dev", "wire")
        ip("-n", self.world, "address", "add", "192.0.2.1/24", "dev", "wires")
        self.start("ready", sys.executable, os.path.abspath(__file__), "--harm", "wire", "only-nonsense", space=other)
        self.dnsmasq("--dhcp-range=192.0.2.50,192.0.2.60,1h", interface="wires")
        r = self.rig(net_wait=20).end()
        self.assertEqual(r.lease["server"], "192.0.2.1")
        self.applied(r, [])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--harm"]:
        harm(sys.argv[2], sys.argv[3])
    if not RIG:
        sys.exit("usage: net_link_test.py NET-LINK LINK-RIG [TEST...]")
    unittest.main(argv=[sys.argv[0]] + sys.argv[3:])
