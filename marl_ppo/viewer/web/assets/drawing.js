// Scenes on a canvas, as viewer/board.py and viewer/shapes.py draw them. Sizes are in CSS pixels.

const FINE = 4; // shapes.py draws so many times larger, and rounds there
const CORNER = 6;
const RIM_SHADE = 0.45;
const BRIGHT = -2; // in the place of a team: what marks a body, whoever it is
const SMALLEST_TEXT = 9;
const LARGEST_LABEL = 28;
const FONT = '"DejaVu Sans", Verdana, "Noto Sans", system-ui, sans-serif';
const HALO = [[-1, 0], [1, 0], [0, -1], [0, 1]];

/** Rounds halves to even, as Python does. */
function whole(number) {
  const floor = Math.floor(number);
  return number - floor === 0.5 ? floor + (floor % 2) : Math.round(number);
}

function clamp(number, low, high) {
  return Math.min(Math.max(number, low), high);
}

/** The board with a line for the caption under it, as layout.py arranges a picture without a panel. */
function arrange(width, height) {
  const textPx = clamp(whole(Math.min(width, height) / 36), 11, 20);
  const line = whole(textPx * 1.7);
  const board = [textPx, textPx, Math.max(1, width - 2 * textPx), Math.max(1, height - textPx - line)];
  return { board, textPx, line };
}

/** Where a scene's bounds lie on the board: undistorted, in the middle. */
function fit([left, bottom, right, top], board) {
  const scale = Math.min(board[2] / (right - left), board[3] / (top - bottom));
  const width = Math.max(1, whole((right - left) * scale));
  const height = Math.max(1, whole((top - bottom) * scale));
  const corner = [board[0] + Math.floor((board[2] - width) / 2), board[1] + Math.floor((board[3] - height) / 2)];
  return { left, top, scale, x: corner[0], y: corner[1], width, height };
}

function gridStep(span) {
  const power = 10 ** Math.floor(Math.log10(span / 5));
  return Math.max(...[power, 2 * power, 5 * power].filter((step) => step <= span / 5), power);
}

/** Draws scenes into one canvas. `theme` has the colours, and the outlines of the sprites that have one. */
class Painter {
  constructor(canvas, theme) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: false });
    this.theme = theme;
    this.resize(1, 1, 1);
  }

  /** `density`: pixels of the screen per CSS pixel. */
  resize(width, height, density) {
    this.width = width;
    this.height = height;
    this.density = density;
    this.canvas.width = Math.round(width * density);
    this.canvas.height = Math.round(height * density);
  }

  /** The scene; `camera`, bounds inside of the scene's, shows a part of it; `above` are shapes over its own. */
  draw(scene, pictures, camera = null, above = []) {
    const { pen, theme } = this;
    const layout = arrange(this.width, this.height);
    const view = fit(camera ?? scene.bounds, layout.board);
    this.view = view;
    this.spot = (x, y) => [(x - view.left) * view.scale, (view.top - y) * view.scale];
    pen.setTransform(this.density, 0, 0, this.density, 0, 0);
    pen.fillStyle = css(theme.page);
    pen.fillRect(0, 0, this.width, this.height);
    pen.save();
    pen.translate(view.x, view.y);
    pen.beginPath();
    pen.rect(0, 0, view.width, view.height);
    pen.clip();
    this.ground(scene.bounds);
    const all = [...scene.primitives, ...above];
    for (const primitive of all) this.shape(primitive, pictures);
    for (const primitive of all) this.words(primitive);
    pen.restore();
    this.caption(scene.caption, view, layout);
  }

  colour(team) {
    const { teams, scenery, text } = this.theme;
    if (team === BRIGHT) return text;
    return team < 0 ? scenery : teams[team % teams.length];
  }

  ground([left, bottom, right, top]) {
    const { pen, theme, view } = this;
    pen.fillStyle = css(theme.board);
    this.box(0, 0, view.width, view.height, CORNER);
    pen.fill();
    pen.fillStyle = css(theme.grid);
    const step = gridStep(Math.max(right - left, top - bottom));
    for (let i = Math.floor(left / step) + 1; i < Math.ceil(right / step); i++) {
      pen.fillRect(whole(this.spot(i * step, 0)[0]), 0, 1, view.height);
    }
    for (let i = Math.floor(bottom / step) + 1; i < Math.ceil(top / step); i++) {
      pen.fillRect(0, whole(this.spot(0, i * step)[1]), view.width, 1);
    }
    pen.strokeStyle = css(theme.edge);
    pen.lineWidth = 1;
    this.box(0.5, 0.5, view.width - 1, view.height - 1, CORNER - 0.5);
    pen.stroke();
  }

  box(x, y, width, height, corner) {
    this.pen.beginPath();
    this.pen.roundRect(x, y, Math.max(width, 0), Math.max(height, 0), Math.max(corner, 0));
  }

  shape(primitive, pictures) {
    this.pen.globalAlpha = primitive.alpha ?? 1;
    if (primitive.kind === "disc") this.disc(primitive);
    else if (primitive.kind === "box") this.rectangle(primitive);
    else if (primitive.kind === "line") this.stroke(primitive);
    else if (primitive.kind === "sprite") this.sprite(primitive);
    else if (primitive.kind === "picture") this.picture(primitive, pictures);
    this.pen.globalAlpha = 1;
  }

  disc({ x, y, radius, team, filled }) {
    const { pen } = this;
    const [u, v] = this.spot(x, y).map(fine);
    const reach = fine(Math.max(radius * this.view.scale, 1));
    const rim = rimPx(2 * reach);
    const circle = (size) => pen.arc(u, v, Math.max(size, 0), 0, 2 * Math.PI);
    if (!filled) {
      const width = Math.min(fine(1.6 * rim), reach);
      pen.beginPath();
      circle(reach - width / 2);
      pen.strokeStyle = css(this.colour(team));
      pen.lineWidth = width;
      pen.stroke();
      return;
    }
    const inner = Math.max(reach - rim, 1 / FINE);
    // Rim and inside do not overlap, so that what is half seen is so everywhere.
    pen.beginPath();
    circle(reach);
    if (pen.globalAlpha < 1) circle(inner);
    pen.fillStyle = css(mixed(this.colour(team), this.theme.page, RIM_SHADE));
    pen.fill("evenodd");
    pen.beginPath();
    circle(inner);
    pen.fillStyle = css(this.colour(team));
    pen.fill();
  }

  rectangle({ x, y, width, height, team, filled = true }) {
    const { pen, view } = this;
    const [u, v] = this.spot(x, y).map(fine);
    const [wide, high] = [width, height].map((side) => fine(Math.max(side * view.scale, 1)));
    const [left, top] = [u - Math.floor((wide * FINE) / 2) / FINE, v - Math.floor((high * FINE) / 2) / FINE];
    const rim = rimPx(Math.min(wide, high));
    const corner = fine(Math.min(Math.min(wide, high) * 0.12, 8));
    const colour = css(this.colour(team));
    if (!filled) {
      this.box(left + rim / 2, top + rim / 2, wide - rim, high - rim, corner - rim / 2);
      pen.strokeStyle = colour;
      pen.lineWidth = rim;
      pen.stroke();
      return;
    }
    const inside = [left + rim, top + rim, Math.max(wide - 2 * rim, 0), Math.max(high - 2 * rim, 0)];
    this.box(left, top, wide, high, corner);
    if (pen.globalAlpha < 1) pen.roundRect(...inside, Math.max(corner - rim, 0));
    pen.fillStyle = css(mixed(this.colour(team), this.theme.page, RIM_SHADE));
    pen.fill("evenodd");
    this.box(...inside, corner - rim);
    pen.fillStyle = colour;
    pen.fill();
  }

  stroke({ x, y, x2, y2, width, team }) {
    const { pen } = this;
    const [from, to] = [this.spot(x, y).map(fine), this.spot(x2, y2).map(fine)];
    pen.beginPath();
    pen.moveTo(...from);
    // A line of no length is a dot, but a canvas draws none.
    pen.lineTo(to[0] + (from[0] === to[0] && from[1] === to[1] ? 0.01 : 0), to[1]);
    pen.lineCap = "round";
    pen.strokeStyle = css(this.colour(team));
    pen.lineWidth = fine(Math.max(width * this.view.scale, 1));
    pen.stroke();
  }

  sprite(sprite) {
    const outlines = this.theme.sprites.get(sprite.name);
    if (!outlines) {
      this.rectangle(sprite);
      return;
    }
    const { pen } = this;
    const [cos, sin] = [Math.cos(sprite.heading), Math.sin(sprite.heading)];
    for (const [shade, outline] of outlines) {
      pen.beginPath();
      for (const [ahead, aside] of outline) {
        const [u, v] = [ahead * sprite.width, aside * sprite.height];
        pen.lineTo(...this.spot(sprite.x + u * cos - v * sin, sprite.y + u * sin + v * cos).map(fine));
      }
      pen.fillStyle = css(mixed(this.colour(sprite.team), this.theme.page, shade));
      pen.fill();
    }
  }

  picture({ x, y, width, height, pixels }, pictures) {
    const { pen, view } = this;
    const bitmap = pictures.get(pixels);
    if (!bitmap) return;
    const [u, v] = this.spot(x - width / 2, y + height / 2);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(bitmap, u, v, width * view.scale, height * view.scale);
  }

  words(primitive) {
    if (primitive.kind === "line" || primitive.kind === "picture") return;
    const [u, v] = this.spot(primitive.x, primitive.y);
    if (primitive.kind === "text") {
      const colour = primitive.team < 0 ? this.theme.text : this.colour(primitive.team);
      if (primitive.text) this.write(primitive.text, whole(primitive.height * this.view.scale), colour, u, v);
      return;
    }
    const named = primitive.kind === "sprite" && !this.theme.sprites.has(primitive.name);
    const label = primitive.kind === "sprite" ? (named ? primitive.name : "") : primitive.label;
    if (label) this.label(primitive, label, u, v);
  }

  /** On the body where the words fit, else in small letters beside it. */
  label(body, words, u, v) {
    const { pen, view, theme } = this;
    const width = (body.kind === "disc" ? 2 * body.radius : body.width) * view.scale;
    const height = (body.kind === "disc" ? 2 * body.radius : body.height) * view.scale;
    const alpha = body.alpha ?? 1;
    const ground = mixed(theme.board, this.colour(body.team), (body.filled ?? 1) ? alpha : 0);
    const smallPx = whole(clamp(Math.min(view.width, view.height) / 40, 11, 18));
    const room = 0.85 * width;
    let px = Math.min(whole(0.4 * height), LARGEST_LABEL);
    let size = this.measure(words, px);
    if (size.width > room && Math.floor((px * room) / size.width) >= smallPx) {
      px = Math.floor((px * room) / size.width);
      size = this.measure(words, px);
    }
    pen.globalAlpha = clamp(alpha, 0, 1);
    if (size.width <= room) {
      this.write(words, px, legibleOn(ground, theme), whole(view.x + u) - view.x, whole(view.y + v) - view.y);
    } else {
      size = this.measure(words, smallPx);
      // Above scenery and under players: a player often stands on scenery, and both names should be read.
      const middle = body.team < 0 ? v - height / 2 - 1 - size.height / 2 : v + height / 2 + 1 + size.height / 2;
      const x = size.width > view.width ? view.width / 2 : clamp(u, size.width / 2, view.width - size.width / 2);
      const y = clamp(middle, size.height / 2, view.height - size.height / 2);
      for (const [right, down] of HALO) this.write(words, smallPx, theme.page, x + right, y + down);
      this.write(words, smallPx, theme.label, x, y);
    }
    pen.globalAlpha = 1;
  }

  measure(words, px) {
    this.pen.font = `${Math.max(px, SMALLEST_TEXT)}px ${FONT}`;
    const { width, fontBoundingBoxAscent: ascent, fontBoundingBoxDescent: descent } = this.pen.measureText(words);
    return { width, ascent, height: ascent + descent };
  }

  /** Words around (x, y). */
  write(words, px, colour, x, y) {
    const { width, ascent, height } = this.measure(words, px);
    this.pen.fillStyle = css(colour);
    this.pen.textAlign = "left";
    this.pen.textBaseline = "alphabetic";
    this.pen.fillText(words, whole(x) - Math.floor(Math.ceil(width) / 2), whole(y) - Math.floor(Math.ceil(height) / 2) + ascent);
  }

  caption(words, view, layout) {
    if (!words) return;
    const room = layout.board[2];
    let kept = words;
    while (kept.length > 1 && this.measure(kept === words ? words : `${kept.trimEnd()}…`, layout.textPx).width > room) {
      kept = kept.slice(0, -1);
    }
    const shown = kept === words ? words : `${kept.trimEnd()}…`;
    const middle = view.y + view.height + Math.floor(layout.textPx / 3) + this.measure(shown, layout.textPx).height / 2;
    this.write(shown, layout.textPx, this.theme.text, view.x + view.width / 2, middle);
  }
}

/** Where pygame would draw it, which knows no finer places. */
function fine(pixels) {
  return whole(pixels * FINE) / FINE;
}

/** Width of the outline of a body of this thickness. */
function rimPx(thickness) {
  return whole(clamp(thickness * FINE * 0.07, FINE, 3 * FINE)) / FINE;
}

function mixed(colour, other, share) {
  return colour.map((part, i) => whole(part + (other[i] - part) * share));
}

function legibleOn([red, green, blue], theme) {
  return 0.299 * red + 0.587 * green + 0.114 * blue > 110 ? theme.ink : theme.text;
}

function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}
