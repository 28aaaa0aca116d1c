"""A model node, written from sallyport-protocol(7) and the TCG's documents, by tpm2-tools and a software TPM; nothing of the product's code.

What it signs, hashes and opens is computed here (hashlib, libsodium's crypto_box_seal_open) or by tpm2-tools; answers are verified by minisign.
"""

import ctypes
import ctypes.util
import hashlib
import http.client
import os
import socket
import ssl
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "e2e"))
import vm       # noqa: E402

EK, AK = "0x81010001", "0x81010002"
QUOTED = (0, 4, 7, 8, 11, 12, 13)
CLOSED = hashlib.sha256(b"sallyport closed 1").hexdigest()
AK_KIND = ("-G", "ecc256:ecdsa-sha256:null", "-a", "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign|noda")

_sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
_sodium.sodium_init()


def blake2b(data, key=b""):
    return hashlib.blake2b(data, digest_size=32, key=key).digest()


def document(kind, *lines):
    """Lines are (key, value); bytes are written in hexadecimal, a value that is empty leaves the key alone."""
    text = "sallyport-%s 1\n" % kind
    for key, value in lines:
        value = value.hex() if isinstance(value, bytes) else str(value)
        text += key + (" " + value if value else "") + "\n"
    return text.encode()


def fields(text):
    lines = text.decode().split("\n")
    assert lines[-1] == "", text
    return lines[0], dict(line.partition(" ")[::2] for line in lines[1:-1])


class Answer:
    """status, body; of one that is signed: kind ("ticket"), fields, document."""

    def __init__(self, status, body, headers):
        self.status, self.body, self.headers, self.kind, self.fields, self.document = status, body, headers, None, {}, None
        at = body.find(b"untrusted comment:")
        if status == 200 and body.startswith(b"sallyport-") and at > 0:
            self.document, self.signature = body[:at], body[at:]
            first, self.fields = fields(self.document)
            self.kind = first.split("-")[1].split(" ")[0]

    def __repr__(self):
        return "%d %s %s" % (self.status, self.kind, self.body[:400])


class Org:
    """The service, as a client sees it."""

    def __init__(self, host, port, ca, public, dir):
        self.host, self.port, self.public, self.dir = host, port, public, dir
        self.context = ssl.create_default_context(cafile=ca)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.signed = 0

    def connect(self, source="127.0.0.1", timeout=60):
        sock = socket.create_connection((self.host, self.port), timeout, (source, 0))
        return self.context.wrap_socket(sock, server_hostname="localhost")

    def ask(self, method, path, body=None, sock=None):
        connection = http.client.HTTPConnection(self.host)
        connection.sock = sock or self.connect()
        connection.request(method, path, body)
        got = connection.getresponse()
        answer = Answer(got.status, got.read(), got.headers)
        if not sock:
            connection.close()
        if answer.document:
            self.verify(answer)
        return answer

    def verify(self, answer):
        """By minisign; raises."""
        path = os.path.join(self.dir, "signed")
        with open(path, "wb") as f:
            f.write(answer.document)
        with open(path + ".minisig", "wb") as f:
            f.write(answer.signature)
        done = subprocess.run(["minisign", "-V", "-q", "-p", self.public, "-m", path], capture_output=True)
        if done.returncode:
            raise AssertionError("minisign refuses %r: %s" % (answer, done.stderr))
        self.signed += 1

    def challenge(self):
        answer = self.ask("GET", "/v1/challenge")
        assert answer.kind == "challenge", answer
        return bytes.fromhex(answer.fields["challenge"])


class Node:
    """A machine with a TPM of its own; between power_on() and power_off()."""

    def __init__(self, dir, name, hardware=""):
        self.dir, self.hardware, self.id = os.path.join(dir, name), hardware, os.urandom(16)
        os.makedirs(self.dir)
        done = subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", self.dir, "--pcr-banks", "sha256"], capture_output=True)
        assert done.returncode == 0, done
        self.tpm = None
        self.power_on()
        self.run("tpm2_createek", "-c", EK, "-G", "ecc", "-u", self.path("ek.any"))
        self.run("tpm2_createprimary", "-C", "e", *AK_KIND, "-c", self.path("ak.ctx"))
        self.run("tpm2_evictcontrol", "-C", "o", "-c", self.path("ak.ctx"), AK)
        self.run("tpm2_flushcontext", "-t")
        self.ek, self.ak = self.public(EK), self.public(AK)
        self.ek_digest = hashlib.sha256(self.ek).hexdigest()

    def path(self, name):
        return os.path.join(self.dir, name)

    def run(self, *argv, check=True, data=None):
        return self.tpm.run(*argv, check=check, data=data)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)

    def public(self, handle):
        """TPMT_PUBLIC."""
        self.run("tpm2_readpublic", "-c", handle, "-f", "tss", "-o", self.path("public"))
        data = self.read("public")
        assert struct.unpack(">H", data[:2])[0] == len(data) - 2
        return data[2:]

    def power_on(self, firmware=b"firmware", closed=True, measured=True):
        self.power_off()
        self.tpm = vm.HostTpm(self.dir)
        self.tpm.__enter__()
        if measured:
            for pcr in (0, 4, 7):
                self.extend(pcr, hashlib.sha256(firmware + bytes([pcr])).hexdigest())
        if closed:
            self.extend(8, CLOSED)

    def power_off(self):
        if self.tpm:
            self.tpm.__exit__()
        self.tpm = None

    def extend(self, pcr, digest):
        self.run("tpm2_pcrextend", "%d:sha256=%s" % (pcr, digest))

    def quote(self, text, key=AK, pcrs=QUOTED, qualifying=None):
        """(values by PCR, TPMS_ATTEST, TPMT_SIGNATURE)."""
        which = "sha256:" + ",".join(map(str, pcrs))
        self.run("tpm2_quote", "-c", key, "-l", which, "-q", (qualifying or blake2b(text)).hex(), "-g", "sha256", "-m", self.path("attest"),
                 "-s", self.path("signature"))
        self.run("tpm2_pcrread", "sha256:" + ",".join(map(str, QUOTED)), "-o", self.path("pcrs"))
        values = self.read("pcrs")
        return {pcr: values[32 * i:32 * i + 32] for i, pcr in enumerate(QUOTED)}, self.read("attest"), self.read("signature")

    def signed(self, text, quoted=None):
        """The document and its quote: a body."""
        values, attest, signature = quoted or self.quote(text)
        return text + document("quote", *[("pcr%d" % pcr, values[pcr]) for pcr in QUOTED], ("attest", attest), ("signature", signature))

    def request(self, challenge, have=(), share=None, **other):
        """The request document. share: a (public, secret) of share_keys()."""
        at = dict(floor=0, time=0, offline=0, last_outcome=0)
        at.update(other)
        return document("request", ("node", self.id), ("challenge", challenge), ("share_key", share[0] if share else bytes(32)),
                        *at.items(), ("hardware", self.hardware), *[("have", "%s %d %s" % row) for row in have])

    def enrol(self, challenge, invite=b"", ek_cert=b"", escrow=b"", ek=None, ak=None):
        return document("enrol", ("node", self.id), ("challenge", challenge), ("invite", invite), ("hardware", self.hardware),
                        ("ek", ek or self.ek), ("ek_cert", ek_cert), ("ak", ak or self.ak), ("escrow", escrow))

    def activate(self, blob, secret, check=True):
        """TPM2_ActivateCredential; None when the TPM refuses. The file's head is tpm2-tools' own."""
        self.write("credential", struct.pack(">II", 0xBADCC0DE, 1) + blob + secret)
        session = self.path("session")
        self.run("tpm2_startauthsession", "--policy-session", "-S", session)
        try:
            self.run("tpm2_policysecret", "-S", session, "-c", "e")
            done = self.run("tpm2_activatecredential", "-c", AK, "-C", EK, "-P", "session:" + session, "-i", self.path("credential"), "-o",
                            self.path("opened"), check=check)
        finally:
            self.run("tpm2_flushcontext", session, check=False)
        return self.read("opened") if done.returncode == 0 else None

    def proof(self, enrol, opened):
        return document("proof", ("node", self.id), ("enrol", blake2b(enrol)), ("proof", blake2b(enrol, opened)))

    # --- what a node does ---

    def ask_ticket(self, org, **how):
        text = self.request(org.challenge(), **how)
        return text, org.ask("POST", "/v1/request", self.signed(text))

    def ask_enrol(self, org, invite=b"", **how):
        text = self.enrol(org.challenge(), invite, **how)
        return text, org.ask("POST", "/v1/enrol", self.signed(text))

    def join(self, org, invite):
        """The whole enrolment: the membership's answer."""
        text, answer = self.ask_enrol(org, invite)
        if answer.kind != "credential":
            return answer
        opened = self.activate(bytes.fromhex(answer.fields["blob"]), bytes.fromhex(answer.fields["secret"]))
        return org.ask("POST", "/v1/proof", self.proof(text, opened))


def share_keys():
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    _sodium.crypto_box_keypair(public, secret)
    return public.raw, secret.raw


def open_share(sealed, keys):
    """None: it cannot be opened."""
    out = ctypes.create_string_buffer(max(len(sealed) - 48, 1))
    if len(sealed) < 48 or _sodium.crypto_box_seal_open(out, sealed, ctypes.c_ulonglong(len(sealed)), keys[0], keys[1]) != 0:
        return None
    return out.raw
