"""Draw a run: python docs/benchmarks/picture.py [FOLDER] writes ratios.png and roofline.png beside its bench.json."""

import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gradcheck.bench.pictures import draw_ratios, draw_roofline
from gradcheck.bench.saved import load
from gradcheck.reports.pictures.style import STYLE

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent


def draw(name, panels, height):
    """Draw panels, (title, function of axes), side by side."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, height), layout="constrained")
        FigureCanvasAgg(figure)
        for ax, (title, onto) in zip(figure.subplots(1, len(panels), squeeze=False).flat, panels, strict=True):
            onto(ax)
            ax.set_title(title)
            ax.legend(loc="best")
        figure.savefig(FOLDER / name, dpi=110)


results = load(FOLDER / "bench.json")
libraries = {case.library: [] for case in results.cases()}
for case in results.cases():
    libraries[case.library].append(case)
draw(
    "ratios.png",
    [(name, lambda ax, cases=cases: draw_ratios(ax, results, cases)) for name, cases in libraries.items()],
    4.6,
)
peak_keys = dict.fromkeys(case.peak_key for case in results.cases() if case.dtype == "float32")
draw("roofline.png", [(key, lambda ax, key=key: draw_roofline(ax, results, key)) for key in peak_keys], 3.8)
