// Beside the picture: who plays, the numbers of the moment, what agents might do, and the events.

const MOST_MINDS = 12; // agents whose probabilities are shown unless one is followed
const TOLD_CHOICES = 3;

class Panel {
  constructor(player) {
    this.player = player;
    const { match } = player;
    byId("title").textContent = match.title;
    byId("teams").append(...this.teams());
    byId("events").hidden = !match.events.length;
    this.events = match.events.map((event) => this.event(event));
    byId("events").append(make("h2", "", "Events"), ...this.events);
    this.minds = new Map();
  }

  colour(team) {
    return css(this.player.painter.colour(team));
  }

  /** A block for each team: its agents, and who plays them; last those of whom no body nor name tells the team. */
  teams() {
    const { match } = this.player;
    this.agents = new Map();
    const blocks = match.teams.map((name, team) => {
      const dot = make("i");
      dot.style.color = this.colour(team);
      return make("div", "team", dot, make("b", "", name));
    });
    const others = make("div", "team");
    for (const [agent, played] of match.players) {
      const row = make("button", "agent", make("span", "", agent), make("span", "quiet", played));
      row.title = `${agent}: ${played}`;
      row.disabled = !match.agents.has(agent);
      row.addEventListener("click", () => this.player.follow(this.player.followed === agent ? null : agent));
      this.agents.set(agent, row);
      const drawn = match.teamOf(agent, 0);
      (blocks[drawn < 0 ? match.teams.indexOf(agent) : drawn] ?? others).append(row);
    }
    return others.childElementCount ? [...blocks, others] : blocks;
  }

  event(event) {
    const { match } = this.player;
    const row = make("button", "event");
    const dot = make("i", "dot");
    dot.style.color = event.team < 0 ? css(this.player.theme.scenery) : this.colour(event.team);
    row.append(make("span", "number", `${match.start + event.step}`), make("span", "", dot), make("span", "", event.text));
    row.addEventListener("click", () => this.player.seek(event.step));
    return row;
  }

  draw(step) {
    const { match, followed } = this.player;
    this.drawHud(match.hud(step));
    for (const [agent, row] of this.agents) row.setAttribute("aria-pressed", agent === followed);
    this.events.forEach((row, i) => row.classList.toggle("past", match.events[i].step <= step));
    if (this.player.shows.probabilities) this.drawMinds(step);
  }

  drawHud(lines) {
    const cells = lines.flatMap((line) => {
      const colon = line.indexOf(": ");
      if (colon < 0) return [make("dt", "whole", line)];
      return [make("dt", "", line.slice(0, colon).replaceAll("_", " ")), make("dd", "", line.slice(colon + 2))];
    });
    byId("hud").replaceChildren(...cells);
  }

  drawMinds(step) {
    const { match, followed } = this.player;
    const thinking = [...match.thoughts.keys()].filter((agent) => match.thoughts.get(agent).probabilities);
    const wanted = followed !== null && thinking.includes(followed) ? [followed] : thinking.slice(0, MOST_MINDS);
    const rows = wanted.map((agent) => {
      if (!this.minds.has(agent)) {
        const told = make("span", "quiet number");
        const canvas = make("canvas");
        this.minds.set(agent, { told, canvas, row: make("div", "mind", make("div", "", make("span", "", agent), told), canvas) });
      }
      return this.minds.get(agent);
    });
    const current = [...byId("minds").querySelectorAll(".mind")];
    if (current.length !== rows.length || rows.some(({ row }, i) => row !== current[i])) {
      byId("minds").replaceChildren(make("h2", "", "Choices and their probabilities"), ...rows.map(({ row }) => row));
    }
    wanted.forEach((agent, i) => {
      const shares = match.thought(agent, "probabilities", step);
      rows[i].told.textContent = shares ? likeliest(shares, match.choices.get(agent) ?? []) : "–";
      drawBars(rows[i].canvas, shares ?? [], this.colour(match.teamOf(agent, step)));
    });
  }
}

/** The likeliest choices, as `↗ kick: 45 %`; by their numbers where nobody named them. */
function likeliest(shares, names) {
  const ranked = shares.map((share, choice) => [share, choice]).sort(([a], [b]) => b - a);
  const told = ranked.slice(0, TOLD_CHOICES).filter(([share]) => share >= 0.005);
  return told.map(([share, choice]) => `${names.length === shares.length ? names[choice] : choice}: ${Math.round(100 * share)} %`).join("  ");
}

/** Sets a canvas up for drawing in CSS pixels; null where it is out of sight. */
function penOf(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !height) return null;
  const density = devicePixelRatio || 1;
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  const pen = canvas.getContext("2d");
  pen.scale(density, density);
  return { pen, width, height };
}

function drawBars(canvas, shares, colour) {
  const { pen, width, height } = penOf(canvas) ?? {};
  if (!pen) return;
  const each = width / Math.max(shares.length, 1);
  pen.fillStyle = colour;
  shares.forEach((share, i) => {
    const high = clamp(share, 0, 1) * (height - 2);
    pen.fillRect(i * each + Math.min(1, each / 6), height - Math.max(high, 1), each - Math.min(2, each / 3), Math.max(high, 1));
  });
}

/** What everybody expects, over time. */
class Curve {
  constructor(canvas, match, colour) {
    Object.assign(this, { canvas, match, colour });
    this.agents = [...match.thoughts].filter(([, kinds]) => kinds.value).map(([agent, kinds]) => [agent, kinds.value]);
    const ends = this.agents.map(([, series]) => extent(series));
    this.low = Math.min(...ends.map(([low]) => low));
    this.high = Math.max(...ends.map(([, high]) => high));
  }

  /** Where `options` are shown, moments at which the followed agent got a subgoal are marked below. */
  draw(followed, options) {
    const { pen, width, height } = penOf(this.canvas) ?? {};
    if (!pen) return;
    const styles = getComputedStyle(document.documentElement);
    const span = this.high - this.low || 1;
    const spotY = (value) => height - 3 - ((value - this.low) / span) * (height - 6);
    const spotX = (step) => (this.match.last ? (step / this.match.last) * width : 0);
    pen.fillStyle = styles.getPropertyValue("--board");
    pen.fillRect(0, 0, width, height);
    if (this.low < 0 && this.high > 0) {
      pen.fillStyle = styles.getPropertyValue("--edge");
      pen.fillRect(0, Math.round(spotY(0)), width, 1);
    }
    for (const [agent, series] of this.agents) {
      pen.globalAlpha = followed === null || !this.agents.some(([name]) => name === followed) ? 0.8 : agent === followed ? 1 : 0.2;
      pen.lineWidth = agent === followed ? 2 : 1;
      pen.strokeStyle = this.colour(this.match.teamOf(agent, 0));
      pen.beginPath();
      for (let row = 0; row < series.count; row++) pen.lineTo(spotX(series.steps.at(row)), spotY(valueAt(series, row)));
      pen.stroke();
    }
    pen.globalAlpha = 1;
    if (followed !== null && options) {
      pen.fillStyle = this.colour(this.match.teamOf(followed, 0));
      for (const step of this.match.optionsOf(followed)) pen.fillRect(spotX(step), height - 6, 1, 6);
    }
    pen.fillStyle = styles.getPropertyValue("--quiet");
    pen.font = `10px ${FONT}`;
    pen.fillText(`expected return, ${short(this.high)}`, 4, 11);
    pen.fillText(short(this.low), 4, height - 4);
  }
}

function valueAt(series, row) {
  return series.columns[0].at(row) * series.unit;
}

function extent(series) {
  let [low, high] = [Infinity, -Infinity];
  for (let row = 0; row < series.count; row++) {
    const value = valueAt(series, row);
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

function short(number) {
  return Number(number.toPrecision(3)).toString().replace("-", "−");
}
