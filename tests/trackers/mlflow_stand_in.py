# SPDX-License-Identifier: Apache-2.0
"""A server that answers MLflow's REST API from memory, with the real one's limits, and fails on demand.

The real server proves the format (mlflow_test.py); this one is for what it cannot be made to do.
"""

import http.server
import json
import math
import pathlib
import posixpath
import re
import ssl
import subprocess
import threading
import time
import urllib.parse
import uuid

NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code = status, code


class StandIn:
    """with StandIn(...) as server: ... server.url, server.runs

    `fault(method, path, number)` may give ("status", 503, {"Retry-After": "1"}), ("body", "text"), ("drop",),
    ("lose",) (does the work, and drops the connection), or ("slow", seconds).
    """

    def __init__(self, prefix="", authorization=None, fault=None, port=0, tls=None):
        self.prefix, self.authorization, self.fault = prefix, authorization, fault
        self.experiments, self.runs, self.artifacts = {"Default": "0"}, {}, {}
        self.requests, self.refused, self.lock = [], [], threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.answer(self)

            do_POST = do_PUT = do_GET

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that is gone is part of the tests

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}{prefix}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self.lock:
            number = len(self.requests)
            self.requests.append((handler.command, handler.path))
        fault = self.fault(handler.command, handler.path, number) if self.fault else None
        status, headers, answer = 200, {}, "{}"
        if fault and fault[0] == "slow":
            time.sleep(fault[1])
        if fault and fault[0] == "drop":
            handler.close_connection = True
            return
        if fault and fault[0] == "status":
            status, headers, answer = fault[1], dict(fault[2]), "out of order"
        elif fault and fault[0] == "body":
            answer = fault[1]
        else:
            try:
                with self.lock:
                    answer = json.dumps(self.call(handler, body))
            except Refused as refused:
                self.refused.append((handler.path, str(refused)))
                status, answer = refused.status, json.dumps({"error_code": refused.code, "message": str(refused)})
            if fault and fault[0] == "lose":
                handler.close_connection = True
                return
        data = answer.encode()
        handler.send_response(status)
        for name, value in (headers | {"Content-Type": "application/json", "Content-Length": len(data)}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    def call(self, handler, body):
        if self.authorization and handler.headers.get("Authorization") != self.authorization:
            raise Refused(401, "UNAUTHENTICATED", "who are you?")
        url = urllib.parse.urlparse(handler.path)
        if not url.path.startswith(self.prefix + "/api/2.0/"):
            raise Refused(404, "ENDPOINT_NOT_FOUND", url.path)
        path = url.path[len(self.prefix) + len("/api/2.0/") :]
        if handler.command == "PUT" and path.startswith("mlflow-artifacts/artifacts/"):
            self.artifacts[urllib.parse.unquote(path[len("mlflow-artifacts/artifacts/") :])] = body
            return {}
        query = {k: v[0] for k, v in urllib.parse.parse_qs(url.query).items()}
        if handler.command == "POST":
            if handler.headers.get("Content-Type") != "application/json":
                raise Refused(400, "BAD_REQUEST", "no JSON")
            if len(body) > 1_000_000:
                raise Refused(413, "BAD_REQUEST", "too large")
            query = json.loads(body)
        method = getattr(self, re.sub(r"[^a-z]", "_", path.removeprefix("mlflow/")), None)
        if method is None:
            raise Refused(404, "ENDPOINT_NOT_FOUND", path)
        return method(query)

    def experiments_get_by_name(self, q):
        if q["experiment_name"] not in self.experiments:
            raise Refused(404, "RESOURCE_DOES_NOT_EXIST", "no such experiment")
        return {"experiment": {"experiment_id": self.experiments[q["experiment_name"]], "lifecycle_stage": "active"}}

    def experiments_create(self, q):
        if q["name"] in self.experiments:
            raise Refused(400, "RESOURCE_ALREADY_EXISTS", "it exists")
        self.experiments[q["name"]] = str(len(self.experiments))
        return {"experiment_id": self.experiments[q["name"]]}

    def run(self, q):
        if q["run_id"] not in self.runs:
            raise Refused(404, "RESOURCE_DOES_NOT_EXIST", f"Run with id={q['run_id']} not found")
        return self.runs[q["run_id"]]

    def runs_create(self, q):
        id = uuid.uuid4().hex
        info = {
            "run_id": id,
            "run_name": q.get("run_name") or "a-random-name",
            "user_id": q["user_id"],
            "experiment_id": q["experiment_id"],
            "status": "RUNNING",
            "start_time": q["start_time"],
            "lifecycle_stage": "active",
            "artifact_uri": f"mlflow-artifacts:/{q['experiment_id']}/{id}/artifacts",
        }
        self.runs[id] = {
            "info": info,
            "params": {},
            "metrics": set(),
            "order": [],
            "tags": {t["key"]: t["value"] for t in q["tags"]},
        }
        return {"run": {"info": info}}

    def runs_get(self, q):
        return {"run": {"info": self.run(q)["info"]}}

    def runs_search(self, q):
        start = int(re.fullmatch(r"attributes\.start_time = (\d+)", q["filter"]).group(1))
        return {
            "runs": [
                {"info": r["info"]}
                for r in self.runs.values()
                if r["info"]["start_time"] == start and r["info"]["experiment_id"] in q["experiment_ids"]
            ]
        }

    def runs_update(self, q):
        self.run(q)["info"].update({k: v for k, v in q.items() if k in ("status", "end_time", "run_name")})
        return {"run_info": self.run(q)["info"]}

    def runs_log_batch(self, q):
        run = self.run(q)
        metrics, params, tags = (q.get(k, []) for k in ("metrics", "params", "tags"))
        if len(metrics) > 1000 or len(params) > 100 or len(tags) > 100 or len(metrics + params + tags) > 1000:
            raise Refused(400, "INVALID_PARAMETER_VALUE", "too many entities")
        for item in metrics + params:
            key = item["key"]
            if not re.fullmatch(r"[/\w.\- :]{1,250}", key) or posixpath.normpath(key) != key or key[0] in "./":
                raise Refused(400, "INVALID_PARAMETER_VALUE", f"Invalid value {key!r}")
        for p in params:
            if len(p["value"]) > 6000 or run["params"].get(p["key"], p["value"]) != p["value"]:
                raise Refused(400, "INVALID_PARAMETER_VALUE", f"Changing param values is not allowed: {p['key']}")
        for m in metrics:
            value = NUMBERS[m["value"]] if isinstance(m["value"], str) else float(m["value"])
            point = (m["key"], m["timestamp"], m["step"], repr(value))
            if point not in run["metrics"]:
                run["metrics"].add(point)
                run["order"].append(point)
        run["params"].update((p["key"], p["value"]) for p in params)
        run["tags"].update((t["key"], t["value"]) for t in tags)
        return {}

    def only_run(self):
        assert len(self.runs) == 1, f"{len(self.runs)} runs, expected one"
        return next(iter(self.runs.values()))

    def canonical(self, run=None):
        """As checks/check_mlflow.py prints a run."""
        run = run or self.only_run()
        metrics = {}
        for key, _, step, value in sorted(run["order"], key=lambda p: (p[2], p[1])):
            metrics.setdefault(key, []).append([step, float(value)])
        return {"tracker": "mlflow", "reader": "stand-in", "metrics": metrics, "params": run["params"], "extra": {}}


def certificate(directory):
    """A self-signed certificate for 127.0.0.1 and localhost, with its key in the same file."""
    path = pathlib.Path(directory) / "server.pem"
    key = pathlib.Path(directory) / "key.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1,DNS:localhost",
            "-keyout",
            str(key),
            "-out",
            str(path),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    path.write_text(path.read_text() + key.read_text())
    return str(path)


def free_port():
    with StandIn() as server:
        return server.port
