"""Runs `digest` in forked processes and kills them: real kills, without an import each time.

Reads lines of JSON {"args": [...], "after": seconds or null, "log": path}; answers each with a
line: the exit code, or "killed".
"""

import importlib
import json
import os
import signal
import sys
import time

# Everything a run imports on its way, so that the time before a kill is a run's own.
for module in (
    "cli.run", "cli.deliver", "digest.analyze", "digest.engines", "digest.engines.extractive",
    "digest.pipeline", "digest.report", "google.auth.transport.requests",
    "google.oauth2.credentials", "googleapiclient.discovery", "integrations.google.transport",
    "integrations.sinks.drive", "integrations.sources.folder", "integrations.sources.gmail",
    "integrations.sinks.gmail",
):  # fmt: skip
    importlib.import_module(module)

main = importlib.import_module("cli.main").main


def child(args: list[str], log: str) -> None:
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    try:
        main(args)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))


for line in sys.stdin:
    order = json.loads(line)
    pid = os.fork()
    if pid == 0:
        child(order["args"], order["log"])
        os._exit(0)
    end = None if order["after"] is None else time.monotonic() + order["after"]
    while True:
        done, status = os.waitpid(pid, 0 if end is None else os.WNOHANG)
        if done:
            answer: object = os.waitstatus_to_exitcode(status)
            break
        if end is not None and time.monotonic() >= end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            answer = "killed"
            break
        time.sleep(0.002)
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
