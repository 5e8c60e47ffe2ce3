"""A headless Chromium, driven through its debugging pipe with the standard library alone."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """with Browser() as browser: page = browser.open(url)"""

    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="kirinuki-browser-")
        to_child, self.to = os.pipe()
        self.come, from_child = os.pipe()

        def connect():  # the child reads commands from 3 and writes answers to 4
            commands, answers = os.dup(to_child), os.dup(from_child)
            os.dup2(commands, 3)
            os.dup2(answers, 4)

        self.child = subprocess.Popen(
            [PROGRAM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required", "--mute-audio",
             "--user-data-dir=" + self.home, "--remote-debugging-pipe", "about:blank"],
            preexec_fn=connect, close_fds=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_child)
        os.close(from_child)
        self.buffer = b""
        self.serial = 0
        self.events = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.command("Browser.close", timeout=10)
            self.child.wait(10)
        except Exception:  # whatever it was, it must not stay
            self.child.kill()
            self.child.wait()
        os.close(self.to)
        os.close(self.come)
        shutil.rmtree(self.home, ignore_errors=True)

    def read(self, until):
        while b"\0" not in self.buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.come], [], [], left)[0]:
                raise TimeoutError("the browser did not answer in time")
            more = os.read(self.come, 1 << 20)
            if not more:
                raise EOFError("the browser ended")
            self.buffer += more
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def command(self, method, session=None, timeout=60, **parameters):
        self.serial += 1
        wanted = self.serial
        message = {"id": wanted, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + timeout
        while True:
            got = self.read(until)
            if got.get("id") == wanted:
                if "error" in got:
                    raise RuntimeError(f"{method}: {got['error']}")
                return got["result"]
            self.events.append(got)

    def wait_event(self, session, method, timeout=60):
        until = time.monotonic() + timeout
        while True:
            for event in self.events:
                if event.get("method") == method and event.get("sessionId") == session:
                    self.events.remove(event)
                    return event["params"]
            self.events.append(self.read(until))

    def open(self, url, width=1440, height=900, dark=False, calm=False, touch=False):
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, url, width, height, dark, calm, touch)


class Page:
    def __init__(self, browser, session, url, width, height, dark, calm, touch):
        self.browser, self.session = browser, session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(domain + ".enable")
        self.resize(width, height, touch)
        self.command("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"}])
        self.command("Page.navigate", url=url)
        browser.wait_event(session, "Page.loadEventFired")

    def command(self, method, timeout=60, **parameters):
        return self.browser.command(method, self.session, timeout, **parameters)

    def resize(self, width, height, touch=False):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                     deviceScaleFactor=1, mobile=touch)

    def evaluate(self, script, timeout=60):
        """The value of an expression; a promise is waited for."""
        got = self.command("Runtime.evaluate", timeout, expression=script, awaitPromise=True,
                           returnByValue=True, userGesture=True)
        if "exceptionDetails" in got:
            raise RuntimeError(got["exceptionDetails"].get("exception", {}).get("description", got))
        return got["result"].get("value")

    def problems(self):
        """What the console complained of since the page was opened."""
        self.evaluate("0")  # so that everything before it has arrived
        found = []
        for event in self.browser.events:
            if event.get("sessionId") != self.session:
                continue
            method, got = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                details = got["exceptionDetails"]
                found.append(details.get("exception", {}).get("description", details.get("text")))
            elif method == "Runtime.consoleAPICalled" and got["type"] in ("error", "assert"):
                found.append(str([a.get("value", a.get("description")) for a in got["args"]]))
            elif method == "Log.entryAdded" and got["entry"]["level"] == "error":
                found.append(got["entry"]["text"] + " " + got["entry"].get("url", ""))
        return found

    def requests(self):
        """Every address that the page asked for."""
        self.evaluate("0")
        return [e["params"]["request"]["url"] for e in self.browser.events
                if e.get("sessionId") == self.session
                and e.get("method") == "Network.requestWillBeSent"]

    def screenshot(self, path, whole=False, clip=None):
        parameters = {"format": "png", "captureBeyondViewport": whole or bool(clip)}
        if clip:
            parameters["clip"] = dict(zip(("x", "y", "width", "height"), clip), scale=1)
        got = self.command("Page.captureScreenshot", **parameters)
        with open(path, "wb") as png:
            png.write(base64.b64decode(got["data"]))
