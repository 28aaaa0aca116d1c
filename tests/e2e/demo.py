#!/usr/bin/python3
"""make demo: the main job, from power-on to a generation with /persist mounted, three times, in QEMU with a TPM.

Power-on 1 enrols the node, boots generation 1, which formats /persist and writes a file. Power-on 2 finds it. Then the operator puts
generation 2 into the cache; power-on 3 boots it, its key opens nothing yet, so it adds its own keyslot by the previous key, and finds
the file again. KEEP=1 keeps disks and logs.
"""

import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import persist_gen
import preboot
import vm

DIR = os.path.join(preboot.BUILD, "demo")

# A generation's whole operating system, for the demo: opens /persist, reports itself healthy, powers off.
INIT = r"""#!/bin/sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mkdir -p /run /persist
exec </dev/null
for m in $(cat /test/modules); do insmod /test/$m; done
id=$(sed -n 's/^generation //p' /sallyport/report)
echo "generation @NAME@ is up: Linux $(uname -r), version $(sed -n 's/^version //p' /sallyport/report)"
persist-mount --device /dev/vdb --format --mkfs || { echo "DEMO FAILED: persist-mount"; poweroff -f; }
for k in /luks.key /luks.key.prev; do [ ! -e $k ] || echo "DEMO FAILED: $k is still there"; done
if [ -f /persist/hello ]; then
	echo "/persist/hello says: $(cat /persist/hello)"
else
	echo "/persist/hello is not there: written now"
	echo "written by generation @NAME@" >/persist/hello
fi
sync
sallyport-cache healthy /dev/vda $id && echo "reported healthy"
echo "kexec is $([ "$(cat /proc/sys/kernel/kexec_load_disabled)" = 1 ] && echo off || echo ON)"
umount /persist
echo "DEMO @NAME@ DONE"
poweroff -f
"""


def say(text):
    print(text, flush=True)


def initramfs(org, name):
    pieces = persist_gen.pieces()
    pieces["programs"] += [(os.path.join(preboot.BIN, "sallyport-cache"), "/sbin/sallyport-cache")]
    return mkgen.make(org.path("initramfs-" + name), name, compress="zstd", kernel_dir=os.path.join(preboot.BUILD, "kernel", "6.1"),
                      init=INIT.replace("@NAME@", name), **pieces)


def power_on(node, disk, number, name, wants):
    say("\n== power-on %d" % number)
    boot = node.power_on(disks=[disk], timeout_s=180)
    for want in [r"\[9/9\]", "DEMO %s DONE" % name] + wants:
        if not boot.find(want):
            raise SystemExit("demo: power-on %d did not show \"%s\"" % (number, want))
    if boot.find("DEMO FAILED|kexec is ON"):
        raise SystemExit("demo: power-on %d failed: %s" % (number, boot.find("DEMO FAILED.*|kexec is ON").group(0)))
    return boot


def demo():
    say("== the operator's side: release keys (2 of 3 must sign), an org key, generation 1 signed by two people")
    org = preboot.Organisation(DIR)
    first = org.generation("one", 1, initramfs(org, "one"))
    node = preboot.Node(org.path("node"), org, slots=4, slot_mib=64)
    node.put(first)
    say(node.listing())
    disk = node.machine.disk("persist", size_mb=128)
    power_on(node, disk, 1, "one", ["enrolled now", "written now", "reported healthy"])
    power_on(node, disk, 2, "one", ["hello says: written by generation one"])
    say("\n== the operator signs generation 2 and puts it into the cache")
    second = org.generation("two", 2, initramfs(org, "two"))
    node.put(second)
    say(node.listing())
    power_on(node, disk, 3, "two", ["hello says: written by generation one", "added keyslot"])


def main():
    start = time.monotonic()
    vm.VERBOSE = True
    os.environ["PATH"] += ":/sbin:/usr/sbin"
    try:
        demo()
    except BaseException as error:      # whatever went wrong: say where to look
        say("\ndemo failed: %s\nlogs: %s (serial consoles: node/serial.*)" % (error, DIR))
        return 1
    if os.environ.get("KEEP", "0") in ("", "0"):
        shutil.rmtree(DIR)
    say("\ndemo: three power-ons, two signed generations, one encrypted /persist that followed them, no key left behind: %.0f s"
        % (time.monotonic() - start))
    return 0


if __name__ == "__main__":
    sys.exit(main())
