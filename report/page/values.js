// What the page is told of the runs, made ready to be drawn, and how numbers are written. Names and texts of a run
// reach the page as text alone (textContent): nothing here reads markup.
"use strict";

const byId = (id) => document.getElementById(id);

// el("td", {class: "number"}, "text", node ...); what is null is left out.
function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes))
    if (value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
  for (const child of children) if (child !== null && child !== undefined) node.append(child);
  return node;
}

function svgEl(name, attributes = {}, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

// NaN and the infinities are texts in JSON.
const toNumber = (value) => (typeof value === "number" ? value : Number(value));

function formatNumber(value) {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(4).replace(/\.?0+e/, "e");
  const rounded = Number(value.toPrecision(6));
  return size < 1000 ? String(rounded) : rounded.toLocaleString("en-US");
}

function formatDuration(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  const whole = Math.round(seconds), pad = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours} h ${pad(minutes)} min` : `${minutes} min ${pad(whole % 60)} s`;
}

const formatPercent = (share) => `${(100 * Math.min(share, 1)).toFixed(1)} %`;

// The last index whose x is not above `x`, or -1; xs never falls.
function lastBelow(xs, x) {
  let low = 0, high = xs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function nearest(xs, x) {
  const at = lastBelow(xs, x);
  if (at < 0) return 0;
  return at + 1 < xs.length && xs[at + 1] - x < x - xs[at] ? at + 1 : at;
}

// A curve of the data, with typed arrays, and the time of each point where the run's clock is known.
function readCurve(data, time) {
  const curve = {name: data.name, logged: data.logged, span: data.span, step: Float64Array.from(data.steps),
    epoch: Float64Array.from(data.epochs, toNumber), y: Float64Array.from(data.values, toNumber), time: null};
  if (time && time.step.length > 1) {
    curve.time = curve.step.map((step) => {
      const at = lastBelow(time.step, step);
      if (at < 0) return time.y[0];
      if (at + 1 >= time.step.length) return time.y[at];
      const gap = time.step[at + 1] - time.step[at];
      return time.y[at] + (gap > 0 ? (time.y[at + 1] - time.y[at]) * (step - time.step[at]) / gap : 0);
    });
  }
  return curve;
}

// The data with what is derived of it: runs with curves, and the value of an argument.
function readData({json, costs}) {
  const data = JSON.parse(json);
  if (data.runs.length === 1) Object.assign(data.runs[0], JSON.parse(costs));
  for (const run of data.runs) {
    const time = readCurve(run.time, null);
    run.curves = run.curves.map((curve) => readCurve(curve, time));
    run.clock = time.y.length ? time.y[time.y.length - 1] : NaN;
    run.argument = new Map(run.arguments);
    run.find = (name) => run.curves.find((curve) => curve.name === name);
    run.last = (name) => {
      const curve = run.find(name);
      return curve && curve.y.length ? curve.y[curve.y.length - 1] : NaN;
    };
    for (const key of ["best_metric", "total_flos", "epoch"]) if (key in run) run[key] = toNumber(run[key]);
  }
  return data;
}

// eval_loss belongs to the chart of loss, eval_SET_loss too when loss is logged by itself.
function chartOf(name, names) {
  const prefix = /^(eval|test|train)_(.+)$/.exec(name);
  if (!prefix) return name;
  const rest = prefix[2];
  if (names.has(rest)) return rest;
  for (let at = rest.indexOf("_"); at >= 0; at = rest.indexOf("_", at + 1)) {
    const tail = rest.slice(at + 1);
    if (names.has(tail) || names.has(`eval_${tail}`)) return tail;
  }
  return rest;
}

// Values that are logged once are no curves.
const summaryNames = /^(train_runtime|train_(samples|steps|tokens)_per_second|train_loss|total_flos)$/;
