# SPDX-License-Identifier: Apache-2.0
"""kubeflow: the posts that transformers' callback makes, at most one in five seconds, and no trouble when they fail."""

import os
import time

from harness import Work, expect
from status_server import StatusServer, answer


def slow(handler):
    time.sleep(20)


def close(handler):
    handler.connection.close()


def environment(work, url):
    token = work.path / "token"
    token.write_text("tok123\n")
    return {"KUBEFLOW_TRAINER_SERVER_URL": url, "KUBEFLOW_TRAINER_SERVER_TOKEN": token}


def losses(history):
    return [entry["loss"] for entry in history if "loss" in entry]


def metrics(post):
    return {m["name"]: m["value"] for m in post["body"]["trainerStatus"].get("metrics", [])}


def test_posts():
    with Work() as work, StatusServer() as server:
        history, _ = work.train("none", env=environment(work, server.url))  # joins even "none"
        first, last = server.posts[0], server.posts[-1]
        expect(
            all(
                p["auth"] == "Bearer tok123" and p["ctype"] == "application/json" and p["path"] == "/status"
                for p in server.posts
            ),
            f"heads: {server.posts}",
        )
        status = first["body"]["trainerStatus"]
        # The thread keeps the latest: a run that ends within the first request has no first post left.
        expect(
            list(status)[0] == "lastUpdatedTime" and len(status["lastUpdatedTime"]) == 32, f"the first post is {status}"
        )
        status = last["body"]["trainerStatus"]
        expect(
            list(status) == ["lastUpdatedTime", "progressPercentage", "estimatedRemainingSeconds", "metrics"]
            and status["progressPercentage"] == 100
            and status["estimatedRemainingSeconds"] == 0,
            f"the last post is {status}",
        )
        expected = {}
        for entry in history:
            expected |= {key: str(value) for key, value in entry.items() if key != "step"}
        expect(metrics(last) == expected, f"the last post has {metrics(last)}, not {expected}")


# Some seconds on any machine; the checks do not depend on how many.
LONG = {"num_train_epochs": 250, "logging_steps": 100, "save_strategy": "no", "eval_strategy": "no"}


def test_interval():
    with Work() as work, StatusServer() as server:
        begin = time.monotonic()
        work.train("none", args=LONG, env=environment(work, server.url))
        lasted = time.monotonic() - begin
        between = [b["time"] - a["time"] for a, b in zip(server.posts[:-1], server.posts[1:-1])]
        expect(all(gap > 4.9 for gap in between), f"posts came {between} s after each other")
        expect(lasted < 6 or len(server.posts) >= 3, f"{len(server.posts)} posts in {lasted} s")
        expect(
            metrics(server.posts[0]).keys() == {"total_steps"}
            and server.posts[0]["body"]["trainerStatus"]["progressPercentage"] == 0,
            f"the first post is {server.posts[0]}",
        )
        if len(server.posts) >= 3:
            middle = server.posts[1]
            names = list(metrics(middle))
            expect(names[-3:] == ["current_step", "total_steps", "current_epoch"], f"a post within the run has {names}")
            expect(0 <= middle["body"]["trainerStatus"]["progressPercentage"] <= 99, f"progress of {middle}")


def test_outages():
    with Work() as work:
        plain, _ = work.train("none", output="plain")
        for name, behave in (
            ("500", answer(500)),
            ("429", answer(429)),
            ("garbage", answer(200, b"\x00<html>")),
            ("slow", slow),
            ("close", close),
        ):
            with StatusServer(behave) as server:
                begin = time.monotonic()
                history, printed = work.train("kubeflow", output=name, env=environment(work, server.url))
                lasted = time.monotonic() - begin
                expect(losses(history) == losses(plain), f"{name}: the run's losses changed")
                expect(lasted < 12, f"{name}: the run took {lasted} s")
                expect(server.posts, f"{name}: nothing was posted")
                expect("error" not in printed, f"{name}: the run says\n{printed}")
        down = "http://127.0.0.1:9/status"
        history, _ = work.train("kubeflow", output="down", env=environment(work, down))
        expect(losses(history) == losses(plain), "down: the run's losses changed")
        # No token: nothing is posted, as in transformers.
        with StatusServer() as server:
            env = environment(work, server.url)
            os.unlink(env["KUBEFLOW_TRAINER_SERVER_TOKEN"])
            work.train("kubeflow", output="tokenless", env=env)
            expect(not server.posts, "it posted without a token")
            # Switched off, and named without being set.
            work.train(
                "none", output="off", env=environment(work, server.url) | {"DISABLE_KUBEFLOW_INTEGRATION": "true"}
            )
            expect(not server.posts, "it posted though it is disabled")
        _, printed = work.train("kubeflow", output="unset", status=2)
        expect("KUBEFLOW_TRAINER_SERVER_URL" in printed, f"the error does not say what to set:\n{printed}")


test_posts()
test_interval()
test_outages()
