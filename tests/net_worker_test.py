#!/usr/bin/python3
"""net-worker, the shipped program under its own filter, against real and hostile servers. Usage: net_worker_test.py BIN-FOLDER [NAME...]

Each scenario is a function; it returns when all is as it must be. Prints "ok NAME" or "not ok NAME: why"; ends with 1 when one failed.
Nothing sleeps but servers whose slowness is the point; all that is waited for has an end."""

import hashlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import net_rig
from net_rig import (CHALLENGE, DAY, ENROL, EXIT_CLOSED, EXIT_PEER, GROW, INITRAMFS, KERNEL, MANIFEST, MINISIG, NOW, PROOF, REQUEST, SEAL,
                     SHRINK, WAIT_S, WRITE, NameServer, Pki, Request, Server, Worker, answer, config, cut, os, raw, says, socket, struct)

SCENARIOS = []
WAIT = 3                    # the config's net_wait_s in most of these
SLACK = 2                   # s, for a busy machine
IMAGE = os.urandom(1_000_000)
ETAG = f'"{hashlib.sha256(IMAGE).hexdigest()}"'
CA, PAIR, OTHER_CA = None, None, None


def scenario(function):
    SCENARIOS.append(function)
    return function


def worker(org, mirrors=(), **kw):
    return Worker(config(org, kw.pop("ca", CA.der), mirrors=mirrors, wait=kw.pop("wait", WAIT), **kw))


def must(truth, *why):
    if not truth:
        raise AssertionError(" ".join(str(w) for w in why))


def is_(result, event, detail=None, most=WAIT + SLACK, least=0):
    """The code, the detail where it is stated, and the time."""
    must(result.event == event, f"{result.event} {result.detail} after {result.seconds:.1f} s, not {event}")
    must(detail is None or result.detail == detail, f"detail {result.detail}, not {detail}")
    must(least <= result.seconds <= most, f"{result.seconds:.1f} s, not {least} to {most}")
    must(event == 0 or not result.data, "bytes with a failure")


def right(result, data, most=WAIT + SLACK, least=0):
    is_(result, 0, 0, most, least)
    must(result.data == data, f"{len(result.data)} other bytes")


def expect(handler, event, detail=None, what=CHALLENGE, size=1000, most=WAIT + SLACK, least=0, **kw):
    """One question, one answer, and the program goes on."""
    server = Server(handler, kw.pop("pair", PAIR), **kw.pop("server", {}))
    with worker(server, **kw) as w:
        is_(w.get(what, size), event, detail, most, least)
        must(w.end() == EXIT_CLOSED, "how it ended")
    return server


class Content:
    """A handler that serves content with ranges, and cuts each connection where cuts says: bytes of content sent in all before it."""

    def __init__(self, body=IMAGE, etag=ETAG, cuts=(), honour=True, headers=()):
        self.body, self.etag, self.cuts, self.honour, self.headers = body, etag, list(cuts), honour, headers
        self.requests = []

    def __call__(self, connection, number):
        while True:
            request = Request(connection)
            self.requests.append(request)
            first = 0
            if self.honour and request.first is not None and self.etag and request.headers.get("If-Range") == self.etag:
                first = request.first
            size = len(self.body)
            head = [f"HTTP/1.1 {'206 Partial Content' if first else '200 OK'}", f"Content-Length: {size - first}", *self.headers]
            if self.etag:
                head.append(f"ETag: {self.etag}")
            if first:
                head.append(f"Content-Range: bytes {first}-{size - 1}/{size}")
            end = self.cuts.pop(0) if self.cuts else None
            connection.sendall("\r\n".join([*head, "", ""]).encode() + self.body[first:end])
            if end is not None:
                connection.shutdown(socket.SHUT_WR)     # what was sent arrives; then nothing more, and no word of TLS
                return


# --- what works -----------------------------------------------------------------------------------------------------------------------

@scenario
def documents():
    server = Server(says(b"hello"), PAIR)
    with worker(server) as w:
        right(w.get(CHALLENGE, 100), b"hello")
        right(w.get(CHALLENGE, 5), b"hello")
        is_(w.get(CHALLENGE, 4), "net_size", 200)
        right(w.get(MANIFEST, 100), b"hello")
        must(server.count == 2, f"{server.count} connections: one, and a fresh one behind the answer that was not taken")
        must(w.end() == EXIT_CLOSED, "how it ended")


@scenario
def requests_are_as_they_should_be():
    seen = []

    def handle(connection, _number):
        while True:
            seen.append(Request(connection))
            connection.sendall(answer(b"x"))
    server = Server(handle, PAIR)
    identity = b"\r\nX: y\r\n\r\nGET /evil HTTP/1.1\r\n/.."[:32]
    with worker(server, mirrors=(f"{server}/os/images",)) as w:
        right(w.get(CHALLENGE, 10), b"x")
        for what in (MANIFEST, MINISIG, KERNEL, INITRAMFS):
            right(w.get(what, 1, identity), b"x")
        for what in (REQUEST, ENROL, PROOF):
            right(w.post(what, b"text\n"), b"x")
        right(w.post(REQUEST, b"y" * 32768), b"x")
    parts = ("manifest", "manifest.minisig", "kernel", "initramfs")
    paths = [f"/os/images/v1/generation/{identity.hex()}/{part}" for part in parts]
    must([r.path for r in seen] == ["/v1/challenge", *paths, "/v1/request", "/v1/enrol", "/v1/proof", "/v1/request"], [r.path for r in seen])
    must([r.method for r in seen] == 5 * ["GET"] + 4 * ["POST"], "methods")
    must([r.body for r in seen] == 5 * [b""] + 3 * [b"text\n"] + [b"y" * 32768], "bodies")
    must(set(seen[0].headers) == {"Host", "User-Agent", "Accept-Encoding"} and seen[0].headers["Host"] == str(server), seen[0].headers)
    must(set(seen[-1].headers) == {"Host", "User-Agent", "Accept-Encoding", "Content-Type", "Content-Length"}, seen[-1].headers)
    must(seen[-1].headers["Content-Type"] == "text/plain" and seen[0].version == "HTTP/1.1", "type or version")
    must(set(server.names) == {"org.test"}, server.names)


@scenario
def images_and_progress():
    body = os.urandom(30 << 20)
    server = Server(Content(body, None), PAIR)
    with worker(server) as w:
        result = w.get(KERNEL, len(body))
        right(result, body, 30)
        done = [p[0] for p in result.progress]
        must(len(done) == 3 and done == sorted(done) and all(p[1:] == (len(body), KERNEL) for p in result.progress), result.progress)


@scenario
def kept_connections():
    def closes(connection, number):
        Request(connection)
        connection.sendall(answer(b"%d" % number))      # and ends, though it did not say so

    def vanishes(connection, number):
        Request(connection)
        connection.sendall(answer(b"%d" % number))
        Request(connection)
        cut(connection)                                 # the second request gets no byte of an answer

    def says_close(connection, number):
        Request(connection)
        connection.sendall(answer(b"%d" % number, headers=("Connection: close",)))
        connection.recv(1)
    for handle in (closes, vanishes, says_close):
        server = Server(handle, PAIR)
        with worker(server) as w:
            for n in (1, 2, 3):
                result = w.get(CHALLENGE, 10)
                right(result, b"%d" % n, most=0.2 + SLACK)
    # what comes behind an answer belongs to no question
    server = Server(raw(answer(b"right") + answer(b"wrong"), end=False), PAIR)
    with worker(server) as w:
        right(w.get(CHALLENGE, 10), b"right")
        right(w.get(CHALLENGE, 10), b"right")
        must(server.count == 2, "reused")


@scenario
def post_is_tried_again():
    def handle(connection, number):
        request = Request(connection)
        connection.sendall(answer(b"", "503 Busy") if number == 1 else answer(request.body[::-1]))
    with worker(Server(handle, PAIR)) as w:
        right(w.post(REQUEST, b"abc"), b"cba")
        is_(w.post(ENROL, b"abcdef", size=5), "net_size", 200)


@scenario
def addresses_instead_of_names():
    by_address = CA.issue("IP:127.0.0.1,IP:::1")
    for host, family in (("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")):
        server = Server(says(b"x"), by_address, host=family)
        with worker(f"{host}:{server.port}") as w:
            right(w.get(CHALLENGE, 10), b"x")
        must(server.names == [None], server.names)
        server = Server(says(b"x"), PAIR, host=family)
        with worker(f"{host}:{server.port}") as w:
            is_(w.get(CHALLENGE, 10), "net_certificate", 4, most=SLACK)     # MBEDTLS_X509_BADCERT_CN_MISMATCH
    server = Server(says(b"x"), CA.issue("DNS:six.test"), host="::1")
    with worker(f"six.test:{server.port}") as w:
        right(w.get(CHALLENGE, 10), b"x")


@scenario
def keys_and_chains():
    names = "DNS:org.test"
    for key in ("ec:P-384", "rsa:2048", "rsa:4096"):
        expect(says(b"x"), 0, pair=CA.issue(names, key))
    middle = CA.issue("", ca=True, subject="middle")
    stem = os.path.basename(middle[0])[:-4]
    leaf = CA.issue(names, issuer=stem)
    chain = leaf[0] + ".chain"
    with open(chain, "wb") as out:
        for part in (leaf[0], middle[0]):
            with open(part, "rb") as f:
                out.write(f.read())
    expect(says(b"x"), 0, pair=leaf, server={"chain": chain})
    expect(says(b"x"), "net_certificate", pair=leaf)                        # without its intermediate one
    expect(says(b"x"), "net_certificate", pair=CA.issue(names, "rsa:1024"), most=SLACK)
    expect(says(b"x"), "net_certificate", pair=CA.issue(names, usage="clientAuth"), most=SLACK)
    leaf = CA.issue(names, issuer=os.path.basename(PAIR[0])[:-4])           # signed by a server's certificate, which is no CA
    with open(leaf[0] + ".chain", "wb") as out:
        for part in (leaf[0], PAIR[0]):
            with open(part, "rb") as f:
                out.write(f.read())
    expect(says(b"x"), "net_certificate", pair=leaf, server={"chain": leaf[0] + ".chain"}, most=SLACK)
    result = Server(says(b"x"), CA.issue(names, "ec:P-521"))
    with worker(result) as w:
        must(w.get(CHALLENGE, 10).event in ("net_tls", "net_certificate"), "P-521")


# --- TLS that is not good ---------------------------------------------------------------------------------------------------------------

@scenario
def session_tickets_are_not_taken():
    expect(says(b"x"), 0, server={"tickets": 0})
    expect(says(b"x"), 0, server={"tickets": 3000})


@scenario
def records_that_hold_nothing():
    """The library reads on by itself as long as such come: the clock stands in its way to the socket."""
    def flood(connection, _number):
        connection.recv(65536)
        while True:
            connection.sendall(b"\x14\x03\x03\0\x01\x01" * 100000)
    expect(flood, "net_slow", pair=None, wait=1, least=0.9, most=1 + SLACK)


@scenario
def wrong_ca():
    expect(says(b"x"), "net_certificate", 8, pair=OTHER_CA.issue("DNS:org.test"), most=SLACK)       # NOT_TRUSTED
    expect(says(b"x"), "net_certificate", pair=PAIR, ca=OTHER_CA.der, most=SLACK)
    expect(says(b"x"), 0, ca=OTHER_CA.der + CA.der)                         # any of those in the config
    expect(says(b"x"), "net_certificate", 22, ca=CA.der[:-1], most=SLACK)   # a config whose CA is none: nobody is believed
    expect(says(b"x"), "net_certificate", 22, ca=b"", most=SLACK)


@scenario
def wrong_name():
    for names in ("DNS:other.test", "DNS:test", "DNS:xorg.test", "DNS:org.test.evil", "IP:127.0.0.1", "email:org@test", "URI:https://org.test"):
        expect(says(b"x"), "net_certificate", 4, pair=CA.issue(names, subject="org.test"), most=SLACK)
    # a common name is anything that a person was given, and no host's name (RFC 9525, 2)
    expect(says(b"x"), "net_certificate", 4, pair=CA.issue(None, subject="org.test"), most=SLACK)
    expect(says(b"x"), 0, pair=CA.issue("DNS:other.test,DNS:ORG.test"))


@scenario
def expired_and_not_yet_valid():
    server = Server(says(b"x"), PAIR)
    with worker(server) as w:
        is_(w.get(CHALLENGE, 10, now=NOW + 101 * DAY), "net_certificate", 1, most=SLACK)    # EXPIRED; the host's clock has no say
        is_(w.post(REQUEST, b"a", now=NOW + 101 * DAY), "net_certificate", 1, most=SLACK)
        right(w.get(CHALLENGE, 10, now=NOW + 99 * DAY), b"x")
        is_(w.get(CHALLENGE, 10, now=NOW + 101 * DAY), "net_certificate", 1, most=SLACK)    # a kept connection does not outlive it
        right(w.get(CHALLENGE, 10, now=NOW - 1000 * DAY), b"x")                             # not valid yet: now is later than that
        right(w.get(CHALLENGE, 10, now=1), b"x")
        is_(w.get(CHALLENGE, 10, now=4102444800), "net_certificate", 1, most=SLACK)         # 2100


@scenario
def pins():
    expect(says(b"x"), 0, pin=Pki.pin(PAIR[0]))
    expect(says(b"x"), "net_certificate", 0x100, pin="11" * 32, most=SLACK)                # OTHER
    # a mirror has a name and a CA, the pin is the org's
    mirror, org = Server(says(b"mirror"), PAIR), Server(says(b"org"), PAIR)
    with worker(org, mirrors=(mirror,), pin="11" * 32) as w:
        right(w.get(MANIFEST, 10), b"mirror")
        is_(w.get(CHALLENGE, 10), "net_certificate", 0x100, most=SLACK)


def plain_http(connection, _number):
    connection.recv(65536)                  # what is no request to it
    connection.sendall(answer(b"<html>", "400 Bad Request", ("Content-Type: text/html",)))
    connection.recv(65536)


@scenario
def no_tls_1_3():
    expect(says(b"x"), "net_tls", server={"most": ssl.TLSVersion.TLSv1_2}, most=SLACK)
    expect(plain_http, "net_tls", pair=None, most=SLACK)
    expect(lambda c, n: c.sendall(b"SSH-2.0-OpenSSH\r\n"), "net_tls", pair=None, most=SLACK)
    expect(lambda c, n: c.sendall(b"\x16\x03\x03\xff\xff" + b"\0" * 70000), "net_tls", pair=None, most=SLACK)
    expect(lambda c, n: c.sendall(b"\x15\x03\x03\0\2\2\x28"), "net_tls", pair=None, most=SLACK)     # an alert: handshake_failure
    expect(lambda c, n: None, "net_tls", pair=None, least=WAIT - 2.5)                       # ends in the handshake: tried again


@scenario
def client_hellos():
    hellos = []

    def handle(connection, _number):
        data = b""
        while len(data) < 5 or len(data) < 5 + struct.unpack(">H", data[3:5])[0]:
            data += connection.recv(65536)
        hellos.append(data)
        cut(connection)
    server = Server(handle)
    for _ in range(6):
        with worker(server, wait=1) as w:
            is_(w.get(CHALLENGE, 10), "net_tls", most=1 + SLACK)
    must(len(hellos) >= 12, f"{len(hellos)} captured")
    randoms = {h[11:43] for h in hellos}
    must(len(randoms) == len(hellos) and all(len(r) == 32 for r in randoms), "a random twice")
    for hello in hellos:
        at = 44 + hello[43]
        at += 2 + struct.unpack(">H", hello[at:at + 2])[0]
        suites = hello[44 + hello[43] + 2:at]
        at += 1 + hello[at] + 2
        extensions = {}
        while at < len(hello):
            kind, length = struct.unpack(">HH", hello[at:at + 4])
            extensions[kind] = hello[at + 4:at + 4 + length]
            at += 4 + length
        must({suites[i:i + 2] for i in range(0, len(suites), 2)} <= {b"\x13\x01", b"\x13\x02", b"\x13\x03", b"\0\xff"}, suites.hex())
        must(extensions[43] == b"\x02\x03\x04", "supported_versions: TLS 1.3 alone")
        must(extensions[16] == b"\0\x09\x08http/1.1" and extensions[0].endswith(b"org.test"), "ALPN, SNI")
        must(not {35, 41, 42, 45} & set(extensions) or set(extensions) & {35, 41, 42} == set(), f"tickets: {sorted(extensions)}")
    keys = {h[-64:] for h in hellos}
    must(len(keys) == len(hellos), "a key share twice")


# --- answers that are not good ----------------------------------------------------------------------------------------------------------

@scenario
def other_answers():
    html = answer(b"<html>", headers=("Content-Type: text/html; charset=utf-8",))
    expect(raw(html), "net_http", 200, most=SLACK)                          # a captive portal
    expect(raw(html), "net_http", 200, KERNEL, 6, most=SLACK)
    for status in ("301 Moved", "302 Found", "307 Temporary", "308 Permanent"):
        expect(raw(answer(b"", status, ("Location: https://org.test/elsewhere",))), "net_http", int(status[:3]), most=SLACK)
    for status in ("201 Created", "204 No Content", "203 Other", "206 Partial Content", "300 Many", "304 Not Modified"):
        expect(raw(answer(b"x", status)), "net_http", int(status[:3]), most=SLACK)
    for status in ("400 Bad", "401 Unauthorized", "403 Forbidden", "404 Not Found", "410 Gone", "416 Range"):
        expect(raw(answer(b"no\n", status)), "net_status", int(status[:3]), most=SLACK)
    expect(raw(answer(b"")), "net_size", most=SLACK)
    expect(raw(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"), "net_http", most=SLACK)


@scenario
def servers_in_trouble():
    expect(says(b"", "500 Oops"), "net_status", 500)
    expect(says(b"", "503 Busy", ("Retry-After: 86400",)), "net_status", 503, most=SLACK)   # no use in waiting for that
    for status, header, least in (("500 Oops", (), 0), ("429 Slow", ("Retry-After: 1",), 1), ("503 Busy", ("Retry-After: soon",), 0),
                                  ("502 Bad", (), 0), ("504 Late", (), 0), ("408 Late", (), 0)):
        def handle(connection, number, status=status, header=header):
            Request(connection)
            connection.sendall(answer(b"fine") if number > 1 else answer(b"", status, header))
        with worker(Server(handle, PAIR)) as w:
            right(w.get(CHALLENGE, 10), b"fine", least=least)


@scenario
def malformed_answers():
    ok = b"HTTP/1.1 200 OK\r\n"
    many = b"".join(b"X-%d: y\r\n" % i for i in range(65))
    length, chunked = b"Content-Length: 1\r\n\r\nx", b"Transfer-Encoding: chunked\r\n\r\n"
    for data in (b"nonsense\r\n\r\n", b"ICY 200 OK\r\n\r\n", b"HTTP/2.0 200 OK\r\n" + length, b"HTTP/0.9 200 OK\r\n" + length,
                 b"HTTP/1.1 2000 OK\r\n" + length, b"HTTP/1.1 99 OK\r\n" + length, ok + b"Content-Length: 2\r\n" + length,
                 ok + b"Content-Length: -1\r\n\r\nx", ok + b"Content-Length: 0x1\r\n\r\nx",
                 ok + b"Content-Length: 18446744073709551617\r\n\r\nx",
                 ok + b"Content-Length: 1\r\n" + chunked + b"1\r\nx\r\n0\r\n\r\n", ok + b"Transfer-Encoding: identity\r\n\r\nx",
                 ok + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
                 ok + b"Transfer-Encoding: chunked\r\n" + chunked + b"0\r\n\r\n",
                 ok + chunked + b"zz\r\n", ok + chunked + b"1\r\nxx\r\n0\r\n\r\n", ok + chunked + b"ffffffffffffffffff\r\nx",
                 ok + chunked + b"1\r\nx\r\n0\r\nA: b\r\n\r\n", ok + b"Content-Encoding: gzip\r\n" + length, ok + b"\r\nuntil it ends",
                 b"HTTP/1.0 200 OK\r\n\r\nuntil it ends", ok + many + length, ok + b"X: " + b"y" * 17000 + b"\r\n" + length,
                 ok + b"X" * 17000 + b": y\r\n" + length, b"HTTP/1.1 200 " + b"y" * 17000 + b"\r\n" + length,
                 ok + b"A: b\r\n c\r\nContent-Length : 1\r\n\r\nx", ok + b"A\0: b\r\n" + length,
                 5 * b"HTTP/1.1 100 Continue\r\n\r\n" + ok + length, b"HTTP/1.1 100 Continue\r\nContent-Length: 1\r\n\r\nx" + ok + length):
        expect(raw(data), "net_http", most=SLACK)
    for data in (ok + chunked + b"1\r\nx\r\n0\r\n\r\n", ok + b"transfer-encoding: Chunked\r\n\r\n1;a=b\r\nx\r\n000\r\n\r\n",
                 4 * b"HTTP/1.1 103 Early\r\nETag: \"a\"\r\n\r\n" + ok + length, b"HTTP/1.0 200 OK\r\n" + length,
                 ok + b"Content-Encoding: identity\r\nX-Empty:\r\n" + length):
        expect(raw(data), 0)
    expect(raw(ok + b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"), "net_size", most=SLACK)
    expect(raw(ok + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "net_size", most=SLACK)

    def endless(connection, _number):
        Request(connection)
        connection.sendall(ok)
        while True:
            connection.sendall(b"X: y\r\n" * 100)
    expect(endless, "net_http", most=SLACK)


@scenario
def lengths_that_lie():
    expect(raw(answer(IMAGE)), "net_size", 200, KERNEL, len(IMAGE) - 1, most=SLACK)
    expect(raw(answer(IMAGE)), "net_size", 200, KERNEL, len(IMAGE) + 1, most=SLACK)
    expect(raw(answer(b"")), "net_size", 200, KERNEL, 1, most=SLACK)
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"
    expect(raw(chunks), "net_http", 200, KERNEL, 4, most=SLACK)             # an image says its length first
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    expect(raw(head + b"123456789"), "net_short", what=KERNEL, size=10)    # always one less
    expect(raw(head + b"123456789"), "net_short")
    with worker(Server(raw(head + b"0123456789abc", end=False), PAIR)) as w:    # more than it says: what it said counts
        right(w.get(KERNEL, 10), b"0123456789")


# --- what is cut --------------------------------------------------------------------------------------------------------------------------

def cut_once(percents):
    size = len(IMAGE)
    for at in percents:
        content = Content(cuts=[at])
        with worker(Server(content, PAIR)) as w:
            right(w.get(INITRAMFS, size), IMAGE, most=SLACK)
        must(len(content.requests) == 2, f"cut at {at}: {len(content.requests)} requests")
        second = content.requests[1]
        must(second.first == (at or None) and second.headers.get("If-Range") == (ETAG if at else None), f"cut at {at}: {second.headers}")


@scenario
def cut_at_each_percent_1():
    cut_once([p * len(IMAGE) // 100 for p in range(0, 50)])


@scenario
def cut_at_each_percent_2():
    cut_once([*(p * len(IMAGE) // 100 for p in range(50, 100)), len(IMAGE) - 1, 1])


@scenario
def cut_at_every_percent():
    content = Content(cuts=[p * len(IMAGE) // 100 for p in range(1, 100)])
    with worker(Server(content, PAIR)) as w:
        right(w.get(INITRAMFS, len(IMAGE)), IMAGE, most=20)
    must(len(content.requests) == 100, len(content.requests))


@scenario
def cut_without_a_strong_etag():
    for etag in (None, 'W/"weak"', '"two" "words"', '"' + "x" * 200 + '"'):
        content = Content(etag=etag, cuts=[500000])
        with worker(Server(content, PAIR)) as w:
            right(w.get(INITRAMFS, len(IMAGE)), IMAGE)
        must([r.first for r in content.requests] == [None, None], "a range without a strong entity tag")
    # always at a half: it never gets further, and ends
    content = Content(etag=None, cuts=[500000] * 100)
    with worker(Server(content, PAIR)) as w:
        is_(w.get(INITRAMFS, len(IMAGE)), "net_short")
    must(2 < len(content.requests) < 30, f"{len(content.requests)} tries: with back-off")


@scenario
def cut_document():
    content = Content(b"a document", cuts=[5, 9])
    with worker(Server(content, PAIR)) as w:
        right(w.get(MANIFEST, 100), b"a document")
    must([r.first for r in content.requests] == 3 * [None], "documents begin anew")


@scenario
def etag_changed_between():
    other = os.urandom(len(IMAGE))
    old, new = Content(cuts=[700000]), Content(other, '"new"')
    with worker(Server(lambda c, n: (old if n == 1 else new)(c, n), PAIR)) as w:
        right(w.get(INITRAMFS, len(IMAGE)), other)
    must(new.requests[0].headers.get("If-Range") == ETAG, "If-Range")
    # the range is not satisfiable any more: begin anew
    handlers = [Content(cuts=[700000]), raw(answer(b"", "416 Range Not Satisfiable", ("Content-Range: bytes */5",))), Content()]
    with worker(Server(lambda c, n: handlers[n - 1](c, n), PAIR)) as w:
        right(w.get(INITRAMFS, len(IMAGE)), IMAGE)


@scenario
def wrong_ranges():
    size, at = len(IMAGE), 600000
    rest = IMAGE[at:]
    for span, length in ((f"{at + 1}-{size - 1}/{size}", len(rest)), (f"{at}-{size - 2}/{size}", len(rest)),
                         (f"{at}-{size - 1}/{size + 1}", len(rest)), (f"{at}-{size - 1}/*", len(rest)), (f"0-{size - 1}/{size}", len(rest)),
                         ("nonsense", len(rest)), (None, len(rest)), (f"{at}-{size - 1}/{size}", len(rest) - 1)):
        headers = [f"ETag: {ETAG}"] + ([f"Content-Range: bytes {span}"] if span else [])
        handlers = [Content(cuts=[at]), raw(answer(rest[:length], "206 Partial Content", headers))]
        with worker(Server(lambda c, n, h=handlers: h[min(n, 2) - 1](c, n), PAIR)) as w:
            is_(w.get(INITRAMFS, size), "net_http", 206, most=SLACK)
    good = f"Content-Range: bytes {at}-{size - 1}/{size}"
    for headers, event in (((good, 'ETag: "other"'), "net_http"), ((good, f"ETag: {ETAG}"), 0), ((good,), 0)):
        handlers = [Content(cuts=[at]), raw(answer(rest, "206 Partial Content", headers))]
        with worker(Server(lambda c, n, h=handlers: h[min(n, 2) - 1](c, n), PAIR)) as w:
            is_(w.get(INITRAMFS, size), event)


# --- mirrors --------------------------------------------------------------------------------------------------------------------------------

@scenario
def mirrors_in_order():
    org, first, second = Content(), Content(), Content()
    servers = [Server(h, PAIR) for h in (org, first, second)]
    with worker(servers[0], mirrors=servers[1:]) as w:
        right(w.get(KERNEL, len(IMAGE)), IMAGE)
        must([len(c.requests) for c in (org, first, second)] == [0, 1, 0], "not the first mirror")
        is_(w.get(CHALLENGE, 100), "net_size")
        must([len(c.requests) for c in (org, first, second)] == [1, 1, 0], "the challenge is the org's")


@scenario
def mirrors_that_fail():
    size = len(IMAGE)
    for handle, pair in ((says(IMAGE[:-1]), PAIR), (says(b"", "404 Not Found"), PAIR), (says(b"", "500 Oops"), PAIR),
                         (says(b"<html>", headers=("Content-Type: text/html",)), PAIR), (says(IMAGE), OTHER_CA.issue("DNS:org.test")),
                         (says(IMAGE), CA.issue("DNS:other.test")), (plain_http, None), (lambda c, n: cut(c), None),
                         (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10000), PAIR)):
        mirror, org = Server(handle, pair), Server(Content(), PAIR)
        with worker(org, mirrors=(mirror,)) as w:
            right(w.get(KERNEL, size), IMAGE, most=SLACK)
            must(mirror.count >= 1 and org.count == 1, f"{mirror.count} and {org.count} connections")
    with worker(Server(says(b"", "404 Not Found"), PAIR), mirrors=(Server(says(IMAGE[1:]), PAIR),)) as w:
        is_(w.get(KERNEL, size), "net_status", 404, most=SLACK)            # the org's word is the last one


@scenario
def mirror_is_cut_and_the_org_goes_on():
    for etag, first in ((ETAG, 400000), ('"another"', None)):
        mirror, org = Content(cuts=[400000] + [0] * 300), Content(etag=etag)
        with worker(Server(org, PAIR), mirrors=(Server(mirror, PAIR),)) as w:
            right(w.get(KERNEL, len(IMAGE)), IMAGE, most=SLACK)
        asked = org.requests[0]
        must(asked.first == 400000 and asked.headers["If-Range"] == ETAG and len(mirror.requests) == 2, "the org is asked for the rest")
        must(first is None or len(org.requests) == 1, "and gives it")


@scenario
def mirror_in_a_hole():
    org = Server(Content(), PAIR)
    with worker(org, mirrors=("hole.test",)) as w:
        right(w.get(KERNEL, len(IMAGE)), IMAGE, most=WAIT + SLACK, least=WAIT - 0.5)
        right(w.get(INITRAMFS, len(IMAGE)), IMAGE, most=1)                  # it is not waited for again
    documents_ = Server(says(b"x"), PAIR)
    with worker(documents_, mirrors=("hole.test", "10.8.0.77")) as w:
        right(w.get(MANIFEST, 10), b"x", most=WAIT)                         # each its share of the time


# --- the network ----------------------------------------------------------------------------------------------------------------------------

@scenario
def nobody_there():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with worker(f"org.test:{port}") as w:
        is_(w.get(CHALLENGE, 10), "net_connect", 111)                       # ECONNREFUSED
        is_(w.get(KERNEL, 10), "net_connect", 111)
        is_(w.post(REQUEST, b"a"), "net_connect", 111)
        must(w.end() == EXIT_CLOSED, "how it ended")
    with worker("203.0.113.1") as w:                                        # no route
        is_(w.get(CHALLENGE, 10), "net_connect", 101)
    for org in ("hole.test", "10.8.0.77:8443", "[fd00:8::77]"):
        with worker(org) as w:
            is_(w.get(CHALLENGE, 10), "net_connect", 110, least=WAIT - 0.1)
            is_(w.get(KERNEL, 10), "net_connect", 110, least=WAIT - 0.1)


@scenario
def one_address_of_two_answers():
    for name in ("two", "both"):
        server = Server(says(b"x"), CA.issue(f"DNS:{name}.test"))
        with worker(f"{name}.test:{server.port}") as w:
            right(w.get(CHALLENGE, 10), b"x", most=SLACK)


@scenario
def name_servers():
    with worker("nx.test") as w:
        is_(w.get(CHALLENGE, 10), "net_name", 2, most=SLACK)               # EAI_NONAME
    with worker("dead.test", wait=6) as w:
        is_(w.get(CHALLENGE, 10), "net_name", 3, most=6 + 0.5, least=4)    # EAI_AGAIN
    with worker("dead.test", wait=1) as w:
        is_(w.get(CHALLENGE, 10), "net_name", 3, most=2 + 0.5, least=2)    # the C library cannot be interrupted: its 2 s are the least
    with worker("broken.test") as w:
        must(w.get(CHALLENGE, 10).event == "net_name", "SERVFAIL")
    with worker("lies.test") as w:
        must(w.get(CHALLENGE, 10).event == "net_name", "lies")
        must(w.end() == EXIT_CLOSED, "how it ended")


@scenario
def silence():
    for handle, pair in ((lambda c, n: c.recv(1) and c.recv(100000) and c.recv(1), None), (lambda c, n: (Request(c), c.recv(1)), PAIR)):
        expect(handle, "net_slow", pair=pair, least=WAIT - 0.1)
        expect(handle, "net_slow", pair=pair, what=KERNEL, least=WAIT - 0.1)

    def stops(connection, _number):
        Request(connection)
        connection.sendall(answer(IMAGE)[:500000])
        connection.recv(1)
    expect(stops, "net_slow", what=KERNEL, size=len(IMAGE), least=WAIT - 0.1, most=WAIT + SLACK)


def drip(first):
    """Sends this much at once, then a byte each second for as long as anyone listens."""
    def handle(connection, _number):
        Request(connection)
        data = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000000)
        connection.sendall(data[:first])
        for at in range(first, len(data)):
            connection.sendall(data[at:at + 1])
            time.sleep(1)
    return handle


@scenario
def one_byte_a_second_in_the_head():
    expect(drip(5), "net_slow", least=WAIT - 0.1)
    expect(drip(5), "net_slow", what=KERNEL, size=1000000, least=WAIT - 0.1)


@scenario
def one_byte_a_second_of_a_document():
    def handle(connection, _number):
        Request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            connection.sendall(b"x")
            time.sleep(1)
    expect(handle, "net_slow", least=WAIT - 0.1)


@scenario
def one_byte_a_second_of_an_image():
    expect(drip(100), "net_slow", what=KERNEL, size=1000000, least=29, most=34)


@scenario
def slow_mirror_and_the_org_goes_on():
    with worker(Server(Content(bytes(1000000), '"zeros"'), PAIR), mirrors=(Server(drip(100), PAIR),)) as w:
        right(w.get(KERNEL, 1000000), bytes(1000000), least=29, most=34)


# --- the broker -----------------------------------------------------------------------------------------------------------------------------

@scenario
def broker_leaves():
    for handle, pair in ((None, None), (lambda c, n: (Request(c), c.recv(1)), PAIR), (lambda c, n: c.recv(100000) and c.recv(1), None),
                         (says(b"", "500 Oops"), PAIR)):
        server = Server(handle, pair) if handle else "hole.test"
        w = worker(server, wait=600)
        memory = net_rig.memfd(10, SHRINK | GROW)
        w.send("crypto_get", struct.pack("=32sQQII", b"\1" * 32, NOW, 10, KERNEL, 1), [memory])
        os.close(memory)
        must(not handle or server.came.wait(WAIT_S), "it never came as far as the server")
        start = time.monotonic()
        must(w.end() == EXIT_CLOSED, "how it ended")
        must(time.monotonic() - start < SLACK, "it went on")


@scenario
def broker_misbehaves():
    server = Server(says(b"hello"), PAIR)

    def ends(what):
        with worker(server) as w:
            result = what(w)
            must((result.event, result.detail) == ("gone", EXIT_PEER), f"{result.event} {result.detail}")
    ends(lambda w: w.get(CHALLENGE, 10, seals=SHRINK))
    ends(lambda w: w.get(CHALLENGE, 10, uid=1002))
    ends(lambda w: w.get(CHALLENGE, 10, seals=SHRINK | GROW | WRITE))        # it cannot be written
    ends(lambda w: w.get(9, 10))
    ends(lambda w: w.get(CHALLENGE, 20000))
    ends(lambda w: w.get(KERNEL, (1 << 30) + 1))
    ends(lambda w: w.get(KERNEL, 10, identity=b"\0" * 32))
    ends(lambda w: w.get(KERNEL, 10, now=0))
    ends(lambda w: w.post(4, b"a"))
    ends(lambda w: w.post(REQUEST, b"a" * 32769))
    ends(lambda w: w.post(REQUEST, b"a", seals=SHRINK | GROW))

    def unknown(w):
        w.number = 1
        w.send("broker_go", bytes(8), [])
        return w.wait_answer("net_got", "=QIIII", 0, 0)
    ends(unknown)


@scenario
def nothing_but_what_is_listed_is_open():
    server = Server(says(b"x"), PAIR)
    with worker(server) as w:
        right(w.get(CHALLENGE, 10), b"x")
        fds = sorted(int(n) for n in os.listdir(f"/proc/{w.process.pid}/fd"))
        must(fds[:5] == [0, 1, 2, 3, 4] and len(fds) == 6, fds)             # and the kept connection
        with open(f"/proc/{w.process.pid}/status", encoding="ascii") as f:
            status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
        want = {"CapEff": "0" * 16, "CapBnd": "0" * 16, "CapAmb": "0" * 16, "Seccomp": "2", "NoNewPrivs": "1"}
        must(status["Uid"].split() == 4 * ["1006"] and want.items() <= status.items(), status)


# --- our own service ------------------------------------------------------------------------------------------------------------------------

@scenario
def the_service_itself():
    folder = tempfile.mkdtemp(dir=TOP)
    os.chmod(folder, 0o755)
    org = os.path.join(BIN, "sallyport-org")

    def run(*args):
        return subprocess.run([org, *args], cwd=folder, check=True, capture_output=True, text=True).stdout
    os.mkdir(os.path.join(folder, "tree"))
    with open(os.path.join(folder, "tree/init"), "wb") as f:
        f.write(os.urandom(3_000_000))
    with open(os.path.join(folder, "plain.cpio"), "wb") as f:
        subprocess.run("find . | sort | cpio -o -H newc --quiet", shell=True, cwd=os.path.join(folder, "tree"), stdout=f, check=True)
    with open(os.path.join(folder, "kernel"), "wb") as f:
        f.write(bytes(510) + b"\x55\xaa\0\0HdrS" + os.urandom(900_000))
    run("keygen", ".", "r1")
    run("init", "svc", "--name", "org.test")
    run("sign", "-k", "r1.key", "-v", "1", "--kernel", "kernel", "--initramfs", "plain.cpio", "--cmdline", "a", "--issued", "1700000000", "-o",
        "v1")
    keys = []
    for name in ("r1.pub", "svc/org.pub"):
        with open(os.path.join(folder, name), encoding="ascii") as f:
            keys.append(f.read().split("\n")[1])
    with open(os.path.join(folder, "config"), "wb") as f:
        f.write(config("org.test", CA.der, release=keys[0], key=keys[1]))
    run("generation", "add", "svc", "v1", "-c", "config")
    run("generation", "assign", "svc", os.listdir(os.path.join(folder, "svc/generations"))[0], "--all")
    subprocess.run(["chown", "-R", "nobody", os.path.join(folder, "svc")], check=True)
    service = subprocess.Popen([org, "serve", "svc", "--listen", "127.0.0.1:0", "--user", "nobody"], cwd=folder, stderr=subprocess.PIPE,
                               text=True)
    try:
        port = None
        for line in service.stderr:
            found = re.match(r"listening on .*:(\d+)$", line)
            port = found[1] if found else port
            if "serving" in line:
                break
        threading.Thread(target=service.stderr.read, daemon=True).start()
        ca = subprocess.run(["openssl", "x509", "-in", os.path.join(folder, "svc/ca.crt"), "-outform", "DER"], check=True,
                            capture_output=True).stdout
        pin = Pki.pin(os.path.join(folder, "svc/server.crt"))
        identity = bytes.fromhex(os.listdir(os.path.join(folder, "svc/generations"))[0])
        with worker(f"org.test:{port}", ca=ca, pin=pin) as w:
            first, second = w.get(CHALLENGE, 16384), w.get(CHALLENGE, 16384)
            must(first.event == 0 and first.data.startswith(b"sallyport-challenge 1\n") and first.data != second.data, first.event)
            for what, name in ((MANIFEST, "manifest"), (MINISIG, "manifest.minisig"), (KERNEL, "kernel"), (INITRAMFS, "initramfs")):
                with open(os.path.join(folder, "v1", name), "rb") as f:
                    want = f.read()
                right(w.get(what, len(want), identity), want)
            is_(w.get(KERNEL, 10, b"\7" * 32), "net_status", 404, most=SLACK)
        cut_short = CutProxy(int(port), 1_000_000)
        with worker(f"org.test:{cut_short.port}", ca=ca) as w:
            with open(os.path.join(folder, "v1/initramfs"), "rb") as f:
                want = f.read()
            right(w.get(INITRAMFS, len(want), identity), want)
            must(cut_short.count >= 2, "the proxy cut nothing")
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(30)


class CutProxy(Server):
    """Carries bytes to a port and back, and cuts the first two connections after so many bytes back."""

    def __init__(self, target, most):
        self.target, self.most = target, most
        super().__init__(self.carry)

    def carry(self, connection, number):
        with socket.create_connection(("127.0.0.1", self.target)) as upstream:
            def forth():
                try:
                    while data := connection.recv(65536):
                        upstream.sendall(data)
                except OSError:
                    pass        # it was cut
            threading.Thread(target=forth, daemon=True).start()
            left = self.most if number <= 2 else 1 << 40
            while left > 0 and (data := upstream.recv(min(left, 65536))):
                connection.sendall(data)
                left -= len(data)
            connection.shutdown(socket.SHUT_RDWR)       # close(2) alone would wait for the other thread


def run_one(function):
    start = time.monotonic()
    try:
        function()
        return f"ok {function.__name__} ({time.monotonic() - start:.1f} s)", 0
    except Exception as error:  # pylint: disable=broad-except  # whatever it is, the scenario failed
        where = traceback.extract_tb(error.__traceback__)
        lines = "/".join(str(f.lineno) for f in where[1:])
        return f"not ok {function.__name__}: line {lines}: {type(error).__name__} {error}", 1


def main():
    global BIN, TOP, CA, PAIR, OTHER_CA
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} BIN-FOLDER [NAME...]")
    BIN = os.path.realpath(sys.argv[1])
    net_rig.isolate()
    TOP = tempfile.mkdtemp()
    os.chmod(TOP, 0o755)
    root = os.path.join(TOP, "root")
    os.mkdir(root)
    failed = 0
    try:
        Worker.stage(os.path.join(BIN, "net-worker"), root)
        NameServer()
        CA, OTHER_CA = Pki(TOP), Pki(TOP, "other")
        PAIR = CA.issue("DNS:org.test")
        chosen = [f for f in SCENARIOS if len(sys.argv) == 2 or f.__name__ in sys.argv[2:]]
        # The slow ones wait most of the time: they begin first, and side by side with the others.
        chosen.sort(key=lambda f: not re.search("second|slow|hole|nobody|name_servers|silence", f.__name__))
        with ThreadPoolExecutor(10) as pool:
            for text, code in pool.map(run_one, chosen):
                print(text, flush=True)
                failed |= code
    finally:
        subprocess.run(["umount", "-R", root], check=False)
        shutil.rmtree(TOP, ignore_errors=True)
    sys.exit(failed)


BIN = TOP = None
if __name__ == "__main__":
    main()
