"""What files of tests share: a trial of one argument, and a headless browser for the tests that open pages.

The browser is Chromium, driven over its debugging pipe: nothing to install.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.prediction import Prediction
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes.field import Field
from gradcheck.verdicts.trial import Trial

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",  # its own sandbox refuses to start for root, which CI is
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE = 60.0  # seconds that any answer may take


class Browser:
    """A running Chromium; commands and events are those of the Chrome DevTools Protocol."""

    def __init__(self, program, profile):
        here_out, there_in = _pipe()
        there_out, here_in = _pipe()
        moves = [(os.POSIX_SPAWN_DUP2, here_out, 3), (os.POSIX_SPAWN_DUP2, here_in, 4)]
        quiet = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1, 2)]
        self.process = os.posix_spawn(
            program,
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            {**os.environ, "TMPDIR": str(profile)},  # what it leaves behind when it is killed goes with the profile
            file_actions=[*quiet, *moves],
        )
        os.close(here_out)
        os.close(here_in)
        self._in, self._out = there_out, there_in
        self._pending = b""
        self._number = 0
        self.events = []

    def command(self, method, session=None, **parameters):
        """Send a command, and return its result; events that come meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def wait_for(self, method, session):
        """Read until an event of this name comes."""
        while not any(e.get("method") == method and e.get("sessionId") == session for e in self.events):
            self.events.append(self._read())

    def _read(self):
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._pending:
            ready, _, _ = select.select([self._in], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise TimeoutError(f"Chromium said nothing for {PATIENCE:.0f} s")
            read = os.read(self._in, 1 << 16)
            if not read:
                raise RuntimeError("Chromium ended")
            self._pending += read
        message, _, self._pending = self._pending.partition(b"\0")
        return json.loads(message)

    def open(self, url, *, width=1200, dark=False):
        """Open a page in a window of its own."""
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable", session)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.command("Emulation.setDeviceMetricsOverride", session, **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", session, features=[scheme])
        self.command("Page.navigate", session, url=url)
        self.wait_for("Page.loadEventFired", session)
        return Page(self, session, url)

    def close(self):
        """End the browser."""
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self._in)
        os.close(self._out)


@dataclass
class Page:
    """An open page."""

    browser: Browser
    session: str
    url: str
    kinds: tuple = field(default=("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"), repr=False)

    def evaluate(self, expression):
        """Return the value of a JavaScript expression."""
        result = self.browser.command("Runtime.evaluate", self.session, expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"])
        return result["result"].get("value")

    def barriers(self, axe):
        """Return what axe-core finds to keep people with a keyboard or a screen reader from reading the page."""
        self.evaluate(axe)
        run = "axe.run().then(r => r.violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html.slice(0, 90))]))"
        options = {"expression": run, "returnByValue": True, "awaitPromise": True}
        return self.browser.command("Runtime.evaluate", self.session, **options)["result"]["value"]

    def _events(self, *kinds):
        self.evaluate("0")  # what was sent before its answer has been read
        return [e["params"] for e in self.browser.events if e.get("sessionId") == self.session and e["method"] in kinds]

    @property
    def complaints(self):
        """All that the console says."""
        return self._events(*self.kinds)

    @property
    def requests(self):
        """Addresses that the page asked for, itself excepted."""
        asked = [event["request"]["url"] for event in self._events("Network.requestWillBeSent")]
        return [url for url in asked if url != self.url and not url.startswith("data:")]

    def print_media(self):
        """Show the page as paper would."""
        self.browser.command("Emulation.setEmulatedMedia", self.session, media="print")

    def screenshot(self, path):
        """Write a picture of the whole page."""
        taken = self.browser.command("Page.captureScreenshot", self.session, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core: of node_modules in this folder's parent, or where AXE_CORE says."""
    path = Path(os.environ.get("AXE_CORE", Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"))
    if not path.exists():
        pytest.skip("axe-core is not here: npm install --no-save axe-core, or name its axe.min.js in AXE_CORE")
    return path.read_text(encoding="utf-8")


def _pipe():
    """Return a pipe's two ends above the numbers 3 and 4, which Chromium takes for its own."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved


def _trial_at(f, gradient, x, probes=4, seed=0):
    claim = GradientClaim(f, gradient, Given((x,)))
    found = Trial(Field(claim, claim.leaves, seed=seed), Prediction(claim, claim.leaves), 0, confidence=0.9999)
    found.measure(FiniteDifferences(found.field, [0]), probes)
    return found


@pytest.fixture(scope="session")
def trial_at():
    """Measure f along a few directions from x: what all that follows a measurement takes."""
    return _trial_at


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium; a test that wants it is skipped where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser: {', '.join(NAMES)} not found")
    running = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture(scope="session", autouse=True)
def _commands_can_be_interrupted():
    """A shell that starts pytest in the background makes it, and all it starts, deaf to Ctrl-C: not these commands."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
