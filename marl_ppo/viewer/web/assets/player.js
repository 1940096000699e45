// The page of a match: time that runs or is scrubbed, what is shown beside the picture, keys, touch.

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16];
const ZOOM = 2.2; // how much nearer a followed agent is seen
const FOLLOWED_MARGIN_PX = 24; // a tap so near an agent means it
const NEW_FOR = 3; // decisions for which a ring shows that a subgoal was just set
const WIDTH_OF_LETTER = 0.6; // beside its height, about
const OVERLAYS = { values: "value", probabilities: "probabilities", subgoals: "option", sight: "sight" };

class Player {
  constructor(match, theme) {
    this.match = match;
    this.theme = theme;
    this.painter = new Painter(byId("board"), theme);
    this.position = 0; // in steps; between two of them the picture is, too
    this.speed = 1;
    this.playing = false;
    this.followed = null;
    this.shows = { values: false, probabilities: false, subgoals: false, sight: false };
    this.shownStep = -1;
    this.scenes = { step: -1 };
    this.panel = new Panel(this);
    match.pictures.whenReady = () => this.draw();
    this.curve = new Curve(byId("curve"), match, (team) => css(this.painter.colour(team)));
    document.title = match.title;
    byId("board").setAttribute("aria-label", match.title);
    byId("time").setAttribute("aria-valuemax", match.last);
    this.listen();
    new ResizeObserver(() => this.resize()).observe(byId("stage"));
    new ResizeObserver(() => this.drawCurve()).observe(byId("time"));
    this.resize();
    const wanted = Number(/step=(\d+)/.exec(location.hash)?.[1] ?? 0);
    this.seek(wanted - match.start);
    this.setSpeed(1);
  }

  get step() {
    return Math.floor(this.position);
  }

  // ---- time

  /** Show a moment. */
  seek(position) {
    this.position = clamp(position, 0, this.match.last) || 0;
    this.draw();
  }

  play() {
    if (this.position >= this.match.last) this.position = 0;
    this.playing = true;
    this.then = null;
    requestAnimationFrame((now) => this.tick(now));
    this.draw();
  }

  pause() {
    this.playing = false;
    this.draw();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  tick(now) {
    if (!this.playing) return;
    // A page in the background gets no frames; what it missed is not caught up.
    const seconds = this.then === null ? 0 : Math.min((now - this.then) / 1000, 0.25);
    this.then = now;
    this.position = Math.min(this.position + seconds * this.match.rate * this.speed, this.match.last);
    this.playing = this.position < this.match.last;
    if (this.playing) requestAnimationFrame((later) => this.tick(later));
    this.draw();
  }

  /** By whole steps, from the one in view. */
  move(steps) {
    this.playing = false;
    const from = steps < 0 ? Math.ceil(this.position) : this.step;
    this.seek(from + steps);
  }

  /** To the event after (1) or before (-1) the moment in view. */
  toEvent(direction) {
    const steps = this.match.events.map((event) => event.step);
    const ahead = steps.filter((step) => (direction > 0 ? step > this.position : step < this.step));
    if (!ahead.length) return;
    this.playing = false;
    this.seek(direction > 0 ? Math.min(...ahead) : Math.max(...ahead));
  }

  setSpeed(speed) {
    this.speed = speed;
    byId("speed").textContent = `${{ 0.25: "¼", 0.5: "½" }[speed] ?? speed}×`;
    byId("slower").disabled = speed === SPEEDS[0];
    byId("faster").disabled = speed === SPEEDS[SPEEDS.length - 1];
  }

  faster(by) {
    const place = clamp(SPEEDS.indexOf(this.speed) + by, 0, SPEEDS.length - 1);
    this.setSpeed(SPEEDS[place]);
  }

  // ---- what is shown

  follow(agent) {
    this.followed = agent;
    byId("follow").value = agent ?? "";
    this.shownStep = -1;
    this.drawCurve();
    this.draw();
  }

  followNext() {
    const agents = [null, ...this.match.agents.keys()];
    this.follow(agents[(agents.indexOf(this.followed) + 1) % agents.length]);
  }

  show(overlay, on = !this.shows[overlay]) {
    this.shows[overlay] = on && this.match.knows(OVERLAYS[overlay]);
    byId(overlay).setAttribute("aria-pressed", this.shows[overlay]);
    byId("curve").hidden = !this.shows.values;
    byId("minds").hidden = !this.shows.probabilities;
    this.shownStep = -1;
    this.drawCurve();
    this.draw();
  }

  resize() {
    const stage = byId("stage");
    const [left, bottom, right, top] = this.match.bounds[0].slice(1);
    const { textPx, line } = arrange(stage.clientWidth, stage.clientWidth);
    const height = ((stage.clientWidth - 2 * textPx) * (top - bottom)) / (right - left) + textPx + line;
    // Of use on narrow screens only, where the picture is as high as it needs.
    document.body.style.setProperty("--stage-height", `${Math.round(Math.min(height, 0.62 * innerHeight))}px`);
    this.painter.resize(Math.max(stage.clientWidth, 64), Math.max(stage.clientHeight, 64), devicePixelRatio || 1);
    this.draw();
  }

  scene() {
    const { match, step, scenes } = this;
    if (scenes.step !== step) {
      const next = step + 1;
      this.scenes = {
        step,
        before: match.scene(step),
        after: next <= match.last && !match.cuts.has(next) ? match.scene(next) : null,
      };
    }
    const { before, after } = this.scenes;
    return after ? between(before, after, this.position - step) : before;
  }

  /** Bounds around the followed agent, inside of the scene's. */
  camera(scene) {
    const track = this.followed === null ? undefined : this.match.agents.get(this.followed);
    const body = scene.primitives.find((primitive) => primitive.id === track);
    if (body) this.lastSeen = [body.x, body.y];
    if (track === undefined || !this.lastSeen) return null;
    const [left, bottom, right, top] = scene.bounds;
    const [wide, high] = [(right - left) / ZOOM, (top - bottom) / ZOOM];
    const x = clamp(this.lastSeen[0], left + wide / 2, right - wide / 2);
    const y = clamp(this.lastSeen[1], bottom + high / 2, top - high / 2);
    return [x - wide / 2, y - high / 2, x + wide / 2, y + high / 2];
  }

  /** Shapes over the scene, as viewer/overlays.py has them: sight, subgoals, who is followed. */
  marks(scene) {
    const { match, step, followed } = this;
    const seen = new Map(scene.primitives.map((primitive) => [primitive.id, primitive]));
    const found = [];
    if (this.shows.sight && followed !== null) {
      const next = this.scenes.after ? match.sight(followed, step + 1) : [];
      const fraction = this.scenes.after ? this.position - step : 0;
      found.push(...(fraction ? blended(match.sight(followed, step), next, fraction) : match.sight(followed, step)));
    }
    const words = [];
    for (const [agent, id] of match.agents) {
      const option = this.shows.subgoals && seen.has(id) ? match.option(agent, step) : null;
      if (!option) continue;
      if (option.place) found.push(...subgoalMarks(seen.get(id), option, agent === followed));
      if (option.words) words.push(subgoalWords(seen.get(id), option));
    }
    found.push(...stacked(words));
    const body = seen.get(match.agents.get(followed));
    if (body) found.push({ kind: "disc", x: body.x, y: body.y, radius: 1.45 * reachOf(body), team: BRIGHT, filled: 0, label: "" });
    return found;
  }

  drawCurve() {
    if (this.shows.values) this.curve.draw(this.followed, this.shows.subgoals);
  }

  draw() {
    const { match, step, painter } = this;
    const scene = this.scene();
    this.drawn = scene;
    painter.draw(scene, match.pictures, this.camera(scene), this.marks(scene));
    const share = match.last ? this.position / match.last : 0;
    byId("head").style.left = `${100 * share}%`;
    byId("done").style.width = `${100 * share}%`;
    document.body.classList.toggle("playing", this.playing);
    if (this.shownStep === step) return;
    this.shownStep = step;
    const seconds = (step / match.rate).toFixed(1);
    byId("where").textContent = `${match.start + step} / ${match.start + match.last}`;
    byId("where").title = `${seconds} s`;
    byId("time").setAttribute("aria-valuenow", step);
    byId("time").setAttribute("aria-valuetext", `step ${match.start + step}`);
    this.panel.draw(step);
  }

  // ---- hands

  listen() {
    const press = (id, action) => byId(id).addEventListener("click", action);
    press("previous", () => this.toEvent(-1));
    press("back", () => this.move(-1));
    press("play", () => this.toggle());
    press("on", () => this.move(1));
    press("next", () => this.toEvent(1));
    press("slower", () => this.faster(-1));
    press("faster", () => this.faster(1));
    press("help", () => byId("keys").showModal());
    for (const overlay of Object.keys(OVERLAYS)) {
      byId(overlay).hidden = !this.match.knows(OVERLAYS[overlay]);
      press(overlay, () => this.show(overlay));
    }
    byId("shown").hidden = !Object.values(OVERLAYS).some((kind) => this.match.knows(kind));
    for (const id of ["previous", "next"]) byId(id).disabled = !this.match.events.length;
    byId("following").hidden = !this.match.agents.size;
    byId("follow").append(new Option("nobody", ""), ...[...this.match.agents.keys()].map((name) => new Option(name, name)));
    byId("follow").addEventListener("change", (event) => this.follow(event.target.value || null));
    byId("board").addEventListener("click", (event) => this.followAt(event.offsetX, event.offsetY));
    document.addEventListener("keydown", (event) => this.key(event));
    this.listenToTime();
  }

  listenToTime() {
    const time = byId("time");
    const stepAt = (event) => {
      const { left, width } = time.getBoundingClientRect();
      return Math.round(clamp((event.clientX - left) / width, 0, 1) * this.match.last);
    };
    const marked = (event) => event.target.closest?.("#marks i")?.event;
    let dragging = false;
    time.addEventListener("pointerdown", (event) => {
      dragging = true;
      this.resumes = this.playing;
      this.playing = false;
      this.seek(marked(event)?.step ?? stepAt(event));
      time.setPointerCapture(event.pointerId);
      this.hint(event);
    });
    time.addEventListener("pointermove", (event) => {
      if (dragging) this.seek(stepAt(event));
      this.hint(event, dragging ? undefined : marked(event));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      time.addEventListener(end, () => {
        if (dragging && this.resumes) this.play();
        dragging = false;
        byId("hint").hidden = true;
      });
    }
    time.addEventListener("pointerleave", () => (byId("hint").hidden = true));
    byId("marks").append(
      ...this.match.events.map((event) => {
        const mark = make("i");
        mark.event = event;
        mark.style.left = `${this.match.last ? (100 * event.step) / this.match.last : 0}%`;
        mark.style.color = css(event.team < 0 ? this.theme.label : this.painter.colour(event.team));
        return mark;
      }),
    );
    this.hint = (event, mark) => {
      const { left, width } = time.getBoundingClientRect();
      const step = mark?.step ?? stepAt(event);
      const hint = byId("hint");
      hint.hidden = false;
      hint.textContent = mark ? `${this.match.start + step}: ${mark.text}` : `${this.match.start + step}`;
      hint.style.left = `${clamp(event.clientX - left, 20, width - 20)}px`;
    };
  }

  /** Follow who was tapped on; nobody, if that was somebody already, or nobody is there. */
  followAt(x, y) {
    const { view } = this.painter;
    const tracks = new Map([...this.match.agents].map(([agent, id]) => [id, agent]));
    let nearest = null;
    let least = Infinity;
    for (const body of this.drawn.primitives) {
      if (!tracks.has(body.id)) continue;
      const [u, v] = this.painter.spot(body.x, body.y);
      const reach = reachOf(body) * view.scale;
      const distance = Math.hypot(view.x + u - x, view.y + v - y) - reach;
      if (distance < least) [nearest, least] = [tracks.get(body.id), distance];
    }
    const tapped = least < FOLLOWED_MARGIN_PX ? nearest : null;
    this.follow(tapped === this.followed ? null : tapped);
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || byId("keys").open || event.target.tagName === "SELECT") return;
    const far = event.shiftKey ? 10 : 1;
    const keys = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.move(-far),
      ArrowRight: () => this.move(far),
      Home: () => this.seek(0),
      End: () => this.seek(this.match.last),
      "[": () => this.toEvent(-1),
      "]": () => this.toEvent(1),
      "+": () => this.faster(1),
      "=": () => this.faster(1),
      "-": () => this.faster(-1),
      f: () => this.followNext(),
      v: () => this.show("values"),
      p: () => this.show("probabilities"),
      g: () => this.show("subgoals"),
      o: () => this.show("sight"),
      h: () => byId("keys").showModal(),
      "?": () => byId("keys").showModal(),
    };
    const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault(); // no scrolling, and no second press of a button that has the focus
    action();
  }
}

/** Half of the larger side of a body. */
function reachOf(body) {
  return body.radius ?? Math.max(body.width, body.height) / 2;
}

/** A line from a body to the place where its manager sends it, in a ring that is wide at first. */
function subgoalMarks({ x, y, team, ...body }, { place, age }, followed) {
  const size = 0.5 * reachOf(body);
  const alpha = followed ? 1 : 0.6 + 0.4 * newness(age);
  const [x2, y2] = place;
  return [
    { kind: "line", x, y, x2, y2, team, width: 0.25 * size, alpha: 0.5 * alpha },
    { kind: "disc", x: x2, y: y2, radius: ringOf(age) * size, team, filled: 0, label: "", alpha },
    { kind: "disc", x: x2, y: y2, radius: 0.6 * size, team, filled: 1, label: "", alpha },
  ];
}

/** What a subgoal is called, over its place, or over the body if it is nowhere. */
function subgoalWords({ x, y, team, ...body }, { place, age, words }) {
  const size = 0.5 * reachOf(body);
  const above = place ? ringOf(age) + 1.2 : 3.2;
  const [x2, y2] = place ?? [x, y];
  return { kind: "text", x: x2, y: y2 + above * size, text: words, height: 1.6 * size, team };
}

function newness(age) {
  return Math.max(0, 1 - age / NEW_FOR);
}

function ringOf(age) {
  return 1.6 + 1.2 * newness(age);
}

/** Each as far up as it has to be to lie on none before it; the same words of one team are said once. */
function stacked(words) {
  const placed = [];
  for (const text of words) {
    let under = placed.find((other) => overlap(text, other));
    while (under && (text.text !== under.text || text.team !== under.team)) {
      text.y = under.y + Math.max(text.height, under.height);
      under = placed.find((other) => overlap(text, other));
    }
    if (!under) placed.push(text);
  }
  return placed;
}

function overlap(text, other) {
  const half = ((text.text.length * text.height + other.text.length * other.height) * WIDTH_OF_LETTER) / 2;
  return Math.abs(text.x - other.x) < half && Math.abs(text.y - other.y) < 0.99 * Math.max(text.height, other.height);
}

/** Opens the match of this page; `window.viewer` is its Player, for scripts. */
async function open() {
  const theme = JSON.parse(byId("theme").textContent);
  theme.sprites = new Map(Object.entries(theme.sprites));
  try {
    const match = await readMatch(byId("data").textContent);
    byId("message").hidden = true;
    window.viewer = new Player(match, theme);
  } catch (error) {
    byId("message").hidden = false;
    byId("message").textContent = `This match cannot be shown here (${error.message}); a browser of 2023 or newer can.`;
  }
}

window.opened = open();
