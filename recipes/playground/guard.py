"""Restricts the playground's server: only its own page may send requests, and only those it needs.

Any web page in the same browser can send requests to this machine, and its host name may resolve to
127.0.0.1. So each request must name this server in the Host header and, if there is one, in the
Origin header. Of Gradio's endpoints, only those that the page uses can be reached.
"""

import json
import re
import sys
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 2**20  # The canvas, uncompressed and as base64, is 0.94 MB.
_NAMES = ("127.0.0.1", "localhost")
_SCORE = "/gradio_api/component_server"
_READ = re.compile(
    r"/|/config/?|/(static|assets|svelte)/.+|/favicon\.ico|/manifest\.json|/theme\.css|"
    r"/robots\.txt|/gradio_api/(info|startup-events|app_id|heartbeat/\w+)/?"
)


class RefusedError(Exception):
    """A rejected request: its HTTP status, and the reason in one line."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Guard:
    """An ASGI application that passes allowed requests to `app` and rejects the others."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # Such a connection is closed before it is accepted.
            await send({"type": "websocket.close"})
            return
        started = False

        async def noted(message: "Message") -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            check(scope)
            if scope["method"] == "POST":
                receive = replayed(await body_of(scope, receive))
            await self.app(scope, receive, noted)
        except Exception as error:  # Gradio would print each with 80 lines.
            status = error.status if isinstance(error, RefusedError) else 500
            if isinstance(error, LookupError):  # Gradio's, of a part that the page does not have.
                status = 404
            reason = (str(error).splitlines() or [""])[0][:200]
            kind = "" if isinstance(error, RefusedError) else f"{type(error).__name__}: "
            print(f"refused: {kind}{reason!r}"[:300], file=sys.stderr)
            if not started:
                await PlainTextResponse(reason, status)(scope, receive, send)


def check(scope: "Scope") -> None:
    """Checks the sender of a request and the endpoint.

    Raises:
        RefusedError: the request is for another server, from another page, or for an endpoint that
            the page does not use.
    """
    headers, (_, port) = Headers(scope=scope), scope["server"]
    hosts = [f"{name}:{port}" for name in _NAMES]
    host, origin = headers.get("host", ""), headers.get("origin")
    if host not in hosts:
        raise RefusedError(403, f"Host {host[:80]} is not this server")
    if origin is not None and origin not in [f"http://{host}" for host in hosts]:
        raise RefusedError(403, f"a page of {origin[:80]} may not ask")
    method, path = scope["method"], scope["path"]
    if method == "POST" and path.rstrip("/") == _SCORE:
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":  # Any page can send a form without a preflight request.
            raise RefusedError(415, f"a drawing comes as application/json, not as {kind[:80]}")
    elif method not in ("GET", "HEAD") or not _READ.fullmatch(path):
        raise RefusedError(404, f"there is no {method} {path[:80]}")


async def body_of(scope: "Scope", receive: "Receive") -> bytes:
    """Returns what a request sends, once it has been checked that it may be a drawing.

    Raises:
        RefusedError: it is more than `MAX_BYTES` bytes, or nothing that the page sends.
    """
    stated = Headers(scope=scope).get("content-length", "0")
    body, more = b"", True
    while more:
        if len(body) > MAX_BYTES or not stated.isdigit() or int(stated[:20]) > MAX_BYTES:
            raise RefusedError(413, f"a drawing is at most {MAX_BYTES:,} bytes")
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the sender has gone")
        body += message.get("body", b"")
        more = message.get("more_body", False)
    try:
        asked = json.loads(body)
        if not (asked["fn_name"] == "score" and isinstance(asked["data"], str)):
            raise ValueError
        if not (isinstance(asked["component_id"], int) and len(asked["session_hash"]) < 100):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise RefusedError(400, "not a drawing as the page sends it") from None
    return body


def replayed(body: bytes) -> "Receive":
    """Returns an ASGI `receive` function that returns `body`."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> "Message":
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
