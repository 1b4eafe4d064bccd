// The page: what the reader chose, the charts, and an eye on the file while the run goes on.

const view = {
  axis: "epoch", log: false, smooth: 0, zoom: null, find: "", hidden: new Set(), open: new Set(),
  key: `libtrainer ${location.pathname}`,

  // What the reader chose outlives a reload of the page.
  keep() {
    const {axis, log, smooth, zoom, find, hidden, open} = this;
    try {
      const kept = {axis, log, smooth, zoom, find, hidden: [...hidden], open: [...open]};
      sessionStorage.setItem(this.key, JSON.stringify(kept));
    } catch {} // a browser may have no storage for files
  },
  recall() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.key) || "null");
      if (kept) Object.assign(this, kept, {hidden: new Set(kept.hidden), open: new Set(kept.open), chosen: true});
    } catch {}
  },
  isHidden(series) {
    return this.hidden.has(series.key) || this.hidden.has(series.run.key);
  },
  toggle(key) {
    if (!this.hidden.delete(key)) this.hidden.add(key);
    this.changed();
  },
  whole() {
    const found = [Infinity, -Infinity];
    for (const run of data.runs)
      for (const curve of run.curves) {
        const xs = curve[this.axis];
        if (xs && xs.length) found[0] = Math.min(found[0], xs[0]), found[1] = Math.max(found[1], xs[xs.length - 1]);
      }
    if (found[0] > found[1]) return [0, 1];
    return found[0] === found[1] ? [found[0] - 1, found[1] + 1] : found;
  },
  range() {
    return this.zoom || this.whole();
  },
  zoomTo(from, to) {
    const [low, high] = this.whole();
    this.zoom = from === null ? null : [Math.max(low, from), Math.min(high, to)];
    if (this.zoom && (this.zoom[0] <= low && this.zoom[1] >= high)) this.zoom = null;
    if (this.zoom && !(this.zoom[1] - this.zoom[0] > (high - low) * 1e-6)) return void (this.zoom = null);
    this.changed();
  },
  formatX(x) {
    return this.axis === "time" ? formatDuration(x) : formatNumber(x);
  },
  nameX(curve, i) {
    const parts = [`step ${formatNumber(curve.step[i])}`, `epoch ${formatNumber(curve.epoch[i])}`];
    if (curve.time) parts.push(formatDuration(curve.time[i]));
    return parts.join(", ");
  },
  speak(text) {
    byId("spoken").textContent = text;
  },
  changed() {
    this.keep();
    drawCurves();
  },
};

const defaults = JSON.parse(byId("defaults").textContent);
const charts = new Map();
let data = null, shown = null;

const given = () => ({json: byId("data").textContent, costs: byId("costs").textContent});

function fill(id, ...nodes) {
  byId(id).querySelector(":scope > div").replaceChildren(...nodes.filter(Boolean));
}

// Runs of one name are told apart by their directories.
function nameRuns(runs) {
  runs.forEach((run, i) => {
    run.key = `run ${i}`;
    run.label = run.name || `run ${i + 1}`;
    if (runs.some((other) => other !== run && other.name === run.name))
      run.label = run.directory || `${run.label} (${i + 1})`;
  });
}

// The charts in the order of their first curves, loss and what is evaluated before the rest.
function seriesByChart() {
  const found = new Map(), several = data.runs.length > 1;
  data.runs.forEach((run, r) => {
    const names = new Set(run.curves.map((curve) => curve.name));
    for (const curve of run.curves) {
      if (summaryNames.test(curve.name) && curve.y.length < 2) continue;
      const chart = chartOf(curve.name, names), list = found.get(chart) || [];
      if (!found.has(chart)) found.set(chart, list);
      const place = several ? r : list.length;
      const dashed = several ? /^(eval|test)_/.test(curve.name) : place >= 8;
      const label = several ? `${run.label}: ${curve.name}` : curve.name;
      list.push({run, curve, color: place % 8, dashed, key: `${run.key} ${curve.name}`, label});
    }
  });
  const rank = (name, list) => {
    if (name === "loss") return 0;
    if (/(^|_)(runtime|per_second|memory.*)$/.test(name)) return 3;
    return list.some((one) => one.curve.name.startsWith("eval_")) ? 1 : 2;
  };
  return [...found].sort(([a, x], [b, y]) => rank(a, x) - rank(b, y));
}

function drawCurves() {
  const [low, high] = view.whole();
  if (view.zoom && (view.zoom[0] >= high || view.zoom[1] <= low)) view.zoom = null;
  byId("axis").value = view.axis;
  byId("log").checked = view.log;
  byId("smooth").value = view.smooth;
  byId("smooth-value").textContent = view.smooth;
  byId("reset").disabled = !view.zoom;
  for (const chart of charts.values()) {
    const names = [chart.name, ...chart.series.map((one) => one.label)].map((name) => name.toLowerCase());
    chart.node.hidden = !names.some((name) => name.includes(view.find.toLowerCase()));
    if (!chart.node.hidden) chart.draw();
  }
  for (const button of byId("legend").querySelectorAll("button"))
    button.setAttribute("aria-pressed", String(!view.hidden.has(button.runKey)));
}

function fillCurves() {
  const groups = seriesByChart(), wanted = new Set(groups.map(([name]) => name));
  for (const [name, chart] of charts)
    if (!wanted.has(name)) chart.node.remove(), charts.delete(name);
  groups.forEach(([name, series], i) => {
    if (!charts.has(name)) charts.set(name, new Chart(name, view));
    const chart = charts.get(name), there = byId("charts").children[i];
    if (there !== chart.node) byId("charts").insertBefore(chart.node, there || null);
    chart.setSeries(series);
  });
  if (!groups.length) byId("charts").replaceChildren(el("p", {}, "Nothing has been logged yet."));
  else for (const node of [...byId("charts").children]) if (node.tagName !== "FIGURE") node.remove();
  const curves = data.runs.flatMap((run) => run.curves);
  const axes = [["epoch", "epochs"], ["step", "steps"]];
  if (curves.some((curve) => curve.time)) axes.push(["time", "time"]);
  byId("axis").replaceChildren(...axes.map(([value, text]) => el("option", {value}, text)));
  if (!axes.some(([value]) => value === view.axis)) view.axis = "epoch";
  // Where no epochs were counted they tell nothing.
  const hasEpochs = curves.some((curve) => curve.epoch[curve.epoch.length - 1] > 0);
  if (!view.chosen && curves.length && !hasEpochs) view.axis = "step";
  fillRunLegend();
  drawCurves();
}

function fillRunLegend() {
  if (data.runs.length < 2) return byId("legend").replaceChildren();
  if (byId("legend").childElementCount === data.runs.length) return;
  byId("legend").className = "legend";
  byId("legend").replaceChildren(...data.runs.map((run, r) => {
    const button = el("button", {type: "button"}, el("span", {class: `swatch c${r % 8}`}), run.label);
    button.runKey = run.key;
    button.addEventListener("click", () => view.toggle(run.key));
    return button;
  }));
}

function fillHeader() {
  const runs = data.runs, one = runs.length === 1 ? runs[0] : null;
  document.title = one ? `${one.label} – ${statusOf(one)}` : `${runs.length} runs`;
  byId("title").textContent = one ? one.label : `${runs.length} runs side by side`;
  const age = one ? Date.now() / 1000 - one.updated : 0, isRunning = one && one.status === "running";
  const stale = isRunning && data.renewed_every > 0 && age > Math.max(60, 12 * data.renewed_every);
  const when = one && one.updated ? `, written ${new Date(one.updated * 1000).toLocaleString()}` : "";
  const warning = stale ? ": nothing new since then, the run has ended or is between two logs" : "";
  byId("status").textContent = one ? statusOf(one) + when + warning : "";
  byId("progress").hidden = !(isRunning && one.max_steps > 0);
  if (one) byId("progress").max = Math.max(1, one.max_steps), byId("progress").value = one.global_step;
}

function show(given) {
  data = readData(given);
  nameRuns(data.runs);
  const several = data.runs.length > 1;
  fillHeader();
  fill("summary", several ? summaryOfMany(data.runs) : summaryOfOne(data.runs[0]));
  fillCurves();
  fill("metrics", ...metricsOf(data.runs));
  const [first] = data.runs;
  fill("arguments", ...(several ? argumentsOfMany(data.runs, defaults, view) : argumentsOfOne(first, defaults, view)));
  const folded = (run, i) => fold(view, `run${i}`, run.label, ...detailsOf(run, i, view));
  fill("details", ...(several ? data.runs.map(folded) : detailsOf(first, 0, view)));
  byId("details").hidden = !byId("details").querySelector(":scope > div").childElementCount;
}

// A page of a file may not read that file; but it may show it again in a frame, which hands over what it was given.
function lookForNews() {
  if (!(data.renewed_every > 0)) return;
  const src = `${location.pathname}?data=${Date.now()}`;
  const frame = el("iframe", {hidden: true, src, title: "newer data", "aria-hidden": "true"});
  const finish = (given) => {
    clearTimeout(late);
    removeEventListener("message", receive);
    frame.remove();
    if (!given) {
      view.keep();
      location.reload(); // the browser does not show a file within itself
      return;
    }
    if (given.json !== shown.json || given.costs !== shown.costs) show(shown = given);
    setTimeout(lookForNews, 1000 * Math.max(1, data.renewed_every));
  };
  const receive = (event) => {
    if (event.source === frame.contentWindow && typeof event.data.json === "string") finish(event.data);
  };
  const late = setTimeout(() => finish(null), 15000);
  addEventListener("message", receive);
  document.body.append(frame);
}

function listen() {
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  const on = (id, type, change) => byId(id).addEventListener(type, (event) => {
    change(event.target);
    view.chosen = true;
    view.changed();
  });
  on("axis", "change", (input) => (view.axis = input.value, view.zoom = null));
  on("log", "change", (input) => (view.log = input.checked));
  on("smooth", "input", (input) => (view.smooth = Number(input.value)));
  on("find", "input", (input) => (view.find = input.value));
  on("reset", "click", () => (view.zoom = null));
  addEventListener("resize", drawCurves);
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not(.chart-table):not([open])")];
    for (const node of opened) node.open = true;
    drawCurves();
  });
  addEventListener("afterprint", () => {
    for (const node of opened) node.open = false;
    drawCurves();
  });
}

if (location.search.startsWith("?data") && parent !== window) {
  parent.postMessage(given(), location.protocol === "file:" ? "*" : location.origin); // a file has no origin
} else {
  view.recall();
  listen();
  byId("find").value = view.find;
  show(shown = given());
  setTimeout(lookForNews, 1000 * Math.max(1, data.renewed_every));
}
