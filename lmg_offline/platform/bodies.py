"""The bodies of requests: read within a bound, gzip undone within the same bound."""

from __future__ import annotations

import zlib

from starlette.requests import ClientDisconnect, Request

from lmg_offline.platform.audience_api import errors
from lmg_offline.platform.problems import AudienceError

_JSON = "application/json"


async def read_body(request: Request, most_bytes: int) -> bytes:
    """
    Return the body of a request, which must call itself JSON, as it was sent.

    Raises:
        AudienceError: It is of another type, cut off, or larger than `most_bytes`.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _JSON:
        raise AudienceError("RequestError", f"The body must be {_JSON}.", 415, "lmg-not-json")
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most_bytes:
                raise errors.too_large(f"The body is larger than {most_bytes} bytes.")
            chunks.append(chunk)
    except ClientDisconnect:
        raise errors.malformed("The body was cut off.") from None
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
