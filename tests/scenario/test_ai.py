"""AI services as a user meets them: real sockets to the sandbox, good days and bad ones."""
import json
import os
import signal
import subprocess
import urllib.request

from scenario import (HOME, PROGRAM, case, environment, expect_complaint, ffmpeg, folder, kirinuki,
                      main, models_folder, sample)

KEY = "sk-test-0123456789abcdef"
ALL = ["--ai", "--length", "5-20", "--clips", "3"]
SPEECH = ["--speech-engine", "openai", "--length", "5-20", "--clips", "3"]
BOTH = ["--speech-engine", "openai,moonshine", "--length", "5-20", "--clips", "3"]


class Sandbox:
    def __init__(self, *options):
        self.process = subprocess.Popen(
            [os.path.abspath(PROGRAM), "sandbox", "--port", "0", "--json", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), cwd=HOME)
        first = self.process.stdout.readline()
        assert first, self.process.stderr.read()
        self.url = json.loads(first)["base_url"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)

    def ledger(self):
        address = self.url.rsplit("/", 1)[0] + "/sandbox/ledger"
        with urllib.request.urlopen(address, timeout=60) as answer:
            return json.load(answer)["requests"]

    def asked(self, path):
        return [r for r in self.ledger() if r["path"] == path]


def ai(name, sandbox, **changes):
    """The environment of a user with a key, whose caches are this case's own."""
    home = folder("ai-" + name)
    url = sandbox.url if isinstance(sandbox, Sandbox) else sandbox
    return environment(**{"KIRINUKI_AI_URL": url, "KIRINUKI_AI_KEY": KEY,
                          "KIRINUKI_MODELS": models_folder(), "XDG_CACHE_HOME": home + "/cache",
                          "XDG_DATA_HOME": home + "/data", "OPENAI_API_KEY": "", **changes})


def analyze(env, *options, video=None, timeout=300):
    return kirinuki("analyze", "--json", *options, video or talk(), env=env, timeout=timeout)


def result(outcome):
    assert outcome.code == 0, outcome
    return json.loads(outcome.out)


def talk():
    """The first 26 s of the sample talk: enough speech and pictures, quickly looked at."""
    path = os.path.join(folder("videos"), "short-talk.mp4")
    if not os.path.exists(path):
        ffmpeg("-i", sample()[0], "-t", "26", "-c", "copy", path)
    return path


def transcript():
    """Its words as subtitles, for the sandbox to say."""
    path = os.path.join(folder("videos"), "short-talk.srt")
    if not os.path.exists(path):
        made = kirinuki("run", "--quiet", "-n", "1", "-l", "5-8", "--copy", "--output",
                        folder("words"), talk(), env=environment(KIRINUKI_MODELS=models_folder()))
        assert made.code == 0, made
        os.rename(os.path.join(HOME, "words", "transcript.srt"), path)
    return path


def write(name, text):
    path = os.path.join(folder("videos"), name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def notes(made):
    return " ".join(made["result"]["timeline"]["notes"])


@case
def everything_is_asked_at_once():
    proposal = {"first_line": 1, "last_line": 3, "reason": "It asks what everybody wonders.",
                "hook": "Why do we sleep?", "title": "What sleep is for", "score": 99,
                "posts": {name: {"description": "Sleep, explained.", "hashtags": ["sleep"]}
                          for name in ("youtube", "tiktok", "instagram", "x")}}
    script = write("script.json", json.dumps({
        "kirinuki_sandbox": 1, "latency": {"transcriptions": 3},
        "chats": [{"contains": "<material>", "content": {"segments": [proposal]}}]}))
    with Sandbox("--transcript", transcript(), "--script", script) as sandbox:
        made = result(analyze(ai("all", sandbox), *ALL, "--clips", "1"))
        speech, chat = sandbox.asked("transcriptions"), sandbox.asked("chat")
    timeline, segments = made["timeline"], made["result"]["segments"]
    assert timeline["speech_engine"] == "openai" and timeline["language"] == "en"
    assert len(timeline["words"]) > 50, len(timeline["words"])
    assert timeline["sights"] and all(0 <= s["hook"] <= 1 for s in timeline["sights"])
    assert segments[0]["title"] == "What sleep is for", segments[0]
    assert segments[0]["posts"]["x"]["hashtags"] == ["sleep"]
    assert any(e["text"].endswith("everybody wonders.") for e in segments[0]["evidence"])
    pictures = [r for r in chat if r["images"]]
    ranking = [r for r in chat if not r["images"]]
    assert speech and pictures and ranking
    assert all(r["status"] == 200 for r in speech + chat), speech + chat
    # Pictures were shown while speech was being waited for, and ranking came after both.
    assert pictures[0]["at_s"] < max(r["at_s"] for r in speech) + 3
    assert ranking[0]["at_s"] >= max(r["at_s"] for r in speech) + 3
    used = made["result"]["services"]
    assert used["requests"] == len(speech) + len(chat) and used["input_tokens"] > 0
    steps = {t["step"]: t for t in made["result"]["step_times"] if t["step"] == t["name"]}
    assert steps["listen"]["start"] < steps["vision"]["end"]
    assert steps["vision"]["start"] < steps["listen"]["end"]


@case
def words_have_the_times_at_which_they_are_said():
    known = result(analyze(environment(KIRINUKI_MODELS=models_folder())))["timeline"]["words"]
    with Sandbox("--transcript", transcript()) as sandbox:
        heard = result(analyze(ai("times", sandbox), *SPEECH))["timeline"]["words"]
    assert abs(len(known) - len(heard)) <= 0.1 * len(known), (len(known), len(heard))
    at = {}
    for word in known:
        at.setdefault(word["text"].lower().strip(".,?!"), []).append(word["start_us"])
    errors = sorted(min(abs(word["start_us"] - t) for t in at[text]) for word in heard
                    if (text := word["text"].lower().strip(".,?!")) in at)
    assert len(errors) > 0.8 * len(heard)
    assert errors[len(errors) // 2] < 300000, errors[len(errors) // 2]  # subtitles have lines alone


@case
def answers_are_not_paid_for_twice():
    with Sandbox() as sandbox:
        env = ai("cache", sandbox)
        first = result(analyze(env, *ALL))["result"]["services"]
        before = len(sandbox.ledger())
        again = result(analyze(env, *ALL, "--fresh"))["result"]["services"]
        assert len(sandbox.ledger()) == before == first["requests"]
        assert again["requests"] == 0 and again["cached"] == first["requests"], again
        result(analyze(env, *ALL, "--fresh", "--no-ai-cache"))
        assert len(sandbox.ledger()) == 2 * before


@case
def a_refused_key_is_told_once():
    with Sandbox("--key", "sk-another") as sandbox:
        outcome = analyze(ai("refused", sandbox), *SPEECH)
        expect_complaint(outcome, 1, r"speech service.*key.*KIRINUKI_AI_KEY")
        assert 1 <= len(sandbox.ledger()) <= 16, len(sandbox.ledger())
        assert KEY not in outcome.out + outcome.err


@case
def a_key_that_is_missing_is_asked_for():
    env = ai("nokey", "https://services.invalid/v1", KIRINUKI_AI_KEY="")
    expect_complaint(analyze(env, *SPEECH), 1, r"has no key: set KIRINUKI_AI_KEY")
    expect_complaint(analyze(env, "--vision-engine", "openai-vision"), 1, "vision service has no key")
    expect_complaint(analyze(env, "--ranking-engine", "openai-ranker"), 1,
                     "ranking service has no key")
    made = result(analyze(env, *BOTH))
    assert made["timeline"]["speech_engine"] == "moonshine"
    assert "has no key" in notes(made)


@case
def the_recogniser_here_takes_over():
    made = result(analyze(ai("down", "http://127.0.0.1:9/v1"), *BOTH))  # nobody listens there
    assert made["timeline"]["speech_engine"] == "moonshine"
    assert "cannot be reached" in notes(made) and "next engine took the rest" in notes(made)
    expect_complaint(analyze(ai("down", "http://127.0.0.1:9/v1"), *SPEECH), 1,
                     "speech service cannot be reached")


@case
def what_fails_in_the_middle_is_made_up_for():
    long_talk = sample()[0]  # two pieces, each of up to a minute
    with Sandbox("--fault", "quota,path=transcriptions,after=1") as sandbox:
        env = ai("middle", sandbox)
        made = result(analyze(env, *BOTH, "--ai-at-once", "1", video=long_talk))
        assert made["timeline"]["speech_engine"] == "openai, moonshine", made["result"]["timeline"]
        assert "next engine took the rest" in notes(made)
        assert made["timeline"]["partial"]
    with Sandbox() as sandbox:  # the next day: what is missing is asked for again
        env["KIRINUKI_AI_URL"] = sandbox.url
        made = result(analyze(env, *BOTH, video=long_talk))
        assert made["timeline"]["speech_engine"] == "openai" and not made["timeline"].get("partial")


@case
def a_bad_day_is_told_and_survived():
    for fault in ["garbage", "wrong-schema", "refusal"]:
        with Sandbox("--fault", f"{fault},path=chat") as sandbox:
            made = result(analyze(ai("bad-chat", sandbox), *ALL, "--speech-engine", "moonshine"))
            said = notes(made)
            assert "were not described" in said and "did not judge" in said, (fault, said)
            assert made["result"]["segments"], fault
            assert len(sandbox.ledger()) <= 40, (fault, len(sandbox.ledger()))
    for fault in ["garbage", "blank", "disorder", "beyond"]:
        with Sandbox("--fault", f"{fault},path=transcriptions") as sandbox:
            made = result(analyze(ai("bad-" + fault, sandbox), *BOTH))
            words = made["timeline"]["words"]
            assert all(a["start_us"] <= b["start_us"] for a, b in zip(words, words[1:])), fault
            assert all(w["end_us"] <= 27000000 for w in words), fault


@case
def a_limit_is_kept():
    with Sandbox("--rate", "20", "--burst", "2") as sandbox:
        env = ai("rate", sandbox)
        result(analyze(env, *ALL, "--ai-at-once", "4"))
        limited = [r for r in sandbox.ledger() if r["status"] == 429]
        assert len(limited) <= 5, sandbox.ledger()


@case
def a_budget_is_not_exceeded():
    with Sandbox("--transcript", transcript()) as sandbox:
        env = ai("budget", sandbox)
        made = result(analyze(env, *ALL, "--token-budget", "3000"))
        used = made["result"]["services"]
        assert used["input_tokens"] + used["output_tokens"] <= 3000, used
        assert "budget" in notes(made), notes(made)
        expect_complaint(analyze(env, *SPEECH, "--budget", "0.001", "--speech-model", "unheard-of",
                                 "--fresh"), 1, "price|model")


@case
def nobody_reads_the_key():
    with Sandbox("--fault", "500,path=chat,first=2") as sandbox:
        env = ai("secret", sandbox)
        child = subprocess.Popen([os.path.abspath(PROGRAM), "run", *ALL, "--copy", "-v", "--output",
                                  folder("secret-clips"), talk()], env=env, cwd=HOME,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        with open(f"/proc/{child.pid}/cmdline", "rb") as command:
            assert KEY.encode() not in command.read()
        assert KEY.encode() not in child.communicate(timeout=300)[0]
        assert child.returncode == 0
    found = subprocess.run(["grep", "-rl", KEY, folder("ai-secret"), folder("secret-clips"),
                            HOME + "/queue.db"], capture_output=True, check=False)
    assert found.stdout == b"", found.stdout


@case
def engines_says_who_can_be_asked():
    with Sandbox() as sandbox:
        listed = json.loads(kirinuki("engines", "--json", "--ai", env=ai("list", sandbox)).out)
    by_name = {e["name"]: e for e in listed}
    assert set(by_name) == {"moonshine", "openai", "openai-vision", "openai-ranker"}
    assert all(e["usable"] and e["asked"] for e in listed), listed
    env = ai("list", "https://api.openai.com/v1", KIRINUKI_AI_KEY="")
    by_name = {e["name"]: e for e in json.loads(kirinuki("engines", "--json", env=env).out)}
    assert not by_name["openai"]["usable"] and "OPENAI_API_KEY" in by_name["openai"]["missing"]
    assert kirinuki("engines", "more", env=env).code == 2


@case
def japanese_is_heard_chosen_and_captioned():
    lines = ["どうして人は眠るのでしょうか。", "私たちは人生の三分の一を眠って過ごします。",
             "科学者は百年以上この謎を追いかけてきました。", "答えは脳の掃除にありました。",
             "眠っている間に、脳は一日の汚れを洗い流します。", "だから今夜は早く寝ましょう。"]
    srt = os.path.join(folder("videos"), "ja.srt")
    with open(srt, "w", encoding="utf-8") as out:
        for i, line in enumerate(lines):
            out.write(f"{i + 1}\n00:00:{4 * i:02},500 --> 00:00:{4 * i + 4:02},000\n{line}\n\n")
    with Sandbox("--transcript", srt) as sandbox:
        clips = folder("ja-clips")
        done = kirinuki("run", *ALL, "--clips", "1", "--preset", "ultrafast", "--language", "ja", "--output", clips, talk(),
                        env=ai("japanese", sandbox))
        assert done.code == 0, done
    with open(os.path.join(clips, "result.json"), encoding="utf-8") as file:
        made = json.load(file)
    assert made["timeline"]["language"] == "ja"
    assert made["clips"], made["remark"]
    with open(os.path.join(clips, made["clips"][0]["srt"]), encoding="utf-8") as file:
        said = file.read()
    assert any(line[:8] in said.replace("\n", "").replace(" ", "") for line in lines), said


@case
def a_sandbox_of_its_own_takes_no_key_of_the_environment():
    env = ai("own", "https://services.invalid/v1", KIRINUKI_AI_KEY="none of the sandbox's",
             KIRINUKI_SPEECH_KEY="nor is this")
    heard = result(analyze(env, "--sandbox", *SPEECH))["timeline"]["words"]
    assert len(heard) > 5, heard


main()
