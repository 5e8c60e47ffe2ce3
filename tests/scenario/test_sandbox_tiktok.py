#!/usr/bin/env python3
"""The sandbox's TikTok, spoken to as "Content Posting API", "Media Transfer Guide" and "Login Kit
for Desktop" write it down."""
import hashlib
import os

from scenario import HOME, case, ffmpeg, main
from sandbox import Sandbox
from wire import Wire

REDIRECT = "http://127.0.0.1:9999/callback"
CLIENT = {"client_key": "sandbox-client", "client_secret": "sandbox-secret"}


def clip(name="clip.mp4", *options):
    path = os.path.join(HOME, name)
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=360x640:d=1:r=25", "-c:v", "libx264", "-preset",
           "ultrafast", "-pix_fmt", "yuv420p", *options, path)
    with open(path, "rb") as file:
        return file.read()


class TikTok(Wire):
    token = None

    def call(self, name, body=None):
        answer = self.ask("POST", f"/v2/post/publish/{name}/", body or {},
                          {"Authorization": "Bearer " + self.token})
        return answer.json["data"], answer.json["error"], answer.status

    def put(self, url, first, chunk, total):
        return self.ask("PUT", url, chunk, {
            "Content-Type": "video/mp4",
            "Content-Range": f"bytes {first}-{first + len(chunk) - 1}/{total}"})

    def sign_in(self):
        verifier = "v" * 43
        back, _ = self.consent("/v2/auth/authorize/", client_key="sandbox-client", state="s1",
                               response_type="code", scope="user.info.basic,video.publish",
                               redirect_uri=REDIRECT, code_challenge_method="S256",
                               code_challenge=hashlib.sha256(verifier.encode()).hexdigest())
        assert back["state"] == "s1" and back["scopes"] == "user.info.basic,video.publish", back
        got = self.form("/v2/oauth/token/", grant_type="authorization_code", code=back["code"],
                        redirect_uri=REDIRECT, code_verifier=verifier, **CLIENT).json
        assert got["expires_in"] == 86400 and got["refresh_expires_in"] == 31536000, got
        self.token = got["access_token"]
        return got


def post_info(**more):
    return dict({"title": "A cat 🐈 #cat", "privacy_level": "PUBLIC_TO_EVERYONE",
                 "brand_content_toggle": False}, **more)


def source(size, chunk):
    return {"source": "FILE_UPLOAD", "video_size": size, "chunk_size": chunk,
            "total_chunk_count": size // chunk}


@case
def a_clip_goes_from_the_sign_in_to_the_public():
    video = clip()
    with Sandbox("--set", "processing=60", "--set", "tiktok-moderation=60") as sandbox:
        tiktok = TikTok(sandbox)
        token = tiktok.sign_in()
        renewed = tiktok.form("/v2/oauth/token/", grant_type="refresh_token",
                              refresh_token=token["refresh_token"], **CLIENT).json
        tiktok.token = renewed["access_token"]
        creator, error, _ = tiktok.call("creator_info/query")
        assert error["code"] == "ok" and error["log_id"], error
        assert "PUBLIC_TO_EVERYONE" in creator["privacy_level_options"], creator
        opened, error, _ = tiktok.call("video/init", {
            "post_info": post_info(), "source_info": source(len(video), len(video))})
        assert error["code"] == "ok" and len(opened["upload_url"]) <= 256, (opened, error)
        assert tiktok.put(opened["upload_url"], 0, video, len(video)).status == 201
        seen = []
        for _ in range(3):
            data, error, status = tiktok.call("status/fetch", {"publish_id": opened["publish_id"]})
            assert (error["code"], status) == ("ok", 200), error
            seen.append((data["status"], bool(data.get("publicaly_available_post_id")),
                         tiktok.posts()[0]["state"]))
            tiktok.advance(61)
        assert seen == [("PROCESSING_UPLOAD", False, "processing"),
                        ("PUBLISH_COMPLETE", False, "processing"),
                        ("PUBLISH_COMPLETE", True, "live")], seen
        [post] = tiktok.posts()
        assert int(post["id"]) == data["publicaly_available_post_id"][0] > 2 ** 53, (post, data)
        assert post["text"]["caption"] == "A cat 🐈 #cat" and post["bytes"] == len(video), post


@case
def chunks_are_taken_in_order_and_continued():
    size, chunk = 11_000_001, 5_500_000
    noise = os.urandom(size)
    with Sandbox("--fault", "cut-upload,path=tiktok-upload,after=1,first=1") as sandbox:
        tiktok = TikTok(sandbox)
        tiktok.sign_in()
        opened, error, status = tiktok.call("video/init", {
            "post_info": post_info(), "source_info": dict(source(size, chunk),
                                                          total_chunk_count=3)})
        assert status == 400 and error["code"].startswith("invalid_param"), error
        opened, _, _ = tiktok.call("video/init", {"post_info": post_info(),
                                                  "source_info": source(size, chunk)})
        url = opened["upload_url"]
        first = tiktok.put(url, 0, noise[:chunk], size)
        assert first.status == 206, first
        assert first.headers["Content-Range"] == f"bytes 0-{chunk}/{size}", first
        try:
            tiktok.put(url, chunk, noise[chunk:], size)
            raise AssertionError("the connection was to be cut")
        except OSError:
            pass
        again = tiktok.put(url, 0, noise[:chunk], size)
        assert again.status == 416 and again.headers["Content-Range"].endswith(f"-{chunk}/{size}")
        data, _, _ = tiktok.call("status/fetch", {"publish_id": opened["publish_id"]})
        assert data["uploaded_bytes"] == chunk, data
        assert tiktok.put(url, chunk, noise[chunk:], size).status == 201
        tiktok.advance(10)
        data, _, _ = tiktok.call("status/fetch", {"publish_id": opened["publish_id"]})
        assert (data["status"], data["fail_reason"]) == ("FAILED", "file_format_check_failed"), data
        assert tiktok.posts()[0]["state"] == "failed"


@case
def what_it_says_about_limits():
    with Sandbox("--set", "tiktok-posts=0", "--set", "unaudited=1") as sandbox:
        tiktok = TikTok(sandbox)
        tiktok.sign_in()
        _, error, status = tiktok.call("creator_info/query")
        assert (error["code"], status) == ("spam_risk_too_many_posts", 200), error
        _, error, status = tiktok.call("video/init", {"post_info": post_info(),
                                                      "source_info": source(9, 9)})
        assert (error["code"], status) == (
            "unaudited_client_can_only_post_to_private_accounts", 403), error
        codes = [tiktok.call("video/init", {})[2] for _ in range(6)]
        assert codes == [400] * 5 + [429], codes
        _, error, status = tiktok.call("inbox/video/init", {"source_info": source(9, 9)})
        assert (error["code"], status) == ("scope_not_authorized", 401), error


main()
