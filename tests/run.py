#!/usr/bin/python3
"""Runs test programs one after the other and closes with one line of counts.

    run.py [-l LOGDIR] PROGRAM... [-j N PROGRAM...]     those behind -j run N at a time
    a PROGRAM is a path, with arguments after blanks: "a b c" is one program

Counted are cmocka's and unittest's own results, closing lines of another runner, and lines "ok NAME", "not ok NAME: why",
"skip NAME: why" of scripts. A program that exits non-zero, prints no count or takes longer than its time-out is a failure,
whatever it counted. A skip is a skip.
"""

import concurrent.futures
import os
import re
import shlex
import subprocess
import sys
import time

TIMEOUT_S = 1800


def counts(text):
    """(passed, failed, skipped) as the output says."""
    passed = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test\(s\)\.", text, re.M))
    failed = len(re.findall(r"^\[  FAILED  \] \S+$", text, re.M)) // 2 if "[==========]" in text else 0
    skipped = len(re.findall(r"^\[  SKIPPED \] \S+$", text, re.M)) // 2 if "[==========]" in text else 0
    for n in re.findall(r"^Ran (\d+) tests? in", text, re.M):
        passed += int(n)
    for line in re.findall(r"^(?:OK|FAILED) \((.*)\)$", text, re.M):
        words = dict(re.findall(r"(\w+)=(\d+)", line))
        bad, skip = int(words.get("failures", 0)) + int(words.get("errors", 0)), int(words.get("skipped", 0))
        passed, failed, skipped = passed - bad - skip, failed + bad, skipped + skip
    for inner in re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", text, re.M):      # a runner run by this one
        passed, failed, skipped = (a + int(b) for a, b in zip((passed, failed, skipped), inner))
    passed += len(re.findall(r"^ok \S", text, re.M))
    failed += len(re.findall(r"^not ok \S", text, re.M))
    skipped += len(re.findall(r"^skip \S", text, re.M))
    return passed, failed, skipped


def reasons(command, status, text):
    """One line per failed test, and its reason: what a reader of the last lines needs."""
    found = re.findall(r"^(?:FAIL|ERROR): (\w+)|^\[  FAILED  \] (\S+)$|^not ok (\S.*)$", text, re.M)
    names = list(dict.fromkeys(next(n for n in f if n) for f in found))
    said = re.findall(r"^\w*(?:Error|Exception)\b.*$|^.*\berror: .*$", text, re.M)
    return ["%s: %s" % (command, n) for n in names] + ["     " + line[:200] for line in said[:5]] or ["%s: exit %s" % (command, status)]


def run(command, logs, failures):
    argv = shlex.split(command)
    log = os.path.join(logs, re.sub(r"[^A-Za-z0-9_.-]+", "_", " ".join([os.path.basename(argv[0])] + argv[1:]))[:80] + ".log")
    start = time.monotonic()
    with open(log, "w+", errors="replace") as out:
        try:
            status = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, timeout=TIMEOUT_S).returncode
        except subprocess.TimeoutExpired:
            status = "time-out"
        except OSError as error:
            status = str(error)
        out.seek(0)
        text = out.read()
    passed, failed, skipped = counts(text)
    if status != 0 and failed == 0:
        failed = 1
    if passed + failed + skipped == 0:
        failed = 1      # a test that counts nothing tests nothing
    word = "FAIL" if failed else "ok"
    said = ["%-4s %6.1f s  %4d passed %3d failed %3d skipped  %s" % (word, time.monotonic() - start, passed, failed, skipped, command)]
    said += ["     " + line for line in re.findall(r"^skip .*|^.*\.\.\. skipped .*", text, re.M)]
    if failed:
        said += ["     exit %s; the end of %s:" % (status, log)] + ["     | " + line for line in text.splitlines()[-40:]]
        failures += reasons(command, status, text)
    print("\n".join(said), flush=True)
    return passed, failed, skipped


def main():
    args = sys.argv[1:]
    logs = "build/tests/log"
    if args[:1] == ["-l"]:
        logs, args = args[1], args[2:]
    alone, beside, at_a_time = args, [], 1
    if "-j" in args:
        j = args.index("-j")
        alone, at_a_time, beside = args[:j], int(args[j + 1]), args[j + 2:]
    if not alone + beside:
        raise SystemExit("run.py: no programs given")
    os.makedirs(logs, exist_ok=True)
    failures = []
    results = [run(command, logs, failures) for command in alone]
    with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
        results += pool.map(lambda command: run(command, logs, failures), beside)
    total = [sum(column) for column in zip(*results)]
    for line in failures:
        print(line)
    print("%d passed, %d failed, %d skipped" % tuple(total))
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
