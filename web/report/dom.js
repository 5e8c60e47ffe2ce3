// Making elements, and saying times and numbers. Text only ever becomes text nodes and attributes:
// nothing here parses markup.

// el("p.note", {title: "…"}, "text", child): a tag with classes, attributes, children.
function el(name, properties = {}, ...children) {
    const [tag, ...classes] = name.split(".");
    return dress(document.createElement(tag), classes, properties, children);
}

// The same for drawings. The namespace comes from a drawing that the page holds already.
const drawing = document.querySelector("svg").namespaceURI;
function svg(name, properties = {}, ...children) {
    const [tag, ...classes] = name.split(".");
    return dress(document.createElementNS(drawing, tag), classes, properties, children);
}

function dress(element, classes, properties, children) {
    element.classList.add(...classes);
    for (const [key, value] of Object.entries(properties)) {
        if (value === undefined || value === null || value === false)
            continue;
        if (key.startsWith("on"))
            element.addEventListener(key.slice(2), value);
        else if (key === "class")
            element.classList.add(value);
        else if (key === "style")
            for (const [property, v] of Object.entries(value))
                element.style.setProperty(property, v);
        else
            element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.filter(child => child)); // what is absent is left out
    return element;
}

const byId = id => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function icon(path) {
    return svg("svg", {viewBox: "0 0 24 24", width: 20, height: 20, "aria-hidden": "true"},
               svg("path", {d: path}));
}

// "1:02:03", "4:05"
function clock(at) {
    const s = Math.floor(Math.max(at, 0) / 1000), pad = n => String(n).padStart(2, "0");
    const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    return h ? `${h}:${pad(m)}:${pad(s % 60)}` : `${m}:${pad(s % 60)}`;
}

// "2 h 03 min", "4 min 05 s", "12.3 s", "85 ms"
function span(length) {
    const s = length / 1000;
    if (s < 0.9995)
        return `${Math.round(length)} ms`;
    if (s < 59.95)
        return `${s < 19.95 ? s.toFixed(1) : Math.round(s)} s`;
    const whole = Math.round(s), pad = n => String(n).padStart(2, "0");
    if (whole < 3600)
        return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
    const minutes = Math.round(whole / 60);
    return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

const number = n => n.toLocaleString("en");
const count = (n, one, many = one + "s") => `${number(n)} ${n === 1 ? one : many}`;
// A true minus sign, for readings.
const signed = (n, digits = 1) => (n < 0 ? "−" : n > 0 ? "+" : "") + Math.abs(n).toFixed(digits);

function sentenceCase(name) {
    const text = name.replace(/[-_]+/g, " ").trim();
    return text.charAt(0).toUpperCase() + text.slice(1);
}

// For comparing: without capitals and accents.
const plain = text => text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "");

// "the sound is damaged" -> "The sound is damaged."
function sentence(text) {
    const end = /[.!?…]["”’»)]*$/.test(text) ? "" : ".";
    return text.charAt(0).toUpperCase() + text.slice(1) + end;
}

function bytes(n) {
    const units = ["bytes", "kB", "MB", "GB", "TB"];
    let unit = 0;
    for (; n >= 1000 && unit < units.length - 1; unit++)
        n /= 1000;
    return `${unit ? n.toFixed(n < 10 ? 1 : 0) : n} ${units[unit]}`;
}

// Loudness as a height, 0..1: against the loudest of the source, or a quiet source would be a line,
// but silence stays silence. Squared, because ears and eyes disagree about what is half.
const loudest = Math.max(...data.sound.loudness, 40);
const heightOf = percent => (percent / loudest) ** 2;

// A closed shape that mirrors a curve of loudness at the middle of a box 1000 wide, `height` high.
function mirrored(values, height) {
    const n = values.length, middle = height / 2;
    const x = i => (i / Math.max(n - 1, 1) * 1000).toFixed(1);
    const reach = v => Math.min(Math.max(heightOf(v) * 0.95 * middle, 0.5), middle);
    let there = "", back = "";
    for (let i = 0; i < n; i++) {
        there += `${i ? "L" : "M"}${x(i)} ${(middle - reach(values[i])).toFixed(1)}`;
        back = `L${x(i)} ${(middle + reach(values[i])).toFixed(1)}` + back;
    }
    return n ? there + back + "Z" : "";
}
