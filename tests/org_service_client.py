#!/usr/bin/python3
"""A hostile client of the organisation's service.  Usage: org_service_client.py HOST PORT PATIENCE_S PER_ADDRESS TARGET

PATIENCE_S and PER_ADDRESS are what the service was started with, TARGET a file that is larger than all buffers.
Prints "ok NAME" or "not ok NAME: why"; waits for what the service does, never for time alone.
"""

import select
import socket
import ssl
import sys
import time

HOST, PORT, PATIENCE_S, PER_ADDRESS, TARGET = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
SLACK_S = 5.0
failed = False


def verdict(name, good, why=""):
    global failed
    print("ok " + name if good else "not ok %s: %s" % (name, why), flush=True)
    failed = failed or not good


def tcp(source="127.0.0.1"):
    return socket.create_connection((HOST, PORT), timeout=30, source_address=(source, 0))


def tls(source="127.0.0.1"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(tcp(source))


def until_closed(sock, drip=None):
    """Seconds until the other side closes; sends drip, again and again, meanwhile."""
    start = time.monotonic()
    try:
        while time.monotonic() - start < PATIENCE_S + 30:
            if select.select([sock], [], [], 0.1)[0] and not sock.recv(65536):
                break
            if drip:
                sock.sendall(drip)
    except OSError:
        pass        # reset: closed as well
    return time.monotonic() - start


def answer(sock, request):
    """The whole of what comes back until the other side closes or the content is complete."""
    got = b""
    try:
        sock.sendall(request)
        while True:
            part = sock.recv(65536)
            if not part:
                break
            got += part
            head, gap, body = got.partition(b"\r\n\r\n")
            lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
            if gap and lengths and len(body) >= lengths[0]:
                break
    except OSError:
        pass
    return got


def within(name, seconds):
    verdict(name, seconds < PATIENCE_S + SLACK_S, "held for %.1f s" % seconds)


def serves(name, source="127.0.0.9"):
    got = answer(tls(source), b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    verdict(name, got.startswith(b"HTTP/1.1 404 "), repr(got[:60]))


# --- one that is slow on purpose -------------------------------------------------------------------------------------------------------
within("silent_connection_is_cut", until_closed(tcp()))
within("half_a_handshake_is_cut", until_closed(tcp(), b"\x16"))
slow = tls()
slow.sendall(b"GET /v1/challenge HTTP/1.1\r\nHost: x\r\nX: ")
within("slow_loris_is_cut", until_closed(slow, b"a"))
slow = tls()
slow.sendall(b"GET /v1/challenge HTTP/1.1\r\n")
within("endless_header_fields_are_cut", until_closed(slow, b"A: b\r\n"))
slow = tls()
verdict("keep_alive", answer(slow, b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 404 ") and
        answer(slow, b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 404 "))
within("idle_after_an_answer_is_cut", until_closed(slow))

# --- malformed ---------------------------------------------------------------------------------------------------------------------------
# A body that a proxy sees and we would not is a request of the next client's: one answer, and the connection closed.
SECOND = b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n"
for name, request, want in (
        ("no_path", b"GET nothing HTTP/1.1\r\nHost: x\r\n\r\n", (b"400",)),
        ("absolute_form", b"GET http://x/v1/challenge HTTP/1.1\r\nHost: x\r\n\r\n", (b"400",)),
        ("no_host", b"GET /v1/challenge HTTP/1.1\r\n\r\n", (b"400",)),
        ("control_bytes", b"GET /v1/\x01\x80 HTTP/1.1\r\nHost: x\r\n\r\n", (b"400",)),
        ("long_path", b"GET /" + 300 * b"a" + b" HTTP/1.1\r\nHost: x\r\n\r\n", (b"414",)),
        ("very_long_path", b"GET /" + 30000 * b"a" + b" HTTP/1.1\r\nHost: x\r\n\r\n", (b"414",)),
        ("large_head", b"GET /v1/challenge HTTP/1.1\r\nHost: x\r\nX: " + 30000 * b"a" + b"\r\n\r\n", (b"413", b"431")),
        ("body", b"GET /v1/challenge HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", (b"400",)),
        ("huge_body", b"POST /v1/challenge HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", (b"400",)),
        ("chunked_body", b"POST /v1/challenge HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", (b"400",)),
        ("expect_body", b"PUT /v1/challenge HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", (b"400",)),
        ("two_lengths", b"GET /v1/challenge HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello", (b"400",)),
        ("length_with_blank", b"GET /v1/challenge HTTP/1.1\r\nHost: x\r\nContent-Length : 38\r\n\r\n" + SECOND, (b"400",)),
        ("coding_with_tab", b"GET /v1/challenge HTTP/1.1\r\nHost: x\r\nTransfer-Encoding\t: chunked\r\n\r\n" + SECOND, (b"400",)),
        ("length_behind_cr", b"GET /v1/challenge HTTP/1.1\r\nHost: x\r\nX: a\rContent-Length: 38\r\n\r\n" + SECOND, (b"400",)),
        ("delete", b"DELETE /v1/challenge HTTP/1.1\r\nHost: x\r\n\r\n", (b"405",)),
        ("post", b"POST /v1/challenge HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", (b"405",)),
        ("head_challenge", b"HEAD /v1/challenge HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", (b"405",)),
        ("trace", b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", (b"404",)),
        ("query", b"GET /v1/challenge?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", (b"404",)),
        ("percent", b"GET /v1/%63hallenge HTTP/1.1\r\nHost: x\r\n\r\n", (b"404",)),
        ("dot_dot", b"GET /v1/generation/../../org.key HTTP/1.1\r\nHost: x\r\n\r\n", (b"404",)),
        ("old_http", b"GET /nothing HTTP/1.0\r\n\r\n", (b"404",))):
    got = answer(tls(), request)
    verdict("answers_" + name, got[9:12] in want and (SECOND not in request or got.count(b"HTTP/1.1 ") == 1), repr(got[:200]))
    if got[9:12] in (b"404", b"405"):
        verdict("one_line_" + name, name.startswith("head") or got.partition(b"\r\n\r\n")[2].count(b"\n") == 1, repr(got[-60:]))
for name, raw in (("zeros", bytes(3000)), ("no_tls", b"GET /v1/challenge HTTP/1.1\r\nHost: x\r\n\r\n"), ("noise", bytes(range(256)) * 20)):
    sock = tcp()
    got = answer(sock, raw)
    verdict("nothing_without_tls_" + name, b"HTTP/" not in got, repr(got[:60]))
got = answer(tls(), b"\0\1\2\3\r\n\r\n")
verdict("noise_in_tls", got == b"" or got[9:12] == b"400", repr(got[:60]))

# --- many ----------------------------------------------------------------------------------------------------------------------------------
def is_dead(sock):
    sock.settimeout(PATIENCE_S + SLACK_S)
    try:
        return not sock.recv(1)
    except ConnectionResetError:
        return True


# Closed at once, while the others are held. On a busy host their own patience may end before: that says nothing, and is tried again.
for _ in range(3):
    many = [tcp() for _ in range(PER_ADDRESS)]
    over = [tcp() for _ in range(5)]
    dead = sum(is_dead(sock) for sock in over)
    held = not select.select(many, [], [], 0)[0]
    if held:
        break
    for sock in many:
        until_closed(sock)
verdict("more_from_one_address_are_closed", held and dead == len(over), "%d of %d, the others %s" % (dead, len(over), "held" if held else "gone"))
serves("another_address_is_served_meanwhile")
for sock in many:
    until_closed(sock)
serves("served_again", "127.0.0.1")
crowd = [tcp("127.0.1.%d" % (i + 1)) for i in range(20) for _ in range(PER_ADDRESS)]     # more than --connections in all
start = time.monotonic()
serves("served_although_all_are_taken")
within("and_that_soon", time.monotonic() - start)
for sock in crowd:
    sock.close()

# --- one that asks and does not read: the caller sees in the service's log that it was cut --------------------------------------------
sock = socket.socket()
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
sock.settimeout(30)
sock.connect((HOST, PORT))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
sock = context.wrap_socket(sock)
sock.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\nUser-Agent: stuck\r\n\r\n" % TARGET.encode())
verdict("asked_without_reading", sock.recv(12) == b"HTTP/1.1 200")
sys.stdout.flush()
sys.stdin.read()        # holds the connection until the caller has seen that
sys.exit(failed)
