# SPDX-License-Identifier: Apache-2.0
"""The page of `trainer report` and of the plugin html in a headless Chromium, used as a reader does: every chart is drawn,
the console has no complaint, nothing is asked for but the file; hostile runs; a page of a running training renews itself.
Reads TRAINER and SOURCE from the environment; skipped where there is no Chromium."""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from browser import Browser, program

TRAINER = os.environ["TRAINER"]
SOURCE = pathlib.Path(os.environ["SOURCE"])
FIGURES = "[...document.querySelectorAll('figure')].map(f => [f.querySelector('figcaption span').textContent, f.querySelectorAll('path').length, f.querySelectorAll('path, circle').length])"


def report(states, output):
    subprocess.run([TRAINER, "report", *map(str, states), "--output", output], check=True, stdout=subprocess.DEVNULL)


def state_file(name, history, **fields):
    state = {"global_step": 0, "max_steps": 0, "epoch": 0, "log_history": history, **fields}
    pathlib.Path(name).parent.mkdir(exist_ok=True)
    pathlib.Path(name).write_text(json.dumps(state))
    return name


def training(run, rate):
    """Logs as of a training, with an evaluation every tenth step."""
    history = []
    for step in range(1, 201):
        loss = 0.3 + 2 * math.exp(-rate * step / 50) + 0.05 * math.sin(step)
        history.append({"step": step, "epoch": step / 50, "loss": loss, "learning_rate": 1e-3 * (1 - step / 200)})
        if step % 10 == 0:
            history.append({"step": step, "epoch": step / 50, "eval_loss": loss + 0.1, "eval_accuracy": 1 - loss / 3})
    summary = {"train_runtime": 12.5, "train_samples_per_second": 512.0, "train_steps_per_second": 16.0}
    history.append({"step": 200, "epoch": 4.0, **summary})
    best = {"best_metric": 0.9, "best_global_step": 190}
    state_file(f"{run}/trainer_state.json", history, global_step=200, max_steps=200, epoch=4.0, **best)
    arguments = {"learning_rate": rate / 1000, "seed": 42, "metric_for_best_model": "accuracy"}
    pathlib.Path(run, "training_args.json").write_text(json.dumps(arguments))
    return run


def settled(page, path):
    assert page.complaints == [], page.complaints
    asked = {address.split("?")[0] for address in page.requests}
    assert asked == {pathlib.Path(path).resolve().as_uri()}, asked


def background(page):
    return page.run("getComputedStyle(document.body).backgroundColor")


def one_run(browser):
    report([training("first", 1)], "one.html")
    page = browser.open("one.html")
    figures = {name: paths for name, paths, _ in page.run(FIGURES)}
    assert list(figures)[0] == "loss" and set(figures) == {"loss", "accuracy", "learning_rate"}, figures
    assert figures["loss"] == 2 and figures["accuracy"] == 1, figures
    assert "M" in page.run("document.querySelector('path').getAttribute('d')")
    text = page.run("document.body.innerText")
    for words in ("finished, step 200 of 200", "best eval_accuracy", "at step 190", "512 samples/s", "0.001"):
        assert words in text, (words, text)
    shown = page.run("[...document.querySelectorAll('#arguments > div > .scroll tbody th')].map(th => th.textContent)")
    assert "seed" not in shown and "metric_for_best_model" in shown, shown

    x, y, width, _ = page.box("figure svg.plot")
    page.mouse("mouseMoved", x + width / 2, y + 100)
    values = page.run("document.querySelector('.values').innerText")
    assert values.startswith("step ") and "\nloss " in values and "\neval_loss " in values, values
    shown = page.run("(b => [b.x, b.y, b.width, b.height])(document.querySelector('.values').getBoundingClientRect())")
    assert x < shown[0] < x + width and y < shown[1] < y + 100 and shown[2] > 50, (shown, x, y)  # beside the pointer
    page.mouse("mouseMoved", 2, 2)
    assert page.run("document.querySelector('.values').hidden")

    entry = page.box("figure .legend button:nth-child(2)")
    page.click(entry[0] + 10, entry[1] + 5)
    assert page.run("document.querySelectorAll('figure')[0].querySelectorAll('path').length") == 1
    assert page.run("document.querySelectorAll('.legend button')[1].getAttribute('aria-pressed')") == "false"

    x, y, width, _ = page.box("figure svg.plot")
    page.mouse("mousePressed", x + 100, y + 60, True)
    for place in (120, 160, 200):
        page.mouse("mouseMoved", x + place, y + 60, True)
    page.mouse("mouseReleased", x + 200, y + 60)
    low, high = page.run("view.range()")
    assert 0.1 < low < high < 3.9, (low, high)
    page.run("document.querySelector('svg.plot').focus()")
    page.key("Home")
    page.key("ArrowRight")
    spoken = page.run("document.getElementById('spoken').textContent")
    assert spoken.startswith("step ") and ": loss " in spoken, spoken
    page.key("Escape")
    assert page.run("view.zoom") is None

    raw = page.run("document.querySelector('path').getAttribute('d')")
    page.run("(log.click(), smooth.value = 0.9, smooth.dispatchEvent(new Event('input')))")
    assert page.run("document.querySelectorAll('path.raw').length") > 0
    assert page.run("document.querySelector('path:not(.raw)').getAttribute('d')") != raw
    page.run("(axis.value = 'step', axis.dispatchEvent(new Event('change')))")
    assert "200" in page.run("[...document.querySelectorAll('svg.plot text')].map(t => t.textContent)")
    page.run("(byId('find').value = 'rate', byId('find').dispatchEvent(new Event('input')))")
    assert page.run("[...document.querySelectorAll('figure')].filter(f => !f.hidden).length") == 1
    # What the reader chose is there again.
    page.send("Page.reload")
    page.wait_for("document.readyState === 'complete' && typeof view === 'object' && view.chosen")
    assert page.run("[view.axis, view.log, view.smooth, view.find, view.hidden.size]") == ["step", True, 0.9, "rate", 1]
    page.run("document.querySelector('figure:not([hidden]) details').open = true")
    page.wait_for("document.querySelectorAll('figure:not([hidden]) table tr').length === 201")
    settled(page, "one.html")

    dark = browser.open("one.html", dark=True)
    assert background(page) == "rgb(255, 255, 255)" and background(dark) == "rgb(18, 22, 27)"
    settled(dark, "one.html")


def two_runs(browser):
    report([training("first", 1), training("second", 2), "first/trainer_state.json"], "runs.html")
    page = browser.open("runs.html")
    assert page.run("document.title") == "3 runs"
    assert {paths for name, paths, _ in page.run(FIGURES) if name == "loss"} == {6}
    assert page.run("document.querySelector('#arguments tbody').innerText").split() == [
        "learning_rate",
        "0.001",
        "0.002",
        "0.001",
    ]
    x, y, _, _ = page.box("#legend button")
    page.click(x + 5, y + 5)
    assert {paths for name, paths, _ in page.run(FIGURES) if name == "loss"} == {4}
    settled(page, "runs.html")


def confusion_matrix(browser):
    """Drawn as a table, with the classes' names where they are known; what only looks like one is a text."""
    history = [{"step": i, "eval_loss": 1 / i, "eval_confusion_matrix": [[7, i], [0, 3]]} for i in (1, 2)]
    history.append({"step": 2, "odd_confusion_matrix": [[1], [2, 3]], "confusion_matrix": "none"})
    report([state_file("matrix/trainer_state.json", history)], "matrix.html")
    names = {"id2label": {"0": "<b>cat</b>", "1": "dog"}}
    pathlib.Path("matrix/config.json").write_text(json.dumps(names))
    report(["matrix"], "named.html")
    for name, head in (("matrix.html", ["0", "1"]), ("named.html", ["<b>cat</b>", "dog"])):
        page = browser.open(name)
        tables = page.run(
            "[...document.querySelectorAll('.matrix')].map(t => [...t.rows].map(r => [...r.cells].map(c => c.textContent)))"
        )
        corner = "label \\ predicted"
        assert tables == [[[corner, *head], [head[0], "7", "2"], [head[1], "0", "3"]]], tables
        texts = page.run("document.getElementById('metrics').innerText")
        assert "odd_confusion_matrix" in texts and "[[1], [2, 3]]" in texts, texts
        colours = page.run("[...document.querySelectorAll('.matrix td')].map(c => getComputedStyle(c).backgroundColor)")
        assert len(set(colours)) == 4, colours
        settled(page, name)


def hostile(browser):
    evil = "</script><script>document.title = 'evil'</script><img src=x onerror=alert(1)>\"'&\u2028"
    count = 1_000_000
    pathlib.Path("evil").mkdir()
    with open("evil/trainer_state.json", "w") as file:
        file.write('{"global_step": 1000000, "max_steps": 1000000, "epoch": 1.0, "best_metric": NaN, "log_history": [')
        file.write(",\n".join(f'{{"step":{i},"x":{i % 1000 if i != 777777 else 5000}}}' for i in range(1, count + 1)))
        more = [{"step": i, evil: i, "__proto__": i, "constructor": -i, "none": math.nan} for i in (1, 2)]
        more += [{"step": 3, "inf": math.inf, "eval_<b>": 1, "text": evil}, {"step": 4, "inf": -math.inf}]
        file.write("," + json.dumps(more)[1:] + "}")
    pathlib.Path("evil/training_args.json").write_text(json.dumps({evil: evil, "seed": None, "__proto__": 1}))
    pathlib.Path("evil/config.json").write_text(json.dumps({"a": evil}))
    report(["evil"], "evil.html")
    page = browser.open("evil.html")
    assert page.run("document.title").startswith("evil \u2013 finished"), page.run("document.title")
    assert page.run("document.querySelectorAll('main script, img, b, iframe').length") == 0
    text = page.run("document.body.textContent")
    assert text.count(evil.replace("\u2028", "")[:60]) >= 4
    assert "1,000,000 values, drawn by the lowest and highest of each 128" in text
    assert "2 values are NaN or infinite and not drawn" in text
    figures = {name: shapes for name, _, shapes in page.run(FIGURES)}
    assert {"x", "__proto__", "constructor", evil, "none", "inf"} <= set(figures), figures
    assert all(figures[name] for name in ("x", "__proto__", "constructor", evil)), figures
    path = page.run("document.querySelector('figure path').getAttribute('d')")
    assert len(path) < 40_000, len(path)
    settled(page, "evil.html")

    report([state_file("empty.json", [])], "empty.html")
    page = browser.open("empty.html")
    assert "Nothing has been logged" in page.run("document.body.innerText")
    settled(page, "empty.html")
    report([state_file("nan.json", [{"step": i, "loss": math.nan} for i in range(9)])], "nan.html")
    page = browser.open("nan.html")
    assert "no finite value" in page.run("document.body.textContent")
    settled(page, "nan.html")


def wide(browser):
    """A state of another program: more names than a table shows, and a best metric that was never a number."""
    entry = {"step": 1, **{f"text {i}": "a" for i in range(1100)}, "eval_f1": math.nan}
    report([state_file("wide/trainer_state.json", [entry], best_metric=-math.inf)], "wide.html")
    page = browser.open("wide.html")
    assert page.run("Math.max(...[...document.querySelectorAll('tbody')].map(body => body.rows.length))") == 1000
    text = page.run("document.body.innerText")
    assert "100 more are left out" in text and "never a number" in text, text[:2000]
    settled(page, "wide.html")


def running(browser):
    """A page that is open while the training goes on, in a directory whose name has to be quoted."""
    output, example = pathlib.Path("a run #1"), SOURCE / "host/examples/digits/run.json"
    config = 'callbacks=[{"plugin": "html", "config": {"interval": 0.2}}]'
    words = ["--report_to", "none", "--set", config, "--output_dir", output, "--max_steps", "100000000", "--quiet"]
    words += [
        "--eval_strategy",
        "no",
        "--save_strategy",
        "no",
        "--load_best_model_at_end",
        "false",
        "--logging_steps",
        "50",
    ]
    process = subprocess.Popen(
        [TRAINER, "train", example, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not (output / "report.html").exists():
            assert process.poll() is None, process.returncode
            browser.read(time.monotonic() + 0.05)
        page = browser.open(output / "report.html")
        assert page.run("document.getElementById('progress').hidden") is False
        first = page.run("(window.mark = 1, document.title)")
        assert "running" in first, first
        page.wait_for(f"document.title !== {json.dumps(first)} && document.querySelector('path')")
        assert page.run("window.mark") == 1  # it is the same page, and was not loaded anew
    finally:
        process.terminate()
        process.wait(60)
    page.wait_for("document.title.includes('stopped at step')")
    assert page.run("document.querySelectorAll('iframe').length") == 0
    settled(page, output / "report.html")


def main():
    if program() is None:
        print("no Chromium here: scripts/setup.sh tests installs one")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        with Browser() as browser:
            for check in (one_run, two_runs, confusion_matrix, hostile, wide, running):
                check(browser)
        os.chdir("/")


main()
