#!/usr/bin/env python3
"""The sandbox's Instagram, spoken to as "Content Publishing", "Resumable Uploads" and "Business
Login for Instagram" write it down."""
import os
from urllib.parse import urlencode

from scenario import HOME, case, ffmpeg, main
from sandbox import Sandbox
from wire import Wire

REDIRECT = "http://127.0.0.1:9999/callback"
CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
PAGES = "instagram_basic,instagram_content_publish,pages_read_engagement,pages_show_list"


def clip(name="clip.mp4", *options):
    """Four seconds without edit lists, the index first, as Instagram wants it."""
    path = os.path.join(HOME, name)
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=180x320:d=4:r=25", "-c:v", "libx264", "-preset",
           "ultrafast", "-pix_fmt", "yuv420p", "-bf", "0", "-use_editlist", "0",
           *(options or ("-movflags", "+faststart")), path)
    with open(path, "rb") as file:
        return file.read()


class Instagram(Wire):
    token = account = None

    def get(self, path, **query):
        return self.ask("GET", f"/v25.0/{path}?{urlencode(query)}", None,
                        {"Authorization": "Bearer " + self.token})

    def post(self, path, **fields):
        return self.form(f"/v25.0/{path}", access_token=self.token, **fields)

    def upload(self, uri, offset, body, size):
        return self.ask("POST", uri, body, {"Authorization": "OAuth " + self.token,
                                            "offset": str(offset), "file_size": str(size)})

    def sign_in(self):
        """Facebook Login: a code, a token, its Pages, and the account of the first one."""
        back, place = self.consent("/v25.0/dialog/oauth", client_id="sandbox-client", scope=PAGES,
                                   state="s1", response_type="code", redirect_uri=REDIRECT)
        assert back["state"] == "s1", place
        query = urlencode(dict(CLIENT, redirect_uri=REDIRECT, code=back["code"].removesuffix("#_")))
        short = self.ask("GET", "/v25.0/oauth/access_token?" + query).json
        query = urlencode(dict(CLIENT, grant_type="fb_exchange_token",
                               fb_exchange_token=short["access_token"]))
        self.token = self.ask("GET", "/v25.0/oauth/access_token?" + query).json["access_token"]
        [page] = self.get("me/accounts", fields="id,access_token,instagram_business_account"
                          ).json["data"]
        self.token, self.account = page["access_token"], page["instagram_business_account"]["id"]

    def status(self, container):
        return self.get(container, fields="status_code").json["status_code"]


@case
def a_reel_goes_from_the_sign_in_to_the_feed():
    video = clip()
    with Sandbox("--set", "processing=60", "--fault",
                 "cut-upload,path=instagram-upload,first=1,bytes=5000") as sandbox:
        instagram = Instagram(sandbox)
        instagram.sign_in()
        account = instagram.account
        made = instagram.post(f"{account}/media", media_type="REELS", upload_type="resumable",
                              caption="切り抜き #clips @someone").json
        container, uri = made["id"], made["uri"]
        try:
            instagram.upload(uri, 0, video, len(video))
            raise AssertionError("the connection was to be cut")
        except OSError:
            pass
        phase = instagram.get(container, fields="id,status,status_code,video_status").json
        assert phase["status_code"] == "IN_PROGRESS", phase
        done = phase["video_status"]["uploading_phase"]["bytes_transferred"]
        assert done == 5000, phase
        wrong = instagram.upload(uri, 0, video, len(video))
        assert wrong.status == 400 and wrong.json["debug_info"]["retriable"], wrong
        assert instagram.upload(uri, done, video[done:], len(video)).json["success"] is True
        early = instagram.post(f"{account}/media_publish", creation_id=container)
        error = early.json["error"]
        assert (early.status, error["code"], error["error_subcode"]) == (400, 9007, 2207027), early
        instagram.advance(61)
        assert instagram.status(container) == "FINISHED"
        assert instagram.posts() == []
        published = instagram.post(f"{account}/media_publish", creation_id=container)
        media = published.json["id"]
        assert media != container and "call_count" in published.headers["X-App-Usage"], published
        assert instagram.status(container) == "PUBLISHED"
        seen = instagram.get(media, fields="id,permalink,media_type,media_product_type,shortcode,"
                                           "timestamp").json
        assert (seen["media_type"], seen["media_product_type"]) == ("VIDEO", "REELS"), seen
        assert seen["permalink"] == f"https://www.instagram.com/reel/{seen['shortcode']}/", seen
        [listed] = instagram.get(f"{account}/media", fields="caption,timestamp").json["data"]
        assert listed["caption"] == "切り抜き #clips @someone" and listed["id"] == media, listed
        [limit] = instagram.get(f"{account}/content_publishing_limit",
                                fields="config,quota_usage").json["data"]
        assert limit["quota_usage"] == 1 and limit["config"]["quota_duration"] == 86400, limit
        [post] = instagram.posts()
        assert (post["id"], post["state"], post["bytes"]) == (media, "live", len(video)), post
        assert post["url"] == seen["permalink"], post


@case
def files_that_instagram_would_not_show():
    with Sandbox("--set", "processing=0") as sandbox:
        instagram = Instagram(sandbox)
        instagram.sign_in()
        for name, options in (("late.mp4", ("-movflags", "-faststart")),
                              ("slow.mp4", ("-movflags", "+faststart", "-r", "15"))):
            video = clip(name, *options)
            made = instagram.post(f"{instagram.account}/media", media_type="REELS",
                                  upload_type="resumable").json
            assert instagram.upload(made["uri"], 0, video, len(video)).status == 200
            seen = instagram.get(made["id"], fields="status,status_code").json
            assert (seen["status_code"], seen["status"]) == (
                "ERROR", "Error: Media upload has failed with error code 2207026"), (name, seen)
        made = instagram.post(f"{instagram.account}/media", media_type="REELS",
                              video_url="https://example.com/a.mp4")
        assert made.json["error"]["error_subcode"] == 2207052, made


@case
def instagram_login_makes_tokens_live_longer():
    with Sandbox() as sandbox:
        instagram = Instagram(sandbox)
        back, place = instagram.consent(
            "/oauth/authorize", client_id="sandbox-client", redirect_uri=REDIRECT, state="s1",
            response_type="code",
            scope="instagram_business_basic,instagram_business_content_publish")
        assert place.endswith("#_"), place
        fields = dict(CLIENT, grant_type="authorization_code", redirect_uri=REDIRECT,
                      code=back["code"])
        [short] = instagram.form("/oauth/access_token", **fields).json["data"]
        assert instagram.form("/oauth/access_token", **fields).status == 400
        query = urlencode({"grant_type": "ig_exchange_token", "client_secret": "sandbox-secret",
                           "access_token": short["access_token"]})
        instagram.token = instagram.ask("GET", "/access_token?" + query).json["access_token"]
        me = instagram.get("me", fields="user_id,username").json
        assert me["user_id"] == short["user_id"] and me["username"] == "demo", me
        refused = instagram.post(f"{me['user_id']}/media", media_type="REELS",
                                 upload_type="resumable")
        assert refused.json["error"]["code"] == 100, refused
        instagram.advance(61 * 86400)
        late = instagram.get("me", fields="user_id")
        error = late.json["error"]
        assert (error["code"], error["error_subcode"]) == (190, 463), late


main()
