"""Files that are sent while they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from starlette.responses import StreamingResponse

BLOCK_CHARS = 64 * 1024


def download(parts: Iterable[str], media_type: str, headers: Mapping[str, str]) -> StreamingResponse:
    """
    Return a reply that sends the parts as they come, a block at a time.

    Each step of a reply is a turn of a thread: for 200,000 lines that would be
    minutes, and for as many blocks as they fill it is nothing.
    """
    return StreamingResponse(blocks(parts), media_type=media_type, headers=dict(headers))


def blocks(parts: Iterable[str], chars: int = BLOCK_CHARS) -> Iterator[str]:
    """Yield the same text in blocks of at least so many characters, but for the last one."""
    held: list[str] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= chars:
            yield "".join(held)
            held.clear()
            size = 0
    yield "".join(held)
