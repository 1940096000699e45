// Scenes between two steps, as viewer/interpolate.py makes them: what both have moves; what only one has fades where it
// has an alpha, and else changes half-way, as do words, teams and pictures.

const MOVING = {
  disc: ["x", "y", "radius", "alpha"],
  box: ["x", "y", "width", "height", "alpha"],
  line: ["x", "y", "x2", "y2", "width", "alpha"],
  text: ["x", "y", "height"],
  sprite: ["x", "y", "width", "height"],
  picture: [],
};

function lerp(a, b, fraction) {
  return a + (b - a) * fraction;
}

function between(before, after, fraction) {
  if (fraction <= 0) return before;
  if (fraction >= 1) return after;
  return {
    bounds: before.bounds.map((bound, i) => lerp(bound, after.bounds[i], fraction)),
    primitives: blended(before.primitives, after.primitives, fraction),
    caption: (fraction < 0.5 ? before : after).caption,
  };
}

function blended(before, after, fraction) {
  const old = new Map(before.map((primitive) => [primitive.id, primitive]));
  const staying = new Set(after.map((primitive) => primitive.id));
  // What leaves keeps its place in the order of drawing: right above what it was drawn upon, and below all that is drawn
  // there now, which it must not hide.
  const leaving = new Map([[null, []]]);
  let below = null;
  for (const primitive of before) {
    if (staying.has(primitive.id)) leaving.set((below = primitive.id), []);
    else leaving.get(below).push(faded(primitive, 1 - fraction));
  }
  const found = [...leaving.get(null)];
  for (const primitive of after) {
    const was = old.get(primitive.id);
    found.push(was ? moved(was, primitive, fraction) : faded(primitive, fraction), ...(leaving.get(primitive.id) ?? []));
  }
  return found.filter((primitive) => primitive !== null);
}

function moved(before, after, fraction) {
  const primitive = { ...(fraction < 0.5 ? before : after) };
  for (const field of MOVING[primitive.kind]) primitive[field] = lerp(before[field], after[field], fraction);
  if (primitive.kind === "sprite") {
    const turn = after.heading - before.heading;
    const shortWay = turn - 2 * Math.PI * Math.round(turn / (2 * Math.PI));
    primitive.heading = before.heading + shortWay * fraction;
  }
  return primitive;
}

function faded(primitive, presence) {
  if (primitive.alpha === undefined) return presence >= 0.5 ? primitive : null;
  return { ...primitive, alpha: primitive.alpha * presence };
}
