import pytest

from tfcourse import command_line, datasets
from tfcourse.command_line import flagfiles
from tfcourse.system import misspelt


@pytest.mark.parametrize("name", ["penguin.csv", "Penguins.csv", "pengiuns.csv"])
def test_a_path_is_answered_with_what_is_called_almost_like_it(tmp_path, name):
    (tmp_path / "penguins.csv").touch()
    meant = f" Did you mean {tmp_path / 'penguins.csv'}?"
    assert misspelt.meant(tmp_path / name) == meant
    with pytest.raises(datasets.DataError) as error:
        datasets.load(f"csv:{tmp_path / name}")
    assert str(error.value).endswith(f"no such file.{meant}")


def test_what_exists_and_what_is_like_nothing_is_not_answered(tmp_path):
    (tmp_path / "penguins.csv").touch()
    assert misspelt.meant(tmp_path / "penguins.csv") == ""
    assert misspelt.meant(tmp_path / "wine.csv") == ""
    assert misspelt.meant(tmp_path / "nowhere" / "penguin.csv") == ""


def test_a_misspelt_folder_of_images_is_answered(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(datasets.DataError, match=r"Did you mean .*photos\?"):
        datasets.load(f"images:{tmp_path / 'photo'}")


def test_a_misspelt_flagfile_is_answered(tmp_path):
    (tmp_path / "mine.flags").touch()
    with pytest.raises(command_line.UsageError, match=r"Did you mean .*mine\.flags\?"):
        flagfiles._find(str(tmp_path / "mime.flags"), "--flagfile")
