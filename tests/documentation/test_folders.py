"""The picture of the folders is that of today's imports."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def script():
    spec = importlib.util.spec_from_file_location("folders", ROOT / "docs" / "folders.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_of_the_folders_is_current():
    folders = script()
    assert folders.PICTURE.read_text(encoding="utf-8") == folders.picture(), "run python docs/folders.py"


def test_an_import_that_goes_up_would_be_an_arc_of_another_colour(tmp_path, monkeypatch):
    folders = script()
    (tmp_path / "low.py").write_text("from gradcheck.high import f")
    (tmp_path / "high.py").write_text("")
    monkeypatch.setattr(folders, "PACKAGE", tmp_path)
    monkeypatch.setattr(folders, "layers", lambda: ["high", "low"])
    assert "#b3541e" in folders.picture()
