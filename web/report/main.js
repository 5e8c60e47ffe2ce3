// What stands around the drawings, and the order in which all of it is made.

const source = result.source;
const title = source.title || readable(source.path.replace(/\.[A-Za-z0-9]{1,5}$/, ""));

// "my_great-talk" -> "My great talk", but "2026-11-23" stays a date.
function readable(name) {
    const text = name.includes(" ")
        ? name : name.replace(/_+/g, " ").replace(/(?<=\p{L})-(?=\p{L})/gu, " ");
    return text.charAt(0).toUpperCase() + text.slice(1);
}

function day(iso) {
    const date = new Date(iso);
    const form = {day: "numeric", month: "long", year: "numeric", timeZone: "UTC"};
    return Number.isNaN(date.getTime()) ? "" : date.toLocaleDateString("en-GB", form);
}

function drawHero() {
    const good = clips.filter(c => c.status === "ok");
    const length = good.reduce((sum, c) => sum + c.duration * 1000, 0);
    byId("kicker").textContent = good.length
        ? `${count(good.length, "clip")} cut from ${span(duration)}` : `${span(duration)}, uncut`;
    byId("title").textContent = title;
    byId("title").classList.toggle("long", title.length > 70);
    document.title = `${title} · kirinuki`;
    const parts = [
        good.length ? `${span(length)} of clips` : "",
        words.count ? count(words.count, "word") : "",
        shots.count ? count(shots.count, "shot") : "",
        day(result.created),
    ];
    byId("standfirst").append(
        el("span", {dir: "auto"}, source.path),
        ...parts.filter(part => part).map(part => el("span", {}, part)));
}

function drawNotes() {
    const failed = clips.filter(c => c.status !== "ok");
    const notes = failed.map(c => `Clip ${c.number} was not made: ${c.error || c.status}.`);
    if (result.remark && clips.length)
        notes.push(result.remark);
    notes.push(...result.timeline.notes);
    byId("notes").hidden = !notes.length;
    document.querySelector("#notes ul").append(
        ...notes.map(note => el("li", {dir: "auto"}, sentence(note))));
}

function pairs(heading, rows) {
    return el("div", {},
        el("h3", {}, heading),
        el("dl", {}, ...rows.filter(([, value]) => value).map(([name, value]) =>
            el("div", {}, el("dt", {}, name), el("dd", {dir: "auto"}, value)))));
}

function describePicture({width, height, frame_rate: rate, codec, hdr}) {
    return `${width} × ${height}, ${+rate.toFixed(2)} pictures a second, ${codec}` +
           (hdr ? ", HDR" : "");
}

function describeSound({channels, sample_rate: rate, codec}) {
    return `${count(channels, "channel")}, ${rate / 1000} kHz, ${codec}`;
}

function drawFacts() {
    const heard = result.timeline, loudness = heard.loudness_lufs;
    document.querySelector("#facts .facts").append(
        pairs("The source", [
            ["File", source.path],
            ["Size", bytes(source.size_bytes)],
            ["Length", span(duration)],
            ["Container", source.container],
            ["Picture", source.video && describePicture(source.video)],
            ["Sound", source.audio && describeSound(source.audio)],
            ["Loudness", Number.isFinite(loudness) && `${signed(loudness)} LUFS`],
            ["Language", heard.language],
            ["Words by", heard.speech_engine],
            ["Content hash", source.hash],
        ]),
        pairs("The settings", Object.entries(result.options)));
    byId("colophon").append(
        `Made by kirinuki ${result.version}. The same facts, for programs: `,
        el("a", {href: "./result.json"}, "result.json"), ".");
}

function drawNav() {
    const names = {
        clips: "Clips", timeline: "Timeline", transcript: "Transcript", making: "Making of",
        facts: "Settings",
    };
    const there = Object.entries(names).filter(([id]) => byId(id));
    document.querySelector(".top nav").append(
        ...there.map(([id, text]) => el("a", {href: `#${id}`}, text)));
}

drawHero();
drawNotes();
drawCards();
drawStrip();
drawTimeline();
drawTranscript();
drawSteps();
drawFacts();
drawNav();
addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details.more"))
        details.open = true;
});
