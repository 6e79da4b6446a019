"""The picture of the wings is that of today's imports."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def script():
    spec = importlib.util.spec_from_file_location("wings", ROOT / "docs" / "wings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_of_the_wings_is_current():
    wings = script()
    assert wings.PICTURE.read_text(encoding="utf-8") == wings.picture(), "run python docs/wings.py"


def test_an_import_that_goes_up_would_be_an_arc_of_another_colour(tmp_path, monkeypatch):
    wings = script()
    (tmp_path / "low.py").write_text("from gradcheck.high import f")
    (tmp_path / "high.py").write_text("")
    monkeypatch.setattr(wings, "PACKAGE", tmp_path)
    monkeypatch.setattr(wings, "layers", lambda: ["high", "low"])
    assert "#b3541e" in wings.picture()
