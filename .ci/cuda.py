"""What a machine with a CUDA device is asked: the tests that need one, and a quick benchmark, into one folder.

    python .ci/cuda.py [FOLDER]        (docs/benchmarks/cuda by default; `tox -e cuda` calls this)

Nothing is fetched: PyTorch, pytest and gradcheck's own dependencies have to be there. It ends within eight minutes:
what takes longer is interrupted, and keeps what it measured. The folder then has tests.txt, bench.json, bench.md and,
where Matplotlib and Jinja2 are installed, bench.html, ratios.png and roofline.png. `--device cpu` tries the script
itself where there is no device.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MINUTES = 8
TESTS, PICTURES = 150, 20  # seconds for the tests, and to keep for the pictures
SHAPES = {"cpu": "tiny", "cuda": "seed,tiny,medium,large,wide,huge"}
DTYPES = {"cpu": "float32,float64", "cuda": "float32,float64,tf32,bfloat16"}
# As pyproject.toml has them, without those that need plugins of their own.
PYTEST = ["-o", "addopts=", "-p", "no:cacheprovider", "--import-mode=importlib", "-q", "-rs", "-m", "cuda"]


def run(words: list[str], seconds: float) -> tuple[int, str]:
    """Run Python, show what it prints, and interrupt it after so many seconds; return its exit code and output."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=max(seconds, 1))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            try:
                output, _ = process.communicate(timeout=PICTURES)
            except subprocess.TimeoutExpired:
                process.kill()
                output, _ = process.communicate()
            output += f"\ninterrupted after {seconds:.0f} s\n"
    print(output, flush=True)
    return process.returncode, output


def why_not(device: str) -> str:
    """Return why the device cannot be used, or nothing."""
    if find_spec("torch") is None:
        return "PyTorch is not installed"
    import torch  # noqa: PLC0415  not where it is missing

    if device == "cuda" and not torch.cuda.is_available():
        return f"PyTorch {torch.__version__} finds no CUDA device"
    return ""


def tests(folder: Path) -> tuple[bool, str]:
    """Run the tests that are marked cuda, keep what they say, and return whether none failed, with their last line."""
    if find_spec("pytest") is None:
        (folder / "tests.txt").write_text("not run: pytest is not installed\n", encoding="utf-8")
        return False, "not run"
    marked = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "mark.cuda" in path.read_text(encoding="utf-8")
    ]
    code, output = run(["-m", "pytest", *PYTEST, *marked], TESTS)
    (folder / "tests.txt").write_text(output, encoding="utf-8")
    return code == 0, output.strip().splitlines()[-1]


def main() -> int:
    """Run all; 0 where the tests passed and the benchmark was written."""
    parser = argparse.ArgumentParser(description="The tests and a quick benchmark on a CUDA device.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "benchmarks" / "cuda")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    given = parser.parse_args()
    start = time.monotonic()
    if reason := why_not(given.device):
        print(f"{reason}: nothing was run")
        return 2
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    passed, counted = tests(folder)
    left = 60 * MINUTES - (time.monotonic() - start) - 2 * PICTURES
    words = ["--quick", "--device", given.device, "--output", str(folder)]
    words += ["--libraries", "torch", "--shapes", SHAPES[given.device], "--dtypes", DTYPES[given.device]]
    code, _ = run(["-m", "gradcheck", "bench", *words], left)
    drawn = 0
    if (folder / "bench.json").exists() and find_spec("matplotlib") is not None:
        drawn, _ = run([str(ROOT / "docs" / "benchmarks" / "picture.py"), str(folder)], PICTURES)
    found = ", ".join(sorted(path.name for path in folder.iterdir()))
    print(f"tests: {counted}\n{folder}: {found}\n{time.monotonic() - start:.0f} s in all")
    return 0 if passed and code == drawn == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
