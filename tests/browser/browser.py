# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium that is told what to do over its DevTools protocol, through a pipe: nothing but Python's own modules.

with Browser() as browser:
    page = browser.open("/tmp/report.html", dark=True)
    page.run("document.title"); page.screenshot("/tmp/report.png"); page.complaints; page.requests
"""

import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time


def program():
    """The path of a Chromium, or None."""
    names = ("chromium-headless-shell", "chromium", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


class Browser:
    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        to_read, self.to = os.pipe()
        self.back, to_write = os.pipe()

        def pipes():  # which Chromium expects as 3 and 4
            reading, writing = os.dup(to_read), os.dup(to_write)
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        options = [
            "--headless",
            "--remote-debugging-pipe",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
            f"--user-data-dir={self.profile.name}",
        ]
        self.process = subprocess.Popen(
            [program(), *options],
            preexec_fn=pipes,
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self.rest, self.count, self.pages = b"", 0, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.send("Browser.close")
        except (OSError, RuntimeError):
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.back)
        self.profile.cleanup()

    def read(self, deadline):
        """The next message, or None when there is none until then."""
        while b"\0" not in self.rest:
            wait = deadline - time.monotonic()
            if wait <= 0 or not select.select([self.back], [], [], wait)[0]:
                return None
            piece = os.read(self.back, 1 << 20)
            if not piece:
                raise RuntimeError("the browser has ended")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(message)
        if "method" in message and message.get("sessionId") in self.pages:
            self.pages[message["sessionId"]].note(message["method"], message["params"])
        return message

    def send(self, method, parameters=None, session=None, seconds=60):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data) :]
        deadline = time.monotonic() + seconds
        while answer := self.read(deadline):
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
        raise RuntimeError(f"{method}: no answer in {seconds} s")

    def open(self, path, dark=False, width=1280, height=900):
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self.pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        page.send(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.send("Emulation.setEmulatedMedia", {"features": [scheme]})
        page.send("Page.navigate", {"url": pathlib.Path(path).resolve().as_uri()})
        page.wait_for("document.readyState === 'complete'")
        return page


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.complaints = []  # what the console would show in red or yellow
        self.requests = []  # addresses of all that was asked for

    def note(self, method, given):
        if method == "Runtime.exceptionThrown":
            details = given["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(one.get("value")) for one in given["args"]))
        elif method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            self.complaints.append(given["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])

    def send(self, method, parameters=None):
        return self.browser.send(method, parameters, self.session)

    def run(self, script):
        """The value of an expression in the page, which may be a promise."""
        given = {"expression": script, "returnByValue": True, "awaitPromise": True}
        answer = self.send("Runtime.evaluate", given)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails'].get('exception', {}).get('description')}")
        return answer["result"].get("value")

    def wait_for(self, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not self.run(f"!!({condition})"):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {condition}")
            self.browser.read(time.monotonic() + 0.05)

    def mouse(self, kind, x, y, pressed=False):
        given = {"type": kind, "x": x, "y": y, "button": "none", "buttons": int(pressed), "clickCount": 0}
        if kind != "mouseMoved":
            given |= {"button": "left", "clickCount": 1}
        elif pressed:
            given["button"] = "left"
        self.send("Input.dispatchMouseEvent", given)

    def click(self, x, y):
        self.mouse("mousePressed", x, y, True)
        self.mouse("mouseReleased", x, y)

    def key(self, key, text=None):
        given = {"type": "keyDown", "key": key, "code": key}
        if text:
            given["text"] = text
        self.send("Input.dispatchKeyEvent", given)
        self.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "code": key})

    def box(self, selector):
        """x, y, width and height of the first element of this selector, in the window, which is scrolled to it."""
        return self.run(
            f"(() => {{ const node = document.querySelector({json.dumps(selector)}); node.scrollIntoView({{block: 'center'}});"
            " const b = node.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()"
        )

    def screenshot(self, file, whole=False):
        given = {"format": "png", "captureBeyondViewport": whole}
        pathlib.Path(file).write_bytes(base64.b64decode(self.send("Page.captureScreenshot", given)["data"]))

    def close(self):
        self.send("Page.close")
