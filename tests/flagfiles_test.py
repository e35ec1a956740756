import os

import pytest

from tfcourse.command_line import UsageError, flagfiles


def texts(*arguments):
    return [argument.text for argument in flagfiles.expand(arguments)]


def write(folder, name, text):
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(path, message):
    with pytest.raises(UsageError, match=message):
        flagfiles.expand([f"--flagfile={path}"])


def test_flags_stand_where_the_flagfile_stood(tmp_path):
    inner = write(tmp_path, "inner.flags", "--b=2\n")
    outer = write(tmp_path, "outer.flags", f"# why\n\n// why\n--a=1\n--flagfile={inner}\n--c\n")
    assert texts("--x=0", "--flagfile", str(outer), "--b=3") == [
        "--x=0",
        "--a=1",
        "--b=2",
        "--c",
        "--b=3",
    ]


def test_each_flag_knows_file_and_line(tmp_path):
    path = write(tmp_path, "a.flags", "# one\n--a=1\n")
    assert flagfiles.expand([f"--flagfile={path}"])[0].origin == f"{path}:2"


def test_a_byte_order_mark_hides_no_flag(tmp_path):
    path = write(tmp_path, "bom.flags", b"\xef\xbb\xbf--a=1\n--b=2\n")
    assert texts(f"--flagfile={path}") == ["--a=1", "--b=2"]


@pytest.mark.parametrize("line", ["epochs=3", "--", "--a 1", "- -a=1", "-1"])
def test_a_line_that_is_no_flag_is_refused_with_its_place(tmp_path, line):
    path = write(tmp_path, "a.flags", f"--ok=1\n{line}\n")
    refused(path, f"{path}:2")


def test_a_circle_of_includes_is_refused(tmp_path):
    first, second = tmp_path / "first.flags", tmp_path / "second.flags"
    first.write_text(f"--flagfile={second}\n")
    second.write_text(f"--flagfile={first}\n")
    refused(first, "includes itself")


def test_deep_nesting_is_refused(tmp_path):
    for level in range(1500):
        include = f"--flagfile={tmp_path / str(level + 1)}\n"
        write(tmp_path, str(level), include if level < 1499 else "--a=1\n")
    refused(tmp_path / "0", "nest 8 deep")


def test_doubling_includes_are_refused(tmp_path):
    for level in range(7):
        write(tmp_path, str(level), f"--flagfile={tmp_path / str(level + 1)}\n" * 2)
    write(tmp_path, "7", "--a=1\n")
    refused(tmp_path / "0", "include 64 files")


def test_what_is_not_a_small_regular_text_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    refused(tmp_path / "fifo", "regular file")
    refused("/dev/zero", "regular file")
    refused(tmp_path, "regular file")
    refused(write(tmp_path, "binary", b"\xff\xfe\x00"), "not UTF-8")
    refused(write(tmp_path, "large", "#" * (flagfiles.MAX_BYTES + 1)), "bytes")
    refused(tmp_path / "missing", "no flagfile")
    with pytest.raises(UsageError, match="names no file"):
        flagfiles.expand(["--flagfile"])


def test_shipped_configs_are_found_outside_the_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "--dataset=mnist,digits" in texts("--flagfile=configs/mnist_softmax.flags")
