// Every word that was said, in paragraphs, with what became clips marked.
//
// Words are not elements: a paragraph is a few text nodes, and the word under a press or a player
// is found by its place in the text, and painted by the highlight API where a browser has it.
// Thirty thousand words stay as light as a page of prose, and the browser's own search finds them.

const pieces = new WeakMap(); // text node -> {first word, [offset of each word]}
const places = {firsts: [], nodes: []}; // of each paragraph: its first word, its text nodes

const paints = {};
function paint(name, ranges) {
    if (!window.Highlight || !CSS.highlights)
        return;
    if (!paints[name]) {
        paints[name] = new Highlight();
        CSS.highlights.set(name, paints[name]);
    }
    paints[name].clear();
    ranges.forEach(range => range && paints[name].add(range));
}

// ---- text ----

// Words [from, to) as a text node that knows its words.
function textNode(from, to) {
    const offsets = [];
    let text = "";
    for (let i = from; i < to; i++) {
        text += i > from ? gap(i) : "";
        offsets.push(text.length);
        text += words.text[i];
    }
    const node = document.createTextNode(text);
    pieces.set(node, {first: from, offsets});
    return node;
}

const doubtAt = at => data.doubts.find(([start, end]) => start <= at && at < end);

// What a word is part of; where this changes, a new piece of text begins.
function nature(i) {
    const at = words.start[i] + words.length[i] / 2;
    return {clip: clipAt(at), doubt: doubtAt(at)};
}

// Words [from, to) with marks; `nodes` collects the text nodes.
function textRuns(from, to, nodes = []) {
    const runs = [];
    for (let i = from; i < to;) {
        const what = nature(i);
        let end = i + 1;
        for (; end < to; end++) {
            const next = nature(end);
            if (next.clip !== what.clip || next.doubt !== what.doubt)
                break;
        }
        const node = textNode(i, end);
        nodes.push(node);
        const inner = what.doubt
            ? el("span.doubt", {title: `Doubted: ${what.doubt[2]}`}, node) : node;
        runs.push(i > from ? gap(i) : "", what.clip ? el("mark", {}, inner) : inner);
        i = end;
    }
    return runs;
}

// A block of words that can be pressed.
function textBlock(from, to) {
    const properties = {dir: "auto", lang: result.timeline.language};
    return pressable(el("p.words", properties, ...textRuns(from, to)));
}

function pressable(element) {
    element.addEventListener("click", event => {
        if (getSelection().isCollapsed)
            pressWord(wordUnder(event));
    });
    element.addEventListener("pointermove", event => {
        const i = event.pointerType === "mouse" ? wordUnder(event) : -1;
        const playable = i >= 0 && nature(i).clip?.player;
        paint("over", playable ? [rangeAt(event.clientX, event.clientY, i)] : []);
    });
    element.addEventListener("pointerleave", () => paint("over", []));
    return element;
}

function caret(x, y) {
    if (document.caretPositionFromPoint) {
        const at = document.caretPositionFromPoint(x, y);
        return at ? [at.offsetNode, at.offset] : [null, 0];
    }
    const range = document.caretRangeFromPoint ? document.caretRangeFromPoint(x, y) : null;
    return range ? [range.startContainer, range.startOffset] : [null, 0];
}

function wordUnder(event) {
    const [node, offset] = caret(event.clientX, event.clientY);
    const piece = node && pieces.get(node);
    return piece ? piece.first + Math.max(lastAtOrBefore(piece.offsets, offset), 0) : -1;
}

function holds(node, i) {
    const piece = pieces.get(node);
    return piece && piece.first <= i && i < piece.first + piece.offsets.length;
}

function rangeIn(node, i) {
    const piece = pieces.get(node), k = i - piece.first, range = document.createRange();
    range.setStart(node, piece.offsets[k]);
    range.setEnd(node, piece.offsets[k] + words.text[i].length);
    return range;
}

function rangeAt(x, y, i) {
    const [node] = caret(x, y);
    return node && pieces.has(node) ? rangeIn(node, i) : null;
}

// The word in the transcript.
function rangeOf(i) {
    const nodes = places.nodes[lastAtOrBefore(places.firsts, i)] || [];
    const node = nodes.find(n => holds(n, i));
    return node ? rangeIn(node, i) : null;
}

function pressWord(i) {
    if (i < 0)
        return;
    const {clip} = nature(i);
    if (clip && clip.player)
        hear(clip, words.start[i]);
}

// ---- paragraphs ----

// Groups of words: a new one at a topic, a long pause, another speaker, or the end of a sentence
// when it has grown long.
function paragraphs() {
    const opens = new Uint8Array(words.count + 1), found = [];
    data.sentences.first.forEach(first => { opens[first] = 1; });
    let from = 0, topic = 0;
    for (let i = 1; i <= words.count; i++) {
        const end = i === words.count;
        let newTopic = false;
        while (!end && topic < boundaries.length && boundaries[topic] <= words.start[i] + 1) {
            newTopic = true;
            topic++;
        }
        const pause = end ? 0 : words.start[i] - wordEnd(i - 1);
        const speaker = !end && words.speaker.length && words.speaker[i] !== words.speaker[i - 1];
        const long = (opens[i] && i - from >= 70) || i - from >= 220;
        if (end || newTopic || speaker || pause > 2500 || long) {
            found.push({from, to: i, newTopic: found.nextTopic});
            found.nextTopic = newTopic;
            from = i;
        }
    }
    return found;
}

function makeParagraph({from, to, newTopic}) {
    const nodes = [], runs = textRuns(from, to, nodes);
    places.firsts.push(from);
    places.nodes.push(nodes);
    const at = words.start[from], here = clipAt(at);
    const opening = clips.filter(({segment}) =>
        segment.words && from <= segment.first_word && segment.first_word < to);
    const speaker = words.speaker.length ? words.speaker[from] : -1;
    return el("div.paragraph", {class: newTopic ? "topic" : null},
        here && here.player ? timeButton(at, here) : el("span.at", {}, clock(at)),
        el("p", {dir: "auto"},
            speaker >= 0 && el("b.speaker", {}, `Speaker ${speaker + 1} `), ...runs),
        el("div.side", {}, ...opening.map(c =>
            cardLink(c, el("b", {}, c.number), " ", c.segment.title || `Clip ${c.number}`))));
}

// ---- search ----

const search = {text: "", offsets: null, found: [], at: -1, length: 0};

function indexWords() {
    const parts = [];
    search.offsets = new Int32Array(words.count);
    let length = 0;
    for (let i = 0; i < words.count; i++) {
        const part = gap(i) + plain(words.text[i]);
        search.offsets[i] = length + gap(i).length;
        length += part.length;
        parts.push(part);
    }
    search.text = parts.join("");
}

// Every place of the text as [first word, last word].
function find(query) {
    const wanted = plain(query).trim().replace(/\s+/g, " "), found = [];
    if (!wanted)
        return found;
    if (!search.offsets)
        indexWords();
    const size = wanted.length, at = offset => lastAtOrBefore(search.offsets, offset);
    for (let i = search.text.indexOf(wanted); i >= 0; i = search.text.indexOf(wanted, i + size))
        found.push([at(i), at(i + size - 1)]);
    return found;
}

function joined([first, last]) {
    const from = rangeOf(first), to = rangeOf(last);
    if (from && to)
        from.setEnd(to.endContainer, to.endOffset);
    return from;
}

function showFound(status) {
    const limit = 2000; // more would only slow the page down
    paint("found", search.found.slice(0, limit).map(joined));
    const now = search.found[search.at];
    paint("now-found", now ? [joined(now)] : []);
    const total = search.found.length;
    if (!total)
        status.textContent = search.length ? "Not said" : "";
    else
        status.textContent = now ? `${search.at + 1} of ${number(total)}` : count(total, "time");
}

function goToFound(step, status) {
    if (!search.found.length)
        return;
    if (search.at < 0 && step < 0)
        search.at = 0;
    search.at = (search.at + step + search.found.length) % search.found.length;
    showFound(status);
    goToWord(search.found[search.at][0]);
}

function goToWord(i) {
    const range = rangeOf(i);
    if (range)
        bring(range.startContainer.parentElement.closest(".paragraph"), "center");
}

function searchTools() {
    const name = "Search the words", status = el("span.status", {role: "status"});
    const field = el("input", {type: "search", placeholder: name, "aria-label": name});
    field.addEventListener("input", () => {
        search.found = find(field.value);
        search.length = field.value.trim().length;
        search.at = -1;
        showFound(status);
    });
    field.addEventListener("keydown", event => {
        if (event.key !== "Enter")
            return;
        event.preventDefault();
        goToFound(event.shiftKey ? -1 : 1, status);
    });
    const move = (text, label, step) => el("button", {
        type: "button", "aria-label": label, onclick: () => goToFound(step, status),
    }, text);
    const only = el("input", {
        type: "checkbox",
        onchange: () => byId("transcript").classList.toggle("only", only.checked),
    });
    return el("div.tools", {role: "search"},
        field, move("↑", "Previous", -1), move("↓", "Next", 1), status,
        el("label", {}, only, " Only what was chosen"));
}

// ---- making it ----

function drawTranscript() {
    const section = byId("transcript"), place = section.querySelector(".text");
    if (!words.count) {
        section.remove();
        return;
    }
    // A browser may leave out what is not on screen; short texts have nothing to gain from that.
    const list = el("div.paragraphs", {
        lang: result.timeline.language, class: words.count > 8000 ? "long" : null,
    });
    for (const group of paragraphs()) {
        const made = makeParagraph(group);
        if (made.querySelector("mark"))
            made.classList.add("chosen");
        list.append(made);
    }
    place.append(searchTools(), pressable(list));
    if (result.transcript)
        place.append(el("p.hint", {}, "To correct words, change them in ",
            el("a", {href: `./${result.transcript}`}, result.transcript),
            " and run again with --transcript."));
    let last = -1;
    Player.listeners.push((clip, at) => {
        const i = at === null ? -1 : wordAt(at);
        if (i === last)
            return;
        last = i;
        const ranges = i < 0 ? [] : [rangeOf(i)];
        const said = clip.card && clip.card.querySelector(".said[open] p");
        if (said && i >= 0)
            ranges.push(rangeInside(said, i));
        paint("spoken", ranges);
    });
}

function rangeInside(element, i) {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (holds(node, i))
            return rangeIn(node, i);
    }
    return null;
}
