"""AI services as tests ask them: the environment of a user with a key, and a talk for them to work on."""
import json
import os

from scenario import HOME, environment, ffmpeg, folder, kirinuki, models_folder, sample

KEY = "sk-test-0123456789abcdef"
ALL = ["--ai", "--length", "5-20", "--clips", "3"]
SPEECH = ["--speech-engine", "openai", "--length", "5-20", "--clips", "3"]
BOTH = ["--speech-engine", "openai,moonshine", "--length", "5-20", "--clips", "3"]


def proposal(**changes):
    """A segment as the ranking model proposes it."""
    return {"first_line": 1, "last_line": 3, "reason": "It asks what everybody wonders.",
            "hook": "Why do we sleep?", "title": "What sleep is for", "score": 99,
            "posts": {name: {"description": "Sleep, explained.", "hashtags": ["sleep"]}
                      for name in ("youtube", "tiktok", "instagram", "x")}, **changes}


def script(*chats, **more):
    """For the sandbox: what it answers to a question that has some words in it."""
    return write("script.json", json.dumps({
        "kirinuki_sandbox": 1, "chats": [{"contains": c, "content": a} for c, a in chats], **more}))


def ai(name, sandbox, **changes):
    """The environment of a user with a key, whose caches are this case's own. `sandbox`: a server, or its
    base URL."""
    home = folder("ai-" + name)
    url = getattr(sandbox, "url", sandbox)
    return environment(**{"KIRINUKI_AI_URL": url, "KIRINUKI_AI_KEY": KEY,
                          "KIRINUKI_MODELS": models_folder(), "XDG_CACHE_HOME": home + "/cache",
                          "XDG_DATA_HOME": home + "/data", "OPENAI_API_KEY": "", **changes})


def analyze(env, *options, video=None, timeout=300):
    return kirinuki("analyze", "--json", *options, video or talk(), env=env, timeout=timeout)


def result(outcome):
    assert outcome.code == 0, outcome
    return json.loads(outcome.out)


def talk(seconds=26):
    """The first 26 s of the sample talk: enough speech and pictures, quickly looked at."""
    path = os.path.join(folder("videos"), f"talk-{seconds}.mp4")
    if not os.path.exists(path):
        ffmpeg("-i", sample()[0], "-t", str(seconds), "-c", "copy", path)
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
