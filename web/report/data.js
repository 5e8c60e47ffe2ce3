// The data of the page, unpacked: docs/report.md describes its form. Times are in milliseconds of
// the source from here on.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const result = data.result;
const posted = JSON.parse(document.getElementById("posts").textContent); // grows later, see cards.js
const ms = seconds => Math.round(seconds * 1000);

// Sorted times arrive as distances from each to the next.
function runningSum(distances) {
    const sums = new Int32Array(distances.length);
    let sum = 0;
    for (let i = 0; i < distances.length; i++)
        sums[i] = sum += distances[i];
    return sums;
}

const words = {
    text: data.words.text,
    start: runningSum(data.words.start),
    length: data.words.length,
    speaker: data.words.speaker,
    count: data.words.text.length,
};
const shots = {...data.shots, start: runningSum(data.shots.start), count: data.shots.start.length};
const looks = {...data.looks, at: runningSum(data.looks.at), count: data.looks.at.length};
const faces = {...data.faces, at: runningSum(data.faces.at)};
const boundaries = result.boundaries.map(ms);

const segments = result.segments.map((segment, i) => ({
    ...segment,
    index: i,
    start: ms(segment.start),
    end: ms(segment.end),
    wave: data.waves[i],
}));
const clips = result.clips.map((clip, i) => ({
    ...clip,
    index: i,
    urls: data.urls[i],
    segment: segments[clip.segment],
    start: ms(clip.start), // where its file begins in the source
    number: clip.segment + 1,
    card: null,   // set by cards.js
    player: null, // set by cards.js; none for a clip without files
}));
const clipsInTime = [...clips].sort((a, b) => a.segment.start - b.segment.start);

const duration = Math.max(ms(result.source.duration), shots.end, data.sound.end, 1,
                          words.count ? words.start[words.count - 1] : 0);

// The index of the last time at or before `at`; -1 before the first.
function lastAtOrBefore(times, at) {
    let low = 0, high = times.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (times[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

const wordAt = at => lastAtOrBefore(words.start, at);
const wordEnd = i => words.start[i] + words.length[i];

// What stands before a word: nothing where its script does without spaces.
const tight = new Set(runningSum(data.words.tight));
const gap = i => i === 0 || tight.has(i) ? "" : " ";

// Words [from, to).
function wordsFrom(from, to) {
    let text = "";
    for (let i = from; i < to; i++)
        text += (i > from ? gap(i) : "") + words.text[i];
    return text;
}

function clipAt(at) {
    return clips.find(clip => clip.segment.start <= at && at < clip.segment.end);
}
