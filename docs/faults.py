"""What happens when something breaks: each fault is made, some at many random moments, and what came is counted.

``python docs/faults.py`` prints the table of docs/when-it-breaks.md; about three minutes on two cores. The command is
run as a shell runs it. Linux: it uses signals, /dev/full and a limit on the size of files.
"""

import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

COMMAND = [sys.executable, "-c", "from gradcheck_command import main; main()"]
MODULE = """
def loss(x, w):
    return ((x @ w) ** 2).sum()

def gradient(x, w):
    r = 2 * (x @ w)
    return r @ w.T, x.T @ r
"""
FUNCTIONS = ["verify", "mine:loss", "mine:gradient", "--signature", "(n,d),(d,k)", "--max-examples", "30"]
NETWORKS = ["verify", "--backend", "numpy", "--shape", "4,5,6,2"]
GRID = ["--backend", "numpy", "--shape", "4,5,6,2", *(f"--seed={seed}" for seed in range(20))]
JUMPS = """
import random, time
real, r = time.time, random.Random(0)
time.time = lambda: real() + r.uniform(-86400, 86400)
from gradcheck_command import main
main()
"""


def run(folder, *words, command=COMMAND, **options):
    """Run the command in the folder; return the finished process."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 600, **options}
    return subprocess.run([*command, *words], cwd=folder, text=True, check=False, **options)  # noqa: S603  our own


def ended(done):
    """Return how a process ended, in words."""
    said = [
        line for line in done.stderr.splitlines() if not re.match(r"gradcheck: (\d+ of \d+|checking|loading)", line)
    ]
    if done.returncode < 0:  # before Python, or what a user's code asked for
        return f"ended by the signal itself ({128 - done.returncode} for a shell), {'told' if said else 'silent'}"
    if any("Traceback" in line for line in said):
        return f"exit code {done.returncode} with a traceback"
    return f"exit code {done.returncode}" + (", one line" if len(said) == 1 else ", silent" if not said else "")


def told(endings):
    """Return how often each ending came, in words."""
    return "; ".join(f"{count} × {ending}" for ending, count in sorted(Counter(endings).items()))


# The faults: each returns what was tried, what happened, and whether that is as it should be --------------------


def interrupts(folder, times=50):
    """Ctrl-C at random moments, from Python's first line to the end."""
    start = time.monotonic()
    run(folder, *FUNCTIONS)
    lasts, moments, endings = time.monotonic() - start, random.Random(0), []  # noqa: S311  no secret
    for _ in range(times):
        with subprocess.Popen(  # noqa: S603  our own
            [*COMMAND, *FUNCTIONS], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            time.sleep(moments.uniform(0.1, lasts))
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=600)
        done = subprocess.CompletedProcess([], process.returncode, out, err)
        endings.append(ended(done) if done.returncode else "had printed PASS before")
        if done.returncode == 0 and "PASS" not in out:
            endings[-1] = "exit code 0 without a PASS"
    right = {
        "exit code 130, one line",
        "had printed PASS before",
        "ended by the signal itself (130 for a shell), silent",
    }
    return f"SIGINT at {times} random moments of `gradcheck verify functions`", told(endings), set(endings) <= right


def killed(folder, times=5):
    """kill -9 of a sweep, and the same command again."""
    kept, twice, codes = 0, 0, []
    for number in range(times):
        page = folder / f"killed{number}.html"
        results = page.with_suffix(".jsonl")
        with subprocess.Popen(  # noqa: S603  our own
            [*COMMAND, "verify", "sweep", str(page), *GRID], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while not results.exists() or results.read_bytes().count(b"\n") < 2 + number:
                time.sleep(0.01)
            process.kill()
        before = results.read_bytes().rpartition(b"\n")[0].splitlines()
        codes.append(run(folder, "verify", "sweep", str(page), *GRID).returncode)
        after = results.read_bytes().splitlines()
        kept += after[: len(before)] == before
        cells = [json.dumps(list(json.loads(line).values())[:5]) for line in after]
        twice += len(cells) != len(set(cells)) or len(cells) != 40
    happened = f"{kept} × the same command went on where it was, {twice} × a cell was lost or judged twice"
    return (
        f"`kill -9` of a sweep in its middle, {times} times",
        happened,
        kept == times and not twice and not any(codes),
    )


def killed_workers(folder, times=4):
    """kill -9 of the processes of a sweep's --jobs, while it runs."""
    page = folder / "workers.html"
    with subprocess.Popen(  # noqa: S603  our own
        [*COMMAND, "verify", "sweep", str(page), "--jobs", "2", *GRID], stdout=subprocess.PIPE, text=True
    ) as process:
        dead: set[int] = set()
        while process.poll() is None and len(dead) < times:
            lines = page.with_suffix(".jsonl").read_bytes().count(b"\n") if page.with_suffix(".jsonl").exists() else 0
            workers = [pid for pid in spawned(process.pid) if pid not in dead]
            if lines > 2 * len(dead) and workers:
                os.kill(workers[0], signal.SIGKILL)
                dead.add(workers[0])
            time.sleep(0.05)
        out, _ = process.communicate(timeout=600)
    cells = page.with_suffix(".jsonl").read_bytes().splitlines()
    happened = (
        f"{len(dead)} killed, exit code {process.returncode}, {len(cells)} of 40 cells, `{out.split('  ')[0].strip()}`"
    )
    return "`kill -9` of worker processes of `--jobs 2`", happened, process.returncode == 0 and len(cells) == 40


def spawned(parent):
    """Return the worker processes of a sweep."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            words = path.with_name("cmdline").read_text()
        except OSError:
            continue
        if int(fields[1]) == parent and "spawn_main" in words:
            found.append(int(path.parent.name))
    return sorted(found)


def closed_pipe(folder):
    """The reader of the output is gone."""
    read, write = os.pipe()
    os.close(read)
    done = run(folder, *NETWORKS, stdout=write)
    os.close(write)
    return "standard output is a closed pipe (SIGPIPE)", ended(done), (done.returncode, done.stderr) == (141, "")


def no_output(folder):
    """Standard output is closed, or a full disk."""
    closed = run(folder, *FUNCTIONS, command=["/bin/sh", "-c", '"$@" >&-', "sh", *COMMAND])
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = run(folder, *FUNCTIONS, stdout=full)
    right = {closed.returncode, done.returncode} == {2}
    return "standard output is closed; is a full disk", f"{ended(closed)}; {ended(done)}", right


def full_disk(folder):
    """No file may grow beyond 4 kB, which a page and the results of a sweep do."""
    page = folder / "full.html"
    old = "the old page\n" * 10
    page.write_text(old, encoding="utf-8")

    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    sweep = run(folder, "verify", "sweep", str(page), *GRID, preexec_fn=limited)
    again = run(folder, "verify", "sweep", str(page), *GRID)
    report = folder / "report.html"
    report.write_text(old, encoding="utf-8")
    written = run(folder, *FUNCTIONS, "--report", str(report), preexec_fn=limited)
    whole = report.read_text(encoding="utf-8") == old
    happened = (
        f"sweep: {ended(sweep)}, and with space again exit code {again.returncode}; `--report`: {ended(written)}, "
        f"the old file is {'whole' if whole else 'lost'}"
    )
    right = (sweep.returncode, again.returncode, written.returncode, whole) == (2, 0, 2, True)
    return "a full disk (files may not grow beyond 4 kB)", happened, right


def read_only(folder):
    """A folder where nothing may be written: root may write anywhere but there."""
    place = "/proc/page.html" if os.geteuid() == 0 else "/page.html"
    sweep = run(folder, "verify", "sweep", place, *GRID)
    report = run(folder, *FUNCTIONS, "--report", place)
    happened = f"sweep: {ended(sweep)}, before any cell; `--report`: {ended(report)}"
    return "a read-only folder", happened, {sweep.returncode, report.returncode} == {2} and "PASS" not in sweep.stdout


def corrupt(folder, times=60):
    """Resume files, results of bench and points with bytes changed, doubled or cut off."""
    page = folder / "corrupt.html"
    small = ["--backend", "numpy", "--shape", "1,1,1,1", "--seed", "0", "--dtype", "float64"]
    run(folder, "verify", "sweep", str(page), *small)
    run(folder, "bench", "--quick", "--libraries", "numpy", "--shapes", "tiny", "--no-checks", "--output", "bench")
    np.savez(folder / "point.npz", x=np.ones((2, 3)), w=np.ones((3, 1)))
    kinds = {
        page.with_suffix(".jsonl"): ["verify", "sweep", str(page), *small],
        folder / "bench" / "bench.json": ["bench", "compare", "bench/bench.json", "bench/bench.json"],
        folder / "point.npz": ["check", "mine:loss", "mine:gradient", "--point", "point.npz"],
    }
    draw, endings = random.Random(0), []  # noqa: S311  no secret
    for path, words in kinds.items():
        whole = path.read_bytes()
        for _ in range(times // len(kinds)):
            broken = bytearray(whole)
            for _ in range(draw.randrange(1, 5)):
                broken[draw.randrange(len(broken))] = draw.randrange(256)
            path.write_bytes(bytes(broken[: draw.choice([len(broken), draw.randrange(len(broken))])]))
            done = run(folder, *words)
            endings.append(ended(done) if done.returncode == 2 else f"read all the same, exit code {done.returncode}")
        path.write_bytes(whole)
    right = {"exit code 2, one line", "read all the same, exit code 0", "read all the same, exit code 1"}
    return (
        f"{times} files of sweeps, of bench and of points with bytes changed or cut off",
        told(endings),
        (set(endings) <= right),
    )


def no_file(folder):
    """A fifo, which waits for ever, in a file's place."""
    for name in ("fifo.jsonl", "fifo.npz", "fifo.json"):
        os.mkfifo(folder / name)
    endings = [
        ended(run(folder, "verify", "sweep", "fifo.html", *GRID, timeout=60)),
        ended(run(folder, "check", "mine:loss", "--point", "fifo.npz", timeout=60)),
        ended(run(folder, "bench", "compare", "fifo.json", "fifo.json", timeout=60)),
    ]
    return "a fifo in a file's place", told(endings), set(endings) == {"exit code 2, one line"}


def clock_jumps(folder):
    """The system's clock jumps by up to a day, at every look at it."""
    jumping = run(folder, *FUNCTIONS, command=[sys.executable, "-c", JUMPS])
    steady = run(folder, *FUNCTIONS)
    same = jumping.stdout == steady.stdout
    return (
        "the clock jumps by up to a day, forth and back",
        f"{ended(jumping)}; the output is {'the same' if same else 'another'}",
        same,
    )


def user_ends(folder):
    """The user's code ends the process."""
    endings = []
    for statement in ("sys.exit(0)", "raise SystemExit", "raise GeneratorExit"):
        for text in (f"import sys\n{statement}\n", f"import sys\ndef loss(x):\n    {statement}\n"):
            (folder / "ends.py").write_text(text)
            endings.append(ended(run(folder, "verify", "ends:loss", "--signature", "(n)")))
    right = set(endings) == {"exit code 2, one line"}
    return "the user's code calls `sys.exit(0)` or the like, at import or in the loss", told(endings), right


FAULTS = (
    interrupts,
    killed,
    killed_workers,
    closed_pipe,
    no_output,
    full_disk,
    read_only,
    corrupt,
    no_file,
    clock_jumps,
    user_ends,
)


def main():
    wrong = 0
    print("| what was tried | what happens |\n|---|---|")
    for fault in FAULTS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "mine.py").write_text(MODULE)
            tried, happened, right = fault(folder)
        wrong += not right
        print(f"| {tried} | {happened}{'' if right else ' (**not as it should be**)'} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
