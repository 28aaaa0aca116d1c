#!/usr/bin/python3
"""Makes the initramfs of a test generation: busybox and an /init that prints what it finds, then powers off.

    mkgen.py --name alpha --compress zstd --out gen.img            (mkgen.py --help has the rest; make() is the same for tests)

The console then shows a line GENERATION alpha, one "word rest" line per fact, the output of the hook files, and
GENERATION DONE. Same arguments and same machine packages, same bytes: sorted names, zero times, inodes renumbered.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUSYBOX = "/bin/busybox"

# -l: the kernel knows lz4's legacy frame only; it knows xz with CRC32 or no check only.
COMPRESS = {
    "none": None,
    "gzip": ["gzip", "-n", "-6"],
    "xz": ["xz", "-T1", "-1", "--check=crc32"],
    "zstd": ["zstd", "-q", "-T1", "-3"],
    "lz4": ["lz4", "-q", "-l", "-1"],
}

INIT = r"""#!/bin/sh
# Prints facts about the system that booted, as root sees it.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc
echo 1 >/proc/sys/kernel/printk         # kernel messages must not cut our lines in two
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec </dev/null
for m in $(cat /test/modules); do
	insmod /test/$m || echo "insmod-failed $m"
done

key() {
	if [ -e "$1" ] || [ -L "$1" ]; then
		echo "${1#/} present $(sha256sum <"$1" | cut -d' ' -f1) $(stat -c 'mode=%a uid=%u gid=%g nlink=%h size=%s' "$1")"
	else
		echo "${1#/} absent"
	fi
}

echo "GENERATION @NAME@"
echo "uname $(uname -r)"
echo "uptime $(cut -d' ' -f1 /proc/uptime)"
echo "cmdline $(cat /proc/cmdline)"
key /luks.key
key /luks.key.prev
if [ -f /sallyport/report ]; then
	sed 's/^/report /' /sallyport/report
else
	echo "report absent"
fi
echo "kexec_load_disabled $(cat /proc/sys/kernel/kexec_load_disabled)"
echo "memfree $(sed -n 's/^MemAvailable: *//p' /proc/meminfo)"
for h in /test/hook.*; do
	[ -f "$h" ] && . "$h"
done
echo "GENERATION DONE"
@END@
sleep 1000000
"""

END = {"poweroff": "poweroff -f", "reboot": "reboot -f", "crash": "exit 1", "hang": ""}


def copy(src, root, dest, mode=None):
    to = os.path.join(root, dest.lstrip("/"))
    os.makedirs(os.path.dirname(to), exist_ok=True)
    shutil.copyfile(src, to)
    os.chmod(to, mode if mode is not None else os.stat(src).st_mode & 0o777)


def libraries(program):
    """Shared libraries that ldd names, interpreter included; none for a static program."""
    done = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        return []
    if "not found" in done.stdout:
        raise SystemExit("mkgen: %s lacks a library: %s" % (program, done.stdout))
    return re.findall(r"(/\S+) \(0x", done.stdout)


def add_program(root, path, dest=None):
    """A host program or shared object at the same place in the tree, with the libraries it needs."""
    dest = dest or path
    copy(os.path.realpath(path), root, dest, 0o755)
    for lib in libraries(path):
        if not os.path.exists(os.path.join(root, lib.lstrip("/"))):
            copy(os.path.realpath(lib), root, lib, 0o755)


def add_tpm2_tools(root):
    """All tpm2_* commands: one program under many names, and the TCTI for /dev/tpmrm0, which it loads by name."""
    add_program(root, shutil.which("tpm2"), "/usr/bin/tpm2")
    for name in sorted(os.listdir(os.path.dirname(shutil.which("tpm2")))):
        if name.startswith("tpm2_"):
            os.symlink("tpm2", os.path.join(root, "usr/bin", name))
    add_program(root, "/usr/lib/x86_64-linux-gnu/libtss2-tcti-device.so.0")


def add_modules(root, kernel_dir, names):
    """Modules with all they depend on, uncompressed; the list in loading order for /init."""
    listing = subprocess.run([os.path.join(TOP, "image/modules.sh"), kernel_dir] + list(names), check=True,
                             stdout=subprocess.PIPE, text=True).stdout.split()
    order = []
    for path in listing:
        src = os.path.join(kernel_dir, "modules", path)
        name = re.sub(r"\.xz$", "", os.path.basename(path))
        copy(src, root, "test/" + os.path.basename(path), 0o644)
        if path.endswith(".xz"):
            subprocess.run(["xz", "-d", os.path.join(root, "test", os.path.basename(path))], check=True)
        order.append(name)
    return order


def cpio(root):
    names = []
    for folder, dirs, files in os.walk(root):
        names += [os.path.relpath(os.path.join(folder, n), root) for n in dirs + files]
    for name in names + ["."]:
        os.utime(os.path.join(root, name), (0, 0), follow_symlinks=False)
    done = subprocess.run(["cpio", "--quiet", "--reproducible", "--null", "-o", "-H", "newc", "-R", "+0:+0"], cwd=root, check=True,
                          input=b"".join(n.encode() + b"\0" for n in sorted(names)), stdout=subprocess.PIPE)
    return done.stdout


def pack(root, compress="none", mod512=None):
    """Bytes of the archive of root; size is mod512 modulo 512 where that is given."""
    filler = 0
    for attempt in range(60):
        data = cpio(root)
        if COMPRESS[compress]:
            data = subprocess.run(COMPRESS[compress] + ["-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
        if mod512 is None or len(data) % 512 == mod512 or compress == "none":
            break
        if compress == "xz" and mod512 % 4 != 0:
            break               # sizes of xz files are multiples of 4
        # A file of constant size, so much of it noise as is missing; other noise each time, for the last bytes are luck.
        filler = (filler + mod512 - len(data)) % 512
        with open(os.path.join(root, "test/filler"), "wb") as f:
            f.write(hashlib.shake_256(b"filler %d" % attempt).digest(filler).ljust(1024, b"\0"))
    if mod512 is not None:      # the kernel skips zeros behind an archive
        zeros = (mod512 - len(data)) % 512
        if zeros and COMPRESS[compress]:
            print("mkgen: %s does not reach this size by itself: %d zeros appended" % (compress, zeros), file=sys.stderr)
        data += bytes(zeros)
    return data


def make(out, name, compress="none", pad_mb=0, mod512=None, kernel_dir=None, modules=(), tpm2=False, programs=(), files=(),
         hooks=(), end="poweroff", init=None):
    """Write the initramfs to out. files: (source, path in the tree, mode or None). hooks: shell text or names of files of it,
    sourced one after the other before GENERATION DONE. init: own /init text or file instead of ours. Returns out."""
    with tempfile.TemporaryDirectory(prefix="mkgen") as root:
        os.chmod(root, 0o755)
        for d in "bin", "dev", "proc", "sys", "run", "tmp", "etc", "mnt", "test":
            os.mkdir(os.path.join(root, d), 0o755)
        copy(BUSYBOX, root, "bin/busybox", 0o755)
        for applet in subprocess.run([BUSYBOX, "--list"], check=True, stdout=subprocess.PIPE, text=True).stdout.split():
            if applet != "busybox":
                os.symlink("busybox", os.path.join(root, "bin", applet))
        order = add_modules(root, kernel_dir, modules) if modules else []
        texts = {"test/modules": "".join(m + "\n" for m in order),
                 "init": init or INIT.replace("@NAME@", name).replace("@END@", END[end])}
        for n, hook in enumerate(hooks):
            texts["test/hook.%02d" % n] = hook
        for path, text in texts.items():
            if "\n" not in text and os.path.isfile(text):
                with open(text) as f:
                    text = f.read()
            with open(os.path.join(root, path), "w") as f:
                f.write(text)
            os.chmod(os.path.join(root, path), 0o755)
        if tpm2:
            add_tpm2_tools(root)
        for program in programs:
            add_program(root, *((program,) if isinstance(program, str) else program))
        for src, dest, mode in files:
            copy(src, root, dest, mode)
        if pad_mb:
            with open(os.path.join(root, "test/pad"), "wb") as f:
                for mb in range(pad_mb):
                    f.write(hashlib.shake_128(b"pad %d" % mb).digest(1 << 20))
        data = pack(root, compress, mod512)
    with open(out + ".new", "wb") as f:
        f.write(data)
    os.rename(out + ".new", out)
    return out


def main():
    p = argparse.ArgumentParser(description="Make the initramfs of a test generation.")
    p.add_argument("--out", required=True)
    p.add_argument("--name", default="test")
    p.add_argument("--compress", choices=sorted(COMPRESS), default="none")
    p.add_argument("--pad", type=int, default=0, metavar="MB", help="add that much incompressible content")
    p.add_argument("--mod512", type=int, metavar="N", help="make the file's size N modulo 512")
    p.add_argument("--kernel", metavar="DIR", help="kernel folder that kernels.sh made, for --module")
    p.add_argument("--module", action="append", default=[], metavar="NAME", help="load this module first, with its dependencies")
    p.add_argument("--tpm2", action="store_true", help="include tpm2-tools")
    p.add_argument("--program", action="append", default=[], metavar="PATH[=DEST]", help="include a program and its libraries")
    p.add_argument("--file", action="append", default=[], metavar="SRC=DEST[:MODE]", help="include a file")
    p.add_argument("--hook", action="append", default=[], metavar="FILE", help="shell commands run before GENERATION DONE")
    p.add_argument("--init", metavar="FILE", help="another /init")
    p.add_argument("--end", choices=sorted(END), default="poweroff")
    a = p.parse_args()
    files = []
    for spec in a.file:
        src, dest = spec.split("=", 1)
        dest, _, mode = dest.partition(":")
        files.append((src, dest, int(mode, 8) if mode else None))
    if a.module and not a.kernel:
        p.error("--module needs --kernel")
    for f in a.hook:
        if not os.path.isfile(f):
            p.error("no such hook file: " + f)
    make(a.out, a.name, a.compress, a.pad, a.mod512, a.kernel, a.module, a.tpm2, [tuple(x.split("=", 1)) for x in a.program],
         files, a.hook, a.end, a.init)


if __name__ == "__main__":
    main()
