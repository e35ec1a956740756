"""Checks within seconds whether a download is possible.

The downloader of TensorFlow Datasets retries for minutes without a network and waits forever behind
a silent proxy, so it is started only after the server has answered.
"""

import queue
import threading
from collections.abc import Iterable

from tfcourse.datasets.errors import DataUnavailableError

TIMEOUT_SECONDS = 5.0


def check_reachable(urls: Iterable[str]) -> None:
    """Requests the first address as the downloader does, with the same proxies and certificates.

    Args:
        urls: if there is none with http, nothing is checked.

    Raises:
        DataUnavailableError: there is no answer with status 200 within `TIMEOUT_SECONDS`; says why.
    """
    url = next((url for url in urls if url.startswith("http")), None)
    if url is None:
        return
    faults: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    # In a thread, because a socket's timeout does not end a hanging name resolution.
    threading.Thread(target=lambda: faults.put(_fault(url)), daemon=True).start()
    try:
        fault = faults.get(timeout=TIMEOUT_SECONDS)
    except queue.Empty:
        fault = f"no answer within {TIMEOUT_SECONDS:g} s"
    if fault:
        raise DataUnavailableError(f"{url} cannot be reached ({fault})")


def _fault(url: str) -> str | None:
    import requests

    try:
        with requests.get(url, stream=True, timeout=TIMEOUT_SECONDS) as response:
            return None if response.status_code == 200 else f"status {response.status_code}"
    except Exception as error:  # Any error must reach the waiting thread.
        return type(error).__name__
