// All of the page that is no chart: summary, metrics, arguments, and what happened in the run.

// More rows than this a browser draws slowly, and nobody reads.
const MOST_ROWS = 1000;

// `rows`: lists of texts or nodes; `numbers`: columns that stand right; `texts`: columns in fixed width.
function tableOf(head, rows, {caption = null, numbers = [], texts = []} = {}) {
  const left = rows.length - MOST_ROWS;
  const kind = (i) => (numbers.includes(i) ? "number" : texts.includes(i) ? "text" : null);
  const headCell = (text, i) => el("th", {scope: "col", class: numbers.includes(i) ? "number" : null}, text);
  const cell = (content, i) => el(i ? "td" : "th", {class: kind(i), scope: i ? null : "row"}, content);
  return el("div", {class: "scroll"}, el("table", {},
    caption ? el("caption", {}, caption) : null,
    el("thead", {}, el("tr", {}, ...head.map(headCell))),
    el("tbody", {}, ...rows.slice(0, MOST_ROWS).map((row) => el("tr", {}, ...row.map(cell))))),
  left > 0 ? note(`${formatNumber(left)} more are left out`) : null);
}

// A <details> that stays as the reader left it when the page is renewed.
function fold(view, key, title, ...content) {
  const node = el("details", {open: view.open.has(key)}, el("summary", {}, title), ...content);
  node.addEventListener("toggle", () => {
    if (node.open) view.open.add(key);
    else view.open.delete(key);
    view.keep();
  });
  return node;
}

const note = (text) => el("p", {class: "note"}, text);
const atStep = (step) => `at step ${formatNumber(step)}`;
const numberOrNothing = (value) => (Number.isNaN(value) ? "" : formatNumber(value));

function bestOf(run) {
  if (run.best_metric === undefined) return null;
  const text = run.argument.get("metric_for_best_model");
  const name = text && text !== "null" ? text.replace(/^"|"$/g, "") : "loss";
  const step = run.best_global_step;
  const none = step === undefined && !Number.isFinite(run.best_metric); // NaN at each evaluation
  return {
    name: name.startsWith("eval_") ? name : `eval_${name}`,
    value: none ? "never a number" : formatNumber(run.best_metric),
    where: step === undefined ? "" : atStep(step),
  };
}

const speedOf = (run) => ({
  samples: run.last("train_samples_per_second"),
  steps: run.last("train_steps_per_second"),
  seconds: Number.isNaN(run.last("train_runtime")) ? run.clock : run.last("train_runtime"),
});

function statusOf(run) {
  const steps = `step ${formatNumber(run.global_step)}${run.max_steps > 0 ? ` of ${formatNumber(run.max_steps)}` : ""}`;
  if (run.status === "finished") return run.global_step < run.max_steps ? `stopped at ${steps}` : `finished, ${steps}`;
  return run.status === "running" ? `running, ${steps}` : steps;
}

// Entries are [name, value, what stands below].
function cards(entries) {
  return el("dl", {class: "cards"}, ...entries.map(([name, value, below]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value, below ? el("small", {}, below) : null))));
}

function summaryOfOne(run) {
  const entries = [], best = bestOf(run), {samples, steps, seconds} = speedOf(run), loss = run.find("loss");
  if (best) entries.push([`best ${best.name}`, best.value, best.where]);
  entries.push(["steps", formatNumber(run.global_step), run.max_steps > 0 && `of ${formatNumber(run.max_steps)}`]);
  const epochs = run.num_train_epochs > 0 && `of ${formatNumber(run.num_train_epochs)}`;
  entries.push(["epochs", formatNumber(run.epoch), epochs]);
  if (loss) entries.push(["last loss", formatNumber(run.last("loss")), atStep(loss.step[loss.step.length - 1])]);
  if (seconds > 0) entries.push(["time", formatDuration(seconds)]);
  const rate = (value) => formatNumber(value < 100 ? value : Math.round(value));
  if (samples > 0) entries.push(["speed", `${rate(samples)} samples/s`, `${rate(steps)} steps/s`]);
  if (run.train_seconds > 0)
    entries.push(["waited for data", formatPercent(run.data_seconds / run.train_seconds), "of the training"]);
  if (seconds > 0 && run.callbacks.some((one) => one.seconds !== undefined)) {
    const total = run.callbacks.reduce((sum, one) => sum + (one.seconds || 0), 0);
    entries.push(["callbacks", formatPercent(total / seconds), "of the run"]);
  }
  const tensors = `in ${formatNumber(run.parameter_tensors)} tensors`;
  if (run.parameter_elements) entries.push(["parameters", formatNumber(run.parameter_elements), tensors]);
  if (run.num_input_tokens_seen) entries.push(["tokens seen", formatNumber(run.num_input_tokens_seen)]);
  return cards(entries);
}

function summaryOfMany(runs) {
  const most = 8, names = new Set(runs.flatMap((run) => run.curves.map((curve) => curve.name)));
  const metrics = [...names].filter((name) => /^loss$|^eval_(?!.*(_runtime|_per_second)$)/.test(name)).slice(0, most);
  const rows = runs.map((run) => {
    const best = bestOf(run), {samples, steps, seconds} = speedOf(run);
    return [run.label, statusOf(run), formatNumber(run.epoch), best ? `${best.name} ${best.value} ${best.where}` : "",
      ...metrics.map((name) => numberOrNothing(run.last(name))), seconds > 0 ? formatDuration(seconds) : "",
      numberOrNothing(samples), numberOrNothing(steps)];
  });
  const last = metrics.map((name) => `last ${name}`);
  const head = ["run", "state", "epochs", "best", ...last, "time", "samples/s", "steps/s"];
  return tableOf(head, rows, {numbers: [...head.keys()].filter((i) => i === 2 || i > 3)});
}

const MOST_CLASSES = 256; // that confusion_matrix has

// A confusion matrix is logged as a list of lists of counts; null where it is none.
function matrixOf(name, text) {
  if (!/(^|_)confusion_matrix$/.test(name)) return null;
  try {
    const rows = JSON.parse(text), isRow = (row) => Array.isArray(row) && row.length === rows.length;
    return Array.isArray(rows) && rows.length && rows.length <= MOST_CLASSES && rows.every((row) => isRow(row) && row.every(Number.isFinite)) ? rows : null;
  } catch {
    return null;
  }
}

// By the data, else by the model's configuration.
function classNamesOf(run) {
  if (run.class_names) return run.class_names;
  try {
    const names = JSON.parse(run.model_config).id2label;
    return Object.keys(names).map((_, i) => String(names[i]));
  } catch {
    return [];
  }
}

// A row for each label and a column for each prediction; the deeper, the larger its share of the row.
function matrixTable(title, counts, names) {
  const name = (i) => (names.length === counts.length ? names[i] : String(i));
  const cell = (row, i, j) => {
    const total = row.reduce((a, b) => a + b, 0), share = total > 0 ? row[j] / total : 0;
    return el("td", {class: i === j ? "number right" : "number", style: `--share: ${share.toFixed(3)}`}, formatNumber(row[j]));
  };
  const head = ["label \\ predicted", ...counts.map((_, i) => name(i))];
  return el("div", {class: "scroll"}, el("table", {class: "matrix"},
    el("caption", {}, `${title}, the last`),
    el("thead", {}, el("tr", {}, ...head.map((text, i) => el("th", {scope: "col", class: i ? "number" : null}, text)))),
    el("tbody", {}, ...counts.map((row, i) =>
      el("tr", {}, el("th", {scope: "row"}, name(i)), ...row.map((_, j) => cell(row, i, j)))))));
}

function metricsOf(runs) {
  // With several runs the first column says whose row it is.
  const several = runs.length > 1 ? 1 : 0, whose = (run) => (several ? [run.label] : []), head = several ? ["run"] : [];
  const rows = runs.flatMap((run) => run.curves.map((curve) => {
    let low = -1, high = -1;
    for (let i = 0; i < curve.y.length; ++i) {
      if (!Number.isFinite(curve.y[i])) continue;
      if (low < 0 || curve.y[i] < curve.y[low]) low = i;
      if (high < 0 || curve.y[i] > curve.y[high]) high = i;
    }
    const where = (i) => (i < 0 ? "" : `${formatNumber(curve.y[i])} ${atStep(curve.step[i])}`);
    const last = formatNumber(curve.y[curve.y.length - 1]);
    return [...whose(run), curve.name, last, where(low), where(high), formatNumber(curve.logged)];
  }));
  if (!rows.length) return [el("p", {}, "Nothing was logged.")];
  const numbers = [1, 2, 3, 4].map((i) => i + several);
  const parts = [tableOf([...head, "metric", "last", "lowest", "highest", "logged"], rows, {numbers})];
  for (const run of runs)
    for (const [name, text] of run.texts) {
      const counts = matrixOf(name, text);
      if (counts) parts.push(matrixTable(several ? `${run.label}: ${name}` : name, counts, classNamesOf(run)));
    }
  const others = (run) => run.texts.filter(([name, text]) => !matrixOf(name, text));
  const texts = runs.flatMap((run) => others(run).map((entry) => [...whose(run), ...entry]));
  const table = tableOf([...head, "name", "last"], texts, {texts: [1 + several]});
  if (texts.length) parts.push(el("h3", {}, "Logged, but not a number"), table);
  return parts;
}

// Values are JSON; 1e-3 and 0.001 are the same.
function sameValue(a, b) {
  if (a === b) return true;
  try {
    return JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b));
  } catch {
    return false; // NaN, or one that is missing
  }
}

function argumentsOfOne(run, defaults, view) {
  if (!run.arguments.length) return [el("p", {}, "The arguments of this run are not recorded.")];
  const defaultOf = (name) => (Object.hasOwn(defaults, name) ? JSON.stringify(defaults[name]) : "");
  const set = [], rest = [];
  for (const [name, value] of run.arguments)
    if (sameValue(defaultOf(name), value)) rest.push([name, value]);
    else set.push([name, value, defaultOf(name)]);
  return [
    set.length ? tableOf(["argument", "value", "default"], set, {texts: [1, 2]}) : note("All have their defaults."),
    rest.length && fold(view, "defaults", `${rest.length} arguments that have their defaults`,
      tableOf(["argument", "value"], rest, {texts: [1]})),
  ];
}

function argumentsOfMany(runs, defaults, view) {
  const known = runs.filter((run) => run.arguments.length), missing = runs.filter((run) => !run.arguments.length);
  if (!known.length) return [el("p", {}, "The arguments of these runs are not recorded.")];
  const names = [...new Set(known.flatMap((run) => run.arguments.map(([name]) => name)))], differ = [], same = [];
  for (const name of names) {
    const values = known.map((run) => run.argument.get(name));
    if (values.every((value) => sameValue(value, values[0]))) same.push([name, values[0]]);
    else differ.push([name, ...values.map((value) => value ?? "")]);
  }
  const head = ["argument", ...known.map((run) => run.label)], texts = [...known.keys()].map((i) => i + 1);
  return [
    differ.length ? tableOf(head, differ, {texts, caption: "in which the runs differ"}) : note("They are the same."),
    missing.length && note(`Not recorded: ${missing.map((run) => run.label).join(", ")}`),
    same.length && fold(view, "same", `${same.length} arguments that are the same`,
      tableOf(["argument", "value"], same, {texts: [1]})),
  ];
}

function modelOf(run, index, view) {
  const parts = [];
  if (run.model_config) parts.push(fold(view, `config${index}`, "Configuration", el("pre", {}, run.model_config)));
  if (run.parameters.length) {
    const elements = ({shape}) => formatNumber(shape.reduce((a, b) => a * b, 1));
    const rows = run.parameters.map((one) => [one.name, one.shape.join(" × "), one.dtype, elements(one)]);
    const left = run.parameter_tensors - run.parameters.length;
    const tensors = formatNumber(run.parameter_tensors);
    const title = `${formatNumber(run.parameter_elements)} parameters in ${tensors} tensors`;
    parts.push(fold(view, `parameters${index}`, title,
      tableOf(["tensor", "shape", "type", "elements"], rows, {numbers: [3]}),
      left > 0 ? note(`${formatNumber(left)} more are left out`) : null));
  }
  return parts;
}

function callbacksOf(run) {
  if (run.callbacks.every((one) => one.seconds === undefined))
    return tableOf(["callback"], run.callbacks.map((one) => [one.name]));
  const cost = ({seconds, calls, errors}) =>
    (seconds === undefined ? ["", "", ""] : [formatDuration(seconds), formatNumber(calls), formatNumber(errors)]);
  const rows = run.callbacks.map((one) => [one.name, ...cost(one)]);
  return tableOf(["callback", "time", "calls", "failed"], rows, {numbers: [1, 2, 3]});
}

// Results, events, warnings, checkpoints, callbacks and model of a run.
function detailsOf(run, index, view) {
  const parts = [];
  const add = (title, ...nodes) => parts.push(el("h3", {}, title), ...nodes.filter(Boolean));
  const notes = (what, list, show = (one) => one.text) => {
    // Where a checkpoint's epoch is not known it is 0.
    const epoch = (one) => (toNumber(one.epoch) === 0 && one.step > 0 ? "" : formatNumber(toNumber(one.epoch)));
    const rows = list.map((one) => [formatNumber(one.step), epoch(one), show(one)]);
    return tableOf(["step", "epoch", what], rows, {numbers: [0, 1]});
  };
  if (run.directory) add("Directory", el("p", {}, run.directory));
  if (run.results) add("Results", tableOf(["result", "where", "look at it"], run.results));
  if (run.events.length) add("What changed the run", notes("what", run.events));
  if (run.warnings.length)
    add("Warnings", notes("warning", run.warnings),
      run.warnings_left_out > 0 && note(`${formatNumber(run.warnings_left_out)} more are left out`));
  if (run.checkpoints.length) {
    const name = (path) => path.slice(path.lastIndexOf("/") + 1), best = run.best_model_checkpoint;
    const isBest = (one) => best !== undefined && name(one.text) === name(best);
    const show = (one) => (isBest(one) ? el("span", {class: "best"}, `${one.text} (the best)`) : one.text);
    add("Checkpoints", notes("directory", run.checkpoints, show));
  }
  if (run.callbacks.length) add("Callbacks", callbacksOf(run));
  const model = modelOf(run, index, view);
  if (model.length) add("Model", ...model);
  return parts;
}
