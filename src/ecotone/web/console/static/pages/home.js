// Home: the last hour as a picture, and everything else renewed when it changes.

import { listen } from "../app.js";

const box = document.getElementById("chart");
const reading = document.getElementById("reading");
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const SYNC = "hour";
let minutes = [];
let charts = [];
let drawnFor = "";

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const time = (at) => clock.format(new Date(at * 1000));
const within = (s) => (s < 1 ? `${Math.round(s * 1000)}\u202fms` : `${s.toFixed(1)}\u202fs`);
const counted = (n, one, many) => `${n.toLocaleString("en").replaceAll(",", "\u202f")} ${n === 1 ? one : many}`;

/** Columns: times; above the line open, closed, unknown; below it the same; what went nowhere; waits. */
function columns() {
  const one = (pick) => minutes.map(pick);
  return {
    at: one((m) => Date.parse(m.at) / 1000),
    house: ["open", "closed", "unknown"].map((kind) => one((m) => m.tally.house[kind])),
    left: ["open", "closed", "unknown"].map((kind) => one((m) => m.tally.left[kind])),
    nowhere: one((m) => m.tally.requests - sum(m.tally.house) - sum(m.tally.left)),
    half: one((m) => m.waits.first_byte_p50_s ?? m.waits.whole_p50_s),
    most: one((m) => m.waits.first_byte_p95_s ?? m.waits.whole_p95_s),
  };
}

const sum = (counts) => counts.open + counts.closed + counts.unknown;

/** What the mouse points at, or the hour as a whole, in words. */
function tell(index) {
  const m = minutes[index];
  if (!m) {
    reading.textContent = minutes.length ? "Point at a minute to read it." : "";
    return;
  }
  const said = [counted(sum(m.tally.house), "stayed in the house", "stayed in the house"), counted(sum(m.tally.left), "left it", "left it")];
  if (m.tally.refused) said.push(counted(m.tally.refused, "refused by rules", "refused by rules"));
  if (m.tally.failed) said.push(counted(m.tally.failed, "failed", "failed"));
  if (m.tally.cancelled) said.push(counted(m.tally.cancelled, "was left waiting", "were left waiting"));
  const wait = m.waits.first_byte_p50_s;
  if (wait !== null) said.push(`first token after ${within(wait)}, 95 of 100 within ${within(m.waits.first_byte_p95_s)}`);
  reading.textContent = `${time(Date.parse(m.at) / 1000)}\u2002${m.tally.requests ? said.join(" · ") : "nothing was asked"}`;
}

// --- the picture

/** Bars on both sides of the line, by weights: open filled, closed hollow, unknown dashed; a cross for what went nowhere. */
function drawBars(plot, data) {
  const { ctx } = plot;
  const step = plot.valToPos(data.at[1], "x", true) - plot.valToPos(data.at[0], "x", true);
  const width = Math.max(2, Math.floor(step * 0.68));
  const dot = devicePixelRatio;
  const looks = [
    { fill: token("--accent"), line: null },
    { fill: token("--closed-wash"), line: token("--closed") },
    { fill: null, line: token("--edge"), dash: [3 * dot, 2 * dot] },
  ];
  const zero = plot.valToPos(0, "y", true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
  ctx.clip();
  data.at.forEach((at, index) => {
    const left = Math.round(plot.valToPos(at, "x", true) - width / 2);
    for (const [side, sign] of [[data.house, 1], [data.left, -1]]) {
      let reached = 0;
      side.forEach((counts, kind) => {
        if (!counts[index]) return;
        const from = plot.valToPos(sign * reached, "y", true);
        reached += counts[index];
        const to = plot.valToPos(sign * reached, "y", true);
        bar(ctx, looks[kind], left, Math.min(from, to), width, Math.max(Math.abs(from - to), 2 * dot), dot);
      });
    }
    if (data.nowhere[index]) {
      const top = plot.valToPos(data.house.reduce((all, counts) => all + counts[index], 0), "y", true) - 7 * dot;
      cross(ctx, left + width / 2, Math.max(top, plot.bbox.top + 5 * dot), 3.2 * dot, dot);
    }
  });
  ctx.strokeStyle = token("--ink");
  ctx.lineWidth = dot;
  ctx.setLineDash([]);
  ctx.beginPath();
  ctx.moveTo(plot.bbox.left, Math.round(zero) + 0.5);
  ctx.lineTo(plot.bbox.left + plot.bbox.width, Math.round(zero) + 0.5);
  ctx.stroke();
  ctx.fillStyle = token("--faint");
  ctx.font = `${12 * dot}px ${token("--sans")}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "top";
  ctx.fillText("in the house", plot.bbox.left + 4 * dot, plot.bbox.top + 2 * dot);
  ctx.textBaseline = "bottom";
  ctx.fillText("left the house", plot.bbox.left + 4 * dot, plot.bbox.top + plot.bbox.height - 2 * dot);
  ctx.restore();
}

function bar(ctx, look, left, top, width, height, dot) {
  if (look.fill) {
    ctx.fillStyle = look.fill;
    ctx.fillRect(left, top, width, height);
  }
  if (look.line) {
    ctx.strokeStyle = look.line;
    ctx.lineWidth = 1.5 * dot;
    ctx.setLineDash(look.dash ?? []);
    ctx.strokeRect(left + 0.75 * dot, top + 0.75 * dot, width - 1.5 * dot, Math.max(height - 1.5 * dot, 1));
  }
}

function cross(ctx, x, y, size, dot) {
  ctx.strokeStyle = token("--bad");
  ctx.lineWidth = 1.8 * dot;
  ctx.setLineDash([]);
  ctx.beginPath();
  ctx.moveTo(x - size, y - size);
  ctx.lineTo(x + size, y + size);
  ctx.moveTo(x + size, y - size);
  ctx.lineTo(x - size, y + size);
  ctx.stroke();
}

function highest(columns) {
  return Math.max(0, ...minutes.map((_, index) => columns.reduce((all, counts) => all + counts[index], 0)));
}

const axis = (more) => ({ stroke: token("--faint"), font: `12px ${token("--sans")}`, grid: { stroke: token("--rule"), width: 1 }, ticks: { show: false }, ...more });

function draw() {
  for (const plot of charts) plot.destroy();
  charts = [];
  if (!minutes.length) return;
  const data = columns();
  const above = Math.max(3, highest(data.house) * 1.15);
  const below = Math.max(3, highest(data.left) * 1.15);
  const width = box.clientWidth;
  const cursor = { sync: { key: SYNC }, y: false, drag: { setScale: false, x: false, y: false }, points: { show: false } };
  const shared = { width, legend: { show: false }, cursor, padding: [10, 4, 0, 0] };
  const reach = [data.at[0] - 30, data.at.at(-1) + 30];
  charts = [
    new uPlot(
      {
        ...shared,
        height: 200,
        scales: { x: { time: true, range: reach }, y: { range: [-below, above] } },
        axes: [axis({ values: (_, ticks) => ticks.map(time), size: 26, space: 80 }), axis({ values: (_, ticks) => ticks.map((value) => (Number.isInteger(value) ? Math.abs(value) : "")), size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5], space: 32 })],
        series: [{}, { paths: () => null, points: { show: false } }],
        hooks: { draw: [(plot) => drawBars(plot, data)], setCursor: [(plot) => tell(plot.cursor.idx)] },
      },
      [data.at, data.at.map(() => 0)],
      box,
    ),
    new uPlot(
      {
        ...shared,
        height: 88,
        scales: { x: { time: true, range: reach }, y: { range: (_, __, most) => [0, Math.max(most ?? 0, 0.05) * 1.2] } },
        axes: [axis({ show: false }), axis({ values: (_, ticks) => ticks.map((value) => (value ? within(value) : "0")), size: 44, space: 30 })],
        series: [
          {},
          { stroke: token("--faint"), width: 1, dash: [3, 3], points: { show: true, size: 4, fill: token("--paper"), stroke: token("--faint") } },
          { stroke: token("--ink"), width: 1.5, points: { show: true, size: 4, fill: token("--ink"), stroke: token("--ink") } },
        ],
        hooks: { draw: [(plot) => caption(plot, "wait for the first token: half within, and 95 of 100 (dashed)")] },
      },
      [data.at, data.most, data.half],
      box,
    ),
  ];
  drawnFor = signature();
  tell(null);
}

function caption(plot, text) {
  const { ctx } = plot;
  const dot = devicePixelRatio;
  ctx.save();
  ctx.fillStyle = token("--faint");
  ctx.font = `${12 * dot}px ${token("--sans")}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "top";
  ctx.fillText(text, plot.bbox.left + 4 * dot, plot.bbox.top - 8 * dot);
  ctx.restore();
}

const signature = () => `${box.clientWidth} ${devicePixelRatio} ${token("--paper")}`;
const redraw = () => {
  if (minutes.length && signature() !== drawnFor) draw();
};

new ResizeObserver(redraw).observe(box);
new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

// --- what changes

let first = true;
listen("/status/events", {
  status: (status) => {
    minutes = status.traffic.minutes;
    draw();
    if (!first) renew();
    first = false;
  },
});

async function renew() {
  const live = document.getElementById("live");
  const open = document.getElementById("minutes")?.open;
  await htmx.ajax("GET", "/console/home/live", { target: live, swap: "innerHTML" });
  const words = document.getElementById("words");
  document.getElementById("headline").textContent = words.dataset.headline;
  document.getElementById("aside").textContent = words.dataset.aside;
  if (open) document.getElementById("minutes").open = true;
}
