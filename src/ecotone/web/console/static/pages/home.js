// Home: the last hour as a picture, and everything else renewed when it changes.

import { listen, timeWords } from "../app.js";

const box = document.getElementById("chart");
const reading = document.getElementById("reading");
const SYNC = "hour";
const COUNTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5];
let minutes = [];
let data = null;
let charts = [];
let drawnFor = "";

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const time = (at) => timeWords(new Date(at * 1000), "minute");
const within = (s) => (s < 1 ? `${Math.round(s * 1000)}\u202fms` : `${s.toFixed(1)}\u202fs`);
const counted = (n, one, many) => `${n.toLocaleString("en").replaceAll(",", "\u202f")} ${n === 1 ? one : many}`;

/** Columns: times; above the line open, closed, unknown; below it the same; what went nowhere; waits. */
function columns() {
  const one = (pick) => minutes.map(pick);
  // Where nobody asked for streams, there is only the whole answer to wait for.
  const streams = minutes.some((m) => m.waits.first_byte_p50_s !== null);
  const wait = streams ? "first_byte" : "whole";
  return {
    at: one((m) => Date.parse(m.at) / 1000),
    house: ["open", "closed", "unknown"].map((kind) => one((m) => m.tally.house[kind])),
    left: ["open", "closed", "unknown"].map((kind) => one((m) => m.tally.left[kind])),
    nowhere: one((m) => m.tally.requests - sum(m.tally.house) - sum(m.tally.left)),
    wait: `${streams ? "first token" : "whole answer"}: half within, 95 of 100 (dashed)`,
    half: one((m) => m.waits[`${wait}_p50_s`]),
    most: one((m) => m.waits[`${wait}_p95_s`]),
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
function drawBars(plot) {
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
  label(plot, "in the house", plot.bbox.top + 9 * dot);
  label(plot, "left the house", plot.bbox.top + plot.bbox.height - 9 * dot);
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

/** New numbers in the picture that is there. */
function update() {
  data = columns();
  charts[0].setData([data.at, data.at.map(() => 0)]);
  charts[1].setData([data.at, data.most, data.half]);
}

function draw() {
  for (const plot of charts) plot.destroy();
  data = columns();
  drawnFor = signature();
  const cursor = { sync: { key: SYNC }, y: false, drag: { setScale: false, x: false, y: false }, points: { show: false } };
  const shared = { width: box.clientWidth, legend: { show: false }, cursor };
  const x = { time: true, range: () => [data.at[0] - 30, data.at.at(-1) + 30] };
  const room = (columns) => Math.max(3, highest(columns) * 1.15);
  const whole = (_, ticks) => ticks.map((value) => (Number.isInteger(value) ? Math.abs(value) : ""));
  const points = (fill, stroke) => ({ show: true, size: 4, fill, stroke });
  charts = [
    new uPlot(
      {
        ...shared,
        height: 200,
        padding: [10, 22, 0, 0],
        scales: { x, y: { range: () => [-room(data.left), room(data.house)] } },
        axes: [axis({ values: (_, ticks) => ticks.map(time), size: 26, space: 80 }), axis({ values: whole, size: 44, incrs: COUNTS, space: 32 })],
        series: [{}, { paths: () => null, points: { show: false } }],
        hooks: { draw: [drawBars], setCursor: [(plot) => tell(plot.cursor.idx)] },
      },
      [data.at, data.at.map(() => 0)],
      box,
    ),
    new uPlot(
      {
        ...shared,
        height: 94,
        padding: [14, 22, 6, 0],
        scales: { x, y: { range: (_, __, most) => [0, Math.max(most ?? 0, 0.05) * 1.2] } },
        axes: [axis({ show: false }), axis({ values: (_, ticks) => ticks.map((value) => (value ? within(value) : "0")), size: 44, space: 30 })],
        series: [
          {},
          { stroke: token("--faint"), width: 1, dash: [3, 3], points: points(token("--paper"), token("--faint")) },
          { stroke: token("--ink"), width: 1.5, points: points(token("--ink"), token("--ink")) },
        ],
        hooks: { draw: [(plot) => label(plot, data.wait, plot.bbox.top - 2 * devicePixelRatio)] },
      },
      [data.at, data.most, data.half],
      box,
    ),
  ];
  tell(null);
}

/** Words inside the picture, on ground of their own. */
function label(plot, text, middle) {
  const { ctx } = plot;
  const dot = devicePixelRatio;
  const left = plot.bbox.left + 4 * dot;
  ctx.save();
  ctx.font = `${12 * dot}px ${token("--sans")}`;
  ctx.fillStyle = token("--paper");
  ctx.fillRect(left - 2 * dot, middle - 8 * dot, ctx.measureText(text).width + 6 * dot, 16 * dot);
  ctx.fillStyle = token("--faint");
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillText(text, left, middle);
  ctx.restore();
}

const signature = () => `${box.clientWidth} ${devicePixelRatio} ${token("--paper")}`;
const redraw = () => {
  if (data && box.clientWidth && signature() !== drawnFor) draw();
};

new ResizeObserver(redraw).observe(box);
new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

// --- what changes

const live = document.getElementById("live");
let first = true;

listen("/status/events", {
  status: (status) => {
    minutes = status.traffic.minutes;
    const asked = status.traffic.total.requests > 0;
    for (const name of ["picture", "key"]) document.getElementById(name).hidden = !asked;
    document.getElementById("nothing").hidden = asked;
    if (asked && charts.length && signature() === drawnFor) update();
    else if (asked) draw();
    if (!first) renew();
    first = false;
  },
});

/** Renew the rest of the page; not under the fingers of somebody who is in it. */
async function renew() {
  const occupied = live.contains(document.activeElement);
  live.toggleAttribute("data-waits", occupied);
  if (occupied) return;
  const open = document.getElementById("minutes")?.open;
  await htmx.ajax("GET", "/console/home/live", { target: live, swap: "innerHTML" });
  const words = document.getElementById("words");
  document.getElementById("headline").textContent = words.dataset.headline;
  document.getElementById("aside").textContent = words.dataset.aside;
  if (open) document.getElementById("minutes").open = true;
}

live.addEventListener("focusout", () => {
  if (live.hasAttribute("data-waits")) setTimeout(renew);
});
