// One chart: the curves of one name, a legend whose entries hide them, values under the pointer or by the keyboard.

const margin = {left: 58, right: 12, top: 8, bottom: 24}, plotHeight = 220;

class Chart {
  // `view` is what all charts share: axis, log, smooth, zoom, hidden, range(), zoomTo(), changed(), speak().
  constructor(name, view) {
    this.name = name;
    this.view = view;
    this.series = [];
    this.at = null; // x of the values that are shown
    this.note = el("small");
    this.svg = svgEl("svg", {class: "plot", tabindex: 0, role: "img"});
    this.legend = el("div", {class: "legend", role: "group", "aria-label": `curves of ${name}`});
    this.values = el("div", {class: "values", hidden: true});
    this.remark = el("p", {class: "note"});
    this.table = el("details", {class: "chart-table"}, el("summary", {}, "Values as a table"));
    this.table.addEventListener("toggle", () => this.fillTable());
    const caption = el("figcaption", {}, el("span", {}, name), this.note);
    this.node = el("figure", {}, caption, this.svg, this.legend, this.remark, this.table, this.values);
    this.listen();
  }

  setSeries(series) {
    this.series = series;
    const keys = series.map((one) => one.key).join("\n");
    if (keys !== this.keys) {
      this.keys = keys;
      this.legend.replaceChildren(...series.map((one) => {
        const button = el("button", {type: "button"}, this.swatch(one), one.label);
        button.addEventListener("click", () => this.view.toggle(one.key));
        return button;
      }));
    }
    if (this.table.open) this.fillTable();
  }

  swatch(one) {
    return el("span", {class: `swatch c${one.color}${one.dashed ? " dashed" : ""}`});
  }

  dot(one, cx, y, r) {
    return svgEl("circle", {class: `dot c${one.color}`, cx, cy: this.y(y), r});
  }

  isDrawn(y) {
    return Number.isFinite(y) && (!this.view.log || y > 0);
  }

  shown() {
    return this.series.filter((one) => !this.view.isHidden(one) && one.curve[this.view.axis]);
  }

  draw() {
    const width = Math.max(240, this.svg.clientWidth || 400), view = this.view;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${plotHeight}`);
    this.series.forEach((one, i) => this.legend.children[i].setAttribute("aria-pressed", String(!view.isHidden(one))));
    const shown = this.shown().map((one) => ({...one, x: one.curve[view.axis], y: smoothed(one.curve.y, view.smooth)}));
    const [from, to] = view.range();
    this.x = makeScale(from, to, margin.left, width - margin.right, false);
    const bounds = [Infinity, -Infinity];
    for (const one of shown) {
      one.first = Math.max(0, lastBelow(one.x, from));
      one.end = Math.min(one.x.length - 1, lastBelow(one.x, to) + 1);
      // Points that stand just outside are drawn to, and do not count.
      let low = one.first, high = one.end;
      if (one.x[low] < from && low < high) ++low;
      if (one.x[high] > to && low < high) --high;
      extent(view.smooth ? one.y : one.curve.y, low, high, view.log, bounds);
    }
    const empty = bounds[0] > bounds[1];
    let [low, high] = empty ? [view.log ? 0.1 : 0, 1] : bounds;
    if (view.log) {
      const room = low === high ? 2 : (high / low) ** 0.04;
      [low, high] = [low / room, high * room];
    } else {
      const room = 0.05 * (high - low || Math.abs(low) || 1);
      [low, high] = [low - room, high + room];
    }
    this.y = makeScale(low, high, plotHeight - margin.bottom, margin.top, view.log);
    const parts = this.drawAxes(from, to, low, high, width);
    if (empty) parts.push(svgEl("text", {x: width / 2, y: plotHeight / 2, "text-anchor": "middle"}, this.whyEmpty()));
    const clip = svgEl("svg", {x: margin.left, y: 0, width: width - margin.left - margin.right, height: plotHeight,
      viewBox: `${margin.left} 0 ${width - margin.left - margin.right} ${plotHeight}`});
    for (const one of shown) this.drawSeries(clip, one);
    this.cursor = svgEl("g");
    this.svg.replaceChildren(...parts, clip, this.cursor);
    this.drawn = shown;
    this.describe();
    if (this.at !== null) this.showValues(this.at, false);
  }

  drawAxes(from, to, low, high, width) {
    const parts = [], bottom = plotHeight - margin.bottom;
    for (const tick of this.view.log ? logTicks(low, high, 5) : linearTicks(low, high, 5)) {
      const y = this.y(tick);
      if (y < margin.top - 1 || y > bottom + 1) continue;
      parts.push(svgEl("line", {class: "grid", x1: margin.left, x2: width - margin.right, y1: y, y2: y}));
      parts.push(svgEl("text", {x: margin.left - 6, y: y + 4, "text-anchor": "end"}, formatNumber(tick)));
    }
    const ticks = linearTicks(from, to, Math.max(2, Math.floor(width / 90)));
    for (const tick of ticks) {
      if (tick < from || tick > to) continue;
      parts.push(svgEl("line", {class: "grid", x1: this.x(tick), x2: this.x(tick), y1: bottom, y2: bottom + 4}));
      const place = {x: Math.min(this.x(tick), width - 24), y: plotHeight - 6, "text-anchor": "middle"};
      parts.push(svgEl("text", place, this.view.formatX(tick)));
    }
    return parts;
  }

  drawSeries(to, one) {
    const path = (ys, extra) => svgEl("path", {class: `curve c${one.color}${one.dashed ? " dashed" : ""}${extra}`,
      d: pathOf(one.x, ys, one.first, one.end, this.x, this.y, this.view.log)});
    if (this.view.smooth) to.append(path(one.curve.y, " raw"));
    to.append(path(one.y, ""));
    if (one.end - one.first > 60) return;
    for (let i = one.first; i <= one.end; ++i) {
      const y = one.curve.y[i];
      if (this.isDrawn(y)) to.append(this.dot(one, this.x(one.x[i]), y, 2.2));
    }
  }

  whyEmpty() {
    const shown = this.shown();
    if (!shown.length) return this.series.every((one) => this.view.isHidden(one)) ? "hidden" : "no time is known";
    if (shown.every((one) => one.curve.y.every((y) => !Number.isFinite(y)))) return "no finite value";
    return this.view.log ? "nothing above 0 here" : "nothing here";
  }

  // What the picture says in words, and what it leaves out.
  describe() {
    const words = [], remarks = [];
    for (const one of this.series) {
      const {y, logged, span} = one.curve;
      const [low, high] = extent(y, 0, y.length - 1, false);
      const range = low <= high ? `, ${formatNumber(low)} to ${formatNumber(high)}` : "";
      if (y.length) words.push(`${one.label}: ${formatNumber(y[y.length - 1])} at last${range}`);
      const each = `drawn by the lowest and highest of each ${formatNumber(span)}`;
      if (span > 1) remarks.push(`${one.label}: ${formatNumber(logged)} values, ${each}`);
      const gaps = y.reduce((sum, value) => sum + !Number.isFinite(value), 0);
      const howMany = gaps === 1 ? "one value is" : `${formatNumber(gaps)} values are`;
      if (gaps) remarks.push(`${one.label}: ${howMany} NaN or infinite and not drawn`);
      if (this.view.log && low <= 0) remarks.push(`${one.label}: values not above 0 are left out on a log scale`);
    }
    this.svg.setAttribute("aria-label", `Chart of ${this.name}. ${words.join("; ")}`);
    this.remark.textContent = remarks.join(". ");
    const last = this.series.length && this.series[0].curve.y;
    this.note.textContent = this.series.length === 1 && last.length ? formatNumber(last[last.length - 1]) : "";
  }

  listen() {
    let begin = null, rectangle = null;
    const place = (event) => event.clientX - this.svg.getBoundingClientRect().left;
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      begin = place(event);
      this.svg.setPointerCapture(event.pointerId);
    });
    this.svg.addEventListener("pointermove", (event) => {
      const here = place(event);
      this.showValues(this.x.invert(here), false);
      if (begin === null || Math.abs(here - begin) < 5) return;
      rectangle ??= svgEl("rect", {class: "drag", y: margin.top, height: plotHeight - margin.top - margin.bottom});
      rectangle.setAttribute("x", Math.min(begin, here));
      rectangle.setAttribute("width", Math.abs(here - begin));
      if (!rectangle.isConnected) this.svg.append(rectangle);
    });
    const end = (event) => {
      const from = begin, dragged = rectangle;
      begin = rectangle = null;
      if (!dragged) return;
      dragged.remove();
      const [low, high] = [from, place(event)].sort((a, b) => a - b);
      if (event.type === "pointerup") this.view.zoomTo(this.x.invert(low), this.x.invert(high));
    };
    this.svg.addEventListener("pointerup", end);
    this.svg.addEventListener("pointercancel", end);
    this.svg.addEventListener("pointerleave", () => this.hideValues());
    this.svg.addEventListener("blur", () => this.hideValues());
    this.svg.addEventListener("dblclick", () => this.view.zoomTo(null));
    this.svg.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const [from, to] = this.view.range();
    const longest = this.drawn.reduce((a, b) => (a && a.x.length >= b.x.length ? a : b), null);
    if (event.ctrlKey || event.metaKey || event.altKey || !longest) return;
    const steps = {ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10}[event.key];
    const here = this.at === null ? to : this.at, centre = this.at === null ? (from + to) / 2 : this.at;
    if (steps) {
      const inside = Math.max(1, Math.round((longest.end - longest.first) / 400)); // a pixel or two
      const next = nearest(longest.x, here) + (this.at === null ? 0 : steps * inside);
      this.showValues(longest.x[Math.min(longest.end, Math.max(longest.first, next))], true);
    } else if (event.key === "Home" || event.key === "End") {
      this.showValues(longest.x[event.key === "Home" ? longest.first : longest.end], true);
    } else if (event.key === "+" || event.key === "=") {
      this.view.zoomTo(centre - (centre - from) / 2, centre + (to - centre) / 2);
    } else if (event.key === "-") {
      this.view.zoomTo(centre - (centre - from) * 2, centre + (to - centre) * 2);
    } else if (event.key === "Escape") {
      this.hideValues();
      this.view.zoomTo(null);
    } else {
      return;
    }
    event.preventDefault();
  }

  // The values nearest to `x`, beside the curves; said aloud when the keyboard asked.
  showValues(x, aloud) {
    if (!this.drawn || !this.drawn.length) return this.hideValues();
    this.at = x;
    const found = [];
    for (const one of this.drawn) {
      if (!one.x.length) continue;
      const i = nearest(one.x, x);
      found.push({one, i, px: this.x(one.x[i]), x: one.x[i], y: one.curve.y[i], drawn: one.y[i]});
    }
    if (!found.length) return this.hideValues();
    const best = found.reduce((a, b) => (Math.abs(a.x - x) <= Math.abs(b.x - x) ? a : b));
    const [from, to] = this.view.range(), far = (to - from) / 20;
    const near = found.filter((one) => one.x >= from && one.x <= to && Math.abs(one.x - best.x) <= far);
    const ends = {x1: best.px, x2: best.px, y1: margin.top, y2: plotHeight - margin.bottom};
    this.cursor.replaceChildren(svgEl("line", {class: "cursor", ...ends}));
    for (const {one, px, drawn} of near)
      if (this.isDrawn(drawn)) this.cursor.append(this.dot(one, px, drawn, 4));
    const head = this.view.nameX(best.one.curve, best.i);
    const lines = near.map(({one, y, drawn}) => {
      const smooth = this.view.smooth ? ` (smoothed ${formatNumber(drawn)})` : "";
      return [one, `${one.label} ${formatNumber(y)}${smooth}`];
    });
    const rows = lines.map(([one, text]) => el("div", {}, this.swatch(one), text));
    this.values.replaceChildren(el("div", {}, head), ...rows);
    this.values.hidden = false;
    const plot = this.svg.getBoundingClientRect(), figure = this.node.getBoundingClientRect();
    const place = plot.left - figure.left + best.px, right = best.px > plot.width / 2;
    this.values.style.top = `${plot.top - figure.top + 4}px`;
    this.values.style.left = right ? "auto" : `${place + 14}px`;
    this.values.style.right = right ? `${figure.width - place + 14}px` : "auto";
    if (aloud) this.view.speak(`${head}: ${lines.map(([, text]) => text).join(", ")}`);
  }

  hideValues() {
    this.at = null;
    this.values.hidden = true;
    if (this.cursor) this.cursor.replaceChildren();
  }

  // At most 500 rows, evenly taken.
  fillTable() {
    while (this.table.children.length > 1) this.table.lastChild.remove();
    if (!this.table.open) return;
    const most = 500;
    for (const one of this.series) {
      const {step, epoch, y} = one.curve, every = Math.max(1, Math.ceil(y.length / most)), rows = [];
      for (let i = 0; i < y.length; i += every) rows.push([step[i], epoch[i], y[i]].map(formatNumber));
      const caption = one.label + (every > 1 ? `, one of each ${every} points` : "");
      this.table.append(tableOf(["step", "epoch", this.name], rows, {caption, numbers: [0, 1, 2]}));
    }
  }
}
