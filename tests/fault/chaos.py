"""Posts on a bad day: accidents in every step of every protocol, and a process that is killed
again and again. What a post was said to be has to be true in the end, and no clip is there twice.

Each process has another clock, as though the machine's were set again and again.

Who waits for minutes here, waits for a platform; so the times of posts are put forward in the store,
and quotas are forgotten, as though time had passed.

The store is a file, or where a server runs beside this (with-postgres.sh) a database there.
"""
import collections
import json
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.environ.get("KN_SOURCE_ROOT", "."), "tests", "scenario"))
# pylint: disable=wrong-import-position
from fault import STORE, break_calls, make_store, rows  # noqa: E402
from posting import PLATFORMS, World, clip, wait_for  # noqa: E402
from scenario import folder  # noqa: E402

READS = ["500", "503", "cut", "garbage", "429,retry-after=1"]
# What was done and is not known to be: most of all that makes posts that are there twice.
LOST = ["lost"] * 4
WRITES = [*READS, *LOST, "truncated-json", "empty", "cut-body"]
UPLOADS = ["500", "503", "cut", *LOST, "cut-upload", "partial", "expired"]
ACCIDENTS = {
    "youtube-insert": WRITES, "youtube-upload": UPLOADS, "youtube-list": READS,
    "tiktok-creator": READS, "tiktok-init": WRITES, "tiktok-upload": UPLOADS,
    "tiktok-status": READS,
    "instagram-create": WRITES, "instagram-upload": UPLOADS, "instagram-status": READS,
    "instagram-publish": WRITES,
    "x-initialize": WRITES, "x-append": ["500", "503", "cut", *LOST, "cut-upload"],
    "x-finalize": WRITES, "x-status": READS, "x-post": WRITES,
}
# What would only make it slow; the limits themselves are tested elsewhere.
LIMITS = ["youtube-inserts", "youtube-units", "tiktok-posts", "tiktok-pending", "tiktok-creator-rate",
          "tiktok-init-rate", "tiktok-status-rate", "instagram-posts", "instagram-containers",
          "instagram-calls"]
CLOCKS_S = [0, -3000, 3000]  # ahead of what it is
OPEN = ("planned", "uploading", "processing")
GONE = ("failed", "deleted")


def accidents(chance):
    """Options of the sandbox: each request has an accident with about this chance."""
    options = []
    for path, kinds in ACCIDENTS.items():
        for kind in kinds:
            options += ["--fault", f"{kind},path={path},chance={chance / len(kinds):.5f}"]
    for limit in LIMITS:
        options += ["--set", f"{limit}=1000000000"]
    return options


def make_clips(count):
    """Each with a number of its own in a box that players skip; some are of several chunks."""
    with open(clip("plain", size="360x640", seconds=3), "rb") as file:
        data = file.read()
    paths = []
    for number in range(count):
        path = os.path.join(folder("chaos"), f"bridge {number}.mp4")
        size = 6_000_000 if number % 10 == 9 else 64
        with open(path, "wb") as file:
            file.write(data + size.to_bytes(4, "big") + b"free" + number.to_bytes(8, "big"))
            file.truncate(len(data) + size)
        paths.append(path)
    return paths


class Chaos:
    def __init__(self, name, count, chance, seed):
        self.random = random.Random(seed)
        self.figures = collections.Counter()
        self.database, where = make_store(name)
        self.world = World(name, *accidents(chance), "--bandwidth", "40M", "--latency", "20ms±15ms",
                           "--seed", str(seed), store=where)
        self.store = self.world.env["KIRINUKI_STORE"]
        self.clips = make_clips(count)

    def sql(self, *statements):
        """The rows of the last one."""
        return [rows(self, statement) for statement in statements][-1]

    def hurry(self):
        now_us = int((time.time() - 7200) * 1e6)  # by any of the clocks
        self.sql("UPDATE worker SET alive_until_us = 1",  # of the dead; nobody else is there
                 f"UPDATE post SET due_us = {now_us} WHERE due_us > {now_us} AND state <= 2",
                 "UPDATE account SET taken_until_us = 0",  # by the dead, too
                 "DELETE FROM quota_use", "UPDATE quota SET closed_until_us = 0")

    def let_an_hour_pass(self):
        """For what waits until a platform can be sure, or has its next slot: posts go by the
        platforms' clock, which goes on."""
        self.world.ask("/sandbox/clock", {"advance_s": 3700})

    def states(self):
        return collections.Counter(post["state"] for post in self.world.known().values())

    def sign_in(self, platform):
        for _ in range(30):  # an accident may come to that as well
            if self.world("auth", platform, "--sandbox=" + self.world.url).code == 0:
                break

    def sign_in_where_asked_to(self):
        """A process that is killed between a platform's new tokens and the store loses the account."""
        for platform, why in self.sql("SELECT platform, trouble FROM account WHERE trouble <> ''"):
            assert "kirinuki auth" in why, why
            self.figures["signed in anew"] += 1
            self.sign_in(platform)

    def plan(self):
        world = self.world
        for platform in PLATFORMS:
            self.sign_in(platform)
        for _ in range(30):
            outcome = world("publish", *self.clips, "-t", "all", "--no-wait",
                            "--sandbox=" + world.url)
            if outcome.code == 0:
                break
        assert len(world.known()) == len(self.clips) * len(PLATFORMS), outcome

    def requests(self):
        return self.world.sandbox.ledger()["counts"]["requests"]

    def work(self, kill_after=None):
        """One process that posts what is due, until it is done, or killed after so many requests."""
        self.hurry()
        clock = break_calls("", 0, "", CLOCK=str(self.random.choice(CLOCKS_S)))
        child = self.world.start("worker", "--drain", "--lease", "5", **clock)
        if kill_after is not None:
            goal = self.requests() + kill_after
            wait_for(lambda: child.poll() is not None or self.requests() >= goal,
                     f"{kill_after} requests or an end", 300)
            child.kill()
            child.communicate()
            self.figures["kills"] += child.returncode == -signal.SIGKILL
            return
        out, err = child.communicate(timeout=300)
        assert child.returncode == 0, (child.returncode, out, err)

    def to_the_end(self, rounds=60):
        for turn in range(rounds):
            if not any(self.states()[state] for state in OPEN):
                return
            if turn % 3 == 2:
                self.let_an_hour_pass()
            self.work()
        raise AssertionError(self.states())

    # ---- what has to hold ----

    def check(self):
        shown = [p for p in self.world.shown() if p["state"] not in GONE]
        keys = collections.Counter((p["platform"], p["hash"]) for p in shown)
        twice = {key: count for key, count in keys.items() if count > 1}
        assert not twice, f"{len(twice)} clips are there more than once: {twice}"
        texts = {(p["platform"], self.name_of(p)) for p in shown}
        for post in self.world.known().values():
            is_there = (post["platform"], self.clip_of(post)) in texts
            assert post["state"] != "live" or is_there, f"called live, and is not there: {post}"
            assert post["state"] != "failed" or not is_there, f"failed, and is there: {post}"
        return texts

    @staticmethod
    def clip_of(post):
        return os.path.splitext(os.path.basename(post["clip"]))[0]

    @staticmethod
    def name_of(shown):
        """The clip's, which is its title, caption or text."""
        return next((value.strip() for value in shown["text"].values()
                     if isinstance(value, str) and value.startswith("bridge ")), "")

    def find_the_truth(self):
        """UNKNOWN ones are asked for again; a person looks for what even that does not tell."""
        for _ in range(4):
            unknown = [i for i, p in self.world.known().items() if p["state"] == "unknown"]
            if not unknown:
                return
            said = self.world("posts", "retry", "--unknown")
            assert said.code == 0 and said.out.startswith(f"{len(unknown)} post"), said
            self.to_the_end()
            left = [i for i, p in self.world.known().items() if p["state"] == "unknown"]
            self.figures["found by retry"] += len(unknown) - len(left)
        texts = self.check()
        for number, post in self.world.known().items():
            if post["state"] != "unknown":
                continue
            is_there = (post["platform"], self.clip_of(post)) in texts
            how = ["--url", "https://example.com/seen"] if is_there else ["--absent"]
            self.figures["seen by a person" if is_there else "absent, said a person"] += 1
            assert self.world("posts", "resolve", str(number), *how).code == 0
        self.to_the_end()

    def tell_what_is_bad(self):
        bad = collections.Counter((p["platform"], p["state"], p["reason"], p["what_to_do"])
                                  for p in self.world.known().values() if p["state"] != "live")
        for what, count in bad.items():
            print(count, *what, sep=" | ", file=sys.stderr)

    def run(self, kills):
        with self.world:
            self.plan()
            while self.figures["kills"] < kills and any(self.states()[state] for state in OPEN):
                self.work(self.random.randint(0, max(8, len(self.clips))))
            self.to_the_end()
            self.check()
            states = self.states()
            self.figures["posts"] = sum(states.values())
            for state, count in states.items():
                self.figures[state + " at first"] = count
            self.sign_in_where_asked_to()
            self.find_the_truth()
            failed = [i for i, p in self.world.known().items() if p["state"] == "failed"]
            if failed:
                assert self.world("posts", "retry", *map(str, failed)).code == 0
                self.to_the_end()
            texts = self.check()
            self.tell_what_is_bad()
            counts = self.world.sandbox.ledger()["counts"]
            self.figures["requests"] = counts["requests"]
            self.figures["accidents"] = sum(v for k, v in counts["faults"].items() if k != "none")
            for state, count in self.states().items():
                self.figures[state + " in the end"] = count
            self.figures["there"] = len(texts)
            return dict(self.figures)


def main(posts, kills, chance, seed):
    begin = time.monotonic()
    chaos = Chaos(f"chaos-{seed}", -(-posts // len(PLATFORMS)), chance, seed)
    figures = chaos.run(kills)
    figures["store"] = STORE
    figures["seconds"] = round(time.monotonic() - begin, 1)
    print(json.dumps(figures, indent=1))
    return figures
