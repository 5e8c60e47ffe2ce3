// The clips, best first: player, title, score, and why each was chosen.

function gauge(score) {
    const text = String(Math.round(score));
    const circle = (name, properties) =>
        svg(`circle.${name}`, {cx: 32, cy: 32, r: 28, ...properties});
    return el("div.gauge", {role: "img", "aria-label": `Score ${text} of 100`},
        svg("svg", {viewBox: "0 0 64 64", "aria-hidden": "true"},
            circle("track"),
            circle("value", {
                pathLength: 100, transform: "rotate(-90 32 32)",
                "stroke-dasharray": `${score} 100`,
            })),
        el("span", {"aria-hidden": "true"}, text));
}

// A feature's track is as long as its weight, and filled as far as its value: what is filled of all
// tracks together is the score.
function featureRow(feature, heaviest) {
    const value = Math.min(Math.max(feature.value, 0), 1);
    return el("li", {},
        el("span.name", {},
            el("b", {}, sentenceCase(feature.name)), " ", data.ideas[feature.name]),
        el("span.value", {},
            el("b", {}, String(Math.round(value * 100))),
            ` × ${Math.round(feature.weight * 100)} %`),
        el("span.track", {style: {"--weight": feature.weight / heaviest}, "aria-hidden": "true"},
            el("span.fill", {style: {"--value": value}})));
}

function featureList(segment) {
    const features = [...segment.features].sort((a, b) => b.value * b.weight - a.value * a.weight);
    if (!features.length)
        return null;
    const heaviest = Math.max(...features.map(f => f.weight), 0.01);
    const rows = features.map(f => featureRow(f, heaviest));
    const shown = rows.length > 7 ? 6 : rows.length;
    return el("div", {},
        el("h4", {}, "What made its score"),
        el("ul.features", {}, ...rows.slice(0, shown)),
        shown < rows.length && el("details.more", {},
            el("summary", {}, `${rows.length - shown} that count less`),
            el("ul.features", {}, ...rows.slice(shown))),
        el("p.hint", {}, "Value × weight: the longer a track, the more it counts."));
}

function evidenceList(clip) {
    if (!clip.segment.evidence.length)
        return null;
    const row = reason => el("li", {},
        timeButton(ms(reason.at), clip),
        el("span", {dir: "auto"}, sentence(reason.text)));
    return el("div", {},
        el("h4", {}, "Why this clip"),
        el("ul.evidence", {}, ...clip.segment.evidence.map(row)));
}

// A time that can be pressed: the player of the clip that holds it goes there.
function timeButton(at, clip) {
    const inside = clip && clip.player;
    return el("button.at", {
        type: "button", disabled: !inside,
        "aria-label": inside ? `Play from ${clock(at)}` : `At ${clock(at)}`,
        onclick: () => hear(clip, at),
    }, clock(at));
}

function bring(element, block) {
    element.scrollIntoView({behavior: calm.matches ? "auto" : "smooth", block});
}

function hear(clip, at) {
    clip.player.seek(at);
    clip.player.play();
    const box = clip.player.stage.getBoundingClientRect();
    if (box.bottom < 120 || box.top > innerHeight - 120)
        bring(clip.card, "start");
}

function goToCard(clip) {
    bring(clip.card, "start");
    clip.card.querySelector("h3").focus({preventScroll: true});
    clip.card.classList.remove("found");
    requestAnimationFrame(() => clip.card.classList.add("found"));
}

function cardLink(clip, ...children) {
    return el("a", {
        href: `#clip-${clip.number}`,
        onclick: event => {
            event.preventDefault();
            goToCard(clip);
        },
    }, ...children);
}

function fileLinks(clip) {
    const link = (url, text, what) =>
        url && el("a", {href: url, "aria-label": `${what}, clip ${clip.number}`}, text);
    const copied = file => file.aspect === "source";
    const video = (file, i) => link(clip.urls.files[i],
        copied(file) ? `${file.width}×${file.height} video` : `${file.aspect} video`,
        `Video ${copied(file) ? "as filmed" : file.aspect}, ${file.width} by ${file.height}`);
    return el("p.files", {},
        ...clip.files.map(video),
        link(clip.urls.thumbnail, "Thumbnail", "Thumbnail"),
        link(clip.urls.srt, "SRT", "Subtitles as SRT"),
        link(clip.urls.vtt, "VTT", "Subtitles as WebVTT"),
        link(clip.urls.ass, "ASS", "Captions as drawn"));
}

const platformNames = {youtube: "YouTube", tiktok: "TikTok", instagram: "Instagram", x: "X"};

// Where it was posted: `kirinuki publish` writes that into the page.
function postLinks(clip) {
    const names = clip.files.map(file => file.path);
    const there = posted.filter(post => names.includes(post.file) && /^https?:/.test(post.url));
    const said = post => `${platformNames[post.platform] || post.platform}` +
        `${post.account && ` (${post.account})`}` +
        (post.state === "scheduled" ? ", to appear" : "");
    return there.length > 0 && el("p.files.posted", {}, "Posted: ", ...there.map(post =>
        el("a", {href: post.url, rel: "noopener noreferrer"}, said(post))));
}

function aspectChoice(clip) {
    if (clip.files.length < 2)
        return null;
    const choose = i => {
        clip.player.choose(i);
        buttons.forEach((b, k) => b.setAttribute("aria-pressed", String(k === i)));
    };
    const buttons = clip.files.map((file, i) => el("button", {
        type: "button", "aria-pressed": String(i === 0), onclick: () => choose(i),
    }, file.aspect));
    return el("div.aspects", {role: "group", "aria-label": "Shape"}, ...buttons);
}

function snapped(segment) {
    const ends = [segment.snapped_start && "begins", segment.snapped_end && "ends"].filter(e => e);
    return ends.length ? `${ends.join(" and ")} on a cut` : "";
}

function facts(clip) {
    const {start, end} = clip.segment;
    const parts = [`${clock(start)}–${clock(end)}`, span(end - start), snapped(clip.segment)];
    if (clip.status === "ok" && clip.loudness_lufs < 0)
        parts.push(`${signed(clip.loudness_lufs)} LUFS after ${signed(clip.gain_db)} dB`);
    for (const {copied_frames: kept, frames} of clip.files.filter(f => f.copied_frames > 0))
        parts.push(`${Math.round(100 * kept / frames)} % of the pictures copied as they are`);
    if (clip.reused)
        parts.push("made by an earlier run");
    return el("p.meta", {}, ...parts.filter(part => part).map(part => el("span", {}, part)));
}

// A hook that only repeats the title says nothing new.
function sameWords(a, b) {
    const bare = text => plain(text || "").replace(/[^\p{L}\p{N}]+/gu, " ").trim();
    return bare(a) === bare(b);
}

function whatIsSaid(clip) {
    const {first_word: first, words: count} = clip.segment;
    if (!count)
        return null;
    const fill = event => {
        if (event.target.open && event.target.childElementCount === 1)
            event.target.append(textBlock(first, first + count));
    };
    return el("details.said", {ontoggle: fill}, el("summary", {}, "What is said"));
}

// What a post would say on each platform: to be copied, so a press selects it.
function postTexts({posts}) {
    const text = ({description, hashtags}) =>
        [description, hashtags.map(tag => `#${tag}`).join(" ")].filter(part => part).join("\n");
    const shown = Object.entries(posts || {}).filter(([, post]) => text(post));
    const select = event => getSelection().selectAllChildren(event.currentTarget);
    return shown.length > 0 && el("details.posts", {},
        el("summary", {}, "Texts for posts"),
        el("dl", {}, ...shown.flatMap(([platform, post]) => [
            el("dt", {}, platformNames[platform] || platform),
            el("dd", {dir: "auto", lang: result.timeline.language, onclick: select},
                text(post))])));
}

function makeCard(clip) {
    const {segment, number} = clip, titleId = `clip-${number}-title`;
    const playable = clip.status === "ok" && clip.files.length > 0;
    if (playable)
        clip.player = new Player(clip);
    const left = playable
        ? el("div.left", {}, clip.player.root, aspectChoice(clip))
        : el("div.left", {}, el("div.absent", {}, "This clip was not made"));
    const heading = el("header", {},
        el("span.rank", {"aria-hidden": "true"}, number),
        el("h3", {id: titleId, tabindex: -1, dir: "auto", lang: result.timeline.language},
            segment.title || `Clip ${number}`),
        gauge(segment.score));
    clip.card = el("article.clip", {id: `clip-${number}`, "aria-labelledby": titleId},
        left,
        el("div.right", {},
            heading,
            segment.hook && !sameWords(segment.hook, segment.title) &&
                el("blockquote", {dir: "auto", lang: result.timeline.language}, segment.hook),
            facts(clip),
            clip.error && el("p.error", {}, el("b", {}, "It failed: "), clip.error),
            clip.remark && el("p.remark", {}, sentence(clip.remark)),
            el("div.why", {}, evidenceList(clip), featureList(segment)),
            whatIsSaid(clip),
            postTexts(segment),
            playable && fileLinks(clip),
            postLinks(clip)));
    return clip.card;
}

function drawCards() {
    const cards = document.querySelector("#clips .cards");
    cards.append(...clips.map(makeCard));
    if (!clips.length)
        cards.append(el("p.empty", {},
            sentence(result.remark || "nothing in this source was worth a clip")));
}
