#!/usr/bin/env python3
"""Posts as people and programs see them: from beside, on a terminal, through a pipe, when refused."""
import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import termios

from posting import World, clip, clips, thick, wait_for
from scenario import PROGRAM, case, expect_complaint, ffmpeg, folder, main

FAILED, USAGE, SOME_FAILED = 1, 2, 3


# ---- from beside ----

@case
def others_see_how_far_an_upload_is():
    with World("beside", "--bandwidth", "2M") as world:
        path = thick(clip(), 8_000_000)  # one request of half a minute, which is cancelled then
        child = world.start("publish", path, "-t", "youtube", "--sandbox=" + world.url)
        assert "-> youtube: uploading" in child.stdout.readline()

        def moving():
            post = world.known().get(1, {})
            return post.get("bytes_a_second") and post

        post = wait_for(moving, "an upload with its speed")
        assert post["state"] == "uploading" and 0 < post["sent_bytes"] < post["bytes"], post
        assert 10_000 < post["bytes_a_second"] < 10_000_000 and post["eta_ms"] > 0, post
        shown = world("posts", "1").out
        assert re.search(r"uploading +\d+ %, [\d.]+ [kM]B/s, \d+ s left", shown), shown
        watch = world.start("posts", "watch", "--json")
        told = json.loads(watch.stdout.readline())
        assert told["event"] == "post" and told["sent_bytes"] >= post["sent_bytes"], told
        assert world("posts", "cancel", "1").code == 0
        child.communicate(timeout=60)
        [post] = world.known().values()
        assert post["state"] == "cancelled", post
        assert post["bytes_a_second"] is None and post["eta_ms"] is None, post
        events = [json.loads(line) for line in watch.communicate(timeout=60)[0].splitlines()]
        assert watch.returncode == 1 and events[-1]["state"] == "cancelled", events
        assert world("posts", "watch").out == "no post is under way\n"
        assert re.search("1 +thick.* cancelled", world("posts", "watch", "1").out)


# ---- on a terminal ----

def on_a_terminal(world, rows, columns, *arguments):
    """What it writes there, its exit code, and the lines of its largest picture."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with subprocess.Popen([os.path.abspath(PROGRAM), *arguments], cwd=world.home, stdout=its,
                          stderr=its, stdin=subprocess.DEVNULL,
                          env=dict(world.env, TERM="xterm", NO_COLOR="1", LC_ALL="C.UTF-8")) as child:
        os.close(its)
        said = b""
        try:
            while data := os.read(ours, 65536):
                said += data
        except OSError:
            pass  # the other side is closed
        os.close(ours)
        code = child.wait(timeout=60)
    said = said.decode().replace("\r\n", "\n")
    highest = max(map(int, re.findall(r"\x1b\[(\d+)A", said)), default=0)
    return said, code, highest


@case
def many_posts_have_a_bar_a_platform_and_few_one_each():
    with World("bars", "--bandwidth", "16M") as world:
        said, code, lines = on_a_terminal(world, 12, 72, "publish", *clips(13), "-t",
                                          "youtube,instagram", "--sandbox=" + world.url)
        pictures = re.split(r"\x1b\[\d+A\r\x1b\[J", said)
        assert code == 0 and lines == 3, (lines, pictures[-1])  # all of them, and two platforms
        wide = {line for picture in pictures[:-1] for line in picture.split("\n") if len(line) > 71}
        assert not wide, wide
        assert re.search(r"▸ youtube .*\d+ of 13", said), pictures[-2]
        assert "-> youtube: live" not in said, "the table says it, once"
        assert len(re.findall(r" live +http", pictures[-1])) == 26, pictures[-1]
        said, code, lines = on_a_terminal(world, 24, 80, "publish", clip(), "-t",
                                          "youtube,tiktok", "--force", "--sandbox=" + world.url)
        assert code == 0 and lines == 3 and re.search(r"[▸✓] tiktok +clip-0", said), lines


# ---- through a pipe ----

@case
def a_reader_that_has_seen_enough_is_no_error():
    with World("head") as world:
        command = f'"{os.path.abspath(PROGRAM)}" publish "{clip()}" -t youtube,tiktok --json ' \
                  f'"--sandbox={world.url}" | head -n 1; echo "${{PIPESTATUS[0]}}"'
        done = subprocess.run(["bash", "-c", command], env=world.env, cwd=world.home, timeout=120,
                              capture_output=True, text=True, check=False)
        first, code = done.stdout.splitlines()
        assert json.loads(first)["event"] == "checked" and code == "0" and not done.stderr, done
        assert {p["state"] for p in world.known().values()} == {"live"}, world.known()


# ---- refused ----

@case
def what_is_refused_is_in_the_last_table_and_document():
    small = clip("small", size="120x90", seconds=1)
    with World("refused") as world:
        document = world.events(small, clip(), "no.mp4", "-t", "tiktok,youtube", code=3)[-1]
        refused = [p for p in document["posts"] if p["state"] == "refused"]
        there = [p for p in document["posts"] if p["state"] == "live"]
        assert (document["failed"], document["refused"], len(refused)) == (0, 2, 2), document
        assert len(there) == 3 and len(document["posts"]) == 5, document
        [tiktok] = [p for p in refused if p["platform"] == "tiktok"]
        assert tiktok["id"] is None and tiktok["clip"] == small, tiktok
        assert "120 pixels wide" in tiktok["reason"] and "larger" in tiktok["what_to_do"], tiktok
        [missing] = [p for p in refused if p["platform"] is None]
        assert missing["clip"].endswith("/no.mp4") and "no such clip" in missing["reason"], missing
        table = world.publish(small, "-t", "tiktok,youtube").out
        assert re.search(r"- +small-0.mp4 +tiktok:\S+ +refused +TikTok: ", table), table
        assert re.search(r"1 +small-0.mp4 +youtube:\S+ +live ", table), table


@case
def what_is_mistyped_is_told_to_a_stranger():
    with World("mistyped") as world:
        assert world.publish(clip(), "-t", "youtube", "--no-wait").code == 0
        for code, words, arguments in (
                (USAGE, "not “0”", ["posts", "0"]),
                (FAILED, "“0” is not the number of a post; `kirinuki posts`", ["posts", "cancel", "0"]),
                (USAGE, "“x” is not the number of a post", ["posts", "1", "x"]),
                (USAGE, "did you mean: kirinuki posts cancel", ["posts", "cancle", "1"]),
                (USAGE, "posts takes the number of a post, or watch", ["posts", "frobnicate"]),
                (USAGE, "kirinuki posts retry 12", ["posts", "retry"]),
                (FAILED, "there is no post 99999; `kirinuki posts`", ["posts", "99999"]),
                (FAILED, "there is no post 99999", ["posts", "retry", "99999"]),
                (USAGE, "did you mean youtube", ["publish", clip(), "-t", "yuotube"]),
                (USAGE, "not “”", ["publish", clip(), "-t", ""]),
                (USAGE, "not “”", ["publish", clip(), "-t", "x,,youtube"]),
                (USAGE, "--webhook takes an address such as https://example.com",
                 ["publish", clip(), "-t", "webhook", "--webhook", "example"]),
                (USAGE, "did you mean tiktok", ["auth", "tiktock"]),
                (USAGE, "did you mean: kirinuki accounts check", ["accounts", "chekc"]),
                (FAILED, "no account of yuotube is connected", ["accounts", "rm", "yuotube"])):
            expect_complaint(world(*arguments), code, words)
        assert [p["state"] for p in world.known().values()] == ["planned"], world.known()


# ---- what is done once ----

@case
def no_rendition_is_made_for_what_is_live():
    large = os.path.join(folder("clips"), "large.mkv")  # its box is all that X does not take
    ffmpeg("-i", clip(), "-c", "copy", large)
    with World("made") as world:
        world.env["XDG_CACHE_HOME"] = world.home + "/cache"
        [post] = world.published(large, "-t", "x")
        assert post["state"] == "live" and post["clip"] == large, post
        assert os.path.exists(post["rendition"]) and "/renditions/" in post["rendition"], post
        assert "large.mkv" in world("posts").out
        shutil.rmtree(world.home + "/cache/kirinuki/renditions")
        [again] = world.published(large, "-t", "x")
        assert again["id"] == post["id"], again
        assert not os.path.exists(post["rendition"]), "it was made again"


@case
def the_page_of_a_run_links_its_posts():
    path = folder("linked")
    shutil.copy(clip(), path + "/a b.mp4")
    page = '<p>before</p><script type="application/json" id="posts">[]</script><p>after</p>\n'
    with open(path + "/report.html", "w", encoding="utf-8") as file:
        file.write(page)
    with open(path + "/result.json", "w", encoding="utf-8") as file:
        json.dump({"kirinuki_result": 1, "segments": [{"title": "</script>"}],
                   "clips": [{"segment": 0, "status": "ok", "files": [{"path": "a b.mp4"}]}]}, file)

    def told():
        with open(path + "/report.html", encoding="utf-8") as file:
            text = file.read()
        [(before, data, after)] = re.findall(r'(.*id="posts">)(.*?)(</script>.*\n)', text)
        assert before + "[]" + after == page, text
        with open(path + "/result.json", encoding="utf-8") as file:
            assert json.load(file)["clips"][0].get("posted", []) == json.loads(data)
        return json.loads(data)

    with World("links") as world:
        world.published(path, "-t", "youtube,folder:" + world.home + "/outbox")
        [link] = told()  # where things lie here is not told
        assert link["file"] == "a b.mp4" and link["platform"] == "youtube", link
        assert link["state"] == "live" and link["url"].startswith(world.url), link
        about = os.stat(path + "/report.html").st_mtime_ns
        world.published(path, "-t", "youtube")
        assert os.stat(path + "/report.html").st_mtime_ns == about, "nothing was new"
        world.published(path, "-t", "tiktok")
        assert [at["platform"] for at in told()] == ["youtube", "tiktok"], told()
        assert link in told(), told()


if __name__ == "__main__":
    main()
