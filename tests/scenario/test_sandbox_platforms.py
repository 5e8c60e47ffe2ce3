#!/usr/bin/env python3
"""The sandbox's platforms as others see them: by Google's own client of YouTube (npm
`@googleapis/youtube`), by an independent one of X (`twitter-api-v2`), by curl's way of sending files,
and on the page."""
import base64
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request

from scenario import HOME, ROOT, Skip, case, ffmpeg, kirinuki, main, tool
from sandbox import Sandbox


def client_folder(package):
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    folder = os.path.join(data, "kirinuki/test-clients")
    if not os.path.isdir(f"{folder}/node_modules/{package}"):
        raise Skip(f"npm's `{package}` is not here; scripts/clients.sh fetches it")
    return folder


def clip():
    """Two seconds, upright, with sound; and a picture of it."""
    video, picture = os.path.join(HOME, "clip.mp4"), os.path.join(HOME, "clip.jpg")
    if not os.path.isfile(picture):
        ffmpeg("-f", "lavfi", "-i", "testsrc=s=180x320:d=2:r=30", "-f", "lavfi", "-i", "sine=d=2",
               "-pix_fmt", "yuv420p", "-movflags", "+faststart", video)
        ffmpeg("-i", video, "-frames:v", "1", picture)
    return video, picture


def root(sandbox):
    return sandbox.url[:-len("/v1")]


def fetch(sandbox, path, body=None, headers=None, method=None):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(root(sandbox) + path, data, {
        "Content-Type": "application/json", **(headers or {})}, method=method)
    return urllib.request.urlopen(request, timeout=30)


def posts(sandbox):
    return json.load(fetch(sandbox, "/sandbox/posts"))["posts"]


def run_client(script, package, sandbox, *files):
    path = os.path.join(ROOT, "tests/scenario", script)
    done = subprocess.run([tool("node"), path, client_folder(package), root(sandbox), *files],
                          capture_output=True, text=True, timeout=60, cwd=HOME)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@case
def googles_client_uploads_and_finds_it():
    video, picture = clip()
    with Sandbox("--set", "processing=0") as sandbox:
        said = run_client("youtube_client.mjs", "@googleapis/youtube", sandbox, video, picture)
        [post] = posts(sandbox)
    assert said["state"] == "a b&c", said
    assert said["inserted"]["snippet"]["title"] == "Ünï & “code” 🎬", said
    assert said["listed"]["items"][0]["status"]["uploadStatus"] == "processed", said
    assert said["items"] == [said["inserted"]["id"]], said
    assert said["tooLong"] == {"status": 400, "reason": "invalidTitle"}, said
    assert said["noPicture"] == {"status": 400, "reason": "invalidImage"}, said
    assert said["refreshed"], said
    assert said["revoked"] == {"status": 400, "reason": "invalid_grant"}, said
    assert post["id"] == said["inserted"]["id"] and post["state"] == "live", post
    assert post["bytes"] == os.path.getsize(video), post
    assert (post["width"], post["height"], post["video"]) == (180, 320, "h264"), post
    assert abs(post["duration_s"] - 2) < 0.1 and post["moov_first"], post
    assert post["cover_hash"], post


@case
def a_client_of_x_uploads_posts_and_refreshes():
    video, _ = clip()
    kept = os.path.join(HOME, "kept-x")
    with Sandbox("--set", "processing=0.5", "--keep", kept) as sandbox:
        said = run_client("x_client.mjs", "twitter-api-v2", sandbox, video)
        post, deleted = posts(sandbox)
        counts = json.load(fetch(sandbox, "/sandbox/ledger"))["counts"]
    assert said["state"] and said["rotated"], said
    assert said["me"]["username"] == "demo" and "offline.access" in said["scopes"], said
    shown = said["posted"]["text"]
    assert re.fullmatch(r"A clip &amp; more: https://t\.co/\w{10} 🎬 https://t\.co/\w{10}", shown), said
    assert said["again"] == {"status": 403, "title": "Forbidden",
                             "said": "You are not allowed to create a Tweet with duplicate content."}
    assert said["tooLong"]["status"] == 403, said
    assert [one["text"] for one in said["timeline"]] == [shown], said
    assert said["timeline"][0]["created_at"].endswith("Z"), said
    assert said["rates"]["limit"] == 900 and said["rates"]["remaining"] == 899, said
    assert said["deleted"] == {"deleted": True}, said
    # A refresh token that was used before ends all that came of it.
    assert said["reused"]["status"] == 400 and said["after"]["status"] == 401, said
    assert post["id"] == said["posted"]["id"] and post["state"] == "live", post
    assert post["url"] == "https://x.com/demo/status/" + post["id"], post
    assert post["bytes"] == said["bytes"] and post["visible_at"] == post["made_at"], post
    assert (post["width"], post["height"], post["video"]) == (180, 320, "h264"), post
    assert deleted["state"] == "deleted", deleted
    assert counts["paths"]["x-append"] >= 2, counts
    [whole] = os.listdir(kept)  # and no segments
    assert os.path.getsize(os.path.join(kept, whole)) == said["bytes"]


@case
def x_looks_at_the_length_of_a_video_when_it_is_posted():
    video, _ = clip()
    with Sandbox("--set", "processing=0", "--set", "x-seconds=1") as sandbox, open(video, "rb") as file:
        token = json.load(fetch(sandbox, "/sandbox/token", {"platform": "x"}))["access_token"]
        bearer = {"Authorization": "Bearer " + token}
        data = file.read()
        opened = json.load(fetch(sandbox, "/2/media/upload/initialize", {
            "media_type": "video/mp4", "total_bytes": len(data)}, bearer))["data"]
        place = "/2/media/upload/" + opened["id"]
        fetch(sandbox, place + "/append", {
            "segment_index": 0, "media": base64.b64encode(data).decode()}, bearer)
        done = json.load(fetch(sandbox, place + "/finalize", {}, bearer))["data"]
        said = {}
        try:
            fetch(sandbox, "/2/tweets", {"media": {"media_ids": [opened["id"]]}}, bearer)
        except urllib.error.HTTPError as error:
            said = json.load(error)
        assert posts(sandbox) == []
    assert done["processing_info"]["state"] == "succeeded", done
    assert said["status"] == 403 and "not allowed to post a video longer than" in said["detail"], said


def insert(sandbox, token, status):
    asked = fetch(sandbox, "/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status",
                  {"snippet": {"title": "A clip"}, "status": status},
                  {"Authorization": "Bearer " + token})
    return asked.headers["Location"][len(root(sandbox)):]


@case
def a_time_to_publish_comes_and_is_kept_in_what_is_told():
    video, _ = clip()
    with Sandbox("--set", "processing=5", "--keep", os.path.join(HOME, "kept")) as sandbox:
        token = json.load(fetch(sandbox, "/sandbox/token", {"platform": "youtube"}))["access_token"]
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3000))
        upload(sandbox, token, {"privacyStatus": "private", "publishAt": at}, video)
        states = [posts(sandbox)[0]["state"]]
        for seconds in (10, 3000):
            fetch(sandbox, "/sandbox/clock", {"advance_s": seconds})
            states.append(posts(sandbox)[0]["state"])
        [post] = posts(sandbox)
        fetch(sandbox, "/youtube/v3/videos?part=snippet", {
            "id": post["id"], "snippet": {"title": "Another", "categoryId": "22"}},
              {"Authorization": "Bearer " + token}, "PUT")
        assert posts(sandbox)[0]["text"]["title"] == "A clip"  # as it became visible
        seen = json.load(fetch(sandbox, f"/youtube/v3/videos?part=status,snippet&id={post['id']}",
                               headers={"Authorization": "Bearer " + token}))
        part = fetch(sandbox, f"/sandbox/media/{post['media']}", headers={"Range": "bytes=-9"})
        last = part.read()
        fetch(sandbox, "/sandbox/reset", {})
        assert posts(sandbox) == []
    assert states == ["processing", "scheduled", "live"], states
    assert post["visible_at"] == post["publish_at"] == at, post
    assert seen["items"][0]["status"]["privacyStatus"] == "public", seen
    assert seen["items"][0]["snippet"]["title"] == "Another", seen
    with open(video, "rb") as file:
        assert part.status == 206 and last == file.read()[-9:]


def upload(sandbox, token, status, path):
    place = insert(sandbox, token, status)
    with open(path, "rb") as file:
        answer = fetch(sandbox, place, file.read(), {"Authorization": "Bearer " + token}, "PUT")
    return json.load(answer)


@case
def what_an_app_without_an_audit_posts_stays_private():
    video, _ = clip()
    with Sandbox("--set", "processing=0", "--set", "unaudited=1") as sandbox:
        token = json.load(fetch(sandbox, "/sandbox/token", {"platform": "youtube"}))["access_token"]
        upload(sandbox, token, {"privacyStatus": "public"}, video)
        [post] = posts(sandbox)
        assert (post["state"], post["privacy"]) == ("hidden", "private"), post
        assert post["visible_at"] is None, post


@case
def uploads_are_as_slow_as_the_line():
    with Sandbox("--bandwidth", "4M") as sandbox:
        token = json.load(fetch(sandbox, "/sandbox/token", {"platform": "youtube"}))["access_token"]
        place = insert(sandbox, token, {"privacyStatus": "private"})
        began = time.monotonic()
        fetch(sandbox, place, bytes(500_000), {"Authorization": "Bearer " + token}, "PUT")
        seconds = time.monotonic() - began
    assert seconds >= 0.9, seconds


@case
def the_page_shows_titles_as_text():
    with Sandbox() as sandbox:
        answer = fetch(sandbox, "/")
        text = answer.read().decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert "default-src 'none'" in policy and "unsafe" not in policy, policy
    assert not re.search(r"(?:src|href)=\"?(?:https?:)?//", text)
    assert "innerHTML" not in text
    assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"


@case
def wrong_options_are_told():
    for option, value, words in (("--set", "speed=9", "there is no setting “speed”; there are"),
                                 ("--set", "processing=soon", "NAME=NUMBER"),
                                 ("--bandwidth", "fast", "a bandwidth is bits a second"),
                                 ("--account", "A B", "an account's name is"),
                                 ("--fault", "cut-upload,path=chat", "is wrong there"),
                                 ("--fault", "explode", "there is no fault “explode”; there are")):
        done = kirinuki("sandbox", option, value)
        assert done.code != 0 and words in done.err, (option, value, done)


if __name__ == "__main__":
    main()
