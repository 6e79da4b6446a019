"""The machine and the libraries, as far as they decide a timing."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = ("numpy", "scipy", "torch", "array-api-compat", "threadpoolctl", "pytest-benchmark")
# Variables that choose a library's threads or kernels.
CHOICES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "MKL_NUM_THREADS",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE",
    "MALLOC_TRIM_THRESHOLD_",
)


def environment(threads: int, *, torch_too: bool) -> dict[str, Any]:
    """Return CPU, cores, threads, BLAS with its kernels, library versions and GPU, as data for JSON.

    Call it while the pools are pinned: the number of threads of each is read off.
    """
    return {
        "cpu": cpu_name(),
        "cores": _cores(),
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": _versions(),
        "blas": _blas(),
        "torch": _torch() if torch_too else {},
        "variables": {name: os.environ[name] for name in CHOICES if name in os.environ},
        "load before": _load(),
    }


def cpu_name() -> str:
    """Return the CPU's name as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _load() -> float | None:
    """Return the mean number of running processes over the last minute: what else the machine was doing."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _blas() -> list[str]:
    """Name every BLAS and OpenMP pool that is loaded, with its kernels and its threads."""
    from threadpoolctl import threadpool_info  # noqa: PLC0415  only here

    found = []
    for pool in threadpool_info():
        words = [str(pool["internal_api"]), str(pool.get("version") or ""), str(pool.get("architecture") or "")]
        found.append(" ".join(word for word in words if word) + f", {pool['num_threads']} threads")
    return sorted(set(found))


def _torch() -> dict[str, Any]:
    import torch  # noqa: PLC0415  Torch is loaded when it is asked for

    cuda: Any = torch.cuda
    cudnn: Any = torch.backends.cudnn
    mkl: Any = torch.backends.mkl
    found: dict[str, Any] = {
        "threads of torch": torch.get_num_threads(),
        "instructions of torch": torch.backends.cpu.get_cpu_capability(),
        "torch with MKL": mkl.is_available(),
    }
    if cuda.is_available():
        found["gpu"] = cuda.get_device_name()
        found["cuda"] = torch.version.cuda
        found["cudnn"] = cudnn.version()
        found["driver"] = _driver()
    return found


def _driver() -> str | None:
    """Return the version of NVIDIA's driver, where Linux tells it."""
    version = Path("/sys/module/nvidia/version")
    return version.read_text(encoding="ascii").strip() if version.exists() else None
