#!/usr/bin/env python3
"""Servers that others wrote: `kirinuki analyze` against npm's `@copilotkit/aimock`, started by its own
command, which speaks OpenAI's protocol from a file of answers."""
import json
import os
import re
import subprocess
import urllib.request

from scenario import HOME, Skip, case, environment, expect_complaint, main, tool
from services import ALL, KEY, SPEECH, ai, analyze, notes, proposal, result, talk, write

LINES = ["Why do we sleep at all?", "Nobody knew it for a hundred years.",
         "Then somebody looked into the brain at night.", "It washes itself while you dream.",
         "So go to bed early tonight.", "That is the whole secret."]
SIGHT = {"seen": "A test card with a clock.", "text": "00:01", "action": 2, "emotion": 1, "hook": 7}
PROPOSAL = proposal(title="The night shift of the brain", reason="It opens with a riddle.")


def transcription():
    """What whisper-1 answers: each line takes four seconds."""
    words, segments = [], []
    for i, line in enumerate(LINES):
        said, start = line.split(), 0.5 + 4.2 * i
        for k, word in enumerate(said):
            words.append({"word": word.strip(".,?"), "start": round(start + 4 * k / len(said), 2),
                          "end": round(start + 4 * (k + 0.8) / len(said), 2)})
        segments.append({"id": i, "text": " " + line, "start": start, "end": start + 4})
    return {"text": " ".join(LINES), "language": "english", "duration": 26, "words": words,
            "segments": segments}


def answers():
    chat = {"endpoint": "chat", "model": "gpt-4o-mini", "responseFormat": "json_schema"}
    return [
        {"match": {"endpoint": "transcription", "model": "whisper-1"},
         "response": {"transcription": transcription()}},
        {"match": {**chat, "userMessage": "Picture 1, at"},
         "response": {"content": {"frames": [{"frame": i + 1, **SIGHT} for i in range(8)]}}},
        {"match": {**chat, "userMessage": "<material>"},
         "response": {"content": {"segments": [PROPOSAL]}}},
        *({"match": {"endpoint": endpoint, "model": "gpt-none"},
           "response": {"error": {"message": "The model `gpt-none` does not exist or you do not have "
                                             "access to it.", "type": "invalid_request_error",
                                  "code": "model_not_found"}, "status": 404}}
          for endpoint in ("transcription", "chat")),
    ]


class Aimock:
    """It takes `KEY` alone."""

    def __init__(self):
        data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
        program = os.path.join(data, "kirinuki/test-clients/aimock/dist/cli.js")
        if not os.path.isfile(program):
            raise Skip("npm's `@copilotkit/aimock` is not here; scripts/clients.sh fetches it")
        self.process = subprocess.Popen(
            [tool("node"), program, "--port", "0", "--fixtures",
             write("aimock.json", json.dumps({"fixtures": answers()}))],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=HOME,
            env=environment(AIMOCK_API_KEYS=KEY))
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                self.origin = found.group()
                break
        else:
            raise AssertionError(f"it ended with {self.process.wait()}")
        self.url = self.origin + "/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=60)

    def control(self, path, body=None):
        request = urllib.request.Request(
            self.origin + "/__aimock/" + path, body and json.dumps(body).encode(),
            {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def asked(self):
        return [(r["path"], r["response"]["status"]) for r in self.control("journal")]


@case
def what_it_answers_is_used():
    with Aimock() as server:
        # The first one of all meets a bad moment, and is asked again.
        server.control("error", {"status": 503, "body": {"message": "The server is overloaded.",
                                                         "type": "server_error"}})
        made = result(analyze(ai("aimock", server), *ALL, "--clips", "1"))
        asked = server.asked()
    timeline, segments = made["timeline"], made["result"]["segments"]
    assert timeline["speech_engine"] == "openai" and timeline["language"] == "en", timeline
    assert [w["text"] for w in timeline["words"]] == " ".join(LINES).split(), timeline["words"]
    starts = [w["start_us"] / 1e6 for w in timeline["words"]]
    told = [w["start"] for w in transcription()["words"]]
    assert all(abs(a - starts[0] - (b - told[0])) < 0.05 for a, b in zip(starts, told)), starts
    assert {s["seen"] for s in timeline["sights"]} == {SIGHT["seen"]}, timeline["sights"]
    assert segments[0]["title"] == PROPOSAL["title"], segments[0]
    assert any(PROPOSAL["reason"] in e["text"] for e in segments[0]["evidence"]), segments[0]
    assert notes(made) == "", notes(made)
    assert [status for _, status in asked].count(503) == 1, asked
    assert {path for path, status in asked if status == 200} == {
        "/v1/audio/transcriptions", "/v1/chat/completions"}, asked


@case
def its_errors_are_understood():
    def complaint(pattern, *options, key=KEY):
        env = ai("aimock-errors", server, KIRINUKI_AI_KEY=key)
        expect_complaint(analyze(env, *SPEECH, *options, video=talk(8)), 1, pattern)

    with Aimock() as server:
        complaint("speech service refuses the key: check that KIRINUKI_AI_KEY", key="sk-another-key-0123")
        complaint("needs a key: set KIRINUKI_AI_KEY", key="")
        complaint("has no model “gpt-none”", "--speech-model", "gpt-none")
        complaint(r"nothing under “/audio/transcriptions” at \S+ \(No fixture matched\): check its",
                  "--speech-model", "gpt-unheard-of")
        made = result(analyze(ai("aimock-model", server), *ALL, "--vision-model", "gpt-none", "--clips", "1"))
        assert "has no model “gpt-none”" in notes(made), notes(made)
        assert made["result"]["segments"][0]["title"] == PROPOSAL["title"]
        assert len(server.asked()) <= 16, server.asked()  # and nobody insists


main()
