"""Whether a download can begin, told within seconds.

The downloader of TensorFlow Datasets retries for minutes without a network and waits for ever
behind a silent proxy, so it is started only after a first answer is known to come.
"""

import queue
import threading
import time
import urllib.parse

from tfcourse.datasets.errors import DataUnavailableError

TIMEOUT_SECONDS = 5.0
MAX_HOSTS = 4


def check_reachable(urls):
    """Asks each host for one address, the way the downloader will: same proxies, certificates.

    Args:
        urls: iterable of str. Where there is none with http, there is nothing to check.

    Raises:
        DataUnavailableError: if none answers with 200 within `TIMEOUT_SECONDS`; says why.
    """
    by_host = {urllib.parse.urlsplit(url).netloc: url for url in urls if url.startswith("http")}
    asked = list(by_host.values())[:MAX_HOSTS]
    answers = queue.Queue()
    for url in asked:
        # A thread, since no timeout of a socket ends a name resolution that hangs.
        threading.Thread(target=_ask, args=(url, answers), daemon=True).start()
    fault = f"no answer within {TIMEOUT_SECONDS:g} s"
    deadline = time.monotonic() + TIMEOUT_SECONDS
    for _ in asked:
        try:
            fault = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if fault is None:
            return
    if asked:
        raise DataUnavailableError(f"{asked[0]} cannot be reached ({fault})")


def _ask(url, answers):
    import requests

    try:
        with requests.get(url, stream=True, timeout=TIMEOUT_SECONDS) as response:
            fault = None if response.status_code == 200 else f"status {response.status_code}"
    except Exception as error:  # Whatever it is, the one who waits has to hear of it.
        fault = type(error).__name__
    answers.put(fault)
