#!/usr/bin/env python3
"""The sandbox as others see it: OpenAI's own client (npm `openai`), and the command itself."""
import base64
import json
import os
import pty
import signal
import struct
import subprocess
import threading
import urllib.error
import urllib.request

from scenario import (HOME, PROGRAM, ROOT, Skip, case, environment, expect_complaint, kirinuki,
                      main, tool)
from sandbox import Sandbox

WORDS = {"model": "whisper-1", "response_format": "verbose_json",
         "timestamp_granularities": ["word", "segment"]}
PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
         "rkJggg==")
SCHEMA = {"type": "object", "additionalProperties": False, "required": ["frames"], "properties": {
    "frames": {"type": "array", "items": {
        "type": "object", "additionalProperties": False, "required": ["frame", "seen", "hook"],
        "properties": {"frame": {"type": "integer"}, "seen": {"type": ["string", "null"]},
                       "hook": {"type": "number", "minimum": 0, "maximum": 1}}}}}}


def client_folder():
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    folder = os.path.join(data, "kirinuki/test-clients/openai")
    if not os.path.isfile(folder + "/index.mjs"):
        raise Skip("npm's `openai` is not here; scripts/clients.sh fetches it")
    return folder


def ask(sandbox, *steps):
    """What OpenAI's client makes of each step: (answer, error, seconds)."""
    script = os.path.join(ROOT, "tests/scenario/openai_client.mjs")
    done = subprocess.run([tool("node"), script, client_folder(), sandbox.url],
                          input=json.dumps(steps), capture_output=True, text=True, timeout=60,
                          check=True, cwd=HOME)
    outcomes = [(o.get("answer"), o.get("error"), o["seconds"]) for o in json.loads(done.stdout)]
    return outcomes if len(steps) > 1 else outcomes[0]


def sound(name="a.wav", seconds=10):
    """16-bit mono at 16 kHz, a rough tone."""
    path = os.path.join(HOME, name)
    samples = bytes(i * 7 % 64 for i in range(64)) * int(seconds * 500)
    with open(path, "wb") as wav:
        wav.write(b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt " +
                  struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16) + b"data" +
                  struct.pack("<I", len(samples)) + samples)
    return path


def chat(text="Hello", **more):
    return {"do": "chat", "with": {"model": "gpt-4o-mini",
                                   "messages": [{"role": "user", "content": text}], **more}}


def looking(strict=True, schema=None):
    content = []
    for frame in (3, 4):
        content += [{"type": "text", "text": f"frame {frame}"},
                    {"type": "image_url", "image_url": {
                        "url": "data:image/png;base64," + PIXEL, "detail": "low"}}]
    return chat(content, response_format={"type": "json_schema", "json_schema": {
        "name": "frames", "strict": strict, "schema": schema or SCHEMA}})


@case
def the_official_client_hears():
    with Sandbox() as sandbox:
        wav = sound()
        (full, error, _), (plain, _, _), (text, _, _), (subtitles, _, _) = ask(
            sandbox, {"do": "transcribe", "file": wav, "with": WORDS},
            {"do": "transcribe", "file": wav, "with": {"model": "gpt-4o-mini-transcribe"}},
            {"do": "transcribe", "file": wav, "with": {"model": "whisper-1",
                                                      "response_format": "text"}},
            {"do": "transcribe", "file": wav, "with": {"model": "whisper-1",
                                                      "response_format": "srt"}})
        assert error is None, error
        assert full["duration"] == 10 and full["language"] == "english", full
        assert full["usage"] == {"type": "duration", "seconds": 10}, full
        times = [t for w in full["words"] for t in (w["start"], w["end"])]
        assert len(times) > 20 and times == sorted(times) and times[-1] <= 10, times
        assert full["segments"][0]["text"].startswith(" "), full["segments"][0]
        assert plain["text"] == full["text"] and plain["usage"]["type"] == "tokens", plain
        assert text.strip() == full["text"], text
        assert subtitles.startswith("1\n00:00:00,"), subtitles


@case
def the_official_client_looks_and_talks():
    with Sandbox() as sandbox:
        (seen, error, _), (streamed, _, _), (models, _, _) = ask(
            sandbox, looking(), dict(chat("Say something."), do="stream"), {"do": "models"})
        assert error is None, error
        choice, = seen["choices"]
        frames = json.loads(choice["message"]["content"])["frames"]
        assert choice["finish_reason"] == "stop" and choice["message"]["refusal"] is None, choice
        assert [f["frame"] for f in frames] == [3, 4], frames
        assert all(set(f) == {"frame", "seen", "hook"} and 0 <= f["hook"] <= 1 for f in frames)
        assert seen["usage"]["prompt_tokens"] > 2 * 85, seen["usage"]
        assert streamed["text"] and streamed["reason"] == "stop", streamed
        assert "whisper-1" in models["names"], models
        assert sandbox.ledger()["requests"][0]["images"] == 2


@case
def errors_are_those_that_the_official_client_knows():
    with Sandbox("--key", "sk-right") as sandbox:
        huge = sound("huge.wav", 820)
        open_schema = dict(SCHEMA, additionalProperties=True)
        steps = [
            (dict(chat(), key="sk-wrong"), "AuthenticationError", 401, "invalid_api_key", None),
            (dict(chat(), **{"with": {"model": "gpt-0", "messages": []}}), "NotFoundError", 404,
             "model_not_found", None),
            (chat(temperature=7), "BadRequestError", 400, "invalid_value", "temperature"),
            (looking(schema=open_schema), "BadRequestError", 400, "invalid_json_schema",
             "response_format"),
            ({"do": "transcribe", "file": sound(), "with": {"model": "gpt-4o-transcribe",
                                                           "response_format": "srt"}},
             "BadRequestError", 400, "unsupported_value", "response_format"),
            ({"do": "transcribe", "file": huge, "with": WORDS}, "APIError", 413, None, None),
        ]
        outcomes = ask(sandbox, *[dict({"key": "sk-right"}, **s[0]) for s in steps])
        for (_, *wanted), (_, error, _) in zip(steps, outcomes):
            assert error, wanted
            got = [error["name"], error["status"], error["code"], error["param"]]
            assert got == wanted, (wanted, error)
        assert ask(sandbox, dict(looking(strict=False, schema=open_schema),
                                 key="sk-right"))[1] is None


@case
def the_official_client_comes_back_after_429():
    with Sandbox("--fault", "429,first=2,retry-after=0.2") as sandbox:
        answer, error, seconds = ask(sandbox, dict(chat(), retries=2))
        assert error is None and answer["choices"], error
        statuses = [r["status"] for r in sandbox.ledger()["requests"]]
        assert statuses == [429, 429, 200], statuses
        assert 0.4 <= seconds < 30, seconds  # a busy machine starts programs slowly
    with Sandbox("--fault", "quota") as sandbox: # x-should-retry: false
        _, error, _ = ask(sandbox, dict(chat(), retries=2))
        assert (error["name"], error["code"]) == ("RateLimitError", "insufficient_quota"), error
        assert sandbox.ledger()["counts"]["requests"] == 1
    with Sandbox("--fault", "cut,first=1") as sandbox:
        _, error, _ = ask(sandbox, dict(chat(), retries=1))
        assert error is None and sandbox.ledger()["counts"]["requests"] == 2, error
    with Sandbox("--fault", "timeout") as sandbox:
        _, error, _ = ask(sandbox, dict(chat(), timeout=300))
        assert error["name"] == "APIConnectionTimeoutError", error


@case
def the_command_tells_what_it_did():
    with Sandbox("--latency", "10ms", "--script", script()) as sandbox:
        body = json.dumps(chat("kirinuki")["with"]).encode()
        request = urllib.request.Request(sandbox.url + "/chat/completions", body, {
            "Authorization": "Bearer sk-x", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert int(answer.headers["openai-processing-ms"]) >= 10
            assert answer.headers["x-ratelimit-remaining-requests"], answer.headers
            content = json.load(answer)["choices"][0]["message"]["content"]
        assert content == "切り抜き", content
        code, events = sandbox.stop(signal.SIGINT)
        assert code == 0, code
        assert [e["event"] for e in events] == ["request", "end"], events
        assert events[0]["status"] == 200 and events[1]["answered"] == 1, events


@case
def what_is_in_flight_at_the_end_counts():
    with Sandbox("--latency", "60") as sandbox:
        body = json.dumps(chat()["with"]).encode()
        asked = threading.Thread(target=ask_and_forget, args=(sandbox.url, body))
        asked.start()
        while not sandbox.ledger()["counts"]["at_once_most"]:
            assert asked.is_alive()
        code, events = sandbox.stop()
        asked.join(timeout=20)
        assert code == 0 and [e["event"] for e in events] == ["request", "end"], events
        assert events[1]["requests"] == 1, events


def ask_and_forget(url, body):
    request = urllib.request.Request(url + "/chat/completions", body, {
        "Authorization": "Bearer sk-x", "Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=20).close()
    except OSError:
        pass # the connection is cut


def script():
    path = os.path.join(HOME, "script.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"kirinuki_sandbox": 1, "chats": [{"contains": "kirinuki",
                                                     "content": "切り抜き"}]}, file)
    return path


@case
def on_a_terminal_there_is_a_line_for_each_request():
    ours, theirs = pty.openpty()
    process = subprocess.Popen([os.path.abspath(PROGRAM), "sandbox", "--fault", "503,first=1"],
                               stdout=theirs, stdin=subprocess.DEVNULL, env=environment(), cwd=HOME)
    os.close(theirs)
    try:
        with os.fdopen(ours, "r", encoding="utf-8", closefd=False) as terminal:
            url = terminal.readline().strip()
            request = urllib.request.Request(url + "/models", headers={"Authorization":
                                                                       "Bearer sk-secret"})
            try:
                urllib.request.urlopen(request, timeout=60)
                raise AssertionError("it was answered")
            except urllib.error.HTTPError as error:
                assert error.code == 503, error
            line = terminal.readline()
            for part in ("503", "GET", "/v1/models", "server_is_overloaded", "(fault: 503)"):
                assert part in line, line
            assert "secret" not in line, line
            process.send_signal(signal.SIGTERM)
            terminal.readline()
            summary = terminal.readline()
            assert summary.startswith("1 requests: 0 answered"), summary
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@case
def wrong_options_are_explained():
    for options, pattern in ((["--fault", "fire"], "there is no fault “fire”"),
                             (["--fault", "500,first=x"], "“first=x” is wrong there"),
                             (["--latency", "soon"], "a latency is 2, 500ms"),
                             (["--rate", "-1"], "--rate takes a number"),
                             (["--dialect", "latin"], "openai or whisper"),
                             (["talk.mp4"], "sandbox takes no arguments")):
        expect_complaint(kirinuki("sandbox", *options), 2, pattern)
    expect_complaint(kirinuki("sandbox", "--script", "none.json"), 1, "none.json")
    expect_complaint(kirinuki("sandbox", "--address", "nowhere"), 1, "nowhere")
    with Sandbox() as sandbox:
        port = sandbox.url.split(":")[2].split("/")[0]
        expect_complaint(kirinuki("sandbox", "--port", port), 1, port)


if __name__ == "__main__":
    main()
