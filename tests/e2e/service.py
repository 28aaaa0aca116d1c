"""The organisation's service on this host, for machines under test: TLS on the loopback, which QEMU's user network shows as 10.0.2.2.

    svc = Service(org)                          # sallyport-org init; the org's own key signs
    with svc:                                   # serve
        config = svc.config(invite=svc.invite("--approve"))
        svc.add(gen, config)                    # generation add; svc.assign(id), svc.tool("node revoke", id)
        node = Node(dir, org, image=org.image(config, modules=NIC))
        node.power_on(extra=NETWORK)
"""

import os
import re
import select
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preboot

HOST = "10.0.2.2"       # the host, as the guest of QEMU's user network sees it
NIC = ("virtio_net",)
# No option ROM: one would be measured into PCR 2.
NETWORK = ("-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0,romfile=")
USER = "nobody"
START_S = 30


class Service:
    def __init__(self, org, names=HOST + ",127.0.0.1", options=()):
        self.org, self.options = org, list(options)
        self.dir = tempfile.mkdtemp(prefix="sallyport-org-")    # where the service's user can get at it
        self.proc = self.port = None
        self.lines = []
        os.chmod(self.dir, 0o755)
        self.data = os.path.join(self.dir, "svc")
        preboot.org_tool("init", self.data, "--name", names, "--keys-from", org.path("keys"))
        self._give_away()

    def _give_away(self):
        """Operators here are root, the service is not: what they made is the service's to read and write."""
        subprocess.run(["chown", "-R", USER, self.data], check=True)

    def tool(self, command, *argv, status=0):
        """An operator's command on the service's folder: tool("node revoke", id) is sallyport-org node revoke DIR id."""
        out = preboot.org_tool(*command.split(), self.data, *argv, status=status)
        self._give_away()
        return out

    def start(self):
        listen = "127.0.0.1:%d" % (self.port or 0)      # the same port again: configs name it
        self._serve("--listen", listen)
        first = self.proc.stderr.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", first)
        if not found:
            raise AssertionError("the service does not start: " + first + self.proc.stderr.read())
        self.port = int(found.group(1))
        self._listen()
        return self

    def start_plain(self):
        """Plain HTTP, behind a proxy; the socket's path."""
        path = os.path.join(self.dir, "socket")
        self._serve("--plain", path)
        self._listen()
        deadline = time.monotonic() + START_S
        while not os.path.exists(path):     # it tells nobody when it has bound it; look each 10 ms, but see it die
            if self.proc.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("the service does not start: " + "\n".join(self.lines))
            select.select([], [], [], 0.01)
        return path

    def _serve(self, *how):
        self.proc = subprocess.Popen([os.path.join(preboot.BIN, "sallyport-org"), "serve", self.data, *how, "--user", USER, *self.options],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def _listen(self):
        self.reader = threading.Thread(target=self._read, args=(self.proc.stderr,), daemon=True)
        self.reader.start()

    def _read(self, stream):
        for line in stream:
            self.lines.append(line.rstrip("\n"))

    def stop(self):
        if self.proc:
            self.proc.terminate()
            self.proc.wait(timeout=START_S)
            self.reader.join(timeout=START_S)
            self.proc.stderr.close()
            self.proc = None

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    __enter__ = start

    def __exit__(self, *unused):
        self.close()

    @property
    def url(self):
        return "%s:%d" % (HOST, self.port)

    def invite(self, *options):
        return re.search(r"\b[0-9a-f]{64}\b", self.tool("invite", *options)).group(0)

    def add(self, generation, config):
        self.tool("generation add", generation, "-c", config)
        return preboot.generation_id(generation)

    def assign(self, id, *options):
        self.tool("generation assign", id, *(options or ("--all",)))

    def _database(self, statement, *values):
        with sqlite3.connect(os.path.join(self.data, "service.db")) as db:
            found = db.execute(statement, values).fetchone()
        db.close()
        self._give_away()
        return found

    def share(self, name):
        """The org's half of a node's disk keys."""
        return self._database("SELECT share FROM node WHERE name = ?", name)[0]

    def change_share(self, name, share):
        """What no command does, and the database's own trigger forbids."""
        self._database("DROP TRIGGER IF EXISTS node_share")
        self._database("UPDATE node SET share = ? WHERE name = ?", share, name)

    def config(self, name="config-org", **options):
        wanted = {"enrol": "org", "org_ca": os.path.join(self.data, "ca.crt")}
        wanted.update(options)
        wanted.setdefault("org", self.url if self.port else None)
        return self.org.config(name, **wanted)
