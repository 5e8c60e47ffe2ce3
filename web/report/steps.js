// How the job ran: who worked when, what overlapped, and how long each kind of work took.

const stepTimes = result.step_times.map(t => ({...t, start: t.start * 1000, end: t.end * 1000}));

const kindNames = {
    listen: "Listening", look: "Looking", prepare: "Looking closely",
    render: "Rendering", rest: "Everything else",
};

// The kind of work, by the name of the step: "listen", "clip 3 render".
function kindOf(step) {
    if (step === "listen" || step === "look")
        return step;
    if (!step.startsWith("clip "))
        return "rest";
    return step.endsWith(" render") ? "render" : "prepare";
}

// The time that spans cover together, each moment once.
function covered(spans) {
    let sum = 0, until = -Infinity;
    for (const {start, end} of [...spans].sort((a, b) => a.start - b.start)) {
        sum += Math.max(end - Math.max(start, until), 0);
        until = Math.max(until, end);
    }
    return sum;
}

function overlap(a, b) {
    return covered(a) + covered(b) - covered([...a, ...b]);
}

function describeOverlap() {
    const listening = stepTimes.filter(t => t.step === "listen");
    const looking = stepTimes.filter(t => t.step === "look");
    const heard = covered(listening), seen = covered(looking), both = overlap(listening, looking);
    if (!both || both < 0.5 * Math.min(heard, seen))
        return "";
    return ` Listening (${span(heard)}) and looking (${span(seen)}) ran side by side:` +
           ` ${span(both)} of them passed at the same time.`;
}

function describeWork() {
    const wall = result.wall * 1000, cpu = result.cpu * 1000, times = duration / wall;
    return `The job took ${span(wall)}` +
           (times > 1 ? `, ${times.toFixed(times < 10 ? 1 : 0)} times faster than watching` : "") +
           (cpu > 0 ? `, and ${span(cpu)} of processor time` : "") + "." + describeOverlap() +
           (result.timeline_reused
               ? " What was heard and seen came from an earlier run of the same file." : "");
}

// Rows of workers; within a row, work inside of other work lies one level deeper.
function workers() {
    const found = new Map();
    for (const time of stepTimes) {
        const key = `${time.lane} ${String(time.worker).padStart(4, "0")}`;
        if (!found.has(key))
            found.set(key, {lane: time.lane, times: []});
        found.get(key).times.push(time);
    }
    const rows = [...found.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([, row]) => row);
    rows.forEach((row, i) => {
        row.number = i && rows[i - 1].lane === row.lane ? rows[i - 1].number + 1 : 1;
        nest(row.times);
    });
    return rows;
}

function nest(times) {
    const open = [];
    times.sort((a, b) => a.start - b.start || b.end - a.end);
    for (const time of times) {
        while (open.length && open[open.length - 1].end <= time.start + 0.0005)
            open.pop();
        time.depth = Math.min(open.length, 3);
        open.push(time);
    }
}

// Finding takes seconds where making takes minutes, so each has a scale of its own, side by side:
// the moments it covers, and its place as shares of the width.
function scales() {
    const making = stepTimes.filter(t => t.step.startsWith("clip ") && t.end > t.start);
    const end = Math.max(result.wall * 1000, ...stepTimes.map(t => t.end), 1);
    if (!making.length)
        return [{name: "Finding", from: 0, to: end, left: 0, width: 1}];
    const split = Math.max(Math.min(...making.map(t => t.start)), 1);
    const left = Math.min(Math.max(split / end, 0.45), 0.7);
    return [{name: "Finding", from: 0, to: split, left: 0, width: left},
            {name: "Making", from: split, to: Math.max(end, split + 1), left, width: 1 - left}];
}

const percent = share => `${(share * 100).toFixed(3)}%`;

function gantt() {
    const parts = scales();
    const place = at => {
        const part = parts.findLast(p => at >= p.from);
        return part.left + Math.min((at - part.from) / (part.to - part.from), 1) * part.width;
    };
    const bar = time => {
        const left = place(time.start);
        const width = place(Math.max(time.end - 0.001, time.start)) - left;
        const took = span(time.end - time.start), from = span(time.start);
        const outcome = time.status === "ok" ? "" : `, ${time.status}`;
        return el(`span.work.${kindOf(time.step)}`, {
            title: `${time.name}, ${took}, from ${from}${outcome}`,
            class: outcome ? "bad" : null,
            style: {left: percent(left), width: percent(width), "--depth": time.depth},
        }, width > 0.06 && el("span", {}, time.name));
    };
    const names = {cpu: "Processor", io: "Files"};
    const row = ({lane, number: n, times}) => el("div.row", {},
        el("span.who", {}, `${names[lane] || lane.toUpperCase()} ${n}`),
        el("div.track", {}, ...times.map(bar),
            parts[1] && el("span.gap", {style: {left: percent(parts[1].left)}})));
    return el("div.gantt", {role: "img", "aria-label": describeWork()},
        headings(parts), ...workers().map(row), axis(parts));
}

function headings(parts) {
    return el("div.row.parts", {}, el("span"), el("div.track", {}, ...parts.map(p =>
        el("span", {style: {left: percent(p.left), width: percent(p.width)}},
            el("b", {}, p.name), ` ${span(p.to - p.from)}`))));
}

function axis(parts) {
    const ticks = parts.flatMap(p => [0, 0.5, 1].slice(p.from ? 1 : 0).map(share => ({
        left: percent(p.left + share * p.width),
        text: p.from || share ? span(p.from + share * (p.to - p.from)) : "0",
    })));
    return el("div.row.axis", {}, el("span"), el("div.track", {},
        ...ticks.map(({left, text}) => el("span", {style: {left}}, text))));
}

function totals() {
    const kinds = Object.keys(kindNames)
        .map(kind => ({kind, took: covered(stepTimes.filter(t => kindOf(t.step) === kind))}))
        .filter(({took}) => took >= 1);
    const longest = Math.max(...kinds.map(k => k.took));
    const row = ({kind, took}) => {
        const colour = `var(--work-${kind})`;
        return el("tr", {},
            el("th", {scope: "row"},
                el("span.swatch", {style: {"--c": colour}}), kindNames[kind]),
            el("td", {}, span(took)),
            el("td.meter", {"aria-hidden": "true"},
                el("span", {style: {width: percent(took / longest), "--c": colour}})));
    };
    return el("table.totals", {},
        el("caption", {}, "Time from the clock, by kind of work"),
        el("tbody", {}, ...kinds.map(row)));
}

function drawSteps() {
    byId("making-lead").textContent = describeWork();
    if (stepTimes.length)
        document.querySelector("#making .steps").append(gantt(), totals());
}
