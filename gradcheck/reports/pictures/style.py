"""How pictures look: colours, which a page replaces by its own, sizes, axes of powers of ten."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from gradcheck.errors import UnsupportedError
from gradcheck.reports import words
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Names are those of the page's CSS variables; the values are its light theme, each used for one name only, so that
# `svg` can put the variable in the colour's place.
COLOURS = {
    "ink": "#1b2330",
    "muted": "#5c6675",
    "grid": "#d5dae2",
    "panel": "#fcfdfe",
    "pass": "#0b6e4f",
    "fail": "#b3261e",
    "doubt": "#8a5a00",
    "measured": "#1f5fbf",
    "noise": "#97631a",
}
OF_VERDICT = {Verdict.PASS: "pass", Verdict.FAIL: "fail", Verdict.INCONCLUSIVE: "doubt"}
MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?"}
STYLE = {
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": COLOURS["muted"],
    "axes.labelcolor": COLOURS["ink"],
    "axes.facecolor": COLOURS["panel"],
    "figure.facecolor": COLOURS["panel"],
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "xtick.labelcolor": COLOURS["ink"],
    "ytick.labelcolor": COLOURS["ink"],
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.7,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.facecolor": COLOURS["panel"],
    "svg.fonttype": "none",
    "text.usetex": False,
    "text.parse_math": False,
}
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
WIDTH = 3.9  # inches: a phone's width at the size of the text
HEIGHT = 2.6
FLAT = 0.2  # a vector's height over its width


def matplotlib_style() -> Any:
    """Return the context in which all pictures are drawn, whatever the user's own settings are.

    Raises
    ------
    UnsupportedError
        If matplotlib is not installed.

    """
    try:
        import matplotlib.style  # noqa: PLC0415  only where a picture is wanted
    except ImportError as error:
        raise UnsupportedError(
            "pictures need matplotlib, which is not installed: pip install 'gradcheck[plot]'"
        ) from error
    return matplotlib.style.context(["default", STYLE])


def log_axis(axis: Any) -> None:
    """Label powers of ten in plain characters: 10⁻⁹."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: PLC0415

    axis.set_major_locator(LogLocator(numticks=7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))
    axis.set_minor_formatter(NullFormatter())


def power_of_ten(value: float) -> str:
    """Return 1e-9 as 10⁻⁹."""
    return "10" + str(round(math.log10(value))).translate(SUPERSCRIPTS)


def label_of(name: str, length: int = 18) -> str:
    """Return a name that fits in a picture, with a dot for every character that its font has not."""
    name = words.visible(name)
    name = name if len(name) <= length else name[: length - 1] + "…"
    return name if name.isascii() else "".join(c if _in_font(c) else "·" for c in name)


@cache
def _in_font(character: str) -> bool:
    from matplotlib.font_manager import findfont, get_font  # noqa: PLC0415

    return bool(get_font(findfont("DejaVu Sans")).get_char_index(ord(character)))


def legend_above(ax: Axes) -> None:
    """Put a legend above the axes, where it hides nothing, if there is anything to tell apart."""
    if ax.get_legend_handles_labels()[0]:
        ax.figure.legend(loc="outside upper left", ncols=2, columnspacing=1.2, handlelength=1.8, frameon=False)
