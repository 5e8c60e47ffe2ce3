// A clip's player: one video, its loudness as the slider, and a shape for each aspect.
//
// Resting the mouse on it plays without sound, leaving it stops that. A press plays with sound, and
// whatever else plays then stops. Others follow along through `Player.listeners`.

const icons = {
    play: "M8 5.5v13l10.5-6.5z",
    pause: "M8 5.5h3v13H8zM13.5 5.5h3v13h-3z",
    loud: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15 9c1.6 1.6 1.6 4.4 0 6M17.5 6.5c3 3 3 8 0 11",
    mute: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9.5l5 5M20.5 9.5l-5 5",
    full: "M5 9.5V5h4.5M14.5 5H19v4.5M19 14.5V19h-4.5M9.5 19H5v-4.5",
};

class Player {
    static active = null;
    static listeners = []; // each called with (clip, time in the source or null) as it plays

    constructor(clip) {
        this.clip = clip;
        this.preview = false;
        this.length = clip.duration * 1000;
        this.video = el("video", {
            playsinline: true, preload: clip.urls.thumbnail ? "none" : "metadata", tabindex: -1,
            poster: clip.urls.thumbnail, src: clip.urls.files[0],
        });
        const name = `Play clip ${clip.number}: ${clip.segment.title || "no title"}`;
        this.cover = el("button.cover", {type: "button", "aria-label": name}, icon(icons.play));
        this.stage = el("div.stage", {}, this.video, this.cover);
        this.root = el("div.player", {role: "group", "aria-label": `Player of clip ${clip.number}`},
            this.stage, this.makeControls());
        this.choose(0);
        this.listen();
        this.show();
    }

    makeControls() {
        this.toggle = el("button", {type: "button"}, icon(icons.play));
        this.sound = el("button", {type: "button", "aria-pressed": "false", "aria-label": "Mute"},
                        icon(icons.loud));
        this.full = el("button", {type: "button", "aria-label": "Full screen"}, icon(icons.full));
        this.time = el("span.time");
        const shape = mirrored(this.clip.segment.wave, 32);
        const wave = part => svg(`svg.${part}`, {
            viewBox: "0 0 1000 32", preserveAspectRatio: "none", "aria-hidden": "true",
        }, svg("path", {d: shape || "M0 15h1000v2H0z"}));
        this.slider = el("div.scrub", {
            role: "slider", tabindex: 0, "aria-label": `Position in clip ${this.clip.number}`,
            "aria-valuemin": 0, "aria-valuemax": Math.round(this.length / 1000),
        }, wave("all"), wave("heard"));
        return el("div.controls", {}, this.toggle, this.slider, this.time, this.sound, this.full);
    }

    listen() {
        const video = this.video;
        this.cover.addEventListener("click", () => {
            this.play();
            this.toggle.focus({preventScroll: true}); // the cover goes away, the keys should not
        });
        video.addEventListener("click", () => this.press());
        this.toggle.addEventListener("click", () => this.press());
        this.sound.addEventListener("click", () => this.mute(!video.muted));
        this.full.addEventListener("click", () => this.fullScreen());
        this.root.addEventListener("keydown", event => this.key(event));
        this.slider.addEventListener("pointerdown", event => {
            this.slider.setPointerCapture(event.pointerId);
            this.scrub(event);
        });
        this.slider.addEventListener("pointermove", event => {
            if (this.slider.hasPointerCapture(event.pointerId))
                this.scrub(event);
        });
        this.stage.addEventListener("pointerenter", event => this.enter(event));
        this.stage.addEventListener("pointerleave", () => this.leave());
        for (const name of ["play", "pause", "ended", "seeked", "timeupdate", "volumechange"])
            video.addEventListener(name, () => this.show());
        video.addEventListener("play", () => this.follow());
        video.addEventListener("error", () => this.fail());
    }

    // The file of one aspect; playing goes on where it was.
    choose(i) {
        const file = this.clip.files[i], video = this.video;
        const at = video.currentTime, playing = !video.paused;
        this.file = i;
        this.root.style.setProperty("--shape", `${file.width} / ${file.height}`);
        this.root.classList.toggle("wide", file.width > file.height);
        if (video.getAttribute("src") === this.clip.urls.files[i])
            return;
        video.src = this.clip.urls.files[i];
        this.root.classList.remove("failed");
        if (at > 0)
            video.currentTime = at;
        if (playing)
            this.start();
    }

    start() {
        // Refused where a browser wants a press first, or stopped by another choice: both are fine.
        this.video.play().catch(() => {});
    }

    play() {
        clearTimeout(this.waiting);
        if (Player.active && Player.active !== this)
            Player.active.video.pause();
        Player.active = this;
        if (this.preview)
            this.video.currentTime = 0;
        this.preview = false;
        this.mute(false);
        this.start();
    }

    press() {
        if (this.video.paused || this.preview)
            this.play();
        else
            this.video.pause();
    }

    mute(muted) {
        this.video.muted = muted;
    }

    // `at`: in the source.
    seek(at) {
        const video = this.video, within = (at - this.clip.start) / 1000;
        this.preview = false;
        video.currentTime = Math.min(Math.max(within, 0), this.length / 1000);
        if (video.readyState === 0)
            video.preload = "auto";
        this.show();
    }

    scrub(event) {
        const box = this.slider.getBoundingClientRect();
        const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
        this.seek(this.clip.start + share * this.length);
    }

    enter(event) {
        if (event.pointerType !== "mouse" || calm.matches || !this.video.paused ||
            this.video.currentTime > 0)
            return;
        this.waiting = setTimeout(() => {
            this.preview = true;
            this.mute(true);
            this.start();
        }, 180);
    }

    leave() {
        clearTimeout(this.waiting);
        if (!this.preview)
            return;
        this.preview = false;
        this.video.pause();
        this.video.load(); // back to the picture that it began with
        this.mute(false);
    }

    fullScreen() {
        const ask = this.video.requestFullscreen || this.video.webkitEnterFullscreen;
        if (ask)
            Promise.resolve(ask.call(this.video)).catch(() => {});
    }

    key(event) {
        if (event.ctrlKey || event.metaKey || event.altKey)
            return;
        const at = this.clip.start + this.video.currentTime * 1000;
        const actions = {
            k: () => this.press(),
            m: () => this.mute(!this.video.muted),
            f: () => this.fullScreen(),
            ArrowLeft: () => this.seek(at - 5000),
            ArrowRight: () => this.seek(at + 5000),
        };
        if (event.target === this.slider) {
            actions[" "] = actions.k;
            actions.Home = () => this.seek(this.clip.start);
            actions.End = () => this.seek(this.clip.start + this.length);
        }
        if (actions[event.key]) {
            event.preventDefault();
            actions[event.key]();
        }
    }

    get position() {
        return this.clip.start + this.video.currentTime * 1000;
    }

    show() {
        const video = this.video, seconds = video.currentTime;
        const playing = !video.paused && !video.ended;
        this.root.classList.toggle("playing", playing && !this.preview);
        this.root.classList.toggle("preview", this.preview);
        this.root.classList.toggle("touched", playing || seconds > 0);
        this.showButtons(playing && !this.preview, video.muted);
        this.slider.style.setProperty("--at", Math.min(seconds * 1000 / this.length, 1));
        this.slider.setAttribute("aria-valuenow", Math.round(seconds));
        this.slider.setAttribute("aria-valuetext",
                                 `${clock(seconds * 1000)} of ${clock(this.length)}`);
        this.time.textContent = `${clock(seconds * 1000)} / ${clock(this.length)}`;
        for (const listener of Player.listeners)
            listener(this.clip, seconds > 0 && !this.preview ? this.position : null);
    }

    // Only when they change: a button whose picture is replaced under the finger misses its press.
    showButtons(playing, muted) {
        if (this.shown === `${playing} ${muted}`)
            return;
        this.shown = `${playing} ${muted}`;
        this.toggle.replaceChildren(icon(playing ? icons.pause : icons.play));
        this.toggle.setAttribute("aria-label", playing ? "Pause" : "Play");
        this.sound.replaceChildren(icon(muted ? icons.mute : icons.loud));
        this.sound.setAttribute("aria-pressed", String(muted));
    }

    // Events of a video come four times a second; words change faster.
    follow() {
        const step = () => {
            if (this.video.paused || this.video.ended)
                return;
            this.show();
            requestAnimationFrame(step);
        };
        requestAnimationFrame(step);
    }

    fail() {
        this.root.classList.add("failed");
        this.stage.querySelector(".missing")?.remove();
        const name = this.clip.files[this.file].path;
        this.stage.append(el("p.missing", {},
            `${name} cannot be played. Is it still beside this page?`));
    }
}
