# SPDX-License-Identifier: Apache-2.0
"""The plugin mlflow as .dll, over WinHTTP, against the server that answers from memory: every metric of a recorded run
arrives, over HTTP and over TLS with the server's own certificate; another's is refused; without a server the journal
stays, and is sent by the next run.
"""

import json
import pathlib
import sys

import wine

sys.path.insert(0, str(wine.SOURCE / "tests/trackers"))
from mlflow_stand_in import StandIn, certificate, free_port  # noqa: E402

STATE = wine.SOURCE / "tests/parity/expected/all_in_one/trainer_state.json"
HISTORY = json.loads(STATE.read_text())["log_history"]


def replay(work, url, output="out", status=0, **variables):
    return wine.trainer(
        *("replay", STATE, "--report_to", "mlflow", "--output_dir", output),
        cwd=work,
        status=status,
        env={
            "MLFLOW_TRACKING_URI": url,
            "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
            "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0.1",
            "TRAINER_CACHE_DIR": work / "cache",
            **variables,
        },
    )


def journals(work, output="out"):
    return list(pathlib.Path(work, output).glob("mlflow-*.journal*"))


def expect_arrived(what, server, text):
    if len(server.runs) != 1:
        sys.exit(f"{what}: {len(server.runs)} runs, expected one: {server.requests}\n{text}")
    run = server.only_run()
    logged = sum(isinstance(value, (int, float)) for entry in HISTORY for key, value in entry.items() if key != "step")
    if run["info"]["status"] != "FINISHED" or len(run["order"]) < len(HISTORY) or server.refused:
        sys.exit(f"{what}: {run['info']}, {len(run['order'])} metrics of {logged}, refused {server.refused}\n{text}")
    print(f"ok {what}: {len(run['order'])} metrics, {len(run['params'])} parameters")


def main():
    wine.require("openssl")
    with wine.directory() as work:
        with StandIn() as server:
            text = replay(work, server.url)
            expect_arrived("HTTP", server, text)
            if journals(work):
                sys.exit(f"a journal was left: {journals(work)}\n{text}")

        pem = certificate(work)
        by_name = lambda server: server.url.replace("127.0.0.1", "localhost")  # noqa: E731 - Wine knows no address in one
        with StandIn(tls=pem, authorization="Bearer token-of-a-user") as server:
            trusted = {"MLFLOW_TRACKING_SERVER_CERT_PATH": pem, "MLFLOW_TRACKING_TOKEN": "token-of-a-user"}
            expect_arrived("TLS with its certificate", server, replay(work, by_name(server), "tls", **trusted))
        other = work / "other"
        other.mkdir()
        with StandIn(tls=pem) as server:
            trusted = {
                "MLFLOW_TRACKING_SERVER_CERT_PATH": certificate(other),
                "MLFLOW_TRACKING_TOKEN": "token-of-a-user",
            }
            text = replay(work, by_name(server), "other", **trusted)
            wine.expect("TLS with another certificate", text, "vouches for the server")
        with StandIn(tls=pem) as server:
            text = replay(work, by_name(server), "unknown", REQUESTS_CA_BUNDLE="", CURL_CA_BUNDLE="")
            wine.expect("TLS with an unknown authority", text, "got no answer", "secure")
            if server.requests:
                sys.exit(f"the server was asked {server.requests}, expected nothing")

        port = free_port()
        url = f"http://127.0.0.1:{port}"
        text = replay(work, url, "dead")
        wine.expect("without a server", text, "not everything was sent", "the run goes on")
        if len(journals(work, "dead")) != 1:
            sys.exit(f"expected a journal, found {journals(work, 'dead')}\n{text}")
        with StandIn(port=port) as server:
            text = replay(work, url, "dead")
            expect_arrived("the journal is sent", server, text)
            if journals(work, "dead"):
                sys.exit(f"a journal was left: {journals(work, 'dead')}\n{text}")


if __name__ == "__main__":
    main()
