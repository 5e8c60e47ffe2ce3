// The timeline's drawing: what was heard and seen, in lanes over one axis, on a canvas.
//
// `view` is the stretch on show and `cursor` the moment that is read out. Every change asks for one
// drawing in the next frame. Only what the view holds is drawn, so hours cost no more than minutes.
// timeline.js moves and reads it.

const view = {start: 0, end: duration};
let cursor = null;   // under the pointer, or moved by keys
let playhead = null; // where a player is
const shortestView = 4000;

// Loudness, fine inside of segments and coarse outside, as [times, values].
function loudnessCurve() {
    const times = [], values = [], coarse = data.sound.loudness;
    const step = coarse.length ? data.sound.end / coarse.length : 0;
    const fine = [...segments].filter(s => s.wave.length).sort((a, b) => a.start - b.start);
    let next = 0;
    const takeFine = s => s.wave.forEach((value, k) => {
        times.push(s.start + (k + 0.5) * (s.end - s.start) / s.wave.length);
        values.push(value);
    });
    coarse.forEach((value, i) => {
        const at = (i + 0.5) * step;
        while (next < fine.length && fine[next].start <= at)
            takeFine(fine[next++]);
        if (next && at < fine[next - 1].end)
            return;
        times.push(at);
        values.push(value);
    });
    return [times, values];
}

function speechCurve() {
    const values = data.sound.speech, step = values.length ? data.sound.end / values.length : 0;
    return [values.map((_, i) => (i + 0.5) * step), values];
}

const loudness = loudnessCurve();
const speech = speechCurve();

// Lanes from top to bottom: `label` stands above, `draw(y)` fills `height`.
const lanes = [
    {label: "Clips", height: 40, draw: drawClips, there: clips.length},
    {label: "Loudness", height: 68, draw: drawLoudness, there: loudness[0].length},
    {label: "Speech", height: 26, draw: drawSpeech, there: speech[1].some(v => v > 0)},
    {label: "Shots", height: 22, draw: drawShots, there: shots.count},
    {label: "Faces", height: 18, draw: drawFaces, there: faces.count.some(n => n > 0)},
    {label: "Motion (area) and brightness (line)", height: 40, draw: drawMotion,
     there: looks.at.length},
    {label: "Sounds", height: 14, draw: drawEvents, there: data.sound.events.length},
].filter(lane => lane.there);
const labelHeight = 20, axisHeight = 26;

// Made by timeline.js: `canvas`, `overview`, `tip`; set by draw(): the rest.
const chart = {canvas: null, overview: null, tip: null, pen: null, width: 0, height: 0};
let asked = false;
let palette = {};

function colour(name) {
    const styles = () => getComputedStyle(document.documentElement);
    palette[name] ||= styles().getPropertyValue(`--${name}`).trim();
    return palette[name];
}

const xAt = at => (at - view.start) / (view.end - view.start) * chart.width;
const timeAt = x => view.start + x / chart.width * (view.end - view.start);

// ---- lanes ----

// The part of sorted `times` that the view shows, with one beyond each end.
function shown(times) {
    return [Math.max(lastAtOrBefore(times, view.start), 0),
            Math.min(lastAtOrBefore(times, view.end) + 1, times.length - 1)];
}

function drawArea([times, values], y, height, fill) {
    const pen = chart.pen, [from, to] = shown(times);
    pen.beginPath();
    pen.moveTo(xAt(times[from]), y + height);
    for (let i = from; i <= to; i++)
        pen.lineTo(xAt(times[i]), y + height - values[i] / 100 * height);
    pen.lineTo(xAt(times[to]), y + height);
    pen.fillStyle = fill;
    pen.fill();
}

function drawLine(times, values, y, height, stroke) {
    const pen = chart.pen, [from, to] = shown(times);
    pen.beginPath();
    for (let i = from; i <= to; i++)
        pen.lineTo(xAt(times[i]), y + height - values[i] / 100 * height);
    pen.strokeStyle = stroke;
    pen.lineWidth = 1.25;
    pen.stroke();
}

function drawLoudness(y) {
    const pen = chart.pen, [times, values] = loudness, [from, to] = shown(times);
    const middle = y + 34, reach = v => Math.max(heightOf(v) * 34, 0.5);
    const outline = () => {
        pen.beginPath();
        for (let i = from; i <= to; i++)
            pen.lineTo(xAt(times[i]), middle - reach(values[i]));
        for (let i = to; i >= from; i--)
            pen.lineTo(xAt(times[i]), middle + reach(values[i]));
        pen.closePath();
    };
    outline();
    pen.fillStyle = colour("wave");
    pen.fill();
    for (const {segment} of clips) {
        pen.save();
        pen.beginPath();
        pen.rect(xAt(segment.start), y, xAt(segment.end) - xAt(segment.start), 68);
        pen.clip();
        outline();
        pen.fillStyle = colour("accent");
        pen.fill();
        pen.restore();
    }
}

// Blocks, with the clips' numbers above them, moved apart where they would touch.
function drawClips(y) {
    const pen = chart.pen;
    let last = -Infinity;
    for (const clip of clipsInTime) {
        const left = xAt(clip.segment.start), width = Math.max(xAt(clip.segment.end) - left, 3);
        if (left > chart.width || left + width < 0)
            continue;
        const good = clip.status === "ok";
        pen.globalAlpha = good ? 0.35 + 0.65 * clip.segment.score / 100 : 1;
        pen.fillStyle = good ? colour("accent") : colour("rule");
        pen.beginPath();
        pen.roundRect(left, y + 22, width, 18, Math.min(4, width / 2));
        pen.fill();
        pen.globalAlpha = 1;
        const middle = Math.max(left + width / 2, last + 19);
        last = middle;
        clip.flag = middle;
        pen.fillStyle = colour("accent");
        pen.font = `600 14px ${colour("serif")}`;
        pen.textAlign = "center";
        pen.textBaseline = "alphabetic";
        pen.fillText(String(clip.number), middle, y + 15);
        if (good && width > 44) {
            pen.fillStyle = colour("on-accent");
            pen.font = `600 11.5px ${colour("sans")}`;
            pen.textBaseline = "middle";
            pen.fillText(`${Math.round(clip.segment.score)}`, left + width / 2, y + 31.5);
        }
    }
}

// Near enough, the words themselves stand in the lane, as far as each has room before the next.
function drawSpeech(y) {
    const near = view.end - view.start < 30000, pen = chart.pen;
    pen.globalAlpha = near ? 0.35 : 1;
    drawArea(speech, y, 26, colour("speech"));
    pen.globalAlpha = 1;
    const from = Math.max(wordAt(view.start), 0), to = near ? wordAt(view.end) : -1;
    for (let i = from; i <= to; i++) {
        const x = xAt(words.start[i]);
        const next = xAt(i + 1 < words.count ? words.start[i + 1] : duration);
        label(words.text[i], x, y + 17, next - x + 2, colour("ink"));
    }
}

// Kinds of shots have colours of their names.
const shotNames = {
    people: "People", slide: "Slides and screens", other: "Other pictures", black: "Black",
    frozen: "Frozen",
};
const kindColour = kind => kind in shotNames ? kind : "other";
const shotKind = i => shots.kinds[shots.kind[i]];
const shotEnd = i => i + 1 < shots.count ? shots.start[i + 1] : shots.end;

function drawShots(y) {
    const pen = chart.pen, [from, to] = shown(shots.start);
    for (let i = from; i <= to; i++) {
        const left = xAt(shots.start[i]), width = xAt(shotEnd(i)) - left;
        pen.fillStyle = colour(kindColour(shotKind(i)));
        pen.fillRect(left, y, Math.max(width > 4 ? width - 1.5 : width, 0.6), 22);
    }
}

function drawFaces(y) {
    const pen = chart.pen, [from, to] = shown(faces.at);
    const most = Math.max(2, Math.min(6, faces.count.reduce((a, b) => Math.max(a, b), 0)));
    const patience = Math.max(5000, 3 * duration / Math.max(faces.at.length, 1));
    pen.fillStyle = colour("people");
    for (let i = from; i <= to; i++) {
        const next = i + 1 < faces.at.length ? faces.at[i + 1] : duration;
        const right = xAt(Math.min(next, faces.at[i] + patience)), left = xAt(faces.at[i]);
        const height = Math.min(faces.count[i], most) / most * 18;
        pen.fillRect(left, y + 18 - height, right - left + 0.5, height);
    }
}

function drawMotion(y) {
    const pen = chart.pen;
    pen.globalAlpha = 0.5;
    drawArea([looks.at, looks.motion], y, 40, colour("motion"));
    pen.globalAlpha = 1;
    drawLine(looks.at, looks.brightness, y, 40, colour("soft"));
}

function drawEvents(y) {
    const pen = chart.pen;
    for (const [start, end, kind] of data.sound.events) {
        const left = xAt(start), width = Math.max(xAt(end) - left, 2);
        pen.fillStyle = colour("motion");
        pen.globalAlpha = kind === "silence" ? 0.3 : 0.85;
        pen.fillRect(left, y, width, 14);
        pen.globalAlpha = 1;
        label(kind, left + 5, y + 10.5, width - 8, colour(kind === "silence" ? "soft" : "paper"));
    }
}

function label(text, x, y, room, fill) {
    const pen = chart.pen;
    pen.font = `11px ${colour("sans")}`;
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    if (pen.measureText(text).width > room)
        return;
    pen.fillStyle = fill;
    pen.fillText(text, x, y);
}

// ---- the whole drawing ----

function ask() {
    if (asked)
        return;
    asked = true;
    requestAnimationFrame(() => {
        asked = false;
        draw();
    });
}

function fit(canvas, width, height) {
    const scale = devicePixelRatio || 1;
    const w = Math.round(width * scale), h = Math.round(height * scale);
    if (canvas.width !== w || canvas.height !== h) {
        canvas.width = w;
        canvas.height = h;
        canvas.style.height = `${height}px`;
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    return pen;
}

function draw() {
    const width = chart.canvas.parentElement.clientWidth;
    if (!width)
        return;
    const height = lanes.reduce((sum, lane) => sum + labelHeight + lane.height, axisHeight) + 10;
    chart.width = width;
    chart.height = height;
    chart.pen = fit(chart.canvas, width, height);
    drawTopics();
    drawSpans();
    drawAxis();
    let y = axisHeight;
    for (const lane of lanes) {
        label(lane.label, 2, y + 14, Infinity, colour("soft"));
        lane.draw(y + labelHeight);
        y += labelHeight + lane.height;
    }
    drawLineAt(playhead, colour("accent"), 2);
    drawLineAt(cursor, colour("ink"), 1);
    drawOverview();
}

// Every second topic is shaded, and a mark on the axis opens each; not where they are so many that
// they would only be noise.
function drawTopics() {
    const pen = chart.pen, edges = [0, ...boundaries, duration];
    const usual = duration / (edges.length - 1);
    if (xAt(usual) - xAt(0) < 12)
        return;
    for (let i = 1; i < edges.length - 1; i++) {
        const x = xAt(edges[i]);
        if (i % 2) {
            pen.fillStyle = colour("wash");
            pen.fillRect(x, axisHeight, xAt(edges[i + 1]) - x, chart.height);
        }
        pen.fillStyle = colour("soft");
        pen.beginPath();
        pen.moveTo(x - 4, axisHeight - 6);
        pen.lineTo(x + 4, axisHeight - 6);
        pen.lineTo(x, axisHeight);
        pen.fill();
    }
}

function drawSpans() {
    const pen = chart.pen;
    for (const {segment} of clips) {
        const left = xAt(segment.start);
        pen.fillStyle = colour("accent-wash");
        pen.fillRect(left, axisHeight, Math.max(xAt(segment.end) - left, 1), chart.height);
    }
}

function tickStep() {
    const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800];
    const least = (view.end - view.start) / 1000 * 76 / chart.width;
    return (steps.find(s => s >= least) || steps[steps.length - 1]) * 1000;
}

function drawAxis() {
    const pen = chart.pen, step = tickStep();
    pen.strokeStyle = colour("rule");
    pen.lineWidth = 1;
    for (let at = Math.ceil(view.start / step) * step; at <= view.end; at += step) {
        const x = Math.round(xAt(at)) + 0.5;
        pen.beginPath();
        pen.moveTo(x, axisHeight);
        pen.lineTo(x, chart.height);
        pen.stroke();
        label(clock(at), Math.min(x + 3, chart.width - 34), 14, Infinity, colour("soft"));
    }
}

function drawLineAt(at, stroke, width) {
    if (at === null || at < view.start || at > view.end)
        return;
    const pen = chart.pen, x = xAt(at);
    pen.strokeStyle = stroke;
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(x, axisHeight - 4);
    pen.lineTo(x, chart.height);
    pen.stroke();
}

// The whole source again, small, with a window that shows where the view is.
function drawOverview() {
    const width = chart.width, height = 34, pen = fit(chart.overview, width, height);
    const x = at => at / duration * width;
    const [times, values] = loudness;
    pen.fillStyle = colour("wave");
    pen.beginPath();
    pen.moveTo(0, height);
    times.forEach((at, i) => pen.lineTo(x(at), height - heightOf(values[i]) * (height - 4)));
    pen.lineTo(width, height);
    pen.fill();
    pen.fillStyle = colour("accent");
    for (const {segment: {start, end}} of clips)
        pen.fillRect(x(start), height - 4, Math.max(x(end) - x(start), 2), 4);
    pen.fillStyle = colour("paper");
    pen.globalAlpha = 0.72;
    pen.fillRect(0, 0, x(view.start), height);
    pen.fillRect(x(view.end), 0, width - x(view.end), height);
    pen.globalAlpha = 1;
    pen.strokeStyle = colour("ink");
    pen.lineWidth = 1.5;
    pen.beginPath();
    const left = x(view.start) + 0.75, right = x(view.end) - 0.75;
    pen.roundRect(left, 0.75, Math.max(right - left, 3), height - 1.5, 4);
    pen.stroke();
}
