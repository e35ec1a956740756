import pytest
from PIL import Image

from tfcourse import datasets
from tfcourse.datasets.images import image_names


def save(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("L", (4, 4)).save(folder / name)


def numbered(*names, count=5, form="{}.{}.png"):
    return [form.format(name, number) for name in names for number in range(count)]


@pytest.mark.parametrize("form", ["{}.{}.png", "{}_{:03}.png", "{} ({}).png", "{}{}.png"])
def test_names_of_images_say_their_class(tmp_path, form, caplog, fresh_home):
    folder = tmp_path / "archive"
    save(folder / "pets", *numbered("cat", "great_dane", form=form))
    (folder / "sampleSubmission.csv").write_text("id,label\n1,0\n")
    datasets.check(f"images:{folder}")
    data = datasets.load(f"images:{folder}")
    assert data.class_names == ("cat", "great_dane")
    assert "from the names of the images: cat, great_dane" in caplog.text


def test_other_splits_count_if_they_are_of_the_same_classes(tmp_path):
    save(tmp_path / "train", *numbered("cat", "dog"))
    save(tmp_path / "val", *numbered("cat", "dog", count=2))
    save(tmp_path / "test1", *numbered("x"))
    splits = [image.split for image in image_names.find(tmp_path)]
    assert (splits.count("train"), splits.count("validation"), splits.count("test")) == (10, 4, 0)


@pytest.mark.parametrize(
    "names",
    [
        numbered("cat"),
        numbered("IMG", "DSC"),
        [*numbered("cat", "dog"), "bird.png"],
        [*numbered("cat", "dog"), "bird.1.png"],
        [f"{number}.png" for number in range(9)],
        [f"2019-01-{number:02}.png" for number in range(1, 9)],
    ],
)
def test_other_names_say_none(tmp_path, names):
    save(tmp_path, *names)
    assert image_names.find(tmp_path) == []


def test_folders_of_classes_come_first(tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / name, *numbered("u", "v"))
    assert image_names.find(tmp_path) == []
