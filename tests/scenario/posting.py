"""Clips to publish, a sandbox to publish them to, and the user who does it."""
import json
import os
import subprocess
import threading
import time
import urllib.request

from sandbox import Sandbox
from scenario import PROGRAM, environment, ffmpeg, folder, kirinuki

PLATFORMS = ["youtube", "tiktok", "instagram", "x"]
SENDING = ["youtube-insert", "youtube-upload", "youtube-edit", "tiktok-init", "tiktok-upload",
           "instagram-create", "instagram-upload", "instagram-publish", "x-initialize", "x-append",
           "x-finalize", "x-post"]
AT_ONCE = ["--set", "processing=0", "--set", "tiktok-moderation=0"]  # nothing to wait for


def clip(name="clip", number=0, seconds=4, size="360x640", more=()):
    """An upright clip that every platform takes; `number` makes its content its own."""
    path = os.path.join(folder("clips"), f"{name}-{number}.mp4")
    if not os.path.exists(path):
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d={seconds}", "-f", "lavfi", "-i",
               f"sine=f={300 + number}:d={seconds}", "-pix_fmt", "yuv420p", "-preset", "ultrafast",
               "-bf", "0", "-g", "50", "-ac", "2", "-ar", "48000", "-shortest", "-use_editlist",
               "0", "-movflags", "+faststart", *more, path)
    return path


def clips(count):
    """The same pictures `count` times, each with a comment of its own: quicker than encoding."""
    made = []
    for number in range(count):
        path = os.path.join(folder("clips"), f"many-{number}.mp4")
        if not os.path.exists(path):
            ffmpeg("-i", clip(), "-c", "copy", "-metadata", f"comment=number {number}",
                   "-use_editlist", "0", "-movflags", "+faststart", path)
        made.append(path)
    return made


def thick(path, size):
    """A copy with a free box behind, so that it has `size` bytes: a clip as players see it."""
    made = os.path.join(folder("clips"), f"thick-{size}-{os.path.basename(path)}")
    if not os.path.exists(made):
        with open(path, "rb") as source, open(made, "wb") as out:
            data = source.read()
            out.write(data + (size - len(data)).to_bytes(4, "big") + b"free")
            out.truncate(size)
    return made


class World:
    """A sandbox, a queue and accounts of a case's own."""

    def __init__(self, name, *options, store=None):
        self.home = folder("publish-" + name)
        self.sandbox = Sandbox(*AT_ONCE, *options)
        # It tells of each request, and would wait for who does not listen.
        threading.Thread(target=self.sandbox.process.stdout.read, daemon=True).start()
        self.url = self.sandbox.url[:-len("/v1")]
        self.env = environment(XDG_DATA_HOME=self.home + "/data",
                               KIRINUKI_STORE=store or self.home + "/queue.db")
        self.children = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.communicate()
        self.sandbox.process.terminate()
        self.sandbox.process.wait(timeout=60)

    def __call__(self, *arguments, **how):
        return kirinuki(*arguments, env=self.env, cwd=self.home, **how)

    def publish(self, *arguments, **how):
        return self("publish", *arguments, "--sandbox=" + self.url, **how)

    def events(self, *arguments, code=0, **how):
        """What --json says of a publish that ends with `code`."""
        outcome = self.publish(*arguments, "--json", **how)
        if outcome.code != code:
            posts = self.known().values()
            raise AssertionError([(p["platform"], p["state"], p["reason"]) for p in posts], outcome)
        return [json.loads(line) for line in outcome.out.splitlines()]

    def published(self, *arguments, code=0, **how):
        """The posts of its last document."""
        document = self.events(*arguments, code=code, **how)[-1]
        assert document["event"] == "published", document
        return document["posts"]

    def start(self, *arguments, **changes):
        # pylint: disable=consider-using-with
        child = subprocess.Popen([os.path.abspath(PROGRAM), *arguments], cwd=self.home, text=True,
                                 env=dict(self.env, **changes), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.children.append(child)
        return child

    def known(self):
        """What `kirinuki posts` says, by number."""
        outcome = self("posts", "--json", "-n", "10000")
        assert outcome.code == 0, outcome
        return {post["id"]: post for post in json.loads(outcome.out)}

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data,
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def shown(self, platform=None):
        """What is posted there."""
        posts = self.ask("/sandbox/posts")["posts"]
        return [post for post in posts if platform in (None, post["platform"])]

    def asked(self, path=None):
        """What was sent there, not what was only looked at."""
        return [r for r in self.sandbox.ledger()["requests"]
                if r["path"] in ([path] if path else SENDING)]


def times_ahead(*hours, zone_s=0):
    """Times of day that come in so many hours: publish does not wait for what is far off."""
    return [time.strftime("%H:%M", time.gmtime(time.time() + zone_s + h * 3600)) for h in hours]


def wait_for(true, what, seconds=60):
    """Polls; the deadline is the failure, not the measure."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.02)
    return found
