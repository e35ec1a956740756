"""Recognizes out-of-memory errors, on the host and on a GPU.

TensorFlow, XLA, NumPy and the system each have their own error for it.
"""

import errno
import re

from tfcourse.system import system_errors

_TEXT = re.compile(
    r"RESOURCE_EXHAUSTED|[Oo]ut of memory|OOM when allocating|failed to allocate memory|"
    r"bad_alloc|STATUS_ALLOC_FAILED|Dst tensor is not initialized"
)
# Library errors that may be about memory; the text of other errors proves nothing.
_LIBRARIES = ("tensorflow", "jaxlib", "keras")
_MAX_REASON = 200
# The last one is TensorFlow's message for data that does not fit on a GPU.
_GPU = r"\bGPU\b|gpu|CUDA|CUBLAS|CUDNN|Dst tensor is not initialized"
MEND = "a smaller `batch_size` or model needs less"


class OutOfMemoryError(MemoryError):
    """More memory is needed than there is; the message says how much."""

    exit_code = 7


def check(num_bytes: int, free_bytes: int, what: str, place: str = "") -> None:
    """Raises an error if work takes more memory than is free.

    Args:
        num_bytes: the required memory.
        free_bytes: the free memory.
        what: what takes the memory, with a verb: "hidden_1/kernel takes".
        place: where the memory is, such as " on the GPU"; by default this machine's.

    Raises:
        OutOfMemoryError: states both numbers.
    """
    if num_bytes > free_bytes:
        raise OutOfMemoryError(
            f"out of memory: {what} {num_bytes >> 20:,} MiB, and {free_bytes >> 20:,} MiB are "
            f"free{place}; {MEND}"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether `error`, from any library, means that memory is out."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if system_errors.is_refusal(error):  # TensorFlow raises RESOURCE_EXHAUSTED for a full disk.
        return False
    if system_errors.is_out_of_memory(error):
        return True
    kinds = type(error).__mro__
    if any(kind.__name__ == "ResourceExhaustedError" for kind in kinds):
        return True
    of_library = any(kind.__module__.partition(".")[0] in _LIBRARIES for kind in kinds)
    return of_library and bool(_TEXT.search(str(error)))


def sentence(error: BaseException) -> str:
    """Returns the message for an error that `is_out_of_memory` recognizes."""
    if isinstance(error, OutOfMemoryError):
        return str(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    where = "GPU" if re.search(_GPU, str(error)) else "host"
    telling = [line for line in lines if _TEXT.search(line)] or lines
    reason = f" ({telling[0][:_MAX_REASON]})" if telling else ""
    return f"out of memory: the {where} has no memory left; {MEND}{reason}"
