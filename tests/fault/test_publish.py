#!/usr/bin/env python3
"""Publishing on a bad day, shortly; bench/chaos.py has all of it. And two that it has not: a queue whose
disk is full, and a machine whose clock is wrong."""
import json
import os

import chaos
from fault import STORE, THOROUGH, break_calls, each_store, main, make_store, only_sqlite
from posting import PLATFORMS, World, clip, thick

CLIPS, KILLS = (60, 20) if THOROUGH else (4, 2) if STORE == "postgres" else (6, 3)


@each_store
def no_accident_and_no_kill_posts_twice_or_lies():
    figures = chaos.Chaos("chaos", CLIPS, 0.3, 11).run(KILLS)
    assert figures["there"] == figures["posts"] == CLIPS * len(PLATFORMS), figures
    assert figures["kills"] >= 1 and figures["accidents"] >= CLIPS, figures


def told(line):
    event = json.loads(line)
    return event.get("sent_bytes"), event.get("reason") or ""


@only_sqlite
def a_full_disk_of_the_queue_is_waited_for_and_told():
    with World("full-queue", "--bandwidth", "32M") as world:
        mark = os.path.join(world.home, "full")
        env = break_calls("write", 1, "full", under=world.env["KIRINUKI_STORE"],
                          **{"while": mark})
        child = world.start("publish", thick(clip(), 4_000_000), "-t", "all", "--json",
                            "--sandbox=" + world.url, **env)
        assert any(told(line)[0] for line in child.stdout), "nothing is sent"
        with open(mark, "w", encoding="utf-8"):
            pass
        assert any("is full" in told(line)[1] for line in child.stdout), "it is not told"
        os.unlink(mark)
        out, err = child.communicate(timeout=120)
        last = json.loads(out.splitlines()[-1])
        assert child.returncode == 0 and last["trouble"] is None, (out, err)
        assert {post["state"] for post in last["posts"]} == {"live"}, last
        assert sorted(p["platform"] for p in world.shown()) == sorted(PLATFORMS), world.shown()


@each_store
def a_clock_that_is_wrong_delays_and_repeats_nothing():
    """By an hour, to the platforms', and where there is a server to its own."""
    with World("clock-" + STORE, store=make_store("clock")[1]) as world:
        own = dict(world.env)
        for number, (clock_s, word) in enumerate([("-3600", "behind"), ("3600", "ahead of")]):
            world.env = dict(own, **break_calls("", 0, "", CLOCK=clock_s))
            post, = world.published(clip(number=number), "-t", "youtube", "--at", "+2h")
            told_of = f"clock is 1 h 00 min {word} YouTube's" in (post["reason"] or "")
            outcome = world.publish(clip(number=number), "-t", "tiktok,instagram,x")
            assert outcome.code == 0, outcome
            warned = f"clock is 1 h 00 min {word} the database's" in outcome.err
            assert (told_of, warned) == (STORE == "sqlite", STORE == "postgres"), (post, outcome)
        world.env = own
        assert len(world.shown()) == 2 * len(PLATFORMS), world.shown()
        assert {p["state"] for p in world.known().values()} == {"live", "scheduled"}


if __name__ == "__main__":
    main()
