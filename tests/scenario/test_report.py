#!/usr/bin/env python3
"""The report's page in a real browser, from disk: what it shows, plays and refuses."""
import json
import os
import re
import shutil
import subprocess

import browser
from scenario import PROGRAM, Skip, case, ffmpeg, folder, main

SAMPLE = os.path.join(os.path.dirname(os.path.abspath(PROGRAM)), "tests", "support",
                      "sample_report")
state = {}


def chromium():
    if not browser.PROGRAM:
        raise Skip("no Chromium is installed")
    if not os.path.exists(SAMPLE):
        raise Skip(f"{SAMPLE} is not built")
    if "browser" not in state:
        state["browser"] = browser.Browser()
    return state["browser"]


def media():
    """A small vertical video of 70 s whose every second looks different, and a picture of it."""
    if "media" not in state:
        made = folder("media")
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=108x192:rate=4:duration=70", "-f", "lavfi", "-i",
               "sine=frequency=440:duration=70", "-pix_fmt", "yuv420p", "-preset", "ultrafast",
               "-movflags", "+faststart", "-g", "4", made + "/clip.mp4")
        ffmpeg("-i", made + "/clip.mp4", "-frames:v", "1", made + "/clip.jpg")
        state["media"] = made
    return state["media"]


def report(name, *options):
    """The address of a sample report whose clips and thumbnails are there."""
    chromium()
    place = os.fsencode(folder(name))
    listing = subprocess.run([SAMPLE, place, *options], check=True, capture_output=True,
                             timeout=60).stdout
    for line in listing.splitlines():
        clip, thumbnail = (os.path.join(place, part.lstrip(b"/")) for part in line.split(b"\t")[:2])
        os.makedirs(os.path.dirname(clip), exist_ok=True)
        shutil.copy(media() + "/clip.mp4", clip)
        shutil.copy(media() + "/clip.jpg", thumbnail)
    return "file://" + os.fsdecode(place) + "/report.html"


def opened(name, *options, **how):
    return chromium().open(report(name, *options), **how)


def wait(page, condition, seconds=20):
    """Until the page says so; the page itself looks at every frame."""
    found = page.evaluate(f"""new Promise(done => {{
        const until = performance.now() + {seconds * 1000};
        const look = () => ({condition}) ? done(true)
            : performance.now() > until ? done(false) : requestAnimationFrame(look);
        look();
    }})""", timeout=seconds + 10)
    assert found, f"never happened: {condition}"


def press(page, x, y):
    for kind in ("mousePressed", "mouseReleased"):
        page.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def key(page, name):
    text = name if len(name) == 1 else ""
    for kind in ("keyDown", "keyUp"):
        page.command("Input.dispatchKeyEvent", type=kind, key=name,
                     **({"text": text} if text and kind == "keyDown" else {}))


def counts(page, *selectors):
    return [page.evaluate(f"document.querySelectorAll({s!r}).length") for s in selectors]


def no_problems(page):
    problems = page.problems()
    assert not problems, problems


@case
def every_section_is_there():
    page = opened("whole", "failed", calm=True)
    found = counts(page, "article.clip", ".player video", ".posters li", "canvas", ".paragraph",
                   "mark", ".work", ".notes li", ".features li", ".evidence li", "nav a")
    names = ("cards", "players", "posters", "canvases", "paragraphs", "marks", "bars of work",
             "notes", "features", "reasons", "sections")
    assert all(found), dict(zip(names, found))
    assert found[:4] == [6, 5, 6, 2], found
    text = page.evaluate("document.body.innerText")
    for said in ("Finding our way", "5 clips cut from", "It failed: cannot write", "libx264 was used",
                 "Texts for posts",
                 "side by side", "made by an earlier run", "The sound is damaged",
                 "8 clips were asked for"):
        assert said in text, said
    for image in range(found[2] - 1):
        wait(page, f"document.querySelectorAll('.posters img')[{image}].naturalWidth > 0")
    no_problems(page)


@case
def the_timeline_is_drawn():
    for dark in (False, True):
        page = opened("whole", "failed", calm=True, dark=dark)
        wait(page, "chart.pen")
        colours = page.evaluate("""(() => {
            const c = document.querySelector('canvas.lanes');
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, found = {};
            for (let i = 0; i < d.length; i += 4)
                if (d[i + 3] === 255) {
                    const k = '#' + [0, 1, 2].map(j => d[i + j].toString(16).padStart(2, '0')).join('');
                    found[k] = (found[k] || 0) + 1;
                }
            return found;
        })()""")
        for name in ("accent", "wave", "speech", "people", "slide", "soft"):
            value = page.evaluate(f"colour({name!r})")
            assert colours.get(value, 0) > 30, (dark, name, value)


@case
def nothing_is_asked_of_a_network():
    page = opened("whole", "failed", calm=True)
    page.evaluate("document.querySelectorAll('video').forEach(v => v.load())")
    asked = page.requests()
    assert asked and all(url.startswith("file://") for url in asked), asked
    policy = page.evaluate("document.querySelector('meta[http-equiv]').content")
    assert "default-src 'none'" in policy, policy
    refused = page.evaluate("fetch('result.json').then(() => 'fetched', () => 'refused')")
    assert refused == "refused", refused
    ran = page.evaluate("""(() => {
        const script = document.createElement('script');
        script.textContent = 'window.ran = true';
        document.body.append(script);
        return !!window.ran;
    })()""")
    assert not ran, "the policy lets other scripts run"


@case
def a_press_plays_the_clip():
    page = opened("whole", "failed")
    page.evaluate("document.querySelector('.cover').scrollIntoView({behavior: 'instant', block: 'center'})")
    x, y = page.evaluate("""(() => {
        const box = document.querySelector('.cover').getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    })()""")
    press(page, x, y)
    wait(page, "document.querySelector('video').currentTime > 0.3")
    sound = page.evaluate("document.querySelector('video').muted")
    assert not sound, "it plays without sound"
    key(page, "k")
    wait(page, "document.querySelector('video').paused")
    no_problems(page)


@case
def one_clip_plays_at_a_time():
    page = opened("whole", "failed")
    page.evaluate("clips[0].player.play(), 0")
    wait(page, "clips[0].player.video.currentTime > 0.2")
    page.evaluate("clips[1].player.play(), 0")
    wait(page, "clips[1].player.video.currentTime > 0.2")
    assert page.evaluate("clips[0].player.video.paused")


@case
def the_mouse_resting_on_a_clip_plays_it_without_sound():
    page = opened("whole", "failed")
    page.evaluate("document.querySelector('.stage').scrollIntoView({behavior: 'instant', block: 'center'})")
    box = page.evaluate("(() => { const b = document.querySelector('.stage').getBoundingClientRect(); return [b.x, b.y]; })()")
    page.command("Input.dispatchMouseEvent", type="mouseMoved", x=box[0] + 40, y=box[1] + 40)
    wait(page, "document.querySelector('video').currentTime > 0.2")
    assert page.evaluate("document.querySelector('video').muted")
    page.command("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
    wait(page, "document.querySelector('video').paused && document.querySelector('video').currentTime === 0")


@case
def another_shape_goes_on_where_the_first_was():
    page = opened("whole", "failed")
    page.evaluate("clips[0].player.seek(clips[0].segment.start + 5000), 0")
    wait(page, "clips[0].player.video.readyState >= 2")
    page.evaluate("document.querySelectorAll('.aspects button')[1].click()")
    wait(page, "clips[0].player.video.currentSrc.includes('.1x1.mp4') && clips[0].player.video.readyState >= 2")
    at = page.evaluate("clips[0].player.video.currentTime")
    assert abs(at - 5) < 0.3, at


@case
def a_word_leads_to_its_moment():
    page = opened("whole", "failed", calm=True)
    word = page.evaluate("clips[0].segment.first_word + 12")
    page.evaluate(f"goToWord({word})")
    x, y, text = page.evaluate(f"""(() => {{
        const range = rangeOf({word}), box = range.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2, range.toString()];
    }})()""")
    assert text == page.evaluate(f"words.text[{word}]"), text
    press(page, x, y)
    wanted = page.evaluate(f"(words.start[{word}] - clips[0].segment.start) / 1000")
    wait(page, "clips[0].player.video.currentTime > 0")
    at = page.evaluate("clips[0].player.video.currentTime")
    assert wanted - 0.1 <= at < wanted + 4, (at, wanted)
    wait(page, "!clips[0].player.video.paused")
    wait(page, "[...CSS.highlights.get('spoken')].length > 0")


@case
def search_finds_words_across_marks_and_accents():
    page = opened("whole", "failed", calm=True)
    page.evaluate("document.querySelector('input[type=search]').focus()")
    for letter in "LIGHTHOUSE? he":
        key(page, letter)
    wait(page, "document.querySelector('.status').textContent === '1 time'")
    key(page, "Enter")
    wait(page, "document.querySelector('.status').textContent === '1 of 1'")
    assert page.evaluate("[...CSS.highlights.get('now-found')].map(String)") == ["lighthouse? He"]


@case
def the_timeline_moves_zooms_and_leads_to_cards():
    page = opened("whole", "failed", calm=True)
    page.evaluate("chart.canvas.focus(), chart.canvas.scrollIntoView({block: 'center'})")
    for name in ("Home", "PageDown"):
        key(page, name)
    first = page.evaluate("clipsInTime[0].segment.start")
    assert page.evaluate("cursor") == first
    said = page.evaluate("chart.canvas.getAttribute('aria-valuetext')")
    assert "clip 5" in said and "Why would a" in said, said
    whole = page.evaluate("view.end - view.start")
    key(page, "+")
    assert page.evaluate("view.end - view.start") < whole
    key(page, "Enter")
    assert page.evaluate("document.activeElement.id") == "clip-5-title"
    page.evaluate("setView(0, duration), draw(), chart.canvas.scrollIntoView({block: 'center'})")
    x, y = page.evaluate("""(() => {
        const box = chart.canvas.getBoundingClientRect(), s = clips[0].segment;
        return [box.x + xAt((s.start + s.end) / 2), box.y + axisHeight + labelHeight + 30];
    })()""")
    press(page, x, y)
    assert page.evaluate("document.activeElement.id") == "clip-1-title"


@case
def hostile_names_stay_names():
    page = opened("hostile", "hostile", "failed", calm=True)
    evil = "</script><script>window.broken=1</script><img src=x onerror=broken()>"
    assert page.evaluate("document.querySelector('h1').textContent") == evil
    assert page.evaluate("document.querySelector('h3').textContent") == evil
    assert page.evaluate("typeof window.broken") == "undefined"
    assert counts(page, "img[src=x]", "main script", "main style", "b[onerror]") == [0, 0, 0, 0]
    for clip in range(3):  # a scheme; percent, hash, bytes that are no UTF-8; a host
        wait(page, f"document.querySelectorAll('.posters img')[{clip}].naturalWidth > 0")
        page.evaluate(f"clips[{clip}].player.play(), 0")
        wait(page, f"clips[{clip}].player.video.currentTime > 0.1")
    links = page.evaluate("[...document.querySelectorAll('.files a')].map(a => a.href)")
    assert links and all(link.startswith("file://") for link in links), links
    no_problems(page)


@case
def without_thumbnails_first_frames_are_shown():
    """A source of sound alone: no poster is empty, no player black."""
    address = report("sound", "silent")
    path = os.path.join(folder("sound"), "report.html")
    with open(path, encoding="utf-8") as html:
        page = html.read()
    with open(path, "w", encoding="utf-8") as html:
        html.write(re.sub(r'"thumbnail":"[^"]*"', '"thumbnail":null', page))
    page = chromium().open(address, calm=True)
    wait(page, """document.querySelectorAll('.posters video').length === 3 &&
        [...document.querySelectorAll('.posters video, .player video')].every(
            v => v.readyState >= 2 && v.videoWidth > 0)""")
    assert counts(page, ".posters .blank", ".posters img") == [0, 0]
    no_problems(page)


@case
def japanese_is_written_without_spaces():
    address = report("japanese")
    path = os.path.join(folder("japanese"), "report.html")
    with open(path, encoding="utf-8") as html:
        page = html.read()
    begin = page.index('id="data">') + len('id="data">')
    end = page.index("</script>", begin)
    data = json.loads(page[begin:end])
    said = ["脳", "が", "one", "two", "自分", "を"]
    data["words"]["text"][:len(said)] = said
    data["words"]["tight"] = [1, 3, 1]
    with open(path, "w", encoding="utf-8") as html:
        html.write(page[:begin] + json.dumps(data).replace("<", "\\u003c") + page[end:])
    page = chromium().open(address, calm=True)
    text = page.evaluate("document.querySelector('.paragraph').innerText")
    assert "脳が one two自分を " in text.replace("\n", " "), text[:200]
    no_problems(page)


@case
def texts_for_posts_can_be_taken_along():
    page = opened("whole", "failed", calm=True)
    page.evaluate("document.querySelector('.posts summary').click()")
    page.evaluate("document.querySelector('.posts dd').scrollIntoView({block: 'center'})")
    wait(page, "document.querySelector('.posts dd').getBoundingClientRect().height > 0")
    wanted = ("How a brain knows where it is.\nTwo kinds of cells make a map.\n#brain #maps")
    shown, language, x, y = page.evaluate("""(() => {
        const text = document.querySelector('.posts dd'), box = text.getBoundingClientRect();
        return [text.textContent, text.lang, box.x + box.width / 2, box.y + box.height / 2];
    })()""")
    assert (shown, language) == (wanted, "en"), (shown, language)
    press(page, x, y)
    wait(page, "String(getSelection()).trim().length > 0")
    taken = page.evaluate("String(getSelection())")
    assert taken.split() == wanted.split(), taken
    no_problems(page)


@case
def a_lost_file_is_said_plainly():
    page = opened("lost", calm=True)
    path = folder("lost")
    for name in os.listdir(path):
        if name.startswith("01-"):
            os.remove(os.path.join(path, name))
    page.evaluate("clips[0].player.play(), 0")
    wait(page, "document.querySelector('.missing')")
    assert "beside this page" in page.evaluate("document.querySelector('.missing').innerText")


@case
def three_hours_open_at_once():
    page = opened("long", "180", calm=True)
    took = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    frame = page.evaluate("(() => { const t = performance.now(); for (let i = 0; i < 10; i++) draw(); return (performance.now() - t) / 10; })()")
    paragraphs, = counts(page, ".paragraph")
    print(f"# 3 hours: {page.evaluate('words.count')} words in {paragraphs} paragraphs, open after "
          f"{took:.0f} ms, a drawing of the timeline takes {frame:.1f} ms")
    assert took < 5000 and frame < 100, (took, frame)
    page.evaluate("setView(3600000, 3660000), draw()")
    page.evaluate("goToWord(20000)")
    wait(page, "(b => b.top > 0 && b.bottom < innerHeight)(rangeOf(20000).getBoundingClientRect())")
    no_problems(page)


@case
def a_source_without_speech_has_a_page():
    page = opened("silent", "silent", calm=True)
    cards, transcript = counts(page, "article.clip", "#transcript")
    assert cards == 3 and transcript == 0, (cards, transcript)
    no_problems(page)


@case
def nothing_is_wider_than_a_phone():
    for width in (320, 390, 768):
        page = opened("whole", "failed", width=width, height=800, calm=True, touch=width < 700)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, (width, wide)


@case
def everything_to_press_has_a_name():
    page = opened("whole", "failed", calm=True)
    tree = page.command("Accessibility.getFullAXTree")["nodes"]
    wanted = {"button", "link", "slider", "image", "searchbox", "checkbox", "img"}
    nameless = [n["role"]["value"] for n in tree if not n.get("ignored")
                and n["role"]["value"] in wanted and not n.get("name", {}).get("value")]
    assert not nameless, nameless
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    jumps = [(a, b) for a, b in zip(levels, levels[1:]) if b > a + 1]
    assert levels[0] == 1 and levels.count(1) == 1 and not jumps, (levels, jumps)


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@case
def text_can_be_read_in_light_and_dark():
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    for dark in (False, True):
        page = opened("whole", "failed", calm=True, dark=dark)
        for text in ("ink", "soft", "accent"):
            for ground in ("paper", "wash", "raised", "accent-wash"):
                if (text, ground) in (("soft", "accent-wash"), ("accent", "accent-wash")):
                    continue  # never together
                pair = [page.evaluate(f"colour({n!r})") for n in (text, ground)]
                assert all(re.fullmatch(r"#[0-9a-f]{6}", c) for c in pair), pair
                assert contrast(*pair) >= 4.5, (dark, text, ground, contrast(*pair))
        pair = [page.evaluate(f"colour({n!r})") for n in ("on-accent", "accent")]
        assert contrast(*pair) >= 4.5, (dark, "on-accent", contrast(*pair))


try:
    main()
finally:
    if "browser" in state:
        state["browser"].__exit__()
