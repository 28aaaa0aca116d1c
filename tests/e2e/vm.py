"""One power-on of a test machine: QEMU (TCG), swtpm, serial console, QMP. Python 3 standard library only.

    m = Machine("build/e2e/x")                  # owns disk images and the TPM's state; both outlive a power-on
    disk = m.disk("cache", size_mb=64)          # or source=FILE to start from a copy
    r = m.boot(kernel, initrd, "console=ttyS0", disks=[disk], timeout_s=60, stop_on=r"GENERATION DONE",
               on=[(r"PLANTED", lambda vm: vm.dump(m.path("ram"))), (r"\\[3/9\\]", lambda vm: vm.power_cut())])
    r.lines [(seconds, text)]  r.serial  r.exit_status  r.timed_out  r.stopped_on  r.find(regex)  r.time_of(regex)

Nothing sleeps: serial lines, QMP answers, the end of a process and the time-out are the only things waited for. QEMU with
-no-reboot exits 0 on reset, panic and power-off alike, so judge by the serial text (and r.ended), not by the exit status.
VM_VERBOSE=1 copies the consoles to stderr.
"""

import ctypes
import json
import mmap
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

QEMU = ["qemu-system-x86_64", "-M", "q35,accel=tcg", "-cpu", "max,-cx16", "-nodefaults", "-display", "none"]
VERBOSE = os.environ.get("VM_VERBOSE", "") not in ("", "0")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[c78]")
_prctl = ctypes.CDLL(None).prctl


class VmError(Exception):
    """The harness failed (not the guest): QEMU or swtpm did not do as told."""


def _child():
    """In the child, before exec: die with the test that started us. 1 is PR_SET_PDEATHSIG."""
    _prctl(1, signal.SIGKILL, 0, 0, 0)


def _start(argv, fds, stderr):
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, pass_fds=fds, preexec_fn=_child)


def _end(proc, grace_s=0.0):
    """Wait for a process for grace_s, then kill it; its exit status."""
    if proc is None:
        return None
    try:
        return proc.wait(timeout=grace_s)
    except subprocess.TimeoutExpired:
        proc.kill()
        return proc.wait()


def _text(file):
    file.seek(0)
    return file.read().decode(errors="replace").strip()


class Boot:
    """A running power-on, which actions get as their argument; afterwards its result."""

    def __init__(self, memory_mb, timeout_s):
        self.memory_mb = memory_mb
        self.started = time.monotonic()
        self.deadline = self.started + timeout_s
        self.lines = []             # (seconds since QEMU was started, text of a complete line)
        self.exit_status = None     # QEMU's; None while running
        self.timed_out = False
        self.stopped_on = None      # the line that matched stop_on
        self.cut = False            # power_cut() was called
        self.events = []            # QMP events: (seconds, name, data)
        self.stderr = ""            # of QEMU and swtpm
        self._partial = b""
        self._qmp_buf = b""
        self._proc = self._serial = self._qmp = None

    # What was seen.

    @property
    def serial(self):
        return "".join(text + "\n" for _, text in self.lines)

    @property
    def ended(self):
        """QEMU's word for how it ended: guest-shutdown, guest-reset, guest-panic, host-qmp-quit ...; None if it was killed."""
        return next((data.get("reason") for _, name, data in self.events if name == "SHUTDOWN"), None)

    @property
    def seconds(self):
        return self.lines[-1][0] if self.lines else 0.0

    def find(self, regex):
        """First match of regex in a line, or None."""
        return next((m for m in (re.search(regex, text) for _, text in self.lines) if m), None)

    def find_all(self, regex):
        return [m for m in (re.search(regex, text) for _, text in self.lines) if m]

    def time_of(self, regex):
        """Seconds from QEMU's start to the first line that matches, or None."""
        return next((t for t, text in self.lines if re.search(regex, text)), None)

    def block(self, name):
        """Facts that a generation printed: {word: rest} of the lines between GENERATION name and GENERATION DONE."""
        facts, inside = {}, False
        for _, text in self.lines:
            if text == "GENERATION " + name:
                inside, facts = True, {}
            elif text == "GENERATION DONE":
                inside = False
            elif inside:
                word, _, rest = text.partition(" ")
                facts[word] = facts[word] + "\n" + rest if word in facts else rest
        return facts

    # What an action may do.

    def now(self):
        return time.monotonic() - self.started

    def type(self, text):
        """Send text to the guest's serial line."""
        self._serial.sendall(text.encode() if isinstance(text, str) else text)

    def keys(self, *chords):
        """Press keys of the PS/2 keyboard by QEMU's names: keys("a", "ctrl-alt-delete", "alt-sysrq-b")."""
        for chord in chords:
            names = re.findall(r"[^-]+", chord)
            self.qmp("send-key", keys=[{"type": "qcode", "data": n} for n in names])

    def dump(self, path):
        """Write all guest memory to path, the guest standing still meanwhile."""
        if self.memory_mb > 2048:
            raise VmError("dump: above 2048 MB memory is in two pieces on q35")
        self.qmp("stop")
        self.qmp("pmemsave", val=0, size=self.memory_mb << 20, filename=os.path.abspath(path))
        self.qmp("cont")

    def reset(self):
        """The reset button. With boot(no_reboot=True) this ends QEMU, as a reset by the guest does."""
        self.qmp("system_reset")

    def quit(self):
        """End QEMU in order: disk images are flushed."""
        self.qmp("quit")

    def power_cut(self):
        """End QEMU at once. What the guest had written stays written: the host's cache is not lost with it."""
        self.cut = True
        self._proc.kill()

    def qmp(self, command, **arguments):
        """Run a QMP command; its answer. Refusals raise."""
        self._qmp.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            for answer in self._qmp_read():
                if "error" in answer:
                    raise VmError("QMP %s: %s" % (command, answer["error"].get("desc")))
                if "return" in answer:
                    return answer["return"]
            left = self.deadline + 30 - time.monotonic()
            if left <= 0 or not select.select([self._qmp], [], [], left)[0]:
                raise VmError("QMP %s: no answer" % command)

    def _qmp_read(self):
        """Answers that can be had now; events are kept aside. Called when the socket is readable, or to look."""
        answers, ended = [], False
        while not ended and select.select([self._qmp], [], [], 0)[0]:
            try:
                data = self._qmp.recv(65536)
            except ConnectionResetError:
                data = b""
            self._qmp_buf += data
            ended = not data
        *whole, self._qmp_buf = self._qmp_buf.split(b"\n")
        for raw in whole:
            message = json.loads(raw)
            if "event" in message:
                self.events.append((self.now(), message["event"], message.get("data", {})))
            elif "QMP" not in message:
                answers.append(message)
        return answers or ([{"return": None}] if ended else [])     # a QEMU that was killed answers by closing

    def _serial_read(self):
        """New complete lines; None at the end."""
        try:
            data = self._serial.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data and not self._partial:
            return None
        *whole, self._partial = (self._partial + data).split(b"\n") if data else (self._partial, b"")
        new = [ESCAPES.sub("", w.decode(errors="replace")).strip("\r") for w in whole]
        for text in new:
            self.lines.append((self.now(), text))
            if VERBOSE:
                print("%8.3f %s" % self.lines[-1], file=sys.stderr, flush=True)
        return new

    def _loop(self, on, stop_on):
        pending = [(re.compile(regex), action) for regex, action in on]
        stop_re = re.compile(stop_on) if stop_on else None
        watched = [self._serial, self._qmp]
        while self._serial in watched:
            left = self.deadline - time.monotonic()
            ready = select.select(watched, [], [], left)[0] if left > 0 else []
            if not ready:
                self.timed_out = True
                return
            if self._qmp in ready and self._qmp_read():     # an answer that nobody asked for is the end of the channel
                watched.remove(self._qmp)
            if self._serial not in ready:
                continue
            new = self._serial_read()
            if new is None:
                watched.remove(self._serial)
                continue
            for text in new:
                for entry in [e for e in pending if e[0].search(text)]:
                    pending.remove(entry)       # an action runs once, at the first line that matches
                    entry[1](self)
                if stop_re and self.stopped_on is None and stop_re.search(text):
                    self.stopped_on = text
                    if self.exit_status is None and not self.cut:
                        self.quit()


class Machine:
    def __init__(self, dir, pcr_banks=None):
        self.dir = os.path.abspath(dir)
        os.makedirs(self.dir, exist_ok=True)
        self.tpm_dir = self.path("tpm")
        self.boots = 0
        if not os.path.isdir(self.tpm_dir):
            self.tpm_clear(pcr_banks)

    def path(self, name):
        return os.path.join(self.dir, name)

    def disk(self, name, size_mb=None, source=None):
        """Path of the image NAME, made if need be: sparse zeros of size_mb, or a copy of source (grown to size_mb)."""
        path = self.path(name + ".img")
        if not os.path.exists(path):
            if source:
                subprocess.run(["cp", "--sparse=always", source, path], check=True)
            with open(path, "ab") as f:
                if size_mb:
                    f.truncate(size_mb << 20)
        return path

    def boot(self, kernel, initrd, append, memory_mb=512, disks=(), timeout_s=120, tpm=True, stop_on=None, on=(),
             no_reboot=True, rng=False, smp=1, extra=()):
        """One power-on to its end. disks: paths, or (path, "read-only=on,serial=x" style properties of -drive).
        stop_on: quit QEMU at the first line that matches. on: [(regex, action)], action(boot) once at its first match.
        tpm: True, False or "tis" (True is tpm-crb). extra: more QEMU arguments. The console is kept in DIR/serial.N."""
        run = Boot(memory_mb, timeout_s)
        pairs = [socket.socketpair() for _ in range(3)]
        serial, qmp, ctrl = pairs
        swtpm = None
        argv = QEMU + ["-m", str(memory_mb), "-smp", str(smp), "-kernel", kernel, "-append", append,
                       "-chardev", "socket,id=serial,fd=%d" % serial[1].fileno(), "-serial", "chardev:serial",
                       "-chardev", "socket,id=qmp,fd=%d" % qmp[1].fileno(), "-mon", "chardev=qmp,mode=control"]
        argv += ["-initrd", initrd] if initrd else []
        argv += ["-no-reboot"] if no_reboot else []
        argv += ["-device", "virtio-rng-pci"] if rng else []
        for n, disk in enumerate(disks):
            path, props = (disk, "") if isinstance(disk, str) else disk
            argv += ["-drive", "if=none,id=disk%d,format=raw,cache=writeback,file=%s%s" %
                     (n, path.replace(",", ",,"), "," + props if props else ""), "-device", "virtio-blk-pci,drive=disk%d" % n]
        errors = tempfile.TemporaryFile()
        try:
            if tpm:
                # The control channel is a socketpair and QEMU sets up the data channel over it: no path, nothing to wait for.
                swtpm = _start(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.tpm_dir, "--terminate",
                                "--ctrl", "type=unixio,clientfd=%d" % ctrl[1].fileno()], [ctrl[1].fileno()], errors)
                argv += ["-chardev", "socket,id=tpm,fd=%d" % ctrl[0].fileno(), "-tpmdev", "emulator,id=tpm0,chardev=tpm",
                         "-device", "tpm-%s,tpmdev=tpm0" % ("crb" if tpm is True else tpm)]
            passed = [serial[1].fileno(), qmp[1].fileno()] + ([ctrl[0].fileno()] if tpm else [])
            run.started, run.deadline = time.monotonic(), time.monotonic() + timeout_s
            run._proc = _start(argv + list(extra), passed, errors)
            for sock in serial[1], qmp[1], ctrl[0], ctrl[1]:
                sock.close()
            run._serial, run._qmp = serial[0], qmp[0]
            try:
                run.qmp("qmp_capabilities")
                run._loop(on, stop_on)
            except (BrokenPipeError, ConnectionResetError):
                pass        # QEMU ended while it was spoken to: its exit status says how
            run.exit_status = _end(run._proc, 0 if run.timed_out else 10)
            run._qmp_read()
            if swtpm:
                _end(swtpm, 5)
        finally:
            for proc in run._proc, swtpm:
                _end(proc)
            for pair in pairs:
                pair[0].close()
                pair[1].close()
            run.stderr = _text(errors)
            errors.close()
            self.boots += 1
            with open(self.path("serial.%d" % self.boots), "w") as f:
                f.writelines("%8.3f %s\n" % line for line in run.lines)
                f.write("# %s%s\n" % ("timed out " if run.timed_out else "", run.stderr))
        if run.exit_status and not run.cut and not run.timed_out:
            raise VmError("QEMU exited with %d: %s" % (run.exit_status, run.stderr))
        return run

    def tpm_clear(self, pcr_banks=None):
        """Another TPM: new seeds, empty NV. pcr_banks as swtpm_setup has them ("sha256", "sha1,sha256"); None: all of swtpm's."""
        shutil.rmtree(self.tpm_dir, ignore_errors=True)
        os.makedirs(self.tpm_dir)
        if pcr_banks:
            done = subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", self.tpm_dir, "--pcr-banks", pcr_banks, "--runas",
                                   str(os.getuid())], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
            if done.returncode:
                raise VmError("swtpm_setup: " + done.stdout.decode(errors="replace"))

    def tpm_socket(self):
        """The TPM on the host while no machine runs: with m.tpm_socket() as t: t.run("tpm2_clear", "-c", "p")."""
        return HostTpm(self.tpm_dir)


class HostTpm:
    """swtpm over the state of a machine. path: unix socket of raw TPM commands; env: what makes tpm2-tools use it."""

    def __init__(self, state):
        self.state = state

    def __enter__(self):
        self.tmp = tempfile.mkdtemp(prefix="tpm")   # the path of a unix socket has 107 bytes at most
        self.path = self.tmp + "/s"
        self.errors = tempfile.TemporaryFile()
        self.env = dict(os.environ, TPM2TOOLS_TCTI="swtpm:path=" + self.path, TSS2_LOG="all+NONE")
        self.proc = _start(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.state, "--server",
                            "type=unixio,path=" + self.path, "--ctrl", "type=unixio,path=" + self.path + ".ctrl",
                            "--flags", "not-need-init,startup-clear"], [], self.errors)
        deadline = time.monotonic() + 10
        alive = os.pidfd_open(self.proc.pid)
        try:
            while not os.path.exists(self.path) or not os.path.exists(self.path + ".ctrl"):
                # swtpm tells nobody when it has bound its sockets; look each 10 ms, but see it die at once
                if select.select([alive], [], [], 0.01)[0] or time.monotonic() > deadline:
                    error = _text(self.errors)
                    self.__exit__()
                    raise VmError("swtpm did not start: " + error)
        finally:
            os.close(alive)
        return self

    def __exit__(self, *unused):
        if self.proc.poll() is None:
            self.proc.terminate()
        _end(self.proc, 5)
        self.errors.close()
        shutil.rmtree(self.tmp, ignore_errors=True)

    def run(self, *argv, check=True, data=None):
        """Run a program with TPM2TOOLS_TCTI set; CompletedProcess with stdout and stderr as bytes."""
        done = subprocess.run(argv, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env, timeout=60)
        if check and done.returncode:
            raise VmError("%s: exit %d: %s" % (argv[0], done.returncode, done.stderr.decode(errors="replace")))
        return done

    def command(self, raw):
        """One raw TPM command; the raw response."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(self.path)
            s.sendall(raw)
            answer = b""
            while len(answer) < 10 or len(answer) < struct.unpack(">I", answer[2:6])[0]:
                more = s.recv(4096)
                if not more:
                    raise VmError("swtpm closed the connection")
                answer += more
            return answer


def count(path, *needles):
    """How often each byte string occurs in a file (overlapping ones too): [n, ...]."""
    found = []
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        for needle in needles:
            n, at = 0, memory.find(needle)
            while at >= 0:
                n, at = n + 1, memory.find(needle, at + 1)
            found.append(n)
    return found
