"""The picture that README begins with shows what the check prints today."""

import html
import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def words(svg):
    """The text of the picture, without numbers, which differ in their last digits from machine to machine."""
    text = html.unescape(re.sub("<[^>]*>", " ", svg[svg.index("<text") :]))
    return re.sub(r"\s+", " ", re.sub(r"[-\d.]+(e[-+]\d+)?", "0", text))


def test_the_picture_of_a_failing_check_is_current():
    spec = importlib.util.spec_from_file_location("failing_check", ROOT / "docs" / "failing_check.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    shown = script.PICTURE.read_text(encoding="utf-8")
    assert words(shown) == words(script.picture(str(script.report()))), "run python docs/failing_check.py"
