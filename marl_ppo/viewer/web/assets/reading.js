// From the columns of columns.py to a match: a scene for every step, as lists of primitives.

const KINDS = [
  ["disc", ["x", "y", "radius", "team", "label", "filled", "alpha"]],
  ["box", ["x", "y", "width", "height", "team", "label", "filled", "alpha"]],
  ["line", ["x", "y", "x2", "y2", "width", "team", "alpha"]],
  ["text", ["x", "y", "height", "team", "text"]],
  ["sprite", ["x", "y", "width", "height", "heading", "team", "name"]],
  ["picture", ["x", "y", "width", "height", "pixels"]],
];
const PICTURES_AHEAD = 3; // of the one in view, made ready for what comes next
const MOST_PICTURES = 48; // kept decoded
const LENGTHS = new Set(["x", "y", "x2", "y2", "width", "height", "radius"]);

/** The text of a page's data: base64 of zlib's deflate of JSON. */
async function inflate(base64) {
  const bytes = bytesOf(base64.trim());
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** A column: its value `at` a row, whether it was told as one number or as differences. */
function column(told) {
  if (!Array.isArray(told)) return { at: () => told };
  const values = new Float64Array(told.length);
  let sum = 0;
  told.forEach((difference, row) => (values[row] = sum += difference));
  return { at: (row) => values[Math.min(row, values.length - 1)], values };
}

/** What changes now and then, told as [step, ...]: the newest entry at a step. */
function newest(entries, step) {
  let low = 0;
  let high = entries.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (entries[middle][0] <= step) low = middle;
    else high = middle - 1;
  }
  return entries[low];
}

class Match {
  /** @param told what columns.py made, parsed; `pictures` its Pictures */
  constructor(told, pictures) {
    this.title = told.title;
    this.teams = told.teams;
    this.players = told.players;
    this.rate = told.rate;
    this.start = told.start;
    this.last = told.last;
    this.events = told.events.map(([step, kind, text, team]) => ({ step, kind, text, team }));
    this.cuts = new Set(told.cuts);
    this.agents = new Map(Object.entries(told.agents));
    this.choices = new Map(Object.entries(told.choices)); // agent → what its choices are called
    this.thoughts = new Map(Object.entries(told.thoughts).map(([agent, kinds]) => [agent, thoughtsOf(kinds)]));
    this.pictures = pictures;
    this.words = told.words;
    this.bounds = told.bounds;
    this.captions = column(told.captions);
    this.lines = told.hud.map(column);
    this.unit = told.unit;
    this.tracks = told.tracks.map(([kind, first, ...columns]) => ({ kind, first, columns: columns.map(column) }));
    this.orders = ordersOf(told.orders);
    this.sights = new Map(Object.entries(told.sights).map(([agent, splices]) => [agent, ordersOf(splices)]));
  }

  /** The scene at a step. */
  scene(step) {
    const [, ...bounds] = newest(this.bounds, step);
    return { bounds, primitives: this.drawnAt(this.orders, step), caption: this.words[this.captions.at(step)] };
  }

  /** What shows how far an agent sees at a step. */
  sight(agent, step) {
    return this.drawnAt(this.sights.get(agent) ?? [], step);
  }

  drawnAt(orders, step) {
    if (!orders.length || orders[0][0] > step) return [];
    return newest(orders, step)[1].map((id) => this.primitive(id, step));
  }

  /** A track as it is at a step, or was when it was last there. */
  primitive(id, step) {
    const { kind, first, columns } = this.tracks[id];
    const [name, fields] = KINDS[kind];
    const row = Math.max(step - first, 0);
    const primitive = { id, kind: name };
    fields.forEach((field, i) => {
      const value = columns[i].at(row);
      if (LENGTHS.has(field)) primitive[field] = value * this.unit;
      else if (field === "alpha") primitive.alpha = value / 255;
      else if (field === "heading") primitive.heading = value / 1000;
      else if (field === "label" || field === "text" || field === "name") primitive[field] = this.words[value];
      else primitive[field] = value;
    });
    return primitive;
  }

  /** The lines beside the picture. */
  hud(step) {
    return this.lines.map((line) => line.at(step)).filter((word) => word >= 0).map((word) => this.words[word]);
  }

  /** The team whose colour an agent has; -1 where it is not drawn. */
  teamOf(agent, step) {
    return this.agents.has(agent) ? this.primitive(this.agents.get(agent), step).team : -1;
  }

  /** A thought of an agent's newest decision up to a step: numbers, or null. */
  thought(agent, kind, step) {
    const series = this.thoughts.get(agent)?.[kind];
    const row = newestUpTo(series, step);
    return row < 0 ? null : series.columns.map((one) => one.at(row) * series.unit);
  }

  /** What an agent that decides at a step is set by its manager: a place, or null, the decisions since, and what it is called. */
  option(agent, step) {
    const series = this.thoughts.get(agent)?.option;
    const row = newestUpTo(series, step);
    if (row < 0 || series.steps.at(row) !== step) return null;
    const [age, word, somewhere] = this.thought(agent, "option", step);
    return { place: somewhere ? this.thought(agent, "subgoal", step) : null, age, words: this.words[word] };
  }

  /** The steps at which an agent's manager set a subgoal. */
  optionsOf(agent) {
    const series = this.thoughts.get(agent)?.option;
    return series ? [...Array(series.count).keys()].filter((row) => series.columns[0].at(row) === 0).map((row) => series.steps.at(row)) : [];
  }

  /** Whether anybody's thoughts of a kind, or sight, are known. */
  knows(kind) {
    if (kind === "sight") return this.sights.size > 0;
    return [...this.thoughts.values()].some((kinds) => kinds[kind]);
  }
}

/** The row of a series' newest step up to one; -1 where there is none. */
function newestUpTo(series, step) {
  if (!series || series.steps.at(0) > step) return -1;
  let row = 0;
  let high = series.count - 1;
  while (row < high) {
    const middle = (row + high + 1) >> 1;
    if (series.steps.at(middle) <= step) row = middle;
    else high = middle - 1;
  }
  return row;
}

function thoughtsOf(kinds) {
  return Object.fromEntries(
    Object.entries(kinds).map(([name, { unit, steps, columns }]) => [
      name,
      { unit, steps: column(steps), count: steps.length, columns: columns.map(column) },
    ]),
  );
}

/** [step, ids] of each drawing order. */
function ordersOf(splices) {
  let ids = [];
  return splices.map(([step, place, removed, ...added]) => {
    ids = [...ids.slice(0, place), ...added, ...ids.slice(place + removed)];
    return [step, ids];
  });
}

/** Pictures in base64, decoded when they are wanted: all at once would fill the memory. */
class Pictures {
  constructor(pngs) {
    this.pngs = pngs;
    this.decoded = new Map(); // number → bitmap, or null while it is decoded; those used last come last
    this.last = null;
    this.whenReady = () => {};
  }

  /** A bitmap; while it is not ready, the one shown before, or null. */
  get(number) {
    for (let near = number; near <= Math.min(number + PICTURES_AHEAD, this.pngs.length - 1); near++) this.decode(near);
    const bitmap = this.decoded.get(number);
    this.decoded.delete(number);
    this.decoded.set(number, bitmap);
    return (this.last = bitmap ?? this.last);
  }

  async decode(number) {
    if (this.decoded.has(number)) return;
    this.decoded.set(number, null);
    if (this.decoded.size > MOST_PICTURES) this.decoded.delete(this.decoded.keys().next().value);
    const bitmap = await createImageBitmap(new Blob([bytesOf(this.pngs[number])], { type: "image/png" }));
    if (!this.decoded.has(number)) return;
    this.decoded.set(number, bitmap);
    this.whenReady();
  }
}

/** A match out of the page's data. */
async function readMatch(base64) {
  const told = JSON.parse(await inflate(base64));
  return new Match(told, new Pictures(told.pictures));
}
