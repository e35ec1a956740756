"""Says what a file that can't be read as an image holds, by its first bytes."""

import pathlib
import re

_BYTES = 512
# Of files that are called like images, and of formats that are not read.
_KINDS = (
    (rb"\Z", "an empty file"),
    (rb"\0{512}", "zeros alone, as of a damaged disk"),
    (rb"(?s:.{4}ftypavi[fs])", "an AVIF image, to be converted to PNG or JPEG"),
    (rb"(?s:.{4}ftyp(hei|hev|mif1|msf1))", "an HEIC image, to be converted to PNG or JPEG"),
    (rb"(?s:.{4}ftyp)|\x1aE\xdf\xa3|RIFF(?s:.{4})AVI ", "a video"),
    (rb"\0\0\0\x0cjP  |\xffO\xffQ", "a JPEG 2000 image, to be converted to PNG or JPEG"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", "a JPEG XL image, to be converted to PNG or JPEG"),
    (rb"\0\0\x01\0", "an icon (ICO), to be converted to PNG"),
    (rb"8BPS", "an image of Photoshop, to be converted to PNG"),
    (
        rb"(?s:.{128})DICM",
        "a DICOM file: save its pixels, which pydicom reads, by numpy (npz:PATH)",
    ),
    (
        rb"II[*+]\0|MM\0[*+]",
        "a TIFF of other numbers or channels, to be saved by numpy (npz:PATH)",
    ),
    (rb"\x89HDF|CDF[\x01\x02]", "an array, to be saved by numpy (npz:PATH)"),
    (rb"\x93NUMPY", "an array (npz:PATH)"),
    (rb"version https://git-lfs", "a pointer of Git LFS; git lfs pull downloads the image"),
    (rb"(?i)\s*(<!doctype html|<html)", "a web page, as of a failed download"),
    (rb"(?i)\s*(<\?xml|<svg)", "a drawing or text in XML"),
    (rb"%PDF-", "a PDF"),
    (rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf", "an archive, to be unpacked"),
)


def described(path: pathlib.Path) -> str | None:
    """Returns what a file holds, and what to do with it; `None` if it is unknown."""
    try:
        with open(path, "rb") as file:
            start = file.read(_BYTES)
    except OSError:
        return None
    return next((kind for beginning, kind in _KINDS if re.match(beginning, start)), None)
