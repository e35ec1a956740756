import processes
import pytest
from PIL import Image

from tfcourse import datasets
from tfcourse.datasets import loading
from tfcourse.datasets.images import image_labels

CLASSES = ("cat", "dog")


@pytest.fixture
def folder(tmp_path, fresh_home):
    """Twenty images, whose grey value is their number; odd ones are dogs."""
    root = tmp_path / "pets"
    root.mkdir()
    for number in range(20):
        Image.new("L", (3, 2), number).save(root / f"{number:04d}.png")
    return root


def write(path, rows, header="id,breed"):
    path.write_text("\n".join([header, *rows, ""]))


def rows(form="{:04d}", more=""):
    return [form.format(n) + f",{CLASSES[n % 2]}{more}" for n in range(20)]


def labels_by_value(data):
    """Returns `{grey value: class}` of all splits."""
    return {
        round(float(image[0, 0, 0]) * 255): data.class_names[label]
        for split in data.splits.values()
        for image, label in zip(split.features, split.labels, strict=True)
    }


@pytest.mark.parametrize(
    "form",
    ["{:04d}", "{:04d}.png", "images/{:04d}.png", ".\\{:04d}.png", "{:04d}.PNG", "a/{:04d}.jpg"],
)
def test_column_that_names_images_is_found_by_its_values(folder, form):
    write(folder / "labels.csv", rows(form))
    data = datasets.load(f"images:{folder}")
    assert labels_by_value(data) == {n: CLASSES[n % 2] for n in range(20)}
    assert [len(split) for split in data.splits.values()] == [13, 3, 4]


def test_an_archive_may_hold_one_folder_and_a_template_of_results(folder, tmp_path):
    (tmp_path / "archive/pets").mkdir(parents=True)
    folder.rename(tmp_path / "archive/pets/images")
    folder = tmp_path / "archive/pets"
    write(folder / "sample_submission.csv", rows("{:04d}", more="9"))
    write(folder / "labels.csv", rows("images/{:04d}.png"))
    data = datasets.load(f"images:{folder.parent}")
    assert labels_by_value(data) == {n: CLASSES[n % 2] for n in range(20)}
    for number in range(20):  # Other images of the same names.
        path = folder / f"more/{number:04d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (3, 2), 99).save(path)
    data = datasets.load(f"images:{folder.parent}", labels="pets/labels.csv")
    assert labels_by_value(data) == {n: CLASSES[n % 2] for n in range(20)}


def test_table_beside_folders_of_classes_is_told(folder, caplog):
    for number in range(20):
        path = folder / f"{number:04d}.png"
        (folder / f"part{number % 2}").mkdir(exist_ok=True)
        path.rename(folder / f"part{number % 2}" / path.name)
    write(folder / "labels.csv", [f"{n:04d},{CLASSES[n // 10]}" for n in range(20)])
    assert datasets.load(f"images:{folder}").class_names == ("part0", "part1")
    assert "labels.csv: not used, since the folders are the classes. If it" in caplog.text
    caplog.clear()
    assert datasets.load(f"images:{folder}", labels="labels.csv").class_names == CLASSES
    assert "not used" not in caplog.text


def test_names_of_images_may_be_in_another_case(folder):
    for path in list(folder.glob("*.png")):
        path.rename(path.with_name(f"Img_{path.name}"))
    write(folder / "labels.csv", rows("IMG_{:04d}.PNG"))
    data = datasets.load(f"images:{folder}")
    assert labels_by_value(data) == {n: CLASSES[n % 2] for n in range(20)}


def test_rows_without_images_are_counted_where_few_are_left(folder):
    write(folder / "labels.csv", [*rows()[:3], *rows("absent {}")])
    with pytest.raises(datasets.DataError, match=r"3 examples of each class.*without an image: 20"):
        datasets.load(f"images:{folder}")


def test_what_does_not_fit_together_is_left_out_and_counted(folder, caplog):
    found = rows()[:17]
    found[3] = "0003,"
    write(folder / "labels.csv", [*found, "0005,dog", "absent,cat", "gone,dog", "0017,bird"])
    data = datasets.load(f"images:{folder}")
    assert labels_by_value(data) == {n: CLASSES[n % 2] for n in range(17) if n != 3}
    for told in (
        "labels.csv: images from column 'id', classes from 'breed'",
        "rows left out without an image: 2",
        "images left out without a row: 2",
        "1 row is left out, without a label",
        "1 row is left out, of classes with under 3: bird (1)",
        "rows that repeat another one: 1",
    ):
        assert told in caplog.text


def test_changed_label_is_seen_by_the_cache(folder):
    write(folder / "labels.csv", rows())
    datasets.load(f"images:{folder}")
    changed = rows()
    changed[0] = "0000,dog"
    write(folder / "labels.csv", changed)
    assert labels_by_value(datasets.load(f"images:{folder}"))[0] == "dog"


def test_column_split_is_honoured(folder):
    of_split = ["Train"] * 14 + ["val"] * 2 + ["test"] * 4
    found = [f"{row},{split}" for row, split in zip(rows(), of_split, strict=True)]
    write(folder / "labels.csv", found, "id,breed,Split")
    data = datasets.load(f"images:{folder}")
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 14,
        "validation": 2,
        "test": 4,
    }
    write(folder / "labels.csv", [found[0].replace("Train", "val"), *found[1:]], "id,breed,Split")
    assert len(datasets.load(f"images:{folder}").train) == 13
    assert datasets.load(f"images:{folder}", label="Split").class_names == ("Train", "test", "val")
    write(folder / "labels.csv", [*found[:-1], found[-1].replace("test", "2")], "id,breed,Split")
    with pytest.raises(datasets.DataError, match=r"line 21, column 'Split': expected train.*'2'"):
        datasets.load(f"images:{folder}")


def test_label_is_named_where_several_columns_are_left(folder):
    write(folder / "labels.csv", rows(more=",a"), "id,breed,camera")
    with pytest.raises(datasets.DataError, match=r"breed, camera. Name it as `label`") as error:
        datasets.load(f"images:{folder}")
    assert error.value.advice == {"label": "breed"}
    data = datasets.load(f"images:{folder}", **error.value.advice)
    assert data.class_names == CLASSES


@pytest.mark.parametrize("marks", [("1", "0"), ("0.0", "1.0"), ("False", "True")])
def test_columns_that_mark_the_class_are_its_names(folder, caplog, marks):
    by_class = {name: ",".join(sorted(marks, reverse=name == "cat")) for name in CLASSES}
    write(
        folder / "labels.csv",
        [f"{n:04d},{by_class[CLASSES[n % 2]]}" for n in range(20)],
        "id,cat,dog",
    )
    data = datasets.load(f"images:{folder}")
    assert labels_by_value(data) == {n: CLASSES[n % 2] for n in range(20)}
    assert "classes from the columns cat, dog, one of which is 1" in caplog.text
    images, numbers = image_labels.read_known(folder, folder / "labels.csv", CLASSES)
    assert [(int(path.stem), number) for path, number in zip(images, numbers, strict=True)] == [
        (n, n % 2) for n in range(20)
    ]
    assert caplog.text.count("one of which is 1") == 2


def test_columns_of_which_a_row_marks_two_are_no_classes(folder):
    write(folder / "labels.csv", [f"{n:04d},{n % 2},1" for n in range(20)], "id,cat,dog")
    with pytest.raises(datasets.DataError, match=r"received cat, dog. Name it as `label`"):
        datasets.load(f"images:{folder}")


def test_table_is_named_where_several_lie_there_or_it_lies_elsewhere(folder, tmp_path):
    write(folder / "sizes.csv", ["3,2"])
    write(folder / "metadata.csv", ["0001,a"])
    write(folder / "train.csv", rows())
    with pytest.raises(datasets.DataError, match=r"received metadata.csv, train.csv") as error:
        datasets.load(f"images:{folder}")
    assert error.value.advice == {"labels": "metadata.csv"}
    assert datasets.load(f"images:{folder}", labels="train.csv").class_names == CLASSES
    elsewhere = str((folder / "train.csv").rename(tmp_path / "elsewhere.csv"))
    assert datasets.load(f"images:{folder}", labels=elsewhere).class_names == CLASSES
    with pytest.raises(datasets.DataError, match=r"nowhere.csv: expected a table"):
        datasets.load(f"images:{folder}", labels="nowhere.csv")


def test_table_without_a_header_is_read_as_advised(folder):
    first, *others = rows()
    write(folder / "labels.csv", others, first)
    with pytest.raises(datasets.DataError, match="Give `header=no`") as error:
        datasets.load(f"images:{folder}")
    data = datasets.load(f"images:{folder}", **error.value.advice)
    assert len(labels_by_value(data)) == 20


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([f"{n:04d},{n / 7}" for n in range(20)], "expected classes, since quantities"),
        ([f"x{n},cat" for n in range(20)], "expected a column with the names of the images"),
        ([*rows(), "0000,dog"], "line 22: expected one class of each image"),
    ],
)
def test_table_that_does_not_fit_is_refused(folder, found, message):
    write(folder / "labels.csv", found)
    with pytest.raises(datasets.DataError, match=message):
        datasets.load(f"images:{folder}")


def test_numbered_classes_are_classes_even_if_one_is_rare(folder):
    write(folder / "labels.csv", [f"{n:04d},{(n + 2) // 4}" for n in range(20)])
    assert datasets.load(f"images:{folder}").class_names == tuple("1234")


def test_name_that_two_images_may_have_is_refused(folder):
    (folder / "a").mkdir()
    (folder / "0003.png").rename(folder / "a/0004.png")
    write(folder / "labels.csv", rows())
    with pytest.raises(datasets.DataError, match=r"line 6: .* which may be .*0004.png or .*a/0004"):
        datasets.load(f"images:{folder}")
    write(folder / "labels.csv", rows("{:04d}.png"))
    assert len(labels_by_value(datasets.load(f"images:{folder}"))) == 19


def test_folders_of_classes_go_before_a_table_that_is_not_named(folder):
    write(folder / "labels.csv", rows())
    for name in ("big", "small"):
        (folder / name).mkdir()
    for number in range(20):
        name = f"{number:04d}.png"
        (folder / name).rename(folder / ("big", "small")[number // 10] / name)
    assert datasets.load(f"images:{folder}").class_names == ("big", "small")
    assert datasets.load(f"images:{folder}", labels="labels.csv").class_names == CLASSES
    with pytest.raises(datasets.DataError, match="Leave `label` out, or name the table"):
        loading.check(f"images:{folder}", label="breed")


def test_flat_folders_of_splits_beside_a_table_are_read(folder):
    (folder / "train").mkdir()
    (folder / "test").mkdir()
    for path in folder.glob("*.png"):
        path.rename(folder / ("train" if path.stem < "0015" else "test") / path.name)
    write(folder / "train.csv", rows()[:15])
    assert len(labels_by_value(datasets.load(f"images:{folder}"))) == 15


def test_describe_counts_the_classes(folder):
    write(folder / "labels.csv", rows())
    found = datasets.describe(f"images:{folder}")
    assert [row["train"] for row in found.rows] == [10, 10]


def test_labelled_examples_are_read_by_the_names_of_the_classes(folder, caplog):
    write(folder / "labels.csv", rows())
    fitted = datasets.load(f"images:{folder}").preprocessing
    found = [row.replace("cat", "Cat") for row in rows(more=",20")]
    write(folder / "labels.csv", [*found[:18], "0018,,20"], "id,breed,age")
    examples = fitted.read(folder)
    assert examples.labels.tolist() == [n % 2 for n in range(18)]
    assert [place[-8:-4] for place in examples.places] == [f"{n:04d}" for n in range(18)]
    assert "images left out without a row: 1" in caplog.text
    assert "rows left out without a label: 1" in caplog.text
    assert len(fitted.read(folder, labels=False).features) == 20
    write(folder / "labels.csv", [*rows()[:19], "0019,bird"])
    with pytest.raises(datasets.DataError, match=r"line 21: expected one of the classes cat, dog"):
        fitted.read(folder)


def test_refusal_proposes_the_command_that_goes_on(folder):
    write(folder / "labels.csv", rows(more=",a"), "id,breed,camera")
    command = ["-m", "recipes.classify", f"--dataset=images:{folder}", "--describe"]
    refused = processes.python(*command)
    assert refused.returncode == 3
    assert "--label=breed" in refused.stderr
