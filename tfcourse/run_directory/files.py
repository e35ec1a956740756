"""Files written so that a kill or a power loss leaves the old one or the new one."""

import contextlib
import os


def write_file(path, data, *, durable=True):
    """Writes `data` to `path`: all of it, or nothing; see `RunDirectory.write`.

    The bytes go to a temporary file that is flushed to the disk and then renamed; the folder is
    flushed too, so that a power loss keeps either the old file or the new one.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    parts = [data.encode()] if isinstance(data, str) else data
    parts = [parts] if isinstance(parts, bytes) else parts
    try:
        with open(temporary, "wb") as file:
            file.writelines(parts)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if durable:
            flush_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):  # A failed write or flush does not say of which file.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def flush_folder(path):
    """Makes the names in the folder `path` outlast a power loss."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
