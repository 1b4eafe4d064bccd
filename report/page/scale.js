// From values to pixels, and where the lines behind a curve stand.

function makeScale(from, to, begin, end, logarithmic) {
  const f = logarithmic ? Math.log10 : (x) => x;
  const low = f(from), span = f(to) - low || 1;
  const scale = (x) => begin + (f(x) - low) / span * (end - begin);
  scale.invert = (pixel) => {
    const x = low + (pixel - begin) / (end - begin) * span;
    return logarithmic ? 10 ** x : x;
  };
  return scale;
}

function linearTicks(from, to, count) {
  const rough = (to - from) / count;
  if (!(rough > 0) || !Number.isFinite(rough)) return [from];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const ticks = [];
  const first = Math.ceil(from / step - 1e-9), end = to + step * 1e-9;
  for (let i = first; i * step <= end && ticks.length < 50; ++i) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

function logTicks(from, to, count) {
  const low = Math.floor(Math.log10(from)), high = Math.ceil(Math.log10(to));
  const every = Math.max(1, Math.ceil((high - low) / count));
  const factors = high - low <= 1 ? [1, 2, 3, 4, 5, 6, 7, 8, 9] : high - low <= 3 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = low; power <= high; power += every)
    for (const factor of factors) {
      const tick = factor * 10 ** power;
      if (tick >= from * 0.999 && tick <= to * 1.001) ticks.push(tick);
    }
  return ticks.length > 1 ? ticks : linearTicks(from, to, count);
}

// A running mean that weighs the past by `weight`, as TensorBoard smooths; gaps stay gaps.
function smoothed(values, weight) {
  if (!weight) return values;
  const out = new Float64Array(values.length);
  let sum = 0, share = 0;
  for (let i = 0; i < values.length; ++i) {
    if (!Number.isFinite(values[i])) {
      out[i] = values[i];
      continue;
    }
    sum = sum * weight + values[i] * (1 - weight);
    share = share * weight + 1 - weight;
    out[i] = sum / share;
  }
  return out;
}

// The lowest and the highest of ys that can be drawn, of the points from..to.
function extent(ys, from, to, logarithmic, found = [Infinity, -Infinity]) {
  for (let i = from; i <= to; ++i) {
    const y = ys[i];
    if (!Number.isFinite(y) || (logarithmic && y <= 0)) continue;
    if (y < found[0]) found[0] = y;
    if (y > found[1]) found[1] = y;
  }
  return found;
}

// An SVG path of the points from..to: of those that fall on one pixel the first, the lowest, the highest, the last.
function pathOf(xs, ys, from, to, scaleX, scaleY, logarithmic) {
  let path = "", open = false, column = NaN, low = 0, high = 0, last = 0, at = 0;
  const flush = () => {
    if (!open || Number.isNaN(column)) return;
    if (low !== high) path += `L${at} ${low}L${at} ${high}`;
    path += `L${at} ${last}`;
    column = NaN;
  };
  for (let i = from; i <= to; ++i) {
    const y = ys[i];
    if (!Number.isFinite(y) || (logarithmic && y <= 0)) {
      flush();
      open = false;
      continue;
    }
    const px = Math.round(scaleX(xs[i]) * 10) / 10, py = Math.round(scaleY(y) * 10) / 10, here = Math.round(px);
    if (!open) {
      path += `M${px} ${py}`;
      open = true;
      column = here, low = high = last = py, at = px;
    } else if (here === column) {
      low = Math.min(low, py), high = Math.max(high, py), last = py, at = px;
    } else {
      flush();
      column = here, low = high = last = py, at = px;
    }
  }
  flush();
  return path;
}
