"""AI services as a user meets them: real sockets to the sandbox, good days and bad ones."""
import json
import os
import subprocess

from sandbox import Sandbox
from scenario import (HOME, PROGRAM, case, environment, expect_complaint, folder, kirinuki, main,
                      models_folder, sample)
from services import ALL, BOTH, KEY, SPEECH, ai, analyze, notes, proposal, result, script, talk, transcript, write


@case
def everything_is_asked_at_once():
    answers = script(("<material>", {"segments": [proposal()]}), latency={"transcriptions": 3})
    with Sandbox("--transcript", transcript(), "--script", answers) as sandbox:
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
        before = len(sandbox.requests())
        again = result(analyze(env, *ALL, "--fresh"))["result"]["services"]
        assert len(sandbox.requests()) == before == first["requests"]
        assert again["requests"] == 0 and again["cached"] == first["requests"], again
        result(analyze(env, *ALL, "--fresh", "--no-ai-cache"))
        assert len(sandbox.requests()) == 2 * before


@case
def a_refused_key_is_told_once():
    with Sandbox("--key", "sk-another") as sandbox:
        outcome = analyze(ai("refused", sandbox), *SPEECH)
        expect_complaint(outcome, 1, r"speech service.*key.*KIRINUKI_AI_KEY")
        assert 1 <= len(sandbox.requests()) <= 16, len(sandbox.requests())
        assert KEY not in outcome.out + outcome.err


@case
def a_worker_and_its_queue_tell_what_a_service_did_not_do():
    with Sandbox("--key", "sk-another") as sandbox:
        env = ai("worker", sandbox)
        env["KIRINUKI_STORE"] = folder("ai-worker") + "/queue.db"
        added = kirinuki("add", "--json", *BOTH, "--clips", "1", "--copy", "--output", folder("worker-clips"),
                         talk(), env=env)
        job = str(json.loads(added.out)["id"])
        done = kirinuki("worker", "--drain", env=env, timeout=300)
        shown = kirinuki("show", job, env=env).out
    assert done.code == 0 and f"{job}  done" in done.out, done
    assert done.err.count("refuses the key") == 1 and done.err.startswith("note: talk-26.mp4: "), done
    assert "\n            note: “openai” could not" in shown and KEY not in shown + done.err, shown


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
def what_nobody_stands_in_for_is_told_and_asked_again():
    long_talk = sample()[0]
    with Sandbox("--fault", "garbage,path=transcriptions,after=1") as sandbox:
        env = ai("alone", sandbox)
        made = result(analyze(env, *SPEECH, "--ai-at-once", "1", video=long_talk))
        assert "“openai” could not recognise all of the speech (the speech service gives" in notes(made), notes(made)
        assert made["timeline"]["words"] and made["timeline"]["partial"]
    with Sandbox() as sandbox:
        env["KIRINUKI_AI_URL"] = sandbox.url
        made = result(analyze(env, *SPEECH, video=long_talk))
        assert sandbox.requests() and not made["timeline"].get("partial") and notes(made) == "", notes(made)


@case
def a_bad_day_is_told_and_survived():
    for fault in ["garbage", "wrong-schema", "refusal"]:
        with Sandbox("--fault", f"{fault},path=chat") as sandbox:
            made = result(analyze(ai("bad-chat", sandbox), *ALL, "--speech-engine", "moonshine"))
            said = notes(made)
            assert "were not described" in said and "did not judge" in said, (fault, said)
            assert made["result"]["segments"], fault
            assert len(sandbox.requests()) <= 40, (fault, len(sandbox.requests()))
    for fault in ["garbage", "blank", "disorder", "beyond"]:
        with Sandbox("--fault", f"{fault},path=transcriptions") as sandbox:
            made = result(analyze(ai("bad-" + fault, sandbox), *BOTH))
            words = made["timeline"]["words"]
            assert all(a["start_us"] <= b["start_us"] for a, b in zip(words, words[1:])), fault
            assert all(w["end_us"] <= 27000000 for w in words), fault


@case
def what_the_ranker_could_not_do_is_said_once_and_of_that_run_alone():
    ranked = [*SPEECH, "--ranking-engine", "openai-ranker", "--clips", "1"]
    answers = script(("<material>", {"segments": [proposal()]}))
    with Sandbox("--transcript", transcript(), "--script", answers, "--fault",
                 "refusal,path=chat,first=1") as sandbox:
        env = ai("noted", sandbox)
        done = kirinuki("run", *ranked, "--copy", "--output", folder("noted-clips"), talk(), env=env)
        made = result(analyze(env, *ranked))
    assert done.code == 0 and done.err.count("did not judge") == 1, done
    with open(os.path.join(folder("noted-clips"), "result.json"), encoding="utf-8") as file:
        kept = json.load(file)
    assert str(kept["timeline"]).count("did not judge") == 1
    used = kept["services"]
    tokens = used["input_tokens"] + used["output_tokens"]
    assert f"services: {used['requests']} requests, {tokens} tokens\n" in done.err, (done, used)
    assert made["result"]["timeline_reused"] and notes(made) == "", notes(made)
    assert made["result"]["segments"][0]["title"] == "What sleep is for", made["result"]["segments"]


@case
def a_limit_is_kept():
    with Sandbox("--rate", "20", "--burst", "2") as sandbox:
        env = ai("rate", sandbox)
        result(analyze(env, *ALL, "--ai-at-once", "4"))
        limited = [r for r in sandbox.requests() if r["status"] == 429]
        assert len(limited) <= 5, sandbox.requests()


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
def a_key_that_a_service_repeats_gets_no_further():
    hidden = KEY[:12] + "\u200b" + KEY[12:]  # whole again in a title, which loses what nobody sees
    shown = proposal(reason=f"Bearer {KEY}", hook=hidden, title=f"The key is {hidden}",
                     posts={name: {"description": KEY, "hashtags": [KEY]}
                            for name in ("youtube", "tiktok", "instagram", "x")})
    escaped = json.dumps({"segments": [shown]}).replace("sk-test", "\\u0073k-test")
    sights = {"frames": [{"frame": i + 1, "seen": f"A slide with {KEY}", "text": KEY, "action": 1,
                          "emotion": 1, "hook": 1} for i in range(8)]}
    answers = script(("<material>", escaped), ("Picture 1, at", sights))
    srt = write("echo.srt", "".join(
        f"{i + 1}\n00:00:{3 * i:02},500 --> 00:00:{3 * i + 3:02},000\nThe key is {KEY} indeed.\n\n"
        for i in range(8)))
    with Sandbox("--transcript", srt, "--script", answers) as sandbox:
        env = ai("echo", sandbox)
        for again in ((), ("--fresh",)):  # the second time from the kept answers
            said = analyze(env, *ALL, *again)
            assert "key is ***" in said.out and "A slide with ***" in said.out, said
            assert KEY not in said.out + said.err and hidden not in said.out, said
            first = result(said)["result"]["segments"][0]
            assert first["title"].startswith("The key is *"), first
    found = subprocess.run(["grep", "-rl", KEY, folder("ai-echo")], capture_output=True, check=False)
    assert found.stdout == b"", found.stdout


@case
def two_programs_that_ask_the_same_pay_once():
    with Sandbox("--latency", "2") as sandbox:
        env = ai("twice", sandbox)
        apart = [dict(env, KIRINUKI_STORE=HOME + f"/queue-{i}.db") for i in range(2)]
        children = [subprocess.Popen([os.path.abspath(PROGRAM), "analyze", "--json", "--fresh", *ALL, talk()],
                                     env=e, cwd=HOME, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
                    for e in apart]
        made = [json.loads(child.communicate(timeout=300)[0]) for child in children]
        paid = sandbox.requests()
    used = [m["result"]["services"] for m in made]
    assert used[0]["requests"] + used[1]["requests"] == len(paid), (used, paid)
    assert used[0]["requests"] + used[0]["cached"] == len(paid), (used, paid)
    assert used[1]["requests"] + used[1]["cached"] == len(paid), (used, paid)
    assert made[0]["timeline"]["words"] == made[1]["timeline"]["words"]


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
