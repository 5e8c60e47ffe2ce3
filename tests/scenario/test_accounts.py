#!/usr/bin/env python3
"""Accounts of publishing platforms: connected, listed, renewed, revoked; nothing leaks."""
import http.client
import json
import os
import pty
import re
import subprocess
import threading
import urllib.parse

from posting import clip
from scenario import HOME, PROGRAM, case, environment, expect_complaint, folder, kirinuki, main

SECRET = re.compile(rb"ya29\.|1//0|act\.sand|rft\.|IGAA|eHRva2Vu|eHJlZnJlc2g|sandbox-secret")
# How the sandbox's tokens begin, and what its client's secret is.


class World:
    """A sandbox, and a user of it."""

    def __init__(self, name):
        home = folder("accounts-" + name)
        self.home = home
        self.env = environment(XDG_DATA_HOME=home + "/data", DISPLAY="", WAYLAND_DISPLAY="")
        del self.env["KIRINUKI_STORE"]
        self.sandbox = subprocess.Popen([os.path.abspath(PROGRAM), "sandbox", "--port", "0", "--json"],
                                        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                                        env=self.env, cwd=HOME)
        port = json.loads(self.sandbox.stdout.readline())["port"]
        threading.Thread(target=self.sandbox.stdout.read, daemon=True).start()
        self.address = f"127.0.0.1:{port}"
        self.url = "http://" + self.address
        self.said = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sandbox.kill()
        self.sandbox.wait()

    def __call__(self, *arguments):
        outcome = kirinuki(*arguments, env=self.env)
        self.said.append(outcome.out + outcome.err)
        return outcome

    def good(self, *arguments):
        outcome = self(*arguments)
        assert outcome.code == 0, outcome
        return outcome.out

    def auth(self, platform, *options):
        return self("auth", platform, "--sandbox=" + self.url, *options)

    def start(self, *arguments, **how):
        return subprocess.Popen([os.path.abspath(PROGRAM), *arguments], env=self.env, cwd=HOME, **how)

    def accounts(self):
        return {a["platform"] + ":" + a["account"]: a
                for a in json.loads(self.good("accounts", "--json"))}

    def ask(self, method, path, body=None):
        return self.visit(self.url + path, method, body)

    def visit(self, url, method="GET", body=None):
        """Status, the header Location and the body; no redirect is followed."""
        at = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(at.netloc, timeout=60)
        connection.request(method, (at.path or "/") + ("?" + at.query if at.query else ""),
                           json.dumps(body) if body is not None else None,
                           {"Content-Type": "application/json"} if body is not None else {})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location"), answer.read().decode()


def waiting(world, *options):
    """`auth` as it waits for a browser: the process, and the address to open."""
    process = world.start("auth", "youtube", "--sandbox=" + world.url, "--no-browser", "--json",
                          *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return process, json.loads(process.stdout.readline())["url"]


def end_of(world, process):
    out, err = process.communicate(timeout=120)
    world.said.append(out + err)
    return process.returncode, out, err


@case
def accounts_are_connected_listed_and_removed():
    with World("connect") as world:
        assert "no account is connected" in world.good("accounts")
        for platform in "youtube", "tiktok", "instagram", "x":
            assert world.auth(platform, "--account", "mine").code == 0
        assert world.auth("youtube", "--account", "mine").out == "youtube:mine is connected again\n"
        accounts = world.accounts()
        assert sorted(accounts) == ["instagram:mine", "tiktok:mine", "x:mine", "youtube:mine"]
        for account in accounts.values():
            assert account["state"] == "connected" and account["sandbox"] == world.url, account
            assert account["what_to_do"] is None, account
        said = world.good("accounts", "rm", "youtube", "x:mine")
        assert said == ("youtube:mine is removed, and its connection ended at the platform\n"
                        "x:mine is removed, and its connection ended at the platform\n"), said
        outcome = world("accounts", "rm", "instagram")  # which has no way to do so
        assert outcome.code == 0 and "may still be there: Instagram lets" in outcome.err, outcome
        assert sorted(world.accounts()) == ["tiktok:mine"]
        expect_complaint(world("accounts", "rm", "youtube"), 1, "no account of youtube")


@case
def a_wrong_key_is_told_in_the_list():
    with World("key") as world:
        assert world.auth("youtube", "--account", "mine").code == 0
        key = world.env["XDG_DATA_HOME"] + "/kirinuki/key"
        with open(key, encoding="ascii") as file:
            right = file.read()
        os.rename(key, key + ".away")
        account = world.accounts()["youtube:mine"]
        assert account["state"] == "locked" and "KIRINUKI_KEY" in account["what_to_do"], account
        world.env["KIRINUKI_KEY"] = "7" * 64
        account = world.accounts()["youtube:mine"]
        assert account["state"] == "locked" and "another key" in account["what_to_do"], account
        assert "locked" in world.good("accounts")
        world.env["KIRINUKI_KEY"] = right
        assert world.accounts()["youtube:mine"]["state"] == "connected"


def answered(world, word):
    """What a person at a terminal answers when asked whether to remove it; the exit code."""
    ours, its = pty.openpty()
    with world.start("accounts", "rm", "youtube", stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 4096)
        os.write(ours, word.encode() + b"\n")
        code = process.wait(timeout=60)
    os.close(ours)
    assert b"1 post of youtube:mine is not done" in said, said
    return code


@case
def an_account_that_posts_wait_for_is_not_removed_by_accident():
    video = clip()
    with World("waited") as world:
        assert world.auth("youtube", "--account", "mine").code == 0
        world.good("publish", video, "-t", "youtube", "--no-wait", "--sandbox=" + world.url)
        expect_complaint(world("accounts", "rm", "youtube"), 1, "1 post of it is not done.*--yes")
        assert answered(world, "n") == 1 and list(world.accounts()) == ["youtube:mine"]
        assert answered(world, "y") == 0 and not world.accounts()
        assert world.auth("youtube", "--account", "mine").code == 0
        assert "is removed" in world.good("accounts", "rm", "youtube:mine", "--yes")
        outcome = world("publish", "--retry", "--json")
        [post] = json.loads(outcome.out.splitlines()[-1])["posts"]
        assert post["state"] == "failed" and "`kirinuki auth youtube`" in post["reason"], post


@case
def tokens_are_renewed_when_the_platform_does_not_take_them_any_more():
    with World("renewal") as world:
        assert world.auth("youtube").code == 0
        name = next(iter(world.accounts()))
        assert world.good("accounts", "check", name) == name + " works\n"
        assert world.ask("POST", "/sandbox/clock", {"advance_s": 7300})[0] == 200
        assert world.good("accounts", "check", name) == name + " works\n"
        asked = [e["url"] for e in json.loads(world.ask("GET", "/sandbox/ledger")[2])["requests"]]
        assert asked.count("/token") == 2, asked  # one for the code, one to renew
        # Whoever takes the connection away there is told of here.
        assert world.ask("POST", "/sandbox/reset", {})[0] == 200
        outcome = world("accounts", "check")
        expect_complaint(outcome, 1, "YouTube has ended this connection .*`kirinuki auth youtube`")
        account = world.accounts()[name]
        assert account["state"] == "trouble", account
        assert "`kirinuki auth youtube`" in account["what_to_do"], account
        assert "trouble" in world.good("accounts")
        assert world.auth("youtube").out == name + " is connected again\n"
        assert world.accounts()[name]["state"] == "connected"
        assert world.good("accounts", "check") == name + " works\n"


@case
def a_browser_consents_or_does_not():
    with World("browser") as world:
        process, url = waiting(world)
        status, back, _ = world.visit(url + "&sandbox_consent=allow")
        assert status in (302, 303), status
        right = urllib.parse.urlsplit(back)
        wrong = re.sub(r"state=[^&]+", "state=anothers", back)
        assert world.visit(wrong)[0] == 400  # and goes on waiting
        assert world.visit(f"{right.scheme}://{right.netloc}/favicon.ico")[0] == 404
        status, _, page = world.visit(back)
        assert status == 200 and "Connected" in page and "from now on" in page, page
        code, out, err = end_of(world, process)
        assert code == 0 and json.loads(out)["event"] == "connected", (out, err)
        process, url = waiting(world)
        back = world.visit(url + "&sandbox_consent=deny")[1]
        status, _, page = world.visit(back)
        assert status == 403 and "consent was not given at YouTube" in page, page
        code, out, err = end_of(world, process)
        assert code == 1 and "consent was not given at YouTube" in err, (code, out, err)
        assert len(world.accounts()) == 1
        process, _ = waiting(world)
        process.send_signal(2)
        assert end_of(world, process)[0] == 130


@case
def a_terminal_without_a_browser_takes_what_is_pasted():
    with World("paste") as world:
        for change, code, says in ((lambda back: back, 0, "is connected"),
                                   (lambda back: re.search(r"code=([^&]+)", back).group(1), 0,
                                    "is connected again"),
                                   (lambda back: back.replace("state=", "state=x"), 1,
                                    "answers another request"),
                                   (lambda back: "what?", 1, "there is no code in it")):
            ours, theirs = pty.openpty()
            process = world.start("auth", "youtube", "--account", "pasted",
                                  "--sandbox=" + world.url, "--paste",
                                  stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
            os.close(theirs)
            with os.fdopen(ours, "r+b", buffering=0) as terminal:
                shown = b""
                while b"paste it here" not in shown:
                    shown += os.read(ours, 4096)
                url = re.search(rb"http://127\S+/auth\S+", shown).group(0).decode()
                back = world.visit(url + "&sandbox_consent=allow")[1]
                terminal.write(change(back).encode() + b"\n")
                try:
                    while part := os.read(ours, 4096):
                        shown += part
                except OSError:  # the end of a terminal
                    pass
            assert process.wait(timeout=120) == code, shown
            assert says.encode() in shown, shown
            world.said.append(shown.decode())
        assert list(world.accounts()) == ["youtube:pasted"]


@case
def no_secret_is_anywhere():
    with World("secrets") as world:
        process, url = waiting(world)
        with open(f"/proc/{process.pid}/cmdline", "rb") as line:
            assert not SECRET.search(line.read())
        world.visit(world.visit(url + "&sandbox_consent=allow")[1])
        assert end_of(world, process)[0] == 0
        for platform in "tiktok", "instagram", "x":
            assert world.auth(platform, "--account", "mine").code == 0
        world.good("accounts")
        world.good("accounts", "check", "youtube")
        for said in world.said:
            assert not SECRET.search(said.encode()), said
        for where, _, names in os.walk(world.home):
            for name in names:
                path = os.path.join(where, name)
                with open(path, "rb") as file:
                    assert not SECRET.search(file.read()), path
        key = os.path.join(world.home, "data/kirinuki/key")
        assert os.stat(key).st_mode & 0o777 == 0o600
        # Without the key, nobody gets them; and nobody is told that his data is damaged.
        os.rename(key, key + ".away")
        expect_complaint(world("accounts", "check", "youtube"), 1, "the key of the accounts is not")
        world.env["KIRINUKI_KEY"] = "00" * 32
        expect_complaint(world("accounts", "check", "youtube"), 1, "sealed with another key")
        world.env["KIRINUKI_KEY"] = "not a key"
        expect_complaint(world("accounts", "check", "youtube"), 1, "64 hexadecimal digits")
        del world.env["KIRINUKI_KEY"]
        os.rename(key + ".away", key)
        os.chmod(key, 0o644)
        expect_complaint(world("accounts", "check", "youtube"), 1, "others can read the key")


@case
def wrong_usage_is_one_sentence():
    with World("usage") as world:
        for arguments, pattern in (
                (("auth",), "auth needs a platform"),
                (("auth", "yutube"), "did you mean youtube"),
                (("auth", "folder"), "youtube, tiktok, instagram and x"),
                (("auth", "youtube"), "make an application at https://console.cloud.google.com"),
                (("auth", "youtube", "--youtube-client-secret=s3cret"), "others can read a command"),
                (("auth", "youtube", "--sandbox=ftp://x"), "`kirinuki sandbox` prints"),
                (("auth", "youtube", "--redirect", "here"), "--redirect takes the address"),
                (("auth", "youtube", "x"), "one platform at a time"),
                (("accounts", "remove"), "did you mean: kirinuki accounts rm"),
                (("accounts", "frobnicate"), "takes nothing, or check or rm"),
                (("accounts", "rm"), "accounts rm needs an account")):
            outcome = world(*arguments)
            expect_complaint(outcome, 2, pattern)
            assert "s3cret" not in outcome.err, outcome
        world.env["KIRINUKI_INSTAGRAM_CLIENT_ID"] = "12"
        expect_complaint(world("auth", "instagram"), 2, "CLIENT_SECRET is not")
        world.env["KIRINUKI_INSTAGRAM_CLIENT_SECRET"] = "s3cret"
        expect_complaint(world("auth", "instagram"), 1, "https:// addresses only.*--redirect")
        world.sandbox.kill()
        world.sandbox.wait()
        expect_complaint(world.auth("youtube"), 1, "there is no sandbox there .*`kirinuki sandbox`")


if __name__ == "__main__":
    main()
