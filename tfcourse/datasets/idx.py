"""The original IDX files, checked before anything else reads them.

Usual readers stop after the last byte that they want, and so accept a cut checksum or a flipped
byte; or they believe the header, and so can be made to ask for any amount of memory.
"""

import gzip
import hashlib
import math
import struct
import zlib

from tfcourse.datasets.errors import DataError

UNSIGNED_BYTE = 0x08
CHUNK_BYTES = 1 << 20
# Unpacked size up to which a file is looked into; MNIST's largest has 47 MB.
MAX_BYTES = 64 << 20


def check_published(path, size, sha256):
    """Checks that a file is, byte for byte, the one that was published.

    Args:
        path: `pathlib.Path` of a file called as the published one.
        size: int, its bytes.
        sha256: str, its digest in hexadecimal.

    Raises:
        DataError: if it is another file; says what is wrong with it.
    """
    try:
        if not path.is_file():
            raise DataError(f"{path}: expected a file; received something else. Replace it.")
        received_size = path.stat().st_size
        # The size first: nothing of a file that is too large is read.
        if received_size == size and _sha256(path) == sha256:
            return
        fault = _fault(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Mend or remove it.") from error
    raise DataError(
        f"{path}: expected the published file of {size:,} bytes with sha256 {sha256[:8]}...; "
        f"received {received_size:,} bytes, {fault}. Download it again or remove it."
    )


def _sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fault(path):
    """Says in a few words what is wrong with a file, unpacking no more than `MAX_BYTES`."""
    try:
        with gzip.open(path) as stream:
            shape = _read_shape(stream)
            expected = math.prod(shape)
            if expected > MAX_BYTES:
                return f"whose header promises {expected:,} bytes, too many to look at"
            received = _count_bytes(stream, expected + 1)
    except gzip.BadGzipFile as error:
        return f"damaged ({error})"
    except (EOFError, zlib.error) as error:
        return f"damaged or cut ({error})"
    except ValueError as error:
        return str(error)
    if received < expected:
        return f"whose header promises {expected:,} bytes where {received:,} follow"
    if received > expected:
        return f"whose header promises {expected:,} bytes where more follow"
    kind = "labels" if len(shape) == 1 else "images"
    return f"a sound IDX file of {shape[0]:,} {kind}, but another one"


def _read_shape(stream):
    header = stream.read(4)  # 0, 0, type of the values, number of dimensions.
    if len(header) < 4 or header[:2] != b"\0\0" or header[2] != UNSIGNED_BYTE:
        raise ValueError("not an IDX file of bytes")
    sizes = stream.read(4 * header[3])
    if len(sizes) < 4 * header[3] or not header[3]:
        raise ValueError("cut within its header")
    return struct.unpack(f">{header[3]}I", sizes)


def _count_bytes(stream, limit):
    """Reads to the end, so that gzip compares its checksum, but not beyond `limit` bytes."""
    count = 0
    while count < limit and (chunk := stream.read(min(CHUNK_BYTES, limit - count))):
        count += len(chunk)
    return count
