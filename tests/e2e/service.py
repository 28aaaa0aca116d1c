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
import shutil
import subprocess
import sys
import tempfile
import threading

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
        self.proc = subprocess.Popen([os.path.join(preboot.BIN, "sallyport-org"), "serve", self.data, "--listen", listen, "--user", USER,
                                      *self.options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        first = self.proc.stderr.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", first)
        if not found:
            raise AssertionError("the service does not start: " + first + self.proc.stderr.read())
        self.port = int(found.group(1))
        self.reader = threading.Thread(target=self._read, args=(self.proc.stderr,), daemon=True)
        self.reader.start()
        return self

    def _read(self, stream):
        for line in stream:
            self.lines.append(line.rstrip("\n"))

    def stop(self):
        if self.proc:
            self.proc.terminate()
            self.proc.wait(timeout=START_S)
            self.reader.join(timeout=START_S)
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

    def config(self, name="config-org", **options):
        wanted = {"enrol": "org", "org": self.url, "org_ca": os.path.join(self.data, "ca.crt")}
        wanted.update(options)
        return self.org.config(name, **wanted)
