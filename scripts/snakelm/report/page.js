/* Draws the page's charts with Observable Plot and makes its sortable tables with Tabulator.
   Text from runs is only ever set as text. */
(() => {
"use strict";
document.documentElement.classList.add("scripted");
const COLOURS = 8, ROWS = 40;
const DASHES = [null, "6 3", "2 3", "8 2 2 2"];
const colour = place => `var(--s${place % COLOURS})`;
const dashes = place => DASHES[Math.floor(place / COLOURS) % DASHES.length];
const MARKS = {better: "var(--gain)", worse: "var(--loss)", equivalent: "var(--same)", inconclusive: "var(--muted)", none: "var(--muted)"};
const short = (text, most) => text.length <= most ? text : text.slice(0, most / 2) + "…" + text.slice(text.length - most / 2 + 1);

function make(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key in node) node[key] = value; else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

function number(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value)) return (size >= 1e4 ? value.toLocaleString("en-US") : String(value)).replace("-", "−");
  return (size && (size < 1e-3 || size >= 1e9) ? value.toExponential(2) : Number(value.toPrecision(4)).toLocaleString("en-US", {maximumFractionDigits: 6})).replace("-", "−");
}

/* A score or a difference, with the digits that numbers.py gives it. */
function score(value, signed) {
  const size = Math.abs(value);
  const places = size === 0 ? 3 : size < 1 ? (Number(value.toFixed(3)) === value ? 3 : 4) : Math.max(0, 3 - Math.floor(Math.log10(size)));
  const text = value.toLocaleString("en-US", {minimumFractionDigits: places, maximumFractionDigits: places});
  return ((signed && value > 0 ? "+" : "") + text).replace("-", "−");
}

function count(value) {
  for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (Math.abs(value) >= size && (size > 1e3 || Math.abs(value) >= 1e4)) return `${+(value / size).toPrecision(6)}${unit}`;
  return `${+value.toPrecision(6)}`.replace("-", "−");
}

const tip = (data, pointer) => Plot.tip(data, pointer({x: "x", y: "y", title: "title", fill: "var(--paper)", stroke: "var(--rule)", fontSize: 11, textPadding: 6}));

// --- charts ---

function diagonal(chart) {
  const values = chart.series.flatMap(one => [...one.x, ...one.y]).filter(value => value !== null);
  const ends = [Math.min(...values), Math.max(...values)];
  return Plot.line(ends.map(end => [end, end]), {stroke: "var(--muted)", strokeDasharray: "4 3"});
}

function lines(chart, width) {
  const marks = [], all = [];
  if (chart.zero) marks.push(Plot.ruleY([0], {stroke: "var(--muted)"}));
  if (chart.diagonal) marks.push(diagonal(chart));
  chart.series.forEach(one => {
    const points = one.x.map((x, at) => ({x, y: one.y[at], low: one.low && one.low[at], high: one.high && one.high[at]})).filter(point => point.y !== null);
    const stroke = colour(one.colour);
    if (one.low) marks.push(Plot.areaY(points, {x: "x", y1: "low", y2: "high", fill: stroke, fillOpacity: 0.15}));
    marks.push(Plot.lineY(points, {x: "x", y: "y", stroke, strokeWidth: one.strong ? 1.8 : 1, strokeOpacity: one.strong ? 1 : 0.5, strokeDasharray: dashes(one.colour)}));
    if (points.length < 2 || (one.strong && points.length <= 40)) marks.push(Plot.dot(points, {x: "x", y: "y", r: 2.2, fill: stroke}));
    for (const point of points) all.push({x: point.x, y: point.y, title: `${one.name}\n${chart.x}: ${number(point.x)}\n${number(point.y)}` + (one.low ? ` [${number(point.low)}, ${number(point.high)}]` : "")});
  });
  const xs = chart.log ? [...new Set(chart.series.flatMap(one => one.x))].sort((a, b) => a - b) : null;
  return Plot.plot({width, height: Math.min(280, Math.max(190, width * 0.6)), marginLeft: 48, marginBottom: 36,
    x: {label: chart.x, type: chart.log ? "log" : "linear", ticks: xs && xs.length <= 7 ? xs : Math.max(3, width / 90), tickFormat: count},
    y: {label: chart.y, grid: true, nice: true, ticks: 5, tickFormat: count}, marks: [...marks, tip(all, Plot.pointer)]});
}

function points(chart, width) {
  const marks = [], all = [];
  if (chart.diagonal) marks.push(diagonal(chart));
  for (const one of chart.series) {
    const data = one.x.map((x, at) => ({x, y: one.y[at], title: `${one.name}\n${chart.x}: ${number(x)}\n${chart.y}: ${number(one.y[at])}`}));
    marks.push(Plot.dot(data, {x: "x", y: "y", r: 2, fill: colour(one.colour), fillOpacity: 0.45}));
    all.push(...data);
  }
  return Plot.plot({width, height: Math.min(320, Math.max(220, width * 0.65)), marginLeft: 48, marginBottom: 36,
    x: {label: chart.x, ticks: Math.max(3, width / 90), tickFormat: count, zero: chart.zero}, y: {label: chart.y, grid: true, ticks: 5, tickFormat: count, zero: chart.zero},
    marks: [...marks, tip(all, Plot.pointer)]});
}

function intervals(chart, width, from) {
  const names = chart.names.slice(from, from + ROWS), groups = chart.series.length;
  const step = groups > 1 ? Math.min(0.24, 0.8 / groups) : 0;
  const marks = [Plot.axisY({ticks: names.map((_, at) => at), tickFormat: at => short(names[at] || "", width < 420 ? 16 : 30), tickSize: 0, label: null, fontSize: 11})];
  if (chart.zero) marks.push(Plot.ruleX([0], {stroke: "var(--ink)", strokeWidth: 1}));
  const all = [];
  chart.series.forEach((one, place) => {
    const rows = one.x.map((row, at) => ({row, y: row - from + (place - (groups - 1) / 2) * step, x: one.y[at], low: one.low ? one.low[at] : null, high: one.high ? one.high[at] : null, mark: one.marks ? one.marks[at] : null}))
      .filter(row => row.x !== null && row.row >= from && row.row < from + ROWS);
    const paint = row => row.mark ? MARKS[row.mark] || "var(--muted)" : colour(one.colour);
    for (const row of rows) {
      const stroke = paint(row);
      if (row.low !== null && row.high !== null) marks.push(Plot.link([row], {x1: "low", x2: "high", y1: "y", y2: "y", stroke, strokeWidth: 1.6}));
      marks.push(Plot.dot([row], {x: "x", y: "y", r: 3.6, stroke, strokeWidth: 1.5, fill: row.mark === "inconclusive" || row.mark === "none" ? "var(--paper)" : stroke}));
      all.push({x: row.x, y: row.y, title: `${names[row.row - from]}\n${groups > 1 ? one.name + " " : ""}${number(row.x)}` + (row.low !== null ? ` [${number(row.low)}, ${number(row.high)}]` : "") + (row.mark && row.mark !== "none" ? `\n${row.mark}` : "")});
    }
  });
  const margin = Math.min(width * 0.42, 14 + 6.2 * Math.max(4, ...names.map(name => Math.min(name.length, width < 420 ? 16 : 30))));
  return Plot.plot({width, height: 48 + names.length * Math.max(19, 13 * groups), marginLeft: margin, marginBottom: 34,
    x: {label: chart.x, grid: true, inset: 8, ticks: Math.max(3, (width - margin) / 80), tickFormat: count}, y: {type: "linear", domain: [names.length - 0.5, -0.5], axis: null}, marks: [...marks, tip(all, Plot.pointer)]});
}

function bars(chart, width, from) {
  const names = chart.names.slice(from, from + ROWS), groups = chart.series.length, marks = [], all = [];
  const height = 0.74 / groups;
  chart.series.forEach((one, place) => {
    const rows = names.map((name, at) => ({name, x: one.y[from + at], y1: at - 0.37 + place * height, y2: at - 0.37 + (place + 1) * height})).filter(row => row.x !== null && row.x !== undefined);
    marks.push(Plot.rect(rows, {x1: 0, x2: "x", y1: "y1", y2: "y2", fill: colour(one.colour), insetTop: 0.5, insetBottom: 0.5}));
    for (const row of rows) all.push({x: row.x, y: (row.y1 + row.y2) / 2, title: `${row.name}\n${one.name}: ${number(row.x)}`});
  });
  marks.unshift(Plot.axisY({ticks: names.map((_, at) => at), tickFormat: at => short(names[at] || "", width < 420 ? 16 : 30), tickSize: 0, label: null, fontSize: 11}));
  marks.push(Plot.ruleX([0]));
  const margin = Math.min(width * 0.42, 14 + 6.2 * Math.max(4, ...names.map(name => Math.min(name.length, width < 420 ? 16 : 30))));
  return Plot.plot({width, height: 48 + names.length * Math.max(20, 11 * groups), marginLeft: margin, marginBottom: 34,
    x: {label: chart.x || (groups > 1 ? "" : chart.series[0].name), grid: true, ticks: Math.max(3, (width - margin) / 80), tickFormat: count}, y: {type: "linear", domain: [names.length - 0.5, -0.5], axis: null}, marks: [...marks, tip(all, Plot.pointer)]});
}

const KINDS = {lines, points, intervals, bars};

function legend(chart) {
  const found = new Map(chart.series.map(one => [one.name, one.colour]));
  if (!chart.legend || found.size < 2) return "";
  const entries = [...found].map(([name, place]) => {
    const mark = make("i", {"aria-hidden": "true"});
    mark.style.setProperty("--c", colour(place));
    return make("span", {}, mark, name);
  });
  return make("p", {className: "legend"}, ...entries);
}

/* The numbers of a chart, made when they are asked for. */
function table(chart) {
  const named = chart.names.length > 0;
  const head = [named ? "" : chart.x || "x", "series", named ? chart.x || chart.y || "value" : chart.y || "y"];
  const ends = chart.series.some(one => one.low);
  if (ends) head.push("low", "high");
  const body = make("tbody");
  for (const one of chart.series) {
    one.x.forEach((x, at) => {
      const cells = [named ? chart.names[x] : number(x), one.name, number(one.y[at])];
      if (ends) cells.push(number(one.low && one.low[at]), number(one.high && one.high[at]));
      body.append(make("tr", {}, ...cells.map((text, place) => place ? make("td", {textContent: text}) : make("th", {scope: "row", textContent: text}))));
    });
  }
  const whole = make("table", {}, make("thead", {}, make("tr", {}, ...head.map(text => make("th", {scope: "col", textContent: text || "name"})))), body);
  return make("div", {className: "wide", tabIndex: 0, role: "region", "aria-label": `${chart.title}, as a table`}, whole);
}

class Figure {
  constructor(node) {
    this.node = node;
    this.chart = JSON.parse(node.querySelector("script").textContent);
    this.from = 0;
    this.width = 0;
    this.drawing = make("div", {className: "drawing"});
    const details = make("details", {}, make("summary", {textContent: "As a table"}));
    details.addEventListener("toggle", () => { if (details.open && !details.querySelector("table")) details.append(table(this.chart)); });
    const script = node.querySelector("script");
    script.after(legend(this.chart), this.drawing, ...this.pager(), details);
    script.remove();
  }
  pager() {
    const many = this.chart.names.length;
    if (many <= ROWS) return [];
    const told = make("span", {"aria-live": "polite"});
    const go = step => {
      this.from = Math.max(0, Math.min(Math.floor((many - 1) / ROWS) * ROWS, this.from + step));
      back.disabled = this.from === 0;
      on.disabled = this.from + ROWS >= many;
      told.textContent = `${this.from + 1} to ${Math.min(many, this.from + ROWS)} of ${many.toLocaleString("en-US")}`;
      if (this.width) this.draw(this.width);
    };
    const back = make("button", {type: "button", textContent: "Previous", onclick: () => go(-ROWS)});
    const on = make("button", {type: "button", textContent: "Next", onclick: () => go(ROWS)});
    go(0);
    return [make("div", {className: "pager"}, back, on, told)];
  }
  draw(width) {
    this.width = width;
    const svg = KINDS[this.chart.kind](this.chart, width, this.from);
    const drawn = svg.tagName === "svg" ? svg : svg.querySelector("svg");
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", this.chart.title);
    for (const part of svg.querySelectorAll("g[aria-label]")) part.removeAttribute("aria-label"); // no role: none may stand there
    this.drawing.replaceChildren(svg);
  }
  fit() {
    const width = Math.round(this.node.clientWidth);
    if (width && Math.abs(width - this.width) > 8) this.draw(width);
  }
}

const figures = new Map();
for (const node of document.querySelectorAll("figure.chart")) figures.set(node, new Figure(node));
const seen = new Set();
const near = new IntersectionObserver(entries => {
  for (const entry of entries) if (entry.isIntersecting) { seen.add(entry.target); figures.get(entry.target).fit(); }
}, {rootMargin: "400px"});
for (const node of figures.keys()) near.observe(node);
let waiting = 0;
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => seen.forEach(node => figures.get(node).fit()), 150); });
// All others while the reader reads, so that searching and printing find them.
const idle = work => window.requestIdleCallback ? requestIdleCallback(work, {timeout: 300}) : setTimeout(work, 30);
const drawNext = rest => idle(() => {
  const figure = rest.shift();
  if (!figure) return;
  if (!figure.width) { figure.fit(); if (figure.width) seen.add(figure.node); }
  drawNext(rest);
});
addEventListener("load", () => drawNext([...figures.values()]));
const drawAll = () => { for (const figure of figures.values()) if (!figure.width) figure.draw(Math.round(figure.node.clientWidth) || 480); };
addEventListener("beforeprint", drawAll);
matchMedia("print").addEventListener("change", event => { if (event.matches) drawAll(); });

// --- links to the folders of runs, from wherever in the results folder the page lies ---

function results() {
  if (location.protocol === "data:" || location.protocol === "about:") return null;
  const parts = location.pathname.split("/").slice(0, -1);
  if (parts.at(-1) === "circumstance" && parts.at(-3) === "report") return "../../../";
  if (parts.at(-2) === "report") return "../../";
  if (parts.at(-2) === "recipes") return "../../";
  return parts.at(-1) === "latest" ? "../" : "";
}
const root = results();
function linked(path, text) {
  return root === null ? text : make("a", {href: root + path.split("/").map(encodeURIComponent).join("/") + "/", textContent: text});
}
for (const node of document.querySelectorAll("code[data-run]")) node.replaceChildren(linked(node.dataset.run, node.textContent));

// --- sortable tables ---

const unfilled = value => value === null || value === undefined || value === "";
/* Numbers by size, names by the numbers in them; what is empty comes last either way. */
function sorter(a, b, rowA, rowB, column, direction) {
  if (unfilled(a) || unfilled(b)) return (unfilled(a) - unfilled(b)) * (direction === "asc" ? 1 : -1);
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", {numeric: true});
}
/* A number is filtered by > 0.5 or < 3, anything by a part of its text. */
function filter(wanted, value) {
  const bound = /^\s*([<>]=?)\s*(-?[\d.]+(?:e-?\d+)?)\s*$/i.exec(wanted);
  if (bound && typeof value === "number") {
    const limit = Number(bound[2]);
    return {"<": value < limit, ">": value > limit, "<=": value <= limit, ">=": value >= limit}[bound[1]];
  }
  return String(value ?? "").toLowerCase().includes(String(wanted).toLowerCase());
}

function sortable(place) {
  const data = JSON.parse(place.querySelector("script").textContent);
  const main = data.columns.findIndex(column => column.title === "main");
  const rows = data.rows.map(row => Object.fromEntries(row.map((value, at) => [`c${at}`, value])));
  const columns = data.columns.map((column, at) => ({
    title: column.title, field: `c${at}`, sorter, headerFilter: "input", headerFilterFunc: filter, headerFilterLiveFilter: true,
    headerFilterParams: {elementAttributes: {"aria-label": `Filter ${column.title}`}}, visible: at !== main, frozen: false,
    hozAlign: column.kind === "text" || column.kind === "run" ? "left" : "right", minWidth: 64, maxInitialWidth: 260, headerTooltip: true,
    formatter: cell => {
      const value = cell.getValue();
      if (column.kind === "run") return linked(value, value);
      if (value === "better" || value === "worse") cell.getElement().classList.add(value);
      const marks = {better: "▲ ", worse: "▼ ", equivalent: "● ", inconclusive: "○ "};
      return document.createTextNode((marks[value] || "") + (typeof value !== "number" ? value ?? "" : column.kind === "score" || column.kind === "difference" ? score(value, column.kind === "difference") : number(value)));
    },
  }));
  const box = make("div");
  const told = make("span", {"aria-live": "polite"});
  const search = make("input", {type: "search", placeholder: "any column", "aria-label": `Search ${data.label}`});
  const others = make("input", {type: "checkbox"});
  const copy = make("button", {type: "button", textContent: "Copy"});
  const save = make("button", {type: "button", textContent: "CSV file"});
  place.replaceChildren(make("div", {className: "tools"}, make("label", {}, "Search ", search),
    ...(main >= 0 ? [make("label", {}, others, " all metrics")] : []), save, copy, told), box);
  const grid = new Tabulator(box, {
    data: rows, columns, layout: "fitData", maxHeight: "32rem", placeholder: "No row matches.", clipboard: "copy", columnDefaults: {headerSortTristate: true},
    downloadRowRange: "active", clipboardCopyRowRange: "active", clipboardCopyStyled: false, printAsHtml: true, printRowRange: () => grid.getRows("active").slice(0, 1000), renderVerticalBuffer: 400,
  });
  const select = () => {
    const wanted = search.value.trim().toLowerCase();
    grid.setFilter(row => (main < 0 || others.checked || row[`c${main}`] === "main") && (!wanted || Object.values(row).some(value => String(value ?? "").toLowerCase().includes(wanted))));
  };
  grid.on("tableBuilt", () => {
    box.setAttribute("aria-label", data.label);
    // Tabulator's scrolling box stands between the grid and its rows: without a role that is no grid (axe-core).
    box.querySelector(".tabulator-tableholder").setAttribute("role", "rowgroup");
    box.querySelector(".tabulator-table").setAttribute("role", "presentation");
    if (main >= 0) select();
  });
  grid.on("dataFiltered", (_, found) => { told.textContent = `${found.length.toLocaleString("en-US")} of ${rows.length.toLocaleString("en-US")} rows`; });
  search.addEventListener("input", select);
  others.addEventListener("change", select);
  save.addEventListener("click", () => grid.download("csv", `${data.name}.csv`, {bom: true}));
  copy.addEventListener("click", () => { grid.copyToClipboard("active"); copy.textContent = "Copied"; setTimeout(() => { copy.textContent = "Copy"; }, 1500); });
}

for (const place of document.querySelectorAll(".sortable")) {
  const closed = place.closest("details:not([open])");
  if (closed) closed.addEventListener("toggle", () => sortable(place), {once: true}); else sortable(place);
}
})();
