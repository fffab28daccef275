"""A headless Chromium that speaks the DevTools protocol over two pipes."""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAMS = ["chromium", "chromium-browser", "google-chrome"]
PATIENCE = 60  # seconds for an answer; far more than a page needs


class Browser:
    """One tab. Use as a context manager; events that arrive meanwhile collect in `events`."""

    session = None

    def __enter__(self):
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            raise SystemExit("Chromium is needed; scripts/install_deps.sh --print browser prints the command")
        self.profile = tempfile.mkdtemp()
        self.events, self.number, self.unread = [], 0, b""
        flags = ["--headless", "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "--disable-gpu"]
        flags += ["--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage", "--hide-scrollbars"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # Chromium has none for root
        self._start([program, *flags, "about:blank"])
        target = self.call("Target.createTarget", url="about:blank", session=None)["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True, session=None)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def _start(self, command):
        """Chromium reads from its descriptor 3 and writes to 4."""
        read_theirs, self.write = os.pipe()
        self.read, write_theirs = os.pipe()
        # Out of the way of 3 and 4 themselves.
        theirs = [os.dup2(read_theirs, 100), os.dup2(write_theirs, 101)]

        def connect():
            os.dup2(theirs[0], 3)
            os.dup2(theirs[1], 4)

        self.process = subprocess.Popen(
            command, preexec_fn=connect, pass_fds=[3, 4], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for descriptor in (read_theirs, write_theirs, *theirs):
            os.close(descriptor)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        os.close(self.write)
        os.close(self.read)
        shutil.rmtree(self.profile, ignore_errors=True)

    def _receive(self, deadline):
        """The next message; messages end in a zero byte."""
        while b"\0" not in self.unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.read], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self.read, 1 << 20)
            if not piece:
                raise EOFError("the browser is gone")
            self.unread += piece
        message, _, self.unread = self.unread.partition(b"\0")
        return json.loads(message)

    def call(self, method, session="", **parameters):
        """Sends a command and returns its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, event):
        deadline = time.monotonic() + PATIENCE
        while not any(seen.get("method") == event for seen in self.events):
            self.events.append(self._receive(deadline))

    def open(self, url):
        """Opens a page and waits until it has loaded; forgets the events of the page before."""
        for address in ("about:blank", url):
            self.events.clear()
            self.call("Page.navigate", url=address)
            self.wait_for("Page.loadEventFired")

    def evaluate(self, script):
        """The value of a JavaScript expression, or of the promise that it makes."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", "exception"))
        return answer["result"].get("value")

    def screen(self, width, height):
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def scheme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def mouse(self, kind, x, y):
        """kind: mouseMoved, mousePressed or mouseReleased."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def click(self, x, y):
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.mouse(kind, x, y)

    def key(self, key, text=""):
        code = {"Enter": 13, "Escape": 27}.get(key, 0)
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, text=text)

    def complaints(self):
        """What the page wrote to the console as an error, and what it asked of a network."""
        for event in self.events:
            method, content = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                details = content["exceptionDetails"]
                yield "console: " + details.get("exception", {}).get("description", details["text"]).split("\n")[0]
            elif method == "Log.entryAdded" and content["entry"]["level"] in ("error", "warning"):
                yield f"console: {content['entry']['text']} {content['entry'].get('url', '')}"
            elif method == "Runtime.consoleAPICalled" and content["type"] in ("error", "warning", "assert"):
                yield "console: " + " ".join(str(argument.get("value", "")) for argument in content["args"])
            elif method == "Network.requestWillBeSent":
                url = content["request"]["url"]
                if not url.startswith(("file:", "data:", "about:")):
                    yield f"asks a network for {url}"
