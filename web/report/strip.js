// The first picture: the whole source as one strip of sound, and the clips that were cut out of it,
// hanging from their places.

const hung = []; // {clip, poster, line: from the clip's place to its poster}

function drawStrip() {
    const figure = byId("strip");
    if (!clips.length) {
        figure.remove();
        return;
    }
    const lines = svg("svg.lines", {"aria-hidden": "true"});
    const posters = el("ol.posters", {"aria-label": "Clips, in the order of the source"});
    for (const clip of clipsInTime) {
        const poster = makePoster(clip), line = svg("path");
        lines.append(line);
        posters.append(poster);
        hung.push({clip, line, poster});
    }
    figure.append(makeWave(), lines, posters);
    new ResizeObserver(hang).observe(figure);
}

// The curve twice: in grey, and in colour where a clip lets it through.
function makeWave() {
    const shape = data.sound.loudness.length ? mirrored(thin(data.sound.loudness, 500), 100)
                                             : "M0 40h1000v20H0z";
    const x = at => at / duration * 1000;
    const openings = clipsInTime.map(({segment}) => svg("rect", {
        x: x(segment.start), y: 0, height: 100,
        width: Math.max(x(segment.end) - x(segment.start), 2),
    }));
    const box = {viewBox: "0 0 1000 100", preserveAspectRatio: "none", "aria-hidden": "true"};
    return svg("svg.wave", box,
        svg("clipPath", {id: "chosen"}, ...openings),
        svg("path.all", {d: shape}),
        svg("g", {"clip-path": "url(#chosen)"},
            svg("rect.window", {x: 0, y: 0, width: 1000, height: 100}),
            svg("path.cut", {d: shape})));
}

function thin(values, most) {
    if (values.length <= most)
        return values;
    const edge = i => Math.floor(i * values.length / most);
    return Array.from({length: most}, (_, i) => Math.max(...values.slice(edge(i), edge(i + 1))));
}

// A source without pictures has no thumbnails: the clip's first frame stands for it.
function makePicture({urls}) {
    if (urls.thumbnail)
        return el("img", {src: urls.thumbnail, alt: "", loading: "lazy", decoding: "async"});
    return el("video", {
        src: urls.files[0], preload: "metadata", muted: true, playsinline: true, tabindex: -1,
        "aria-hidden": "true",
    });
}

function makePoster(clip) {
    const good = clip.status === "ok", score = String(Math.round(clip.segment.score));
    const picture = good ? makePicture(clip) : el("span.blank");
    const link = cardLink(clip, picture, el("span.rank", {}, clip.number));
    link.setAttribute("aria-label",
                      `Clip ${clip.number}: ${clip.segment.title || "no title"}, score ${score}`);
    return el("li", {}, link,
        el("span.under", {}, clock(clip.segment.start), el("b", {}, good ? score : "failed")));
}

// Each poster as near under its place as its neighbours allow; the lines lead there. Where that
// leaves too little of a poster, they stand in a row that scrolls.
function hang() {
    const figure = byId("strip"), gap = 14, width = figure.clientWidth, last = hung.length - 1;
    const largest = hung.length < 4 ? 180 : 136;
    const size = Math.min(largest, (width - gap * last) / hung.length);
    const row = size < 72 || width < 600;
    figure.classList.toggle("row", row);
    figure.style.setProperty("--poster", `${size}px`);
    if (row)
        return;
    const middle = ({segment}) => (segment.start + segment.end) / 2 / duration * width;
    const lefts = hung.map(h => middle(h.clip) - size / 2);
    for (let i = 0; i <= last; i++)
        lefts[i] = Math.max(lefts[i], i ? lefts[i - 1] + size + gap : 0);
    for (let i = last; i >= 0; i--)
        lefts[i] = Math.min(lefts[i], i < last ? lefts[i + 1] - size - gap : width - size);
    hung.forEach((h, i) => {
        const from = middle(h.clip), to = lefts[i] + size / 2;
        h.poster.style.setProperty("--left", `${lefts[i]}px`);
        h.line.setAttribute("d", `M${from} 0V10C${from} 30 ${to} 14 ${to} 40`);
    });
}
