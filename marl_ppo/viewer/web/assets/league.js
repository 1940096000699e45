// The page of a league: what league.py read from its store, drawn. No figure is computed here.

const NAMED = 7; // players whose lines have a colour of their own
const MANY = 18; // players from which cells of the table have no numbers
const FIRST_EVENTS = 15;
const CHART = { left: 36, right: 10, top: 10, bottom: 34, tallest: 360 };

const isKnown = (number) => number !== null && number !== undefined;
const percent = (share) => (isKnown(share) ? `${Math.round(100 * share)} %` : "n/a");
const fixed = (number, digits) => (isKnown(number) ? number.toFixed(digits).replace("-", "−") : "n/a");
const grouped = (number) => number.toLocaleString("en");

function showHead(league) {
  document.title = byId("name").textContent = league.name;
  const { world, turn, steps, seconds } = league;
  byId("about").textContent = `${world}, turn ${turn}: ${grouped(steps)} steps in ${grouped(Math.round(seconds))} s`;
  const members = (league.rows.length || league.partners.length).toString();
  const facts = [["members", members], ["top player", league.top], ["games", grouped(league.games)]];
  if (league.champion) facts.push(["champion", league.champion], ["promotions", league.promotions.toString()]);
  if (!league.together) facts.push(["cyclic share of the pay-offs", percent(league.cyclic_share)]);
  byId("facts").append(...facts.map(([name, value]) => make("div", "", make("dt", "", name), make("dd", "", value))));
}

/** A dot with its interval, on a scale that all rows of a column share. */
function whisker(value, [low, high], [least, most]) {
  if (!isKnown(value) || !isKnown(low)) return makeSvg("svg");
  const spot = (number) => 4 + (142 * (number - least)) / (most - least || 1);
  return makeSvg(
    "svg",
    { viewBox: "0 0 150 14", preserveAspectRatio: "none" },
    makeSvg("line", { x1: spot(low), x2: spot(high), y1: 7, y2: 7, stroke: "var(--scenery)", "stroke-width": 3 }),
    makeSvg("line", { x1: spot(value) - 2, x2: spot(value) + 2, y1: 7, y2: 7, stroke: "var(--team-0)", "stroke-width": 11 }),
  );
}

function scaleOf(intervals) {
  const ends = intervals.flat().filter(isKnown);
  return [Math.min(...ends), Math.max(...ends)];
}

/** A table: `columns` are [title, class, hint, row → cell]. */
function fillTable(table, columns, rows) {
  const head = columns.map(([title, className, hint]) => {
    const cell = make("th", className, title);
    cell.title = hint;
    return cell;
  });
  const body = rows.map((row, place) => make("tr", "", ...columns.map(([, className, , of]) => make("td", className, of(row, place)))));
  table.append(make("thead", "", make("tr", "", ...head)), make("tbody", "", ...body));
}

const half = ([low, high]) => (isKnown(low) ? (high - low) / 2 : null);
const withHalf = (value, interval, digits) =>
  isKnown(half(interval)) ? `${fixed(value, digits)} ± ${fixed(half(interval), digits)}` : fixed(value, digits);

function showStandings(league) {
  const { rows } = league;
  const muScale = scaleOf(rows.map((row) => row.mu_interval));
  const named = (row) => {
    const name = make("span", row.name === league.champion ? "champion" : "", row.name);
    if (row.name === league.champion) name.append(" ★");
    return name;
  };
  fillTable(
    byId("rows"),
    [
      ["", "", "", (row, place) => `${place + 1}`],
      ["player", "player", "", named],
      ["rating", "", "what it has shown for sure: μ − 3σ", (row) => fixed(row.rating, 1)],
      ["μ ± 1.96σ", "spare", "OpenSkill's belief about its skill", (row) => withHalf(row.mu, row.mu_interval, 1)],
      ["", "plot", "μ with its interval, all on one scale", (row) => whisker(row.mu, row.mu_interval, muScale)],
      ["Elo", "spare", "by maximum likelihood over all games of the ladder", (row) => withHalf(row.elo, row.elo_interval, 0)],
      ["wins", "", "mean win rate over those it met, a draw counts half", (row) => percent(row.win_rate)],
      ["95 %", "spare", "interval of the win rate", (row) => row.win_rate_interval.map(percent).join(" … ")],
      ["Nash", "spare", "its share in the most even equilibrium", (row) => (row.nash >= 0.005 ? percent(row.nash) : "")],
      ["games", "spare", "", (row) => grouped(row.games)],
      ["steps", "spare", "of its learner until it was kept", (row) => (row.steps ? grouped(row.steps) : "")],
    ],
    rows,
  );
  byId("order").textContent = "Sorted by rating = μ − 3σ, what a player has shown for sure. ★ is the champion.";
}

function showPartners(league) {
  const { partners } = league;
  const scale = scaleOf(partners.map((row) => row.cross_play_interval));
  fillTable(
    byId("rows"),
    [
      ["", "", "", (row, place) => `${place + 1}`],
      ["player", "player", "", (row) => row.name],
      ["cross-play", "", "mean over its partners of the return with each", (row) => withHalf(row.cross_play, row.cross_play_interval, 2)],
      ["", "plot spare", "cross-play with its interval, all on one scale", (row) => whisker(row.cross_play, row.cross_play_interval, scale)],
      ["self-play", "", "return with itself", (row) => withHalf(row.self_play, row.self_play_interval, 2)],
      ["gap", "spare", "what it loses with partners it did not choose", (row) => withHalf(row.gap, row.gap_interval, 2)],
      ["games", "spare", "", (row) => grouped(row.games)],
    ],
    partners,
  );
  byId("order").textContent = "Sorted by cross-play, the return with partners it did not choose. ± half of the 95 % interval.";
}

/** Colours of a cell: scores from orange (the row loses) over dark (even) to blue, returns from dark (low) to blue. */
function shade(value, [low, high], together, theme) {
  const share = high > low ? (value - low) / (high - low) : 0.5;
  const ground = theme.edge;
  if (together) return mix(theme.grid, theme.teams[0], share);
  return share < 0.5 ? mix(ground, theme.teams[1], 1 - 2 * share) : mix(ground, theme.teams[0], 2 * share - 1);
}

function mix(colour, other, share) {
  return colour.map((part, i) => Math.round(part + (other[i] - part) * share));
}

const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;
const isBright = ([red, green, blue]) => 0.299 * red + 0.587 * green + 0.114 * blue > 110;

function showPayoff({ payoff, together }, theme) {
  const { names, means, low, high, games } = payoff;
  byId("payoff-title").textContent = together ? "Return of the row with the column" : "Score of the row against the column";
  const table = byId("cells");
  table.classList.toggle("many", names.length > MANY);
  const head = names.map((name) => make("th", "", name));
  const rows = names.map((name, i) => {
    const cells = names.map((_, j) => {
      const cell = make("td");
      if (!games[i][j] || (i === j && !together)) return cell;
      const colour = shade(means[i][j], payoff.range, together, theme);
      cell.textContent = fixed(means[i][j], 2).replace(/^0\./, ".");
      cell.style.background = css(colour);
      cell.style.color = css(isBright(colour) ? theme.ink : theme.text);
      cell.title = cell.told =
        `${name} ${together ? "with" : "against"} ${names[j]}: ${fixed(means[i][j], 2)}, ` +
        `95 % ${fixed(low[i][j], 2)} … ${fixed(high[i][j], 2)}, ${grouped(games[i][j])} games`;
      return cell;
    });
    return make("tr", "", make("th", "", name), ...cells);
  });
  table.append(make("thead", "", make("tr", "", make("td"), ...head)), make("tbody", "", ...rows));
  const hint = "Win + ½ draw, both sides together. Point at a cell, or tap it, for its games and interval.";
  byId("cell").textContent = together ? hint.replace("Win + ½ draw, both sides together. ", "") : hint;
  for (const kind of ["pointerover", "click"]) {
    table.addEventListener(kind, ({ target }) => {
      if (!target.told) return;
      table.querySelector(".chosen")?.classList.remove("chosen");
      target.classList.add("chosen");
      byId("cell").textContent = target.told;
    });
  }
}

/** Round numbers within an interval, about so many. */
function ticks([low, high], count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high; at++) found.push(Number((at * step).toPrecision(12)));
  return found;
}

function showRatings({ history }, theme) {
  byId("ratings").hidden = !history.length;
  if (!history.length) return;
  let drawnWidth = 0;
  new ResizeObserver(() => {
    const width = byId("chart").clientWidth;
    if (width === drawnWidth) return;
    drawnWidth = width;
    drawRatings(history, theme, Math.max(width, 240));
  }).observe(byId("chart"));
}

function drawRatings(history, theme, width) {
  const { left, right, top, bottom, tallest } = CHART;
  const height = Math.min(Math.round(0.7 * width), tallest);
  const points = history.flatMap((one) => one.points);
  const last = Math.max(...points.map(([turn]) => turn));
  const first = Math.min(...points.map(([turn]) => turn));
  // Beginners' bands are so wide that nothing else would be seen: the scale is that of the lines.
  const lines = scaleOf(points.map(([, mu]) => [mu]));
  const spare = 0.15 * (lines[1] - lines[0] || 1);
  const scale = [lines[0] - spare, lines[1] + spare];
  const x = (turn) => left + ((width - left - right) * (turn - first)) / (last - first || 1);
  const y = (mu) => top + ((height - top - bottom) * (scale[1] - mu)) / (scale[1] - scale[0]);
  const inside = makeSvg("rect", { x: left, y: top, width: width - left - right, height: height - top - bottom });
  const chart = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "ratings over the turns" });
  chart.append(makeSvg("clipPath", { id: "inside" }, inside));
  for (const mu of ticks(scale, 5)) {
    chart.append(makeSvg("line", { x1: left, x2: width - right, y1: y(mu), y2: y(mu), stroke: "var(--edge)" }));
    chart.append(makeSvg("text", { x: left - 6, y: y(mu) + 4, "text-anchor": "end" }, `${mu}`.replace("-", "−")));
  }
  for (const turn of ticks([first, last], width / 80).filter(Number.isInteger)) {
    chart.append(makeSvg("text", { x: x(turn), y: height - 17, "text-anchor": "middle" }, `${turn}`));
  }
  chart.append(makeSvg("text", { x: (left + width) / 2, y: height - 1, "text-anchor": "middle" }, "turn"));
  const drawn = history.map((one, place) => playersLine(one, place < NAMED ? theme.teams[place] : null, x, y));
  chart.append(...drawn.map(({ line }) => line).reverse()); // the best on top
  byId("chart").replaceChildren(chart);
  byId("legend").replaceChildren(...drawn.slice(0, NAMED).map((one) => legendEntry(one, drawn)));
}

/** A player's line with its band; those without a colour of their own are grey, and have none. */
function playersLine({ name, points }, own, x, y) {
  const colour = own ? css(own) : "var(--scenery)";
  const outline = (pairs) => pairs.map(([turn, mu]) => `${x(turn).toFixed(1)},${y(mu).toFixed(1)}`).join(" ");
  const band = [...points.map(([turn, , low]) => [turn, low]), ...points.map(([turn, , , high]) => [turn, high]).reverse()];
  const curve = makeSvg("g", { "clip-path": "url(#inside)" });
  if (own) curve.append(makeSvg("polygon", { points: outline(band), fill: colour, opacity: 0.14 }));
  curve.append(makeSvg("polyline", { points: outline(points), fill: "none", stroke: colour, "stroke-width": own ? 2 : 1 }));
  const [end, mu] = points[points.length - 1];
  const dot = makeSvg("circle", { cx: x(end), cy: y(mu), r: own ? 3.5 : 2, fill: colour });
  return { name, colour, line: makeSvg("g", {}, makeSvg("title", {}, name), curve, dot) };
}

/** A name that, pressed, lets its line alone stand out. */
function legendEntry({ name, colour, line }, drawn) {
  const swatch = make("i");
  swatch.style.color = colour;
  const button = make("button", "", swatch, name);
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    const alone = button.getAttribute("aria-pressed") === "false";
    for (const other of byId("legend").querySelectorAll("button")) other.setAttribute("aria-pressed", other === button && alone);
    for (const one of drawn) one.line.setAttribute("opacity", !alone || one.line === line ? 1 : 0.15);
  });
  return make("li", "", button);
}

function showReplays({ replays }) {
  byId("replays").hidden = !replays.length;
  const buttons = [];
  byId("files").append(
    ...replays.map(({ page, title, about, broken }) => {
      if (broken) return make("li", "file broken quiet", `${title}: ${broken}`);
      const button = make("button", "", make("span", "", title), make("span", "quiet", about));
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        for (const other of buttons) other.setAttribute("aria-pressed", other === button);
        byId("screen").hidden = false;
        byId("screen").src = page;
      });
      buttons.push(button);
      const link = make("a", "", "↗");
      link.href = page;
      link.target = "_blank";
      link.title = "on a page of its own";
      return make("li", "file", button, link);
    }),
  );
}

function showEvents({ events }) {
  const told = events.map(([turn, text]) => make("li", "", make("span", "quiet", `turn ${turn}`), make("span", "", text)));
  byId("told").append(...told.slice(0, FIRST_EVENTS));
  byId("events").hidden = !told.length;
  const more = byId("all-events");
  more.hidden = told.length <= FIRST_EVENTS;
  more.textContent = `all ${told.length}`;
  more.addEventListener("click", () => {
    byId("told").replaceChildren(...told);
    more.hidden = true;
  });
}

function showLeague(league, theme) {
  showHead(league);
  if (league.together) showPartners(league);
  else showStandings(league);
  byId("beyond").append(...league.beyond.map((line) => make("li", "", line)));
  showPayoff(league, theme);
  showRatings(league, theme);
  showReplays(league);
  showEvents(league);
}

showLeague(JSON.parse(byId("data").textContent), JSON.parse(byId("theme").textContent));
