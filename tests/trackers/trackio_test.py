# SPDX-License-Identifier: Apache-2.0
"""trackio: Trackio's own importer and its own server have the rows that transformers' callback logs."""

import contextlib
import http.server
import json
import signal
import subprocess
import threading
import time
import urllib.request

from harness import Work, expect, python
from status_server import answer

SINGLE = ("train_runtime", "train_samples_per_second", "train_steps_per_second", "train_loss", "total_flos")

SERVE = """
import sys, time, trackio
app = trackio.show(open_browser=False, block_thread=False, share=False, host="127.0.0.1")
url = next(part for part in app if isinstance(part, str) and part.startswith("http://127.0.0.1"))
print("URL", url, flush=True)
sys.stdin.read()
"""


def expected_rows(history):
    rows = []
    for entry in history:
        row = {}
        for key, value in entry.items():
            if key == "step" or key in SINGLE:
                continue
            group, _, rest = key.partition("_")
            row[f"{group}/{rest}" if group in ("eval", "test") and rest else f"train/{key}"] = value
        rows.append(row | {"train/global_step": entry["step"]})
    return rows


def losses(history):
    return [entry["loss"] for entry in history if "loss" in entry]


def fragments(directory):
    return sorted(directory.glob("inbox/*/*.jsonl"))


def records(directory):
    found = [json.loads(line) for path in fragments(directory) for line in path.read_text().splitlines()]
    expect(not list(directory.glob("inbox/*/*.tmp")), "a temporary file is left in the inbox")
    return found


def test_inbox():
    with Work() as work:
        data = work.path / "data"
        history, _ = work.train(
            "trackio",
            args={"run_name": "named", "project": "digits", "hub_token": "hf_secret"},
            env={"TRACKIO_DIR": data},
        )
        rows = records(data)
        expect([row["metrics"] for row in rows] == expected_rows(history), f"the inbox has {rows}")
        expect(len({row["log_id"] for row in rows}) == len(rows), "a log_id is there twice")
        found = work.check("trackio", data)
        work.expect_history(found, "trackio", history)
        expect(found["extra"]["run"] == {"project": "digits", "name": "named"}, f"the run is {found['extra']}")
        expect(found["extra"]["inbox_rows_imported"] == len(history), f"imported {found['extra']}")
        params = found["params"]
        expect(
            params["learning_rate"] == 1e-3
            and params["hub_token"] == "<HUB_TOKEN>"
            and params["num_train_epochs"] == 2,
            f"the configuration is {params}",
        )
        # The same name goes on in the same run, as with resume="allow".
        again, _ = work.train("trackio", args={"run_name": "named", "project": "digits"}, env={"TRACKIO_DIR": data})
        found = work.check("trackio", data)
        steps = [step for step, _ in found["metrics"]["train/epoch"]]
        expect(steps == list(range(len(history) + len(again))), f"a second run of the name has the steps {steps}")


def test_names_and_all():
    with Work() as work:
        data = work.path / "data"
        for _ in range(2):
            work.train("all", args={"max_steps": 10}, env={"TRACKIO_DIR": data})
        expect(len({row["run_id"] for row in records(data)}) == 2, "two runs without a name have one id")
        expect({row["project"] for row in records(data)} == {"huggingface"}, "the project is not transformers' default")
        # Without a setting, "all" leaves it out, and its name uses the default directory.
        home = work.path / "home" / ".cache" / "huggingface" / "trackio"
        work.train("all", args={"max_steps": 10})
        expect(not home.exists(), "all wrote to the home directory")
        work.train("trackio", args={"max_steps": 10})
        expect(records(home), "nothing was written to the default directory")
        _, printed = work.train(
            "trackio", args={"max_steps": 10, "trackio_space_id": "user/space"}, env={"TRACKIO_DIR": data}
        )
        expect("trackio sync" in printed, f"nothing says how a Space gets the rows:\n{printed}")


def test_kill():
    with Work() as work:
        data = work.path / "data"
        process = subprocess.Popen(
            work.command("trackio", args={"num_train_epochs": 100000, "logging_steps": 1}),
            cwd=work.path,
            env=work.environment(TRACKIO_DIR=data),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while len(fragments(data)) < 20 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        rows = [json.loads(line) for path in fragments(data) for line in path.read_text().splitlines()]
        expect(
            len(rows) >= 20 and [row["step"] for row in rows] == list(range(len(rows))), f"{len(rows)} rows are left"
        )


@contextlib.contextmanager
def trackio_server(work, data):
    process = subprocess.Popen(
        [python("trackers"), "-c", SERVE],
        cwd=work.path,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=work.environment(TRACKIO_DIR=data, TRACKIO_WRITE_TOKEN="w-token", HF_HUB_OFFLINE="1"),
    )
    try:
        url = next((line.split()[1] for line in process.stdout if line.startswith("URL ")), None)
        expect(url, "Trackio's server did not start")
        yield url.split("?")[0].rstrip("/")
    finally:
        process.kill()
        process.wait()


def call(url, name, **arguments):
    request = urllib.request.Request(
        f"{url}/api/{name}",
        json.dumps({"kwargs": arguments}).encode(),
        {"Content-Type": "application/json", "x-trackio-write-token": "w-token"},
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)["data"]


def test_server():
    with Work() as work:
        there, here = work.path / "there", work.path / "here"
        with trackio_server(work, there) as url:
            env = {"TRACKIO_SERVER_URL": url, "TRACKIO_WRITE_TOKEN": "w-token", "TRACKIO_DIR": here}
            history, printed = work.train("trackio", args={"run_name": "sent", "project": "digits"}, env=env)
            expect("warning" not in printed, f"the run says\n{printed}")
            runs = call(url, "get_runs_for_project", project="digits")
            expect([run["name"] for run in runs] == ["sent"], f"the server has the runs {runs}")
            logs = call(url, "get_logs", project="digits", run="sent")
            rows = [{k: v for k, v in row.items() if k not in ("step", "timestamp", "id", "run_id")} for row in logs]
            expect(rows == expected_rows(history), f"the server has {rows}")
            expect([row["step"] for row in logs] == list(range(len(history))), "the server has other steps")
            expect(not fragments(here), "rows that the server has are left in the inbox")
            _, printed = work.train("trackio", args={"max_steps": 10}, env=env | {"TRACKIO_WRITE_TOKEN": "wrong"})
            expect("write_token" in printed and fragments(here), f"a wrong token:\n{printed}")


def serve(behave):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            behave(self)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_outages():
    """Whatever the server does, the run's result is the same and each row is in the inbox."""
    with Work() as work:
        plain, _ = work.train("none", output="plain")
        for name, behave in (
            ("500", answer(500, b"no")),
            ("garbage", answer(200, b"<html>")),
            ("close", lambda handler: handler.connection.close()),
            ("down", None),
        ):
            server = serve(behave or answer(500, b""))
            url = f"http://127.0.0.1:{server.server_address[1]}"
            if behave is None:
                server.shutdown()
                server.server_close()
            data = work.path / name
            begin = time.monotonic()
            history, printed = work.train(
                "trackio",
                output=f"out-{name}",
                env={"TRACKIO_SERVER_URL": f"{url}/?write_token=t", "TRACKIO_DIR": data},
            )
            expect(time.monotonic() - begin < 15, f"{name}: the run took {time.monotonic() - begin} s")
            expect(losses(history) == losses(plain), f"{name}: the run's losses changed")
            expect([row["metrics"] for row in records(data)] == expected_rows(history), f"{name}: rows are lost")
            expect("kept in" in printed, f"{name}: nothing says where the rows are:\n{printed}")
            if behave is not None:
                server.shutdown()
                server.server_close()


test_inbox()
test_names_and_all()
test_kill()
test_server()
test_outages()
