#!/usr/bin/python3
"""make demo: the main job, from power-on to a generation with /persist mounted, in QEMU with a TPM and the org's service on this host.

Power-on 1: an empty disk and an invite; the node enrols, gets a ticket, downloads generation 1, which formats /persist and writes a file.
Power-on 2: the same from the cache. Then the operator assigns generation 2; power-on 3 downloads it, its key opens nothing yet, so it adds
its own keyslot by the previous key, and finds the file again. Then the node is revoked: power-on 4 stops and says why. Half of each disk
key is the org's (release org). KEEP=1 keeps disks and logs.
"""

import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mkgen
import persist_gen
import preboot
import service
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


def power_on(node, disk, number, wants, stop_on=None):
    say("\n== power-on %d" % number)
    boot = node.power_on(disks=[disk], timeout_s=180, extra=service.NETWORK, stop_on=stop_on)
    for want in wants:
        if not boot.find(want):
            raise SystemExit("demo: power-on %d did not show \"%s\"" % (number, want))
    if boot.find("DEMO FAILED|kexec is ON"):
        raise SystemExit("demo: power-on %d failed: %s" % (number, boot.find("DEMO FAILED.*|kexec is ON").group(0)))
    return boot


def demo():
    say("== the operators' side: release keys (2 of 3 must sign), the org's service with its keys and CA, an invite for one machine")
    org = preboot.Organisation(DIR)
    with service.Service(org) as svc:
        config = svc.config(invite=svc.invite("--approve", "--name", "demo"), release="org")
        say("\n== generation 1, signed by two people, is served and assigned to all nodes")
        first = svc.add(org.generation("one", 1, initramfs(org, "one")), config)
        svc.assign(first)
        say(svc.tool("generation list"))
        node = preboot.Node(org.path("node"), org, slots=4, slot_mib=64, image=org.image(config, modules=service.NIC))
        disk = node.machine.disk("persist", size_mb=128)
        done = [r"\[9/9\]", "reported healthy"]
        power_on(node, disk, 1, ["enrolled now", "enrolled with the org", r"\[4/9\] ticket: boot", "from the org:", "kept in slot",
                                 "written now", "DEMO one DONE"] + done)
        say("\n" + svc.tool("node list"))
        power_on(node, disk, 2, [r"\[4/9\] ticket: boot", "from slot", "hello says: written by generation one", "DEMO one DONE"] + done)
        say("\n== the operators sign generation 2 and assign it")
        second = svc.add(org.generation("two", 2, initramfs(org, "two")), config)
        svc.assign(second)
        power_on(node, disk, 3, ["from the org:", "hello says: written by generation one", "added keyslot", "DEMO two DONE"] + done)
        say("\n== the node is revoked")
        svc.tool("node revoke", "demo")
        power_on(node, disk, 4, ["SP913 ", "stopped: reboot"], stop_on="stopped: reboot")
        say("\n== what the org remembers")
        say(svc.tool("log"))


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
    say("\ndemo: four power-ons, one enrolment, two signed generations, one encrypted /persist that followed them, one refusal: %.0f s"
        % (time.monotonic() - start))
    return 0


if __name__ == "__main__":
    sys.exit(main())
