# SPDX-License-Identifier: Apache-2.0
"""A server that takes the posts of the plugin kubeflow, as Kubeflow Trainer's does."""

import http.server
import json
import threading
import time


class StatusServer:
    """On a free port; `behave(handler)` answers, and `posts` has what came."""

    def __init__(self, behave=None):
        self.posts = posts = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posts.append(
                    {
                        "time": time.monotonic(),
                        "path": self.path,
                        "auth": self.headers["Authorization"],
                        "ctype": self.headers["Content-Type"],
                        "body": json.loads(body),
                    }
                )
                (behave or answer(200))(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/status"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def answer(status, body=b"{}"):
    def behave(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave
