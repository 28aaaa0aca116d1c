#!/usr/bin/python3
"""Enrolments and tickets, by the real service and model nodes (org_node.py).  Usage: org_ticket_test.py PATH-OF-sallyport-org [NODES]

Prints "ok NAME" or "not ok NAME: why" for each test; ends with 1 when one failed.  NODES: how many ask at the end, default 1000.
"""

import concurrent.futures
import hashlib
import http.client
import os
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import org_node     # noqa: E402
from org_node import AK, Node, Org, blake2b, document, open_share, share_keys       # noqa: E402

PROGRAM = os.path.realpath(sys.argv[1])
NODES = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
failed = False


def verdict(name, good, why=""):
    global failed
    print("ok " + name if good else "not ok %s: %s" % (name, why), flush=True)
    failed = failed or not good


def is_(name, got, want):
    verdict(name, got == want, "is %r, not %r" % (got, want))


def run(*argv, check=True, **how):
    done = subprocess.run(argv, capture_output=True, **how)
    if check and done.returncode:
        raise AssertionError("%s: exit %d: %s" % (" ".join(argv), done.returncode, done.stderr.decode()))
    return done


def org(*argv, check=True):
    return run(PROGRAM, *argv, check=check)


class Service:
    """sallyport-org serve; its log is read to the end by a thread, so that nothing is lost."""

    def __init__(self, *options):
        user = ["--user", "nobody"] if os.getuid() == 0 else []
        env = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1")     # what a sanitizer keeps of freed memory is no growth
        self.process = subprocess.Popen([PROGRAM, "serve", "svc", "--listen", "127.0.0.1:0", *options, *user], env=env, stderr=subprocess.PIPE,
                                        text=True)
        self.lines, port = [], None
        for line in self.process.stderr:
            self.lines.append(line)
            port = int(line.rsplit(":", 1)[1]) if line.startswith("listening on ") else port
            if line == "serving\n":
                break
        assert port, self.lines
        self.thread = threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True)
        self.thread.start()
        self.org = Org("127.0.0.1", port, "svc/ca.crt", "svc/org.pub", os.getcwd())

    def stop(self):
        self.process.terminate()
        code = self.process.wait()
        self.thread.join()
        return code

    def rss(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return int(re.search(r"VmRSS:\s*(\d+) kB", f.read()).group(1))


def sql(text, *arguments, loose=None):
    """loose: a trigger that is not to hold this once: what a test wants to be old cannot be made so otherwise."""
    with sqlite3.connect("svc/service.db", timeout=10, isolation_level=None) as db:
        if loose:
            trigger = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (loose,)).fetchone()[0]
            db.execute("DROP TRIGGER " + loose)
        got = db.execute(text, arguments).fetchall()
        if loose:
            db.execute(trigger)
    db.close()
    return got


# --- tickets ---------------------------------------------------------------------------------------------------------------------------
kept = []       # every signed answer's document: each has to be in the service's log


def keep(answer):
    if answer.document:
        kept.append(answer.document)
    return answer


def bound(name, text, answer, node, verdict_, reason, **want):
    """A ticket: for this very request, with this verdict, everything else as it has to be with it."""
    keep(answer)
    got = dict(answer.fields)
    zeros, size = "0" * 64, len(got.get("share", ""))
    wanted = {"node": node.id.hex(), "request": blake2b(text).hex(), "verdict": verdict_, "reason": reason,
              "generation": want.get("generation", zeros), "offline_max": "16" if verdict_ == "boot" else "0"}
    if "floor" in want:
        wanted["floor"] = str(want["floor"])
    wrong = {key: (got.get(key), value) for key, value in wanted.items() if got.get(key) != value}
    verdict(name, answer.kind == "ticket" and not wrong and size == want.get("share", 0) and abs(int(got["time"]) - time.time()) < 60,
            "%r: %r" % (wrong, answer))


def refused(name, answer, status, words):
    verdict(name, answer.status == status and answer.kind is None and words in answer.body and answer.body.count(b"\n") == 1, repr(answer))


def member(name, text, answer, node, reason):
    keep(answer)
    verdict(name, answer.kind == "membership" and answer.fields["reason"] == reason and answer.fields["node"] == node.id.hex() and
            answer.fields["enrol"] == blake2b(text).hex(), repr(answer))


def prove(service, node, text, answer):
    keep(answer)
    opened = node.activate(bytes.fromhex(answer.fields["blob"]), bytes.fromhex(answer.fields["secret"]))
    return service.org.ask("POST", "/v1/proof", node.proof(text, opened))


# --- the operator ------------------------------------------------------------------------------------------------------------------------
def invite(hours=24, approve=False, ek=None, name=None):
    done = org("invite", "svc", "--expires", str(hours), *(["--approve"] if approve else []), *(["--ek", ek] if ek else []),
               *(["--name", name] if name else []))
    return bytes.fromhex(re.search(r"\b[0-9a-f]{64}\b", done.stdout.decode()).group(0))


def expired_invite():
    secret = invite()
    sql("UPDATE invite SET until = made WHERE digest = ?", blake2b(secret), loose="invite_used")
    return secret


def operator(verb, node, *argv):
    return org("node", verb, "svc", node.id.hex(), *argv)


def make_service():
    """The folder svc, and generations 1 and 2 in it: their ids."""
    org("keygen", ".", "r1", "org")
    org("init", "svc", "--name", "localhost")
    with open("kernel", "wb") as f:
        f.write(bytes(510) + b"\x55\xaa\0\0HdrS" + os.urandom(4000))
    os.makedirs("tree")
    with open("tree/init", "wb") as f:
        f.write(b"#!/bin/true\n")
    with open("initramfs", "wb") as f:
        f.write(run("cpio", "-o", "-H", "newc", "--quiet", input=b"init\n", cwd="tree").stdout)
    org("config", "--release-key", "r1.pub", "--org-key", "svc/org.pub", "--cache", "vda", "--threshold", "1", "--build-time", "1600000000",
        "-o", "config")
    ids = []
    for version in 1, 2:
        org("sign", "-k", "r1.key", "-v", str(version), "--kernel", "kernel", "--initramfs", "initramfs", "--cmdline", "a", "--issued",
            "1700000000", "-o", "v%d" % version)
        org("generation", "add", "svc", "v%d" % version, "-c", "config")
        with open("v%d/manifest" % version, "rb") as f:
            ids.append(blake2b(f.read()).hex())
    if os.getuid() == 0:
        run("chown", "-R", "nobody", "svc")
    return ids


def try_enrolment(service, a, b):
    """a becomes a member; b, on another TPM, tries to be it."""
    org_, good = service.org, invite()
    text, answer = a.ask_ticket(org_)
    bound("unknown", text, answer, a, "refuse", "unknown")
    for name, secret in (("none", b""), ("unknown", os.urandom(32)), ("expired", expired_invite()), ("for_another_ek", invite(ek=b.ek_digest)),
                         ("half", good[:16])):
        text, answer = a.ask_enrol(org_, secret)
        member("invite_" + name, text, answer, a, "invite")
    # keys and quote
    text = a.enrol(org_.challenge(), good, ek=a.ek[:-1] + bytes([a.ek[-1] ^ 1]))
    refused("ek_is_no_point", org_.ask("POST", "/v1/enrol", a.signed(text)), 403, b"template L-2")
    text = a.enrol(org_.challenge(), good, ek=a.ak)
    refused("ek_of_another_template", org_.ask("POST", "/v1/enrol", a.signed(text)), 403, b"template L-2")
    text = a.enrol(org_.challenge(), good, ak=a.ek)
    refused("ak_of_another_template", org_.ask("POST", "/v1/enrol", a.signed(text)), 403, b"attestation key is not")
    text = a.enrol(org_.challenge(), good, ak=b.ak)
    refused("ak_that_did_not_quote", org_.ask("POST", "/v1/enrol", a.signed(text)), 403, b"did not sign")
    a.run("tpm2_createprimary", "-C", "e", "-G", "ecc256:ecdsa-sha256:null", "-a", "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign",
          "-c", a.path("free.ctx"))
    free = a.public(a.path("free.ctx"))
    text = a.enrol(org_.challenge(), good, ak=free)
    refused("ak_that_signs_anything", org_.ask("POST", "/v1/enrol", a.signed(text, a.quote(text, a.path("free.ctx")))), 403,
            b"attestation key is not")
    a.run("tpm2_flushcontext", "-t")
    # the credential opens only in that TPM, beside that attestation key
    text, answer = a.ask_enrol(org_, good)
    verdict("credential", keep(answer).kind == "credential" and answer.fields["enrol"] == blake2b(text).hex() and
            answer.fields["node"] == a.id.hex(), repr(answer))
    blob, secret = bytes.fromhex(answer.fields["blob"]), bytes.fromhex(answer.fields["secret"])
    verdict("another_tpm_cannot_open_it", b.activate(blob, secret, check=False) is None)
    verdict("nor_altered", a.activate(blob[:-1] + bytes([blob[-1] ^ 1]), secret, check=False) is None)
    stolen = b.enrol(org_.challenge(), good, ek=a.ek)
    stolen_answer = keep(org_.ask("POST", "/v1/enrol", b.signed(stolen)))       # b's own AK beside a's EK
    verdict("ak_of_another_tpm", stolen_answer.kind == "credential" and a.activate(bytes.fromhex(stolen_answer.fields["blob"]),
            bytes.fromhex(stolen_answer.fields["secret"]), check=False) is None, repr(stolen_answer))
    text, answer = a.ask_enrol(org_, good)      # which took the first one's place
    opened = a.activate(bytes.fromhex(keep(answer).fields["blob"]), bytes.fromhex(answer.fields["secret"]))
    is_("credential_is_32_bytes", len(opened), 32)
    refused("wrong_proof", org_.ask("POST", "/v1/proof", a.proof(text, os.urandom(32))), 403, b"not the proof")
    refused("proof_of_another_node", org_.ask("POST", "/v1/proof", b.proof(text, opened)), 403, b"not the proof")
    refused("proof_of_nothing", org_.ask("POST", "/v1/proof", a.proof(text + b"x", opened)), 403, b"not the proof")
    member("pending", text, org_.ask("POST", "/v1/proof", a.proof(text, opened)), a, "pending")
    refused("proof_again", org_.ask("POST", "/v1/proof", a.proof(text, opened)), 403, b"not the proof")
    # power failed before the node had the answer: it comes again
    text, answer = a.ask_enrol(org_, good)
    member("enrolled_again", text, prove(service, a, text, answer), a, "pending")
    text, answer = b.ask_enrol(org_, good)
    member("invite_is_used", text, answer, b, "invite")


def try_identity(service, a, b):
    org_, mine = service.org, a.id
    text, answer = a.ask_ticket(org_)
    bound("pending_is_refused", text, answer, a, "refuse", "pending")
    operator("approve", a)
    a.id = os.urandom(16)
    text, answer = a.ask_enrol(org_, invite(approve=True))
    member("second_node_under_one_ek", text, answer, a, "taken")
    a.id, b.id = mine, mine
    text, answer = b.ask_enrol(org_, invite(approve=True))
    member("second_ek_of_one_node", text, answer, b, "taken")
    refused("cloned_disk_on_another_tpm", b.ask_ticket(org_)[1], 403, b"did not sign")
    b.id = os.urandom(16)
    text, answer = b.ask_enrol(org_, invite(approve=True, ek=b.ek_digest))
    member("approved_by_its_invite", text, prove(service, b, text, answer), b, "none")


def try_tickets(service, a, b, ids):
    org_ = service.org
    text, answer = a.ask_ticket(org_)
    bound("unassigned", text, answer, a, "refuse", "unassigned")
    org("generation", "assign", "svc", ids[0], "--all")
    text, answer = a.ask_ticket(org_, have=[(ids[0], 1, "healthy")])
    bound("boot", text, answer, a, "boot", "none", generation=ids[0], floor=0)
    keys = share_keys()
    shares = []
    for node in a, a, b:
        text, answer = node.ask_ticket(org_, share=keys)
        bound("boot_with_share", text, answer, node, "boot", "none", generation=ids[0], share=160)
        shares.append(open_share(bytes.fromhex(answer.fields["share"]), keys))
        verdict("share_is_for_this_key_alone", open_share(bytes.fromhex(answer.fields["share"]), share_keys()) is None)
    verdict("share_stays_and_is_the_nodes_own", len(shares[0] or b"") == 32 and shares[0] == shares[1] != shares[2], repr(shares))
    text = a.request(org_.challenge(), share=(b"\1" + bytes(31), b""))
    refused("share_key_of_low_order", org_.ask("POST", "/v1/request", a.signed(text)), 400, b"share_key")
    org("generation", "assign", "svc", ids[1], "--all")
    org("generation", "floor", "svc", "2")
    text, answer = a.ask_ticket(org_)
    bound("floor", text, answer, a, "boot", "none", generation=ids[1], floor=2)
    org("generation", "withdraw", "svc", ids[1])
    text, answer = a.ask_ticket(org_, share=keys)
    bound("withdrawn", text, answer, a, "refuse", "unassigned", floor=2)


def try_replays(service, a, b):
    org_ = service.org
    text = a.request(org_.challenge(), have=[("ab" * 32, 3, "new")])
    values, attest, signature = quoted = a.quote(text)
    body = a.signed(text, quoted)
    a.write("request", text)
    a.write("pcr-values", b"".join(values[pcr] for pcr in org_node.QUOTED))
    a.write("qualifying", blake2b(text))
    a.run("tpm2_readpublic", "-c", AK, "-f", "pem", "-o", a.path("ak.pem"))
    a.write("attest", attest)
    a.write("signature", signature)
    check = ["tpm2_checkquote", "-u", a.path("ak.pem"), "-m", a.path("attest"), "-s", a.path("signature"), "-g", "sha256", "-q"]
    is_("tpm2_checkquote_accepts", a.run(*check, blake2b(text).hex(), check=False).returncode, 0)
    is_("tpm2_checkquote_refuses_another", a.run(*check, blake2b(text + b"x").hex(), check=False).returncode, 1)
    relayed = re.sub(rb"\nchallenge [0-9a-f]*\n", b"\nchallenge %s\n" % org_.challenge().hex().encode(), text)
    for name, other in (("altered_inventory", text.replace(b"ab" * 32 + b" 3 new", b"ab" * 32 + b" 3 healthy")),
                        ("altered_floor", text.replace(b"floor 0", b"floor 1")), ("relayed_to_another_challenge", relayed),
                        ("as_another_node", text.replace(a.id.hex().encode(), b.id.hex().encode()))):
        assert other != text, name
        refused(name, org_.ask("POST", "/v1/request", other + body[len(text):]), 403, b"another document")
    for pcr in org_node.QUOTED:
        other = a.signed(text, ({**values, pcr: os.urandom(32)}, attest, signature))
        refused("stated_pcr_%d" % pcr, org_.ask("POST", "/v1/request", other), 403, b"not those that were quoted")
    refused("signed_by_another", org_.ask("POST", "/v1/request", a.signed(text, (values, attest, b.quote(text)[2]))), 403, b"did not sign")
    refused("another_signature", org_.ask("POST", "/v1/request", a.signed(text, (values, attest, signature[:-1] + bytes([signature[-1] ^ 1])))),
            403, b"did not sign")
    few = a.quote(text, pcrs=(0, 4, 7, 8, 11, 12))
    refused("fewer_pcrs", org_.ask("POST", "/v1/request", a.signed(text, (values,) + few[1:])), 403, b"not of PCRs")
    keep(org_.ask("POST", "/v1/request", body))
    refused("replayed", org_.ask("POST", "/v1/request", body), 409, b"was used")
    text = b.request(bytes.fromhex(re.search(rb"\nchallenge ([0-9a-f]*)\n", text).group(1).decode()))
    refused("challenge_used_by_another", org_.ask("POST", "/v1/request", b.signed(text)), 409, b"was used")
    text = a.request(os.urandom(32))
    refused("challenge_of_ones_own", org_.ask("POST", "/v1/request", a.signed(text)), 409, b"not this service's")


def try_measurements(service, a):
    """What is assigned now is nothing: a refusal for another reason is what each of these has to get, or a line."""
    org_ = service.org
    a.extend(8, hashlib.sha256(b"a generation").hexdigest())
    refused("quoted_from_the_os", a.ask_ticket(org_)[1], 403, b"PCR 8")
    refused("enrol_quoted_from_the_os", a.ask_enrol(org_, invite())[1], 403, b"PCR 8")
    a.power_on(closed=False)
    refused("quoted_before_the_latch", a.ask_ticket(org_)[1], 403, b"PCR 8")
    a.power_on(measured=False)
    refused("firmware_that_measures_nothing", a.ask_ticket(org_)[1], 403, b"never extended")
    a.power_on()
    text, answer = a.ask_ticket(org_)
    bound("as_it_was", text, answer, a, "refuse", "unassigned")
    a.power_on(firmware=b"another firmware")
    text, answer = a.ask_ticket(org_)
    bound("measured", text, answer, a, "refuse", "measured")
    text, answer = a.ask_enrol(org_, invite(approve=True))
    member("an_invite_accepts_no_measurement", text, answer, a, "measured")
    operator("learn", a)
    text, answer = a.ask_ticket(org_)
    bound("learnt", text, answer, a, "refuse", "unassigned")
    a.extend(12, hashlib.sha256(b"x").hexdigest())
    text, answer = a.ask_ticket(org_)
    bound("measured_pcr_12", text, answer, a, "refuse", "measured")
    a.power_on(firmware=b"another firmware")
    text, answer = a.ask_ticket(org_)
    bound("and_back", text, answer, a, "refuse", "unassigned")
    # resetCount goes down only when the TPM is cleared; the attestation key can be made again
    a.run("tpm2_clear", "-c", "p")
    a.run("tpm2_createprimary", "-C", "e", *org_node.AK_KIND, "-c", a.path("ak.ctx"))
    a.run("tpm2_evictcontrol", "-C", "o", "-c", a.path("ak.ctx"), AK)
    a.run("tpm2_flushcontext", "-t")
    is_("same_key_after_clear", a.public(AK), a.ak)
    text, answer = a.ask_ticket(org_)
    bound("reset_count_went_down", text, answer, a, "refuse", "measured")
    operator("learn", a)
    operator("revoke", a)
    text, answer = a.ask_ticket(org_)
    bound("revoked", text, answer, a, "refuse", "revoked")
    text, answer = a.ask_enrol(org_, invite(approve=True))
    member("revoked_does_not_enrol", text, answer, a, "revoked")


def raw(org_, data, until=None):
    """Everything that comes back until the other side closes; data may be a list, sent piece by piece until the connection is cut."""
    got, start = b"", time.monotonic()
    with org_.connect() as sock:
        try:
            sock.sendall(data)
            while until and time.monotonic() - start < 30:
                sock.settimeout(0.2)
                try:
                    part = sock.recv(65536)
                    if not part:
                        break
                    got += part
                except TimeoutError:
                    sock.sendall(until)
            sock.settimeout(30)
            while not until:
                part = sock.recv(65536)
                if not part:
                    break
                got += part
        except OSError:
            pass
    return got, time.monotonic() - start


def try_bodies(service, a, patience):
    org_ = service.org
    text = a.request(org_.challenge())
    body = a.signed(text)
    for name, data, words in (("empty", b"", b"request: line 1"), ("noise", os.urandom(500), b"request: line 1"), ("alone", text, b"quote: line 1"),
                              ("behind", body + b"x 1\n", b"quote: line 11"), ("twice", body + body, b"quote: line 11"),
                              ("nul", body.replace(b"\nfloor 0", b"\nfloor 0\0"), b"request: line"), ("crlf", body.replace(b"\n", b"\r\n"), b"request: line 1"),
                              ("enrol", a.signed(a.enrol(bytes(32))), b"request: line 1")):
        refused("malformed_" + name, org_.ask("POST", "/v1/request", data), 400, words)
    refused("malformed_enrol", org_.ask("POST", "/v1/enrol", body), 400, b"enrol: line 1")
    refused("malformed_proof", org_.ask("POST", "/v1/proof", body), 400, b"proof: line 1")
    refused("body_too_large", org_.ask("POST", "/v1/request", b"a" * 16385), 413, b"too long")
    refused("largest_body", org_.ask("POST", "/v1/request", b"a" * 16384), 400, b"request: line 1")
    for path in "request", "enrol", "proof":
        refused("get_" + path, org_.ask("GET", "/v1/" + path), 405, b"method")
        refused("put_" + path, org_.ask("PUT", "/v1/" + path), 405, b"method")
    size = len(body)
    second = b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n"
    for name, fields, content, want in (
            ("chunked", b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (size, body), b"400"),
            ("chunked_and_length", b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n", b"400"),
            ("no_length", b"X: y", body, b"411"),
            ("two_lengths", b"Content-Length: %d\r\nContent-Length: %d" % (size, size + len(second)), body, b"400"),
            ("same_length_twice", b"Content-Length: %d\r\nContent-Length: %d" % (size, size), body, b"400"),
            ("list_of_lengths", b"Content-Length: %d, %d" % (size, size), body, b"400"),
            ("signed_length", b"Content-Length: +%d" % size, body, b"400"),
            ("huge_length", b"Content-Length: 99999999999999999999", body, b"413"),
            ("length_over_64_bits", b"Content-Length: %d" % (2**64 + size), body, b"413"),
            ("length_with_blank", b"Content-Length : %d" % size, body, b"400"),
            ("length_in_hex", b"Content-Length: 0x10", body, b"400")):
        got, _ = raw(org_, b"POST /v1/request HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n\r\n" + content + second)
        # libmicrohttpd says its own refusals twice; what follows is no request in any case
        verdict("smuggling_" + name, {part[:3] for part in got.split(b"HTTP/1.1 ")[1:]} == {want} and b"Connection: close" in got, repr(got[:200]))
    head = b"POST /v1/request HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % size
    for name, begin, drip in (("slow_body_is_cut", head + b"\r\n" + body[:10], b"a"), ("no_body_is_cut", head + b"\r\n", b""),
                              ("expecting_body_is_cut", head + b"Expect: 100-continue\r\n\r\n", b"")):
        got, seconds = raw(org_, begin, drip or b"")if drip else raw(org_, begin)
        verdict(name, seconds < patience + 5 and b"HTTP/1.1 2" not in got, "%.1f s, %r" % (seconds, got[:60]))
    sock = org_.connect()
    for part in head + b"\r\n", body[:100], body[100:size - 1]:
        sock.sendall(part)
    sock.sendall(body[size - 1:] + second)
    got = b""
    while got.count(b"HTTP/1.1 ") < 2:
        got += sock.recv(65536)
    verdict("pieces_and_the_next_request", got.startswith(b"HTTP/1.1 200 ") and b"HTTP/1.1 404 " in got, repr(got[:100]))
    at = got.index(b"sallyport-ticket 1")
    keep(org_node.Answer(200, got[at:got.index(b"HTTP/1.1 404")], {}))


def try_stale(a):
    service = Service("--challenge-seconds", "1")
    challenge, got = service.org.challenge(), time.monotonic()
    text = a.request(challenge)
    while time.monotonic() - got < 1.05:
        body = a.signed(text)       # a TPM takes its time
    refused("stale_challenge", service.org.ask("POST", "/v1/request", body), 409, b"or over")
    is_("clean_stop_stale", service.stop(), 0)


def try_certificates(a):
    """The endorsement key's certificate: by whom, and for which key."""
    org_node_ek = a.path("ek.pem")
    a.run("tpm2_createek", "-c", a.path("ek.ctx"), "-G", "ecc", "-u", org_node_ek, "-f", "pem")
    a.run("tpm2_flushcontext", "-t")
    openssl = lambda *argv: run("openssl", *argv)      # noqa: E731
    for ca in "maker", "nobody":
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", ca + ".key", "-out", ca + ".crt", "-subj",
                "/CN=" + ca, "-days", "10", "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", "-new", "-key", "maker.key", "-subj", "/CN=any", "-out", "ek.csr")
    certs = {}
    for name, ca, key, extensions in (("good", "maker", org_node_ek, ""), ("self_made", "nobody", org_node_ek, ""), ("another_key", "maker", None, ""),
                                      ("of_an_ek", "maker", org_node_ek, "extendedKeyUsage=2.23.133.8.1\nkeyUsage=critical,keyAgreement\n"
                                       "basicConstraints=critical,CA:FALSE\n"),
                                      ("of_a_server", "maker", org_node_ek, "extendedKeyUsage=serverAuth\n"),
                                      ("that_signs", "maker", org_node_ek, "keyUsage=critical,digitalSignature\n"),
                                      ("of_a_ca", "maker", org_node_ek, "basicConstraints=critical,CA:TRUE\n")):
        with open("ext", "w") as f:
            f.write(extensions)
        openssl("x509", "-req", "-in", "ek.csr", "-CA", ca + ".crt", "-CAkey", ca + ".key", "-CAcreateserial", "-days", "10", "-outform", "DER",
                "-out", "ek.der", "-extfile", "ext", *(["-force_pubkey", key] if key else []))
        with open("ek.der", "rb") as f:
            certs[name] = f.read()
    certs["noise"] = os.urandom(300)
    service = Service("--ek-roots", "maker.crt", "--require-ek-cert")
    for name, cert, words in (("none", b"", b"wants a certificate"), ("self_made", certs["self_made"], b"wants a certificate"),
                              ("of_a_server", certs["of_a_server"], b"wants a certificate"), ("that_signs", certs["that_signs"], b"wants a certificate"),
                              ("of_a_ca", certs["of_a_ca"], b"wants a certificate"),
                              ("another_key", certs["another_key"], b"for another key"), ("noise", certs["noise"], b"no X.509")):
        refused("ek_cert_" + name, a.ask_enrol(service.org, invite(), ek_cert=cert)[1], 403, words)
    text, answer = a.ask_enrol(service.org, invite(approve=True), ek_cert=certs["of_an_ek"])
    member("ek_cert_of_an_ek", text, prove(service, a, text, answer), a, "none")
    is_("recorded_as_verified_of_an_ek", sql("SELECT ek_verified FROM node WHERE node = ?", a.id), [(1,)])
    text, answer = a.ask_enrol(service.org, invite(approve=True), ek_cert=certs["good"])
    member("ek_cert_good", text, prove(service, a, text, answer), a, "none")
    is_("recorded_as_verified", sql("SELECT ek_verified FROM node WHERE node = ?", a.id), [(1,)])
    service.stop()
    service = Service()
    text, answer = a.ask_enrol(service.org, invite(approve=True), ek_cert=certs["self_made"])
    member("ek_cert_of_no_root", text, prove(service, a, text, answer), a, "none")
    is_("recorded_as_unverified", sql("SELECT ek_verified FROM node WHERE node = ?", a.id), [(0,)])
    service.stop()


def try_crowd(a, b):
    """Many whom nobody knows: what is signed for them is rationed; a member does not notice."""
    service = Service()
    org_, mine = service.org, a.id
    values = {pcr: bytes(32) for pcr in org_node.QUOTED}
    signed, start = [], time.monotonic()
    with org_.connect() as sock:
        for _ in range(100):
            a.id = os.urandom(16)
            challenge = bytes.fromhex(org_.ask("GET", "/v1/challenge", sock=sock).fields["challenge"])
            signed.append(keep(org_.ask("POST", "/v1/request", a.signed(a.request(challenge), (values, b"x", b"x")), sock=sock)))
    a.id = mine
    is_("unknown_at_first", {s.fields.get("reason") for s in signed[:64]}, {"unknown"})
    told = len([s for s in signed if s.status == 200])
    verdict("unknown_are_rationed", told <= 65 + time.monotonic() - start, "%d of 100 were signed" % told)
    over = [s for s in signed if s.status != 200] or signed
    refused("unknown_are_told_to_wait", over[0], 429, b"nobody knows")
    is_("with_a_time_to_wait", over[0].headers.get("Retry-After"), "5")
    for _ in range(10):     # a TPM takes its time: now and then there is one again
        text, answer = a.ask_enrol(org_, os.urandom(32))
        if keep(answer).status != 200:
            break
    refused("bad_invites_are_rationed", answer, 429, b"nobody knows")
    text, answer = b.ask_ticket(org_)
    bound("members_are_not", text, answer, b, "refuse", "unassigned")
    service.stop()


def try_one_too_often(a, b):
    """Who is known, and asks without an end: the log grows by no more than a line a second, and nobody else notices."""
    service, quoter, good = Service(), Quoter(b), invite()
    org_ = service.org
    for name, path, make in (("node", "/v1/request", b.request), ("invite", "/v1/enrol", lambda challenge: b.enrol(challenge, good))):
        got, start = [], time.monotonic()
        with org_.connect() as sock:
            while len(got) < 100 + (time.monotonic() - start):
                text = make(bytes.fromhex(org_.ask("GET", "/v1/challenge", sock=sock).fields["challenge"]))
                got.append(keep(org_.ask("POST", path, b.signed(text, quoter.quote(text)), sock=sock)))
        seconds = time.monotonic() - start
        is_(name + "_is_answered_at_first", {answer.kind for answer in got[:64]}, {"ticket" if name == "node" else "credential"})
        told = len([answer for answer in got if answer.status == 200])
        verdict(name + "_is_rationed", told <= 66 + seconds, "%d of %d were signed, in %.1f s" % (told, len(got), seconds))
        over = [answer for answer in got if answer.status != 200] or got
        refused(name + "_is_told_to_wait", over[0], 429, b"too often")
        is_(name + "_with_a_time_to_wait", over[0].headers.get("Retry-After"), "5")
    text, answer = a.ask_ticket(org_)
    bound("others_are_answered", text, answer, a, "refuse", "revoked")
    text, answer = b.ask_enrol(org_, invite())
    verdict("other_invites_are_taken", keep(answer).kind == "credential", repr(answer))
    service.stop()


# --- many nodes -------------------------------------------------------------------------------------------------------------------------
class Quoter:
    """TPM2_Quote over swtpm's own socket, a command at a time: what a node's ESYS would send (part 3, 18.4)."""

    def __init__(self, node):
        self.node, self.lock = node, threading.Lock()
        self.values = node.quote(b"")[0]

    def quote(self, text):
        selection = struct.pack(">IHB", 1, 0x000b, 3) + bytes([0x91, 0x39, 0])
        body = struct.pack(">I", int(AK, 16)) + struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0) + struct.pack(">H", 32) + blake2b(text) + \
            struct.pack(">H", 0x0010) + selection
        with self.lock:
            answer = self.node.tpm.command(struct.pack(">HII", 0x8002, 10 + len(body), 0x158) + body)
        code, size = struct.unpack(">I", answer[6:10])[0], struct.unpack(">H", answer[14:16])[0]
        assert code == 0, hex(code)
        parameters = struct.unpack(">I", answer[10:14])[0]
        return self.values, answer[16:16 + size], answer[16 + size:14 + parameters]


def try_load(a, ids):
    """NODES members, all behind a's TPM; each asks twice, 32 at a time, over connections of their own."""
    pcrs = sql("SELECT pcrs, resets FROM node WHERE node = ?", a.id)[0]
    with sqlite3.connect("svc/service.db", timeout=10) as db:
        nodes = [os.urandom(16) for _ in range(NODES)]
        db.executemany("INSERT INTO node (node, ek_digest, state, grp, class_set, hardware, ek, ek_cert, ek_verified, ak, escrow, enrolled, seen,"
                       " pcrs, resets, said_floor, said_offline, said_outcome, ticket_time, ticket_reason, ticket_generation, ticket_digest)"
                       " VALUES (?, ?, 2, 'all', '', '', ?, x'', 0, ?, x'', 1, 0, ?, ?, 0, 0, 0, 0, 0, ?, ?)",
                       [(node, blake2b(node), node, a.ak, *pcrs, bytes(32), bytes(32)) for node in nodes])
    db.close()
    org("generation", "add", "svc", "v3", "-c", "config")
    org("generation", "assign", "svc", ids[2], "--all")
    service, quoter, times = Service("--per-address", "64"), Quoter(a), []
    org_ = service.org
    def one(id_):
        start = time.monotonic()
        node = Node.__new__(Node)
        node.id, node.hardware = id_, ""
        with org_.connect() as sock:
            connection = http.client.HTTPConnection("localhost")
            connection.sock = sock
            connection.request("GET", "/v1/challenge")
            challenge = re.search(rb"\nchallenge ([0-9a-f]{64})\n", connection.getresponse().read()).group(1)
            text = node.request(bytes.fromhex(challenge.decode()), share=(bytes([9]) + bytes(31), b""))
            connection.request("POST", "/v1/request", node.signed(text, quoter.quote(text)))
            got = connection.getresponse()
            answer = org_node.Answer(got.status, got.read(), got.headers)
        good = answer.fields.get("request") == blake2b(text).hex() and answer.fields["verdict"] == "boot" and len(answer.fields["share"]) == 160 \
            and answer.fields["generation"] == ids[2] and answer.fields["node"] == id_.hex()
        times.append(time.monotonic() - start)
        return answer if good else None

    rss, lost, begin = [service.rss()], 0, time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        for _ in range(2):
            answers = list(pool.map(one, nodes))
            lost += answers.count(None)
            rss.append(service.rss())
            for answer in [x for x in answers if x][:20]:
                org_.verify(keep(answer))
    seconds = time.monotonic() - begin
    times.sort()
    is_("load_loses_no_answer", lost, 0)
    if NODES >= 1000:       # the first time fills SQLite's cache: 2 MiB
        verdict("load_keeps_memory_flat", rss[2] - rss[1] <= 1024, "RSS in KiB: %r" % rss)
    else:
        print("skip load_keeps_memory_flat: fewer than 1000 nodes do not fill SQLite's cache")
    is_("load_is_recorded", sql("SELECT count(*) FROM log WHERE kind = 'ticket' AND node IN (SELECT node FROM node WHERE hardware = '' AND said_outcome = 0"
                                " AND enrolled = 1)"), [(2 * NODES,)])
    print("load: %d nodes twice, 32 at a time: %.1f s, %.0f tickets/s; a node waits %.0f ms (median), %.0f ms (most); RSS %s KiB" %
          (NODES, seconds, 2 * NODES / seconds, 1000 * times[len(times) // 2], 1000 * times[-1], " ".join(map(str, rss))))
    is_("clean_stop_after_load", service.stop(), 0)


def main():
    ids = make_service()
    org("sign", "-k", "r1.key", "-v", "3", "--kernel", "kernel", "--initramfs", "initramfs", "--cmdline", "a", "--issued", "1700000000", "-o", "v3")
    with open("v3/manifest", "rb") as f:
        ids.append(blake2b(f.read()).hex())
    here = os.getcwd()
    a, b = Node(here, "a", "a class"), Node(here, "b")
    try:
        service = Service("--patience", "3")
        try_enrolment(service, a, b)
        try_identity(service, a, b)
        try_tickets(service, a, b, ids)
        try_replays(service, a, b)
        try_bodies(service, b, 3)
        former = b.request(service.org.challenge())
        former = b.signed(former)
        is_("clean_stop", service.stop(), 0)
        service = Service()
        refused("challenge_of_a_former_key", service.org.ask("POST", "/v1/request", former), 409, b"not this service's")
        try_measurements(service, a)
        service.stop()
        try_stale(b)
        try_certificates(b)
        try_crowd(a, b)
        try_one_too_often(a, b)
        try_load(b, ids)
        log = org("log", "svc").stdout.decode()
        missing = [text for text in kept if blake2b(text).hex() not in log]
        verdict("all_that_was_signed_is_in_the_log (%d)" % len(kept), kept and not missing, repr(missing[:2]))
    finally:
        a.power_off()
        b.power_off()


folder = tempfile.mkdtemp()
os.chmod(folder, 0o755)
os.chdir(folder)
try:
    main()
finally:
    os.chdir("/")
    shutil.rmtree(folder)
sys.exit(failed)
