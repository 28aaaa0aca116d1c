"""What the test of net-worker is made of: the shipped program, started as init does and asked as crypto-worker does; certificates; servers
that lie; a name server. All in a network and a mount namespace of its own, so that 127.0.0.1:53 and the root are free to be had."""

import contextlib
import ctypes
import fcntl
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
LIBC = ctypes.CDLL(None, use_errno=True)
UID_CRYPTO = 1003
MANIFEST, MINISIG, KERNEL, INITRAMFS, CHALLENGE = 1, 2, 3, 4, 5
REQUEST, ENROL, PROOF = 1, 2, 3
SEAL, SHRINK, GROW, WRITE = 1, 2, 4, 8
EXIT_CLOSED, EXIT_PEER = 0, 71
FIRST_FD = 3
WAIT_S = 60                 # a bound on what is waited for here: whoever does not answer at all fails
NOW = int(time.time())
DAY = 86400


def ids():
    """Messages' numbers and events' codes, out of the tables themselves."""
    with open(os.path.join(HERE, "../ipc/msg.def"), encoding="ascii") as f:
        messages = {name: int(n) for name, n in re.findall(r"^MSG\((\w+), +(\d+),", f.read(), re.M)}
    with open(os.path.join(HERE, "../ipc/events.def"), encoding="ascii") as f:
        events = {int(n): name for name, n in re.findall(r"^EVENT\((\w+), +(\d+),", f.read(), re.M)}
    return messages, events


MSG, EVENT = ids()


def isolate():
    """Runs this very program again with namespaces of its own; returns in those."""
    if os.environ.get("NET_RIG") != "inside":
        os.environ["NET_RIG"] = "inside"
        os.execvp("unshare", ["unshare", "-n", "-m", "--propagation", "private", sys.executable, *sys.argv])
    # What is sent to the hole leaves by one end of a cable whose other end nobody listens to.
    for command in ("ip link set lo up", "ip link add hole type veth peer name end", "ip addr add 10.8.0.1/24 dev hole",
                    "ip -6 addr add fd00:8::1/64 dev hole nodad", "ip link set hole up", "ip link set end up",
                    "ip neigh add 10.8.0.77 lladdr 02:00:00:00:00:01 dev hole", "ip neigh add fd00:8::77 lladdr 02:00:00:00:00:01 dev hole"):
        subprocess.run(command.split(), check=True)


# --- certificates ---------------------------------------------------------------------------------------------------------------------

class Pki:
    """A CA, and certificates by it."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
                 f"{name}.crt", "-subj", f"/CN={name}", "-days", "3650", "-addext", "keyUsage=critical,keyCertSign")
        self.der = subprocess.run(["openssl", "x509", "-in", self.path(f"{name}.crt"), "-outform", "DER"], check=True,
                                  capture_output=True).stdout
        self.made = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *args):
        subprocess.run(["openssl", *args], check=True, cwd=self.folder, capture_output=True)

    def issue(self, names, key="ec:P-256", usage="serverAuth", issuer=None, ca=False, subject="host"):
        """(certificate, key) as paths; valid from an hour ago for 100 days.  names None: no subjectAltName."""
        self.made += 1
        issuer, stem = issuer or self.name, f"{self.name}-{self.made}"
        kind, _, detail = key.partition(":")
        option = {"ec": "ec_paramgen_curve", "rsa": "rsa_keygen_bits", "rsa-pss": "rsa_keygen_bits"}[kind]
        with open(self.path(f"{stem}.ext"), "w", encoding="ascii") as f:
            f.write("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n" if ca else
                    f"basicConstraints=critical,CA:FALSE\nextendedKeyUsage={usage}\n" + (f"subjectAltName={names}\n" if names else ""))
        self.run("genpkey", "-algorithm", kind.upper(), "-pkeyopt", f"{option}:{detail}", "-out", f"{stem}.key")
        self.run("req", "-new", "-key", f"{stem}.key", "-subj", f"/CN={subject}", "-out", f"{stem}.csr")
        self.run("x509", "-req", "-in", f"{stem}.csr", "-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key", "-set_serial", str(100 + self.made),
                 "-extfile", f"{stem}.ext", "-days", "100", "-out", f"{stem}.crt")
        return self.path(f"{stem}.crt"), self.path(f"{stem}.key")

    @staticmethod
    def pin(certificate):
        """SHA-256 of the SubjectPublicKeyInfo."""
        spki = subprocess.run(f"openssl x509 -in {certificate} -noout -pubkey | openssl pkey -pubin -outform DER | openssl sha256 -binary",
                              shell=True, check=True, capture_output=True).stdout
        return spki.hex()


# --- servers --------------------------------------------------------------------------------------------------------------------------

class Server:
    """Calls handle(connection, number) in a thread for each TCP connection at 127.0.0.1, over TLS if there is a certificate."""

    def __init__(self, handle, pair=None, most=ssl.TLSVersion.TLSv1_3, least=ssl.TLSVersion.TLSv1_2, host="127.0.0.1", chain=None,
                 tickets=2):
        self.handle, self.context = handle, None
        if pair:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.minimum_version, self.context.maximum_version = least, most
            self.context.num_tickets = tickets
            self.context.set_ciphers("DEFAULT:@SECLEVEL=0")     # small keys are served too
            self.context.load_cert_chain(chain or pair[0], pair[1])
        self.listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=64)
        self.port = self.listener.getsockname()[1]
        self.count, self.errors, self.names, self.came = 0, [], [], threading.Event()
        if self.context:
            self.context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.count += 1
                self.came.set()
                threading.Thread(target=self.serve, args=(connection, self.count), daemon=True).start()

    def serve(self, connection, number):
        try:
            connection.settimeout(WAIT_S)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            self.handle(connection, number)
        except (OSError, ValueError) as error:      # the client left, or refused: that is what many of these are for
            self.errors.append(error)
        finally:
            connection.close()

    def close(self):
        self.listener.close()

    def __str__(self):
        return f"org.test:{self.port}"


class Request:
    """One request, read from a connection."""

    def __init__(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionResetError("no request")
            data += piece
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        self.method, self.path, self.version = first.split(" ")
        self.headers = dict(line.split(": ", 1) for line in lines)
        while len(self.body) < int(self.headers.get("Content-Length", 0)):
            self.body += connection.recv(65536)
        first = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.first = int(first[1]) if first else None


def cut(connection):
    """Ends it without a word: no close_notify, and a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def answer(body, status="200 OK", headers=()):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def says(body, status="200 OK", headers=(), keep=True):
    """A server's handler that always gives this answer."""
    def handle(connection, _number):
        while True:
            Request(connection)
            connection.sendall(answer(body, status, headers))
            if not keep:
                return
    return handle


def raw(data, end=True):
    """A handler that answers by these bytes, and ends or waits for the client to."""
    def handle(connection, _number):
        Request(connection)
        connection.sendall(data)
        if not end:
            connection.recv(1)
    return handle


class NameServer:
    """A and AAAA of names under .test, by UDP at 127.0.0.1:53."""
    A = {"org": "127.0.0.1", "other": "127.0.0.1", "two": "10.8.0.77 127.0.0.1", "hole": "10.8.0.77", "six": "", "both": "127.0.0.1"}
    AAAA = {"six": "::1", "both": "fd00:8::77"}

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.asked = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            data, peer = self.socket.recvfrom(512)
            labels, at = [], 12
            while data[at]:
                labels.append(data[at + 1:at + 1 + data[at]].decode())
                at += 1 + data[at]
            kind = struct.unpack(">H", data[at + 1:at + 3])[0]
            question, name = data[12:at + 5], labels[0]
            self.asked.append(name)
            if name == "dead":
                continue
            if name == "broken":
                self.socket.sendto(data[:2] + struct.pack(">HHHHH", 0x8182, 1, 0, 0, 0) + question, peer)
                continue
            if name == "lies":          # garbage: another question's answer, a name that points at itself, a record that is cut
                for reply in (b"\0\0", data[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + question + b"\xc0\x0c" * 3,
                              data[:2] + struct.pack(">HHHHH", 0x8180, 1, 9, 0, 0) + question + b"\xc0\x0c\0\1\0\1\0\0\0\1\xff\xff"):
                    self.socket.sendto(reply, peer)
                continue
            known = name in self.A or name in self.AAAA
            family, table = (socket.AF_INET, self.A) if kind == 1 else (socket.AF_INET6, self.AAAA)
            found = [socket.inet_pton(family, a) for a in table.get(name, "").split()] if kind in (1, 28) else []
            records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(a)) + a for a in found)
            self.socket.sendto(data[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, len(found), 0, 0) + question + records, peer)


# --- net-worker -----------------------------------------------------------------------------------------------------------------------

RELEASE_KEY = "RWQBAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJico"
ORG_KEY = "RWSBAgMEBQYHCIkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJico"


def config(org, ca, wait=3, mirrors=(), pin="", release=RELEASE_KEY, key=ORG_KEY):
    lines = ["sallyport-config 1", "build_time 1600000000", "enrol org", "release local", "cache vda1", "tpm tpm0", "console ttyS0",
             "least_version 0", "retry_wait_s 30", "threshold 1", f"release_key {release}", f"org_key {key}", f"org {org}",
             *(f"mirror {m}" for m in mirrors), f"org_ca {ca.hex()}".rstrip(), f"org_pin {pin}".rstrip(), "invite", "escrow_key",
             "tpm_owner keep", "hardware", "interface first", "vlan 0", "address dhcp", "gateway", "dhcp_routes ignore", "link_wait_s 15",
             f"net_wait_s {wait}", "offline_max 16", ""]
    return "\n".join(lines).encode()


def memfd(size, seals, content=b"", uid=UID_CRYPTO):
    LIBC.setfsuid(uid)                  # of this thread alone: whose it is
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    LIBC.setfsuid(0)
    os.ftruncate(fd, size)
    if content:
        os.pwrite(fd, content, 0)
    fcntl.fcntl(fd, 1033, seals)        # F_ADD_SEALS
    return fd


class Answer:
    def __init__(self, event, detail, data, progress, seconds):
        self.event, self.detail, self.data, self.progress, self.seconds = EVENT.get(event, event), detail, data, progress, seconds


class Worker:
    """The shipped program, under its own filter, in its own empty root."""
    root = program = None               # set by stage()

    @classmethod
    def stage(cls, program, folder):
        cls.root = folder
        subprocess.run(["mount", "-t", "tmpfs", "root", folder], check=True)
        resolv = os.path.join(folder, "resolv")     # as init makes it: broker/network.c, lease.c
        os.mkdir(resolv)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec,mode=0555", "resolv", resolv], check=True)
        os.mkdir(os.path.join(resolv, "etc"))
        with open(os.path.join(resolv, "etc/resolv.conf"), "w", encoding="ascii") as f:
            f.write("nameserver 127.0.0.1\noptions timeout:2 attempts:2\n")
        subprocess.run(["mount", "-o", "remount,ro,nosuid,nodev,noexec", resolv], check=True)
        subprocess.run(["cp", program, os.path.join(folder, "net-worker")], check=True)

    def __init__(self, text, prefix=()):
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.settimeout(WAIT_S)
        fd = os.memfd_create("config", os.MFD_CLOEXEC)
        os.write(fd, text)
        self.number = 0
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec {" ".join(prefix)} chroot {self.root} /net-worker 3<&{theirs.fileno()} 4<&{fd}'],
            pass_fds=(theirs.fileno(), fd), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=None)
        theirs.close()
        os.close(fd)

    def send(self, name, body, fds):
        socket.send_fds(self.channel, [struct.pack("=II", MSG[name], 0) + body], fds)

    def wait_answer(self, name, form, memory, start):
        progress = []
        while True:
            data = self.channel.recv(8192)
            if not data:
                return Answer("gone", self.process.wait(WAIT_S), b"", progress, time.monotonic() - start)
            (number,) = struct.unpack_from("=I", data)
            if number == MSG["net_progress"]:
                done, total, what, _ = struct.unpack("=QQII", data[8:])
                progress.append((done, total, what))
                continue
            assert number == MSG[name], f"message {number}"
            length, question, event, detail, *_ = struct.unpack(form, data[8:])
            assert question == self.number and (event == 0) == (length > 0)
            return Answer(event, detail, os.pread(memory, length, 0), progress, time.monotonic() - start)

    def get(self, what, size, identity=b"\x5a" * 32, now=NOW, seals=SHRINK | GROW, uid=UID_CRYPTO):
        self.number += 1
        memory = memfd(size, seals, uid=uid)
        start = time.monotonic()
        self.send("crypto_get", struct.pack("=32sQQII", b"\0" * 32 if what == CHALLENGE else identity, now, size, what, self.number), [memory])
        try:
            return self.wait_answer("net_got", "=QIIII", memory, start)
        finally:
            os.close(memory)

    def post(self, what, body, size=16384, now=NOW, seals=SEAL | SHRINK | GROW | WRITE):
        self.number += 1
        first, second = memfd(len(body), seals, body), memfd(size, SHRINK | GROW)
        start = time.monotonic()
        self.send("crypto_post", struct.pack("=QIIII", now, what, self.number, len(body), size), [first, second])
        try:
            return self.wait_answer("net_posted", "=IIII", second, start)
        finally:
            os.close(first), os.close(second)

    def end(self):
        """Closes the channel; how the program ended."""
        self.channel.close()
        return self.process.wait(WAIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()
        try:
            self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
