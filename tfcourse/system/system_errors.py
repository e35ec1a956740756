"""Recognizes errors of the system, such as a full disk, in any library's exceptions.

Python raises `OSError`. TensorFlow, HDF5, matplotlib and the dynamic linker have their own errors,
which only their text identifies.
"""

import re

# The messages of the C library.
_DISK = "No space left on device|Disk quota exceeded|Read-only file system|Input/output error"
_LIMIT = "Too many open files|File too large|Permission denied|Stale file handle"
_TEXT = re.compile(f"{_DISK}|{_LIMIT}|can't start new thread")
_MEMORY = re.compile(r"Cannot allocate memory|failed to map segment from shared object(?!: Oper)")
# Libraries whose errors may be about the system; the text of other errors proves nothing.
_LIBRARIES = ("tensorflow", "jaxlib", "keras", "h5py", "matplotlib", "PIL", "pyarrow")
_PLAIN = (ImportError, RuntimeError, OSError, ValueError)  # h5py and the linker raise these.
_MAX_REASON = 300


def is_refusal(error: BaseException) -> bool:
    """Returns whether `error` is the system's: the disk, a limit, or a permission."""
    return _found(error, _TEXT) is not None


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether `error` means that the system has no more memory."""
    return _found(error, _MEMORY) is not None


def sentence(error: BaseException) -> str:
    """Returns the message for an error that `is_refusal` recognizes."""
    found = _found(error, _TEXT) or error
    lines = [line.strip() for line in str(found).splitlines()]
    telling = next((line for line in lines if _TEXT.search(line)), "")
    return f"the system refused: {telling[:_MAX_REASON]}"


def _found(error: BaseException | None, text: re.Pattern[str]) -> BaseException | None:
    """Returns the error with the `text` among `error` and its causes."""
    for _ in range(10):
        if error is None:
            return None
        module = type(error).__module__.partition(".")[0]
        if (module in _LIBRARIES or type(error) in _PLAIN) and text.search(str(error)):
            return error
        error = error.__cause__
    return None
