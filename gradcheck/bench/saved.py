"""Results as JSON in pytest-benchmark's format, so that `pytest-benchmark compare` reads them, and back.

A case is a group, a variant a benchmark, a round an entry of `stats.data` in seconds per step. What the format has no
place for (skipped variants, precision, the environment in full) stands in `machine_info.gradcheck`.
"""

from __future__ import annotations

import platform
import statistics
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, TypedDict

import msgspec

from gradcheck.bench.results import ArgumentsCost, CheckCost, Name, Results, Second, Size, TimedCase, Timing, quartiles
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

# The format's version that is written here, as pytest-benchmark 5 names it.
VERSION = "5.0.0"


class Step(TypedDict):
    """What is said of a variant's samples."""

    case: TimedCase
    variant: Name


class Stats(TypedDict):
    """The samples."""

    data: Annotated[list[Second], msgspec.Meta(min_length=1)]
    iterations: Annotated[int, msgspec.Meta(ge=1)]


class Benchmark(TypedDict):
    """An entry of pytest-benchmark's."""

    stats: Stats
    extra_info: dict[str, Any]


class Rest(TypedDict):
    """What pytest-benchmark's format has no place for."""

    environment: dict[str, Any]
    skipped: list[tuple[str, str]]
    precision: list[dict[str, Any]]
    arguments: NotRequired[list[ArgumentsCost]]


class MachineInfo(TypedDict):
    """The machine; of it only what is ours."""

    gradcheck: Rest


class Saved(TypedDict):
    """A file."""

    machine_info: MachineInfo
    benchmarks: list[Benchmark]


def as_json(results: Results) -> dict[str, Any]:
    """Return the results as data for JSON."""
    now = datetime.now(UTC).isoformat()
    rest = {
        "environment": results.environment,
        "skipped": results.skipped,
        "precision": results.precision,
        "arguments": [asdict(cost) for cost in results.arguments],
    }
    benchmarks = [_of_timing(results, timing) for timing in results.timings]
    return {
        "machine_info": {
            "node": "",  # whose machine it was is nobody's business, nor who built its kernel
            "processor": platform.processor(),
            "machine": platform.machine(),
            "system": platform.system(),
            "release": "",
            "python_implementation": platform.python_implementation(),
            "python_version": platform.python_version(),
            "cpu": {"brand_raw": results.environment.get("cpu", ""), "count": results.environment.get("cores")},
            "gradcheck": rest,
        },
        "commit_info": {"id": "unknown", "time": None, "author_time": None, "dirty": False, "project": "gradcheck"},
        "benchmarks": benchmarks + [_of_check(cost) for cost in results.checks],
        "datetime": now,
        "version": VERSION,
    }


def from_json(data: Any, source: str) -> Results:
    """Return the results that `as_json` wrote.

    Raises
    ------
    ArgumentError
        If the data are no such thing: `source` says whose they are.

    """
    try:
        saved = msgspec.convert(data, Saved)
        timings, checks = [], []
        for entry in saved["benchmarks"]:
            info, stats = entry["extra_info"], entry["stats"]
            if "tool" in info:
                checks.append(_check({**info, "seconds": stats["data"]}))
            else:
                step = msgspec.convert(info, Step)
                timings.append(Timing(step["case"], step["variant"], tuple(stats["data"]), stats["iterations"]))
        _check_rounds(timings)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ArgumentError(f"{source} is no result of `gradcheck bench` ({error}): pass a bench.json.") from error
    rest = saved["machine_info"]["gradcheck"]
    return Results(rest["environment"], timings, rest["skipped"], checks, rest["precision"], rest.get("arguments", []))


def _check(data: dict[str, Any]) -> CheckCost:
    if unknown := sorted(set(data) - {field.name for field in fields(CheckCost)}):
        raise ValueError(f"a check has no {unknown[0]!r}")
    return msgspec.convert(data, CheckCost)


def _check_rounds(timings: Sequence[Timing]) -> None:
    """Refuse variants of a case that are there twice, or did not run in the same rounds: they are not paired."""
    seen: dict[TimedCase, dict[str, int]] = {}
    for timing in timings:
        msgspec.convert(timing.case.sizes, tuple[Size, ...])  # the fields of a Shape have no bounds of their own
        rounds = seen.setdefault(timing.case, {})
        if timing.variant in rounds:
            raise ValueError(f"{timing.case} {timing.variant} is there twice")
        rounds[timing.variant] = len(timing.seconds)
        if len(set(rounds.values())) > 1:
            raise ValueError(f"the variants of {timing.case} have different numbers of rounds")


def load(path: str | Path) -> Results:
    """Read the results that a run saved.

    Raises
    ------
    ArgumentError
        If there is no such file, or something else in it.

    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ArgumentError(f"{str(path)!r} is no file: pass a bench.json.")
    try:
        data = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise ArgumentError(f"{str(path)!r} cannot be read ({error.strerror}): pass a bench.json.") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ArgumentError(f"{str(path)!r} is not JSON ({error}): pass a bench.json.") from error
    return from_json(data, repr(str(path)))


def _of_timing(results: Results, timing: Timing) -> dict[str, Any]:
    ratio = results.ratio(timing.case, timing.variant)
    return _entry(
        name=f"step[{timing.case}-{timing.variant}]",
        group=str(timing.case),
        seconds=timing.seconds,
        calls=timing.calls,
        info={
            "case": asdict(timing.case),
            "variant": timing.variant,
            "gflops": timing.gflops,
            "ratio_to_floor": None if ratio is None else asdict(ratio),
        },
    )


def _of_check(cost: CheckCost) -> dict[str, Any]:
    info = {name: value for name, value in asdict(cost).items() if name != "seconds"}
    return _entry(
        name=f"check[{cost.parameters}-{cost.tool}]",
        group=f"check-{cost.parameters}",
        seconds=cost.seconds,
        calls=1,
        info=info,
    )


def _entry(*, name: str, group: str, seconds: Sequence[float], calls: int, info: dict[str, Any]) -> dict[str, Any]:
    """Return one benchmark with every field that the format has."""
    return {
        "group": group,
        "name": name,
        "fullname": f"gradcheck bench::{name}",
        "params": None,
        "param": None,
        "extra_info": info,
        "options": {
            "disable_gc": False,
            "timer": "thread_time, or CUDA events",
            "min_rounds": 1,
            "max_time": 0.0,
            "min_time": 0.0,
            "warmup": True,
        },
        "stats": _stats(seconds, calls),
    }


def _stats(seconds: Sequence[float], calls: int) -> dict[str, Any]:
    middle, mean = quartiles(seconds), statistics.fmean(seconds)
    deviation = statistics.stdev(seconds) if len(seconds) > 1 else 0.0
    width = middle.high - middle.low
    low_fence, high_fence = middle.low - 1.5 * width, middle.high + 1.5 * width  # Tukey's
    inside = [s for s in seconds if low_fence <= s <= high_fence]
    far = sum(abs(s - mean) > deviation for s in seconds)
    return {
        "min": min(seconds),
        "max": max(seconds),
        "mean": mean,
        "stddev": deviation,
        "rounds": len(seconds),
        "median": middle.median,
        "iqr": width,
        "q1": middle.low,
        "q3": middle.high,
        "iqr_outliers": len(seconds) - len(inside),
        "stddev_outliers": far,
        "outliers": f"{far};{len(seconds) - len(inside)}",
        "ld15iqr": min(inside),
        "hd15iqr": max(inside),
        "ops": 1 / mean if mean else 0.0,
        "total": sum(seconds),
        "data": list(seconds),
        "iterations": calls,
    }
