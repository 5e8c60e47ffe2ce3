// The timeline in use: moving and zooming, reading out what was heard and seen at a moment, going
// to clips. lanes.js draws it.

// ---- moving about ----

function allowed(length) {
    return Math.min(Math.max(length, Math.min(shortestView, duration)), duration);
}

function setView(start, end) {
    const length = allowed(end - start);
    const middle = (start + end) / 2;
    view.start = Math.min(Math.max(middle - length / 2, 0), duration - length);
    view.end = view.start + length;
    ask();
}

// Around a moment, which stays where it is on the screen.
function zoom(factor, at = (view.start + view.end) / 2) {
    const share = (at - view.start) / (view.end - view.start);
    const length = allowed((view.end - view.start) * factor);
    setView(at - share * length, at + (1 - share) * length);
}

function pan(distance) {
    setView(view.start + distance, view.end + distance);
}

// The clip whose block or number in the lane of clips is at a place of the canvas.
function clipNear(x, y) {
    const above = lanes.slice(0, lanes.findIndex(lane => lane.draw === drawClips));
    const top = above.reduce((sum, lane) => sum + labelHeight + lane.height, axisHeight);
    if (!clips.length || y < top || y > top + labelHeight + 44)
        return null;
    const near = ({segment, flag}) => (flag !== undefined && Math.abs(flag - x) < 10) ||
        (xAt(segment.start) - 5 <= x && x <= xAt(segment.end) + 5);
    return clipsInTime.find(near) || null;
}

// ---- reading out ----

// The words around a moment, with the one that is being said; nothing in a pause.
function said(at) {
    const i = wordAt(at), next = i + 1;
    const after = next < words.count ? words.start[next] - at : Infinity;
    if (i < 0 || (at - wordEnd(i) > 1500 && after > 1500))
        return "";
    const word = at <= wordEnd(i) + 80 ? el("b", {}, words.text[i]) : words.text[i];
    return el("p.words", {dir: "auto", lang: result.timeline.language},
        wordsFrom(Math.max(i - 6, 0), i), gap(i), word,
        next < words.count && gap(next), wordsFrom(next, Math.min(i + 6, words.count)));
}

// What is known of a moment, as [name, value].
function readings(at) {
    const holds = ([start, end]) => start <= at && at < end;
    const loud = lastAtOrBefore(loudness[0], at), shot = lastAtOrBefore(shots.start, at);
    const face = lastAtOrBefore(faces.at, at), look = lastAtOrBefore(looks.at, at);
    const event = data.sound.events.find(holds), doubt = data.doubts.find(holds);
    return [
        loud >= 0 && ["Loudness", `${signed(loudness[1][loud] * 0.6 - 60, 0)} LUFS`],
        shot >= 0 && ["Shot", `${shot + 1}, ${shotKind(shot)}`],
        faces.count[face] && ["Faces", String(faces.count[face])],
        look >= 0 && ["Motion", `${looks.motion[look]} %`],
        event && ["Sound", event[2]],
        doubt && ["Words", doubt[2]],
    ].filter(reading => reading);
}

// `at` null: nothing. Only what was asked for is spoken by screen readers, not every motion.
function showTip(at, asked) {
    cursor = at;
    ask();
    chart.tip.hidden = at === null;
    if (at === null)
        return;
    const clip = clipAt(at), read = readings(at), tip = chart.tip;
    const row = ([name, value]) => [el("dt", {}, name), el("dd", {}, value)];
    tip.replaceChildren(
        el("p.when", {}, clock(at), clip && el("span", {}, `Clip ${clip.number}`)),
        said(at),
        el("dl", {}, ...read.flatMap(row)));
    const x = Math.max(0, Math.min(xAt(at), chart.width)), width = tip.offsetWidth;
    const left = x + 18 + width > chart.width ? Math.max(x - width - 18, 0) : x + 18;
    tip.style.left = `${left}px`;
    if (!asked)
        return;
    chart.canvas.setAttribute("aria-valuenow", Math.round(at / 1000));
    chart.canvas.setAttribute("aria-valuetext", [
        clock(at), clip ? `clip ${clip.number}` : "not in a clip",
        tip.querySelector(".words")?.textContent,
        ...read.map(([name, value]) => `${name} ${value}`),
    ].filter(part => part).join(", "));
}

// ---- pointers and keys ----

function listenToChart() {
    const canvas = chart.canvas, down = new Map();
    let moved = 0;
    const local = event => {
        const box = canvas.getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("wheel", event => {
        const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
        if (event.ctrlKey || event.metaKey) {
            event.preventDefault();
            zoom(Math.exp(event.deltaY * 0.01), timeAt(local(event)[0]));
        } else if (sideways || event.shiftKey) {
            event.preventDefault();
            pan((sideways ? event.deltaX : event.deltaY) / chart.width * (view.end - view.start));
        }
    }, {passive: false});
    canvas.addEventListener("pointerdown", event => {
        down.set(event.pointerId, local(event));
        moved = 0;
        canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", event => {
        const now = local(event), before = down.get(event.pointerId);
        if (before) {
            dragTo(down, event.pointerId, before, now);
            moved += Math.abs(now[0] - before[0]);
        }
        canvas.classList.toggle("pressable", !!clipNear(...now));
        if (!before || moved < 4)
            showTip(timeAt(now[0]));
        else
            showTip(null);
    });
    const release = event => down.delete(event.pointerId);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerup", event => {
        release(event);
        if (moved < 5)
            press(...local(event), event.pointerType === "touch");
    });
    canvas.addEventListener("pointerleave", event => {
        if (event.pointerType === "mouse")
            showTip(null);
    });
    canvas.addEventListener("dblclick", event => zoom(0.4, timeAt(local(event)[0])));
    canvas.addEventListener("keydown", keys);
    canvas.addEventListener("blur", () => showTip(null));
}

// One finger or the mouse moves the view; two stretch it.
function dragTo(down, id, before, now) {
    const other = [...down.entries()].find(([key]) => key !== id);
    down.set(id, now);
    if (!other) {
        pan((before[0] - now[0]) / chart.width * (view.end - view.start));
        return;
    }
    const apart = Math.abs(before[0] - other[1][0]), next = Math.abs(now[0] - other[1][0]);
    if (apart > 8 && next > 8)
        zoom(apart / next, timeAt((now[0] + other[1][0]) / 2));
}

// A finger has no other way to ask for a reading, so only a press on the clip itself goes there.
function press(x, y, finger = false) {
    const near = clipNear(x, y), at = timeAt(x), clip = near || clipAt(at);
    if (near) {
        goToCard(near);
    } else if (clip && clip.player && !finger) {
        goToCard(clip);
        clip.player.seek(at);
    } else {
        showTip(at, true);
    }
}

function keys(event) {
    const at = cursor ?? (view.start + view.end) / 2, small = (view.end - view.start) / 100;
    const go = to => {
        const there = Math.min(Math.max(to, 0), duration);
        if (there < view.start || there > view.end)
            pan(there - (view.start + view.end) / 2);
        showTip(there, true);
    };
    const later = clipsInTime.find(c => c.segment.start > at + 1);
    const earlier = clipsInTime.findLast(c => c.segment.start < at - 1);
    const actions = {
        ArrowRight: () => go(at + small * (event.shiftKey ? 10 : 1)),
        ArrowLeft: () => go(at - small * (event.shiftKey ? 10 : 1)),
        PageDown: () => later && go(later.segment.start),
        PageUp: () => earlier && go(earlier.segment.start),
        Home: () => go(0),
        End: () => go(duration),
        "+": () => zoom(0.6, at),
        "=": () => zoom(0.6, at),
        "-": () => zoom(1 / 0.6, at),
        0: () => setView(0, duration),
        Enter: () => clipAt(at) && press(xAt(at), 0),
        Escape: () => showTip(null),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !actions[event.key])
        return;
    event.preventDefault();
    actions[event.key]();
}

function listenToOverview() {
    const at = event => {
        const box = chart.overview.getBoundingClientRect();
        return (event.clientX - box.left) / box.width * duration;
    };
    let hold = 0;
    chart.overview.addEventListener("pointerdown", event => {
        chart.overview.setPointerCapture(event.pointerId);
        const t = at(event), length = view.end - view.start;
        hold = t >= view.start && t <= view.end ? t - view.start : length / 2;
        setView(t - hold, t - hold + length);
    });
    chart.overview.addEventListener("pointermove", event => {
        if (chart.overview.hasPointerCapture(event.pointerId))
            setView(at(event) - hold, at(event) - hold + view.end - view.start);
    });
}

// ---- making it ----

function legend() {
    const lengths = {};
    for (let i = 0; i < shots.count; i++)
        lengths[shotKind(i)] = (lengths[shotKind(i)] || 0) + shotEnd(i) - shots.start[i];
    const percentOf = length => {
        const share = length / Math.max(shots.end, 1) * 100;
        return share < 1 ? "<1 %" : `${Math.round(share)} %`;
    };
    const items = Object.entries(lengths).sort((a, b) => b[1] - a[1]).map(([kind, length]) =>
        el("li", {},
            el("span.swatch", {style: {"--c": `var(--${kindColour(kind)})`}}),
            shotNames[kind] || kind, " ", el("b", {}, percentOf(length))));
    if (boundaries.length)
        items.push(el("li", {}, el("span.topic", {}, "▼"),
            `${count(boundaries.length + 1, "topic")}, shaded in turn`));
    return el("ul.legend", {"aria-label": "Colours"}, ...items);
}

function zoomButtons() {
    const button = (text, name, onclick) =>
        el("button", {type: "button", "aria-label": name, title: name, onclick}, text);
    return el("div.zoom", {role: "group", "aria-label": "Zoom"},
        button("−", "Zoom out", () => zoom(1 / 0.6)),
        button("+", "Zoom in", () => zoom(0.6)),
        button("All", "Show everything", () => setView(0, duration)));
}

function drawTimeline() {
    const place = document.querySelector("#timeline .chart");
    chart.canvas = el("canvas.lanes", {
        tabindex: 0, role: "slider",
        "aria-label": "Timeline: arrow keys move, plus and minus zoom, page keys go from clip to " +
                      "clip, Enter opens a clip",
        "aria-valuemin": 0, "aria-valuemax": Math.round(duration / 1000), "aria-valuenow": 0,
        "aria-valuetext": clock(0),
    });
    chart.overview = el("canvas.overview", {"aria-hidden": "true"});
    chart.tip = el("div.tip", {hidden: true});
    place.append(
        el("div.tools", {}, legend(), zoomButtons()),
        el("div.frame", {}, chart.canvas, chart.tip),
        chart.overview,
        el("p.hint", {}, "Drag to move, Ctrl and wheel or two fingers to zoom, " +
                         "press a clip to go to it."));
    listenToChart();
    listenToOverview();
    new ResizeObserver(ask).observe(place);
    for (const query of ["(prefers-color-scheme: dark)", "print"])
        matchMedia(query).addEventListener("change", () => {
            palette = {};
            draw(); // at once: paper does not wait for the next frame
        });
    Player.listeners.push((clip, at) => {
        playhead = at;
        ask();
    });
}
