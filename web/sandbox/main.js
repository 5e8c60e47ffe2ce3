"use strict";
// Shows what was posted, and looks again every second. Texts are whatever somebody sent: they only
// ever become text nodes. A card stays the same element while its post changes, so that what plays
// plays on.

const PLATFORMS = { youtube: "YouTube", tiktok: "TikTok", instagram: "Instagram", x: "X" };
const PAUSE_MS = 1000;
const cards = new Map();
let shown = "";

function element(name, className, text) {
    const made = document.createElement(name);
    if (className)
        made.className = className;
    if (text !== undefined)
        made.textContent = text;
    return made;
}

function size(bytes) {
    if (bytes === null)
        return "";
    const units = ["B", "kB", "MB", "GB"];
    let unit = 0;
    for (; bytes >= 1000 && unit < units.length - 1; unit++)
        bytes /= 1000;
    return `${unit ? bytes.toFixed(1) : bytes} ${units[unit]}`;
}

function time(text) {
    return text ? new Date(text).toLocaleString() : "";
}

function section(name) {
    const made = element("section");
    const head = element("h2", "", PLATFORMS[name] ?? name);
    head.append(" ", element("small"));
    const list = element("ul", "cards");
    made.append(head, element("p", "empty", "Nothing was posted yet."), list);
    made.id = "at-" + name;
    document.getElementById("platforms").append(made);
    return made;
}

function stage(post) {
    if (post.media === null || !post.video)
        return element("div", "blank", "no picture");
    const video = element("video");
    video.controls = true;
    video.preload = "metadata";
    video.playsInline = true;
    video.src = `/sandbox/media/${post.media}`;
    video.setAttribute("aria-label", `Post ${post.number}`);
    return video;
}

function fill(card, post) {
    const text = post.text;
    const words = card.querySelector(".words");
    const state = element("span", "state", post.state);
    state.dataset.state = post.state;
    const first = element("div");
    first.append(state, ` · ${post.account}`, post.privacy ? ` · ${post.privacy}` : "");
    const title = element("h3", "", text.title || text.caption || text.text || "(without words)");
    const body = element("p", "", text.title ? text.description || "" : "");
    const tags = element("p", "tags", (text.tags ?? []).map((tag) => "#" + tag).join(" "));
    const picture = post.width ? `${post.width}×${post.height}` : "";
    const span = post.duration_s ? `${post.duration_s.toFixed(1)} s` : "";
    const facts = element("p", "facts",
        [picture, span, size(post.bytes), post.video, post.audio].filter(Boolean).join(" · "));
    const when = element("p", "facts", post.visible_at ? `seen since ${time(post.visible_at)}`
        : post.publish_at ? `to be published ${time(post.publish_at)}`
        : post.reason ? `because: ${post.reason}` : `taken ${time(post.made_at)}`);
    const id = element("p", "facts", post.id ?? "");
    for (const one of [title, body, tags])
        one.dir = "auto";
    words.replaceChildren(first, title, ...[body, tags, facts, when, id].filter(
        (one) => one.textContent));
}

function show(post) {
    const key = `${post.platform} ${post.number}`;
    const text = JSON.stringify(post);
    let card = cards.get(key);
    const place = document.getElementById("at-" + post.platform) ?? section(post.platform);
    if (!card || card.dataset.media !== String(post.media)) {
        const made = element("li");
        made.dataset.media = String(post.media);
        made.append(stage(post), element("div", "words"));
        if (card)
            card.replaceWith(made);
        else
            place.querySelector("ul").prepend(made);
        cards.set(key, card = made);
    }
    if (card.dataset.post !== text) {
        card.dataset.post = text;
        fill(card, post);
    }
    return key;
}

function count(posts) {
    for (const name of Object.keys(PLATFORMS)) {
        const place = document.getElementById("at-" + name) ?? section(name);
        const of = posts.filter((post) => post.platform === name);
        const live = of.filter((post) => post.state === "live").length;
        place.querySelector("small").textContent = of.length ? `${live} live of ${of.length}` : "";
        place.querySelector(".empty").hidden = of.length > 0;
    }
    const live = posts.filter((post) => post.state === "live").length;
    return `${posts.length} ${posts.length === 1 ? "post" : "posts"}, ${live} live`;
}

function say(text) {
    if (text !== shown)
        document.getElementById("sums").textContent = shown = text;
}

async function look() {
    try {
        const answer = await fetch("/sandbox/posts", { cache: "no-store" });
        const { now, posts } = await answer.json();
        const keys = new Set(posts.map(show));
        for (const [key, card] of cards)
            if (!keys.has(key)) {
                card.remove();
                cards.delete(key);
            }
        say(count(posts));
        document.getElementById("clock").textContent = time(now);
    } catch {
        say("The sandbox does not answer; this is what it said last.");
    }
    setTimeout(look, PAUSE_MS);
}

look();
