"""The pytest plugin: the fixture `gradcheck`, its marker and options, and what a session found.

Every check of a run belongs to it, whether the fixture, `gradcheck.check` or `gradcheck.assert_gradient` made it:
`gradcheck.reports.watch` looks up who is RUNNING.

pytest finds the plugin by its entry point; `-p no:gradcheck` switches it off. It lies outside the package because
pytest loads it in every run, also where no gradient is checked: gradcheck is imported when a gradient is first checked
or a report written, and a run that measures the coverage of gradcheck has started to measure by then.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from gradcheck.reports.session import Session
    from gradcheck.verdicts.report import Report

NAME = "gradcheck-session"  # of the object that keeps a session's reports, among pytest's plugins
# A marker sets how to judge, never what.
CLAIMS = {"f", "gradient", "args", "vjp", "jvp", "adjoint", "backward", "inputs", "kernel", "reference"}
SHOWN = ("gradcheck", "numpy", "torch", "jax", "hypothesis")
MOST_LISTED = 10
RUNNING: list[Checks] = []  # the run within this process, and those it started within it: the last one is told


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("gradcheck", "gradient checks")
    group.addoption(
        "--gradcheck-seed", type=int, metavar="N", help="seed of every check whose test does not set one (default: 0)"
    )
    group.addoption(
        "--gradcheck-probes",
        type=int,
        metavar="N",
        help="directions an argument, where a test does not say (default: 4)",
    )
    group.addoption(
        "--gradcheck-report", metavar="PATH", help="write all reports to one page (.html) or to data (.json)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, check the options, and start to keep reports."""
    config.addinivalue_line(
        "markers", "gradcheck(**options): defaults of the gradcheck fixture in this test: rtol, confidence, seed, ..."
    )
    seed, probes = config.getoption("gradcheck_seed"), config.getoption("gradcheck_probes")
    if seed is not None and seed < 0:
        raise pytest.UsageError(f"--gradcheck-seed={seed}, wanted an integer of 0 or more")
    if probes is not None and probes < 2:
        raise pytest.UsageError(f"--gradcheck-probes={probes}, wanted an integer of 2 or more")
    path = config.getoption("gradcheck_report")
    if path is not None and not path.lower().endswith((".html", ".json")):
        raise pytest.UsageError(f"--gradcheck-report={path}, wanted a path that ends in .html or .json")
    if path is not None and path.lower().endswith(".html") and find_spec("jinja2") is None:
        raise pytest.UsageError(
            f"--gradcheck-report={path} needs Jinja2, which is not installed: pip install 'gradcheck[report]', "
            "or name a .json file"
        )
    if path is not None and Path(path).is_dir():
        raise pytest.UsageError(f"--gradcheck-report={path} is a folder, wanted a file: name one in it")
    checks = Checks(config)
    config.pluginmanager.register(checks, NAME)
    RUNNING.append(checks)
    config.add_cleanup(lambda: RUNNING.remove(checks))


def pytest_report_header(config: pytest.Config) -> str:
    """Return the versions that numbers depend on, and how checks are seeded."""
    found = []
    for name in SHOWN:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    settings = getattr(sys.modules.get("hypothesis"), "settings", None)
    profile = getattr(settings, "get_current_profile_name", lambda: None)()
    defaults = options_of(config)
    parts = [", ".join(found), f"seed {defaults.get('seed', 0)}", f"{defaults.get('probes', 4)} probes"]
    parts += [f"Hypothesis profile {profile}"] if profile else []
    threads = threads_of_a_worker(len(config.getoption("tx", None) or []))
    parts += [f"checks of a worker compute with {threads} thread{'s' * (threads != 1)}"] if threads else []
    return "gradcheck: " + "; ".join(parts)


def threads_of_a_worker(workers: int) -> int:
    """Return how many threads each of pytest-xdist's workers has cores for; 0 where there are none, or the user says.

    Each would start as many threads as there are cores, and wait for those of the others.
    """
    if workers < 1 or any(name in os.environ for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // workers)


def options_of(config: pytest.Config) -> dict[str, Any]:
    """Return what the command line sets."""
    given = {name: config.getoption(f"gradcheck_{name}") for name in ("seed", "probes")}
    return {name: value for name, value in given.items() if value is not None}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test whose marker says what no check understands."""
    marks = list(item.iter_markers("gradcheck"))
    if not marks:
        return
    from gradcheck import check, check_kernel  # noqa: PLC0415
    from gradcheck.verdicts.options import CHECKERS  # noqa: PLC0415

    verbs = (check, check_kernel)
    parameters = [name for verb in verbs for name in inspect.signature(verb).parameters]
    known = [name for name in dict.fromkeys([*parameters, *CHECKERS]) if name not in CLAIMS | {"options"}]
    for mark in marks:
        wrong = [repr(value) for value in mark.args] + [name for name in mark.kwargs if name not in known]
        if wrong:
            said = f"@pytest.mark.gradcheck got {', '.join(wrong)}, wanted keywords of {', '.join(known)}"
            pytest.fail(said, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the diagnosis into the line of the short summary, and what was found beside a failure of another kind."""
    made = yield
    if not made.failed or "gradcheck.verdicts.report" not in sys.modules:
        return made
    from gradcheck import GradientError  # noqa: PLC0415
    from gradcheck.reports.words import diagnosis, short  # noqa: PLC0415

    error = None if call.excinfo is None else call.excinfo.value
    crash = getattr(made.longrepr, "reprcrash", None)
    if isinstance(error, GradientError):
        if crash is not None:
            crash.message = short(error.report)
        return made
    checks = item.config.pluginmanager.get_plugin(NAME)
    for report in checks.wrong_ones(item) if isinstance(checks, Checks) and made.when == "call" else ():
        made.sections.append((f"gradcheck: {diagnosis(report)}", str(report)))
    return made


@pytest.fixture(scope="session")
def gradcheck(pytestconfig: pytest.Config) -> Callable[..., Report]:
    """Check a hand-derived gradient: takes what `gradcheck.assert_gradient` takes, and fails the test with the report.

    Of two settings the nearer one counts: the call's own, the test's marker, its class's or module's, the command line.
    """
    import gradcheck.check  # noqa: F401, PLC0415  here, so that no test's own time holds it: Hypothesis has deadlines

    checks = pytestconfig.pluginmanager.get_plugin(NAME)
    if not isinstance(checks, Checks):
        raise pytest.UsageError(f"the plugin {NAME} is switched off, and the fixture gradcheck needs it")
    return checks


def _passed(verb: Callable[..., Report], args: tuple[Any, ...], options: dict[str, Any]) -> Report:
    """Check, and raise GradientError unless it is a PASS."""
    __tracebackhide__ = True
    from gradcheck import GradcheckError, GradientError, Verdict  # noqa: PLC0415

    try:
        report = verb(*args, **options)
    except GradcheckError as error:
        raise error.with_traceback(None) from error.__cause__  # the sentence, and what f raised, if it did
    if report.verdict is not Verdict.PASS:
        raise GradientError(report)
    return report


class Checks:
    """The checks of one session: which test runs, and what was found. Called, it checks: this is the fixture."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.item: pytest.Item | None = None
        self.written = ""  # what became of the page
        self._session: Session | None = None
        self._outcomes: dict[str, str] = {}
        self._lock = threading.Lock()
        self._threads = 0  # of every pool, once they are set

    @property
    def session(self) -> Session:
        """What was found so far."""
        if self._session is None:
            from gradcheck.reports.session import Session  # noqa: PLC0415

            self._session = Session()
        return self._session

    def __repr__(self) -> str:
        return "gradcheck"  # what pytest and Hypothesis print of a failing test's arguments

    def __call__(self, *args: Any, **options: Any) -> Report:
        """Check, and raise GradientError unless it is a PASS."""
        __tracebackhide__ = True  # the report says what is wrong, this frame does not
        from gradcheck import check  # noqa: PLC0415

        return _passed(check, args, options)

    def kernel(self, *args: Any, **options: Any) -> Report:
        """Check a kernel against its reference, as `gradcheck.assert_kernel` does."""
        __tracebackhide__ = True
        from gradcheck import check_kernel  # noqa: PLC0415

        return _passed(check_kernel, args, options)

    def defaults(self) -> dict[str, Any]:
        """Return the options of a check that does not set them: those of the command line, then of the markers."""
        self._fit_threads()
        found = options_of(self.config)
        if self.item is not None:
            for mark in reversed(list(self.item.iter_markers("gradcheck"))):  # the nearest one last
                found.update(mark.kwargs)
        return found

    def _fit_threads(self) -> None:
        """Share the cores with the other workers of pytest-xdist, from this worker's first check on."""
        threads = threads_of_a_worker(getattr(self.config, "workerinput", {}).get("workercount", 0))
        if not threads or self._threads:
            return
        from threadpoolctl import threadpool_limits  # noqa: PLC0415

        self._threads = threads
        import scipy.special  # noqa: F401, PLC0415  which brings a pool of its own, and is else loaded later

        threadpool_limits(limits=threads)
        if (torch := sys.modules.get("torch")) is not None:  # None where its import is blocked
            torch.set_num_threads(threads)

    def add(self, report: Report) -> None:
        """Keep the report of a check."""
        with self._lock:  # a test may check in threads
            self.session.add("" if self.item is None else self.item.nodeid, report)

    def wrong_ones(self, item: pytest.Item) -> list[Report]:
        """Return the worst report of each function that a test checked and that did not pass."""
        if self._session is None:
            return []
        return [r.report for r in self._session.records if r.test == item.nodeid and not r.report][:MOST_LISTED]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Remember which test runs: the fixture outlives it."""
        self.item = item
        try:
            return (yield)
        finally:
            self.item = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember how a test ended: a wrong gradient in a test that passed was meant to be wrong."""
        if report.when == "call" or report.failed:
            expected = report.skipped and hasattr(report, "wasxfail")
            self._outcomes[report.nodeid] = "xfailed" if expected else report.outcome

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the page; in a worker of pytest-xdist, send the records to the controller instead.

        A page that cannot be written costs neither the summary nor the results; the run does not end with 0, though.
        """
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            if self._session is not None:
                output["gradcheck"] = self._session.sent()
            return
        self._note_outcomes()
        path = self.config.getoption("gradcheck_report")
        if path is None or self.config.getoption("collectonly"):
            return
        from gradcheck.reports.page import save_session  # noqa: PLC0415

        try:
            save_session(path, self.session)
        except Exception as error:  # noqa: BLE001  the results of the tests are worth more than their page
            self.written = f"the report could not be written to {path}: {error}"
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.USAGE_ERROR
        else:
            self.written = f"report: {path}"

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the records of a worker; one that checked nothing, or crashed, has none."""
        sent = getattr(node, "workeroutput", {}).get("gradcheck")
        if sent is not None:
            self.session.receive(sent)

    def _note_outcomes(self) -> None:
        if self._session is not None:
            for test, outcome in self._outcomes.items():
                self._session.ended(test, outcome)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write what was checked, what it cost, the widest interval, and what stayed undecided."""
        if self._session is None and not self.written:
            return
        terminalreporter.section("gradcheck")
        for line in summary(self.session):
            terminalreporter.write_line(line)
        if self.written:
            terminalreporter.write_line(self.written)


def summary(session: Session) -> list[str]:
    """Return the lines of the summary at the end of a run."""
    from gradcheck.reports.words import finding, visible, why  # noqa: PLC0415
    from gradcheck.verdicts.certificate import Verdict  # noqa: PLC0415

    records = session.records
    lines = [f"{session.headline}; {session.evaluations} evaluations"]
    passed = [(a.error.high, r, a) for r in records for a in r.report if a.verdict is Verdict.PASS]
    if passed:
        _, record, argument = max(passed, key=lambda found: found[0])
        said = finding(argument, record.report.confidence)
        lines += [f"widest interval of a PASS: {record.report.title} in {record.test}", f"  {argument.name} {said}"]
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        ended_so = [r for r in records if r.report.verdict is verdict and not r.expected]
        for r in ended_so[:MOST_LISTED]:
            cause = r.report.complaint or why(r.report)
            where = f"in {r.test}" if r.test else "outside a test"
            lines += [f"{verdict}: {r.report.title} {where}", *([f"  {cause}"] if cause else [])]
        if len(ended_so) > MOST_LISTED:
            lines.append(f"{verdict}: {len(ended_so) - MOST_LISTED} more")
    return [visible(line) for line in [*lines, *session.problems]]
