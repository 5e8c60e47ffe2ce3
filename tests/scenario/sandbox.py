"""A sandbox for tests: the command itself, in a process of its own."""
import json
import os
import signal
import subprocess
import urllib.request

from scenario import HOME, PROGRAM, environment


class Sandbox:
    """A running `kirinuki sandbox --json`."""

    def __init__(self, *options):
        self.process = subprocess.Popen([os.path.abspath(PROGRAM), "sandbox", "--port", "0", "--json", *options],
                                        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                                        env=environment(), cwd=HOME)
        self.url = json.loads(self.process.stdout.readline())["base_url"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()  # it removes what was uploaded
        self.process.communicate(timeout=20)

    def ledger(self):
        with urllib.request.urlopen(self.url[:-2] + "sandbox/ledger", timeout=10) as answer:
            return json.load(answer)

    def requests(self):
        return self.ledger()["requests"]

    def asked(self, path):
        return [r for r in self.requests() if r["path"] == path]

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=20)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()]
