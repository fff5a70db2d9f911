"""The bodies of requests: read within a bound, gzip undone within the same bound."""

from __future__ import annotations

import asyncio
import zlib

from starlette.requests import ClientDisconnect, Request

from lmg_offline.platform.audience_api import errors
from lmg_offline.platform.problems import AudienceError

_JSON = "application/json"


async def read_json(request: Request, most_bytes: int, within_s: float) -> bytes:
    """As `read_body`, of a request that must call its body JSON; AudienceError if it does not."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _JSON:
        raise AudienceError("RequestError", f"The body must be {_JSON}.", 415, "lmg-not-json")
    return await read_body(request, most_bytes, within_s)


async def read_body(request: Request, most_bytes: int, within_s: float) -> bytes:
    """
    Return the body of a request as it was sent, holding no more of it than may come.

    Raises:
        AudienceError: It is cut off, larger than `most_bytes`, or was not here within `within_s` seconds.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most_bytes:
                    raise errors.too_large(f"The body is larger than {most_bytes} bytes.")
                chunks.append(chunk)
    except ClientDisconnect:
        raise errors.malformed("The body was cut off.") from None
    except TimeoutError:
        message = f"The body was not here within {within_s:g} seconds."
        raise AudienceError("RequestError", message, 408, "lmg-too-slow") from None
    return b"".join(chunks)


def inflated(encoding: str, raw: bytes, most_bytes: int) -> bytes:
    """
    Undo gzip, never making more than one byte beyond the limit.

    Args:
        encoding: The request's `Content-Encoding`; empty for none.

        raw: The body as it was sent.

        most_bytes: The largest body after decompression.

    Raises:
        AudienceError: Another encoding, no whole gzip stream, or too large.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return raw
        case "gzip":
            pass
        case _:
            raise AudienceError("RequestError", "Only gzip is understood.", 415, "lmg-not-gzip")
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        body = stream.decompress(raw, most_bytes + 1)
    except zlib.error:
        raise errors.malformed("The body is not gzip.") from None
    if len(body) > most_bytes:
        raise errors.too_large(f"The body is larger than {most_bytes} bytes.")
    if not stream.eof or stream.unused_data:
        raise errors.malformed("The gzip body is cut off, or followed by something else.")
    return body
