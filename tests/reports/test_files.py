"""A file is written whole or not at all, and the old one stays until then."""

import os
import stat
import threading
from pathlib import Path

import pytest

from gradcheck.reports import files
from gradcheck.reports.files import write


def test_text_and_bytes_are_written_as_they_are(tmp_path):
    write(tmp_path / "a", "é\n")
    write(str(tmp_path / "b"), b"\0\r\n")
    assert (tmp_path / "a").read_bytes() == "é\n".encode()
    assert (tmp_path / "b").read_bytes() == b"\0\r\n"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a", "b"]


def test_a_character_that_utf8_has_not_is_written_as_its_escape(tmp_path):
    write(tmp_path / "a", "x\udc80y")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "x\\udc80y"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, error):
    path = tmp_path / "report.json"
    path.write_text("old")
    save = files.atomic_save

    class Failing:
        def __init__(self, *args, **kwargs):
            self.saver = save(*args, **kwargs)

        def __enter__(self):
            self.file = self.saver.__enter__()
            return self

        def write(self, content):
            self.file.write(content[:1])
            raise error

        def __exit__(self, *exc):
            return self.saver.__exit__(*exc)

    monkeypatch.setattr(files, "atomic_save", Failing)
    with pytest.raises(type(error)):
        write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_device_is_written_to_and_stays_one():
    with pytest.raises(OSError, match="No space left"):
        write("/dev/full", "text")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    write(path, "text")
    reader.join(10)
    assert read == ["text"]
    assert path.is_fifo()


def test_a_link_is_followed_and_permissions_are_kept(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_part_left_by_a_killed_run_is_no_obstacle(tmp_path):
    (tmp_path / "report.json.part").write_text("half")
    write(tmp_path / "report.json", "whole")
    assert (tmp_path / "report.json").read_text() == "whole"


def test_a_name_as_long_as_the_file_system_allows_is_one(tmp_path):
    path = tmp_path / ("n" * 255)
    write(path, "text")
    assert path.read_text() == "text"


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "none" / "report.json", "text")
    assert list(tmp_path.iterdir()) == []
