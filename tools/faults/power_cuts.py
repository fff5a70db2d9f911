"""
What a power cut can leave on a disk, out of a record of all that was done to one folder.

A file's content is sure once the file was synced, its name once the folder was:
nothing less, as POSIX says, and no order between two deeds that were not synced.
Of a write that was not, any of its sectors may be there. A file that grew may be
as long as it was to be, and hold anything there.

Source: the record is `shim.c`'s; sectors of 512 bytes are the least that a disk
writes whole, and what SQLite stands on (sqlite.org/psow.html).
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SECTOR_BYTES = 512
_HEAD = struct.Struct("<IIQQQ")
# Which SQLite shares between processes and makes anew at the first opening: anything may lie there.
_SHARED = "-shm"


@dataclass(frozen=True, slots=True)
class Deed:
    """
    One thing that was done, after it was done.

    Attributes:
        kind: `W`rite, `T`runcate, `S`ync, `C`reate, `U`nlink, `R`ename, or `M`ark.

        name: Of the file in its folder; empty for the folder itself.

        offset: Where a write begins; the length after a truncate; the number of a mark.

        data: What was written; for a rename the new name.

        at_ns: When, by the monotonic clock.
    """

    kind: str
    name: str
    offset: int
    data: bytes = field(repr=False)
    at_ns: int


def read_record(record: Path, folder: Path) -> list[Deed]:
    """Return the deeds of a record, without those on files that are made anew anyway."""
    raw, place, found = record.read_bytes(), 0, []
    while place < len(raw):
        kind, path_length, offset, length, at_ns = _HEAD.unpack_from(raw, place)
        place += _HEAD.size
        path = raw[place : place + path_length].decode()
        place += path_length
        data = raw[place : place + length]
        place += length
        if chr(kind) == "R":
            data = data.decode().removeprefix(f"{folder}/").encode()
        name = path.removeprefix(str(folder)).lstrip("/")
        if not name.endswith(_SHARED):
            found.append(Deed(chr(kind), name, offset, data, at_ns))
    return found


@dataclass(slots=True)
class _File:
    """What of a file is sure, and what was done to it since."""

    sure: bytearray = field(default_factory=bytearray)
    unsure: list[Deed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Naming:
    """A name that was given to a file, or taken from it (`name` or `new` is None), and is not sure."""

    file: _File
    name: str | None
    new: str | None


Files = Mapping[str, bytes]


class Disk:
    """The folder as it would be found after a cut, deed by deed."""

    def __init__(self, files: Files) -> None:
        """
        Args:
            files: What is there and sure before the first deed.
        """
        self._live = {name: _File(bytearray(content)) for name, content in files.items()}
        self._sure = dict(self._live)
        self._namings: list[_Naming] = []

    def do(self, deed: Deed) -> None:
        """Take note of one deed."""
        match deed.kind:
            case "C":
                self._live[deed.name] = _File()
                self._namings.append(_Naming(self._live[deed.name], None, deed.name))
            case "U":
                self._namings.append(_Naming(self._live.pop(deed.name), deed.name, None))
            case "R":
                new = deed.data.decode()
                self._live[new] = self._live.pop(deed.name)
                self._namings.append(_Naming(self._live[new], deed.name, new))
            case "W" | "T":
                self._live[deed.name].unsure.append(deed)
            case "S" if deed.name:
                file = self._live[deed.name]
                for each in file.unsure:
                    _apply(file.sure, each)
                file.unsure.clear()
            case "S":
                self._sure = dict(self._live)
                self._namings.clear()

    def states(self, rng: random.Random, chance: int) -> Iterator[Files]:
        """
        Yield what a cut at this moment may leave, each time another state.

        Nothing of what is not sure, all of it, all but the names; then at random.

        Args:
            chance: How many of these last.
        """
        unsure = sum(len(file.unsure) for file in self._files())
        yield self._with(False, None)
        if unsure or self._namings:
            yield self._with(True, None)
        if unsure and self._namings:
            yield self._with(False, None, contents=True)
        for _ in range(chance if unsure or len(self._namings) > 1 else 0):
            yield self._with(True, rng)

    def _files(self) -> list[_File]:
        found = {id(file): file for file in (*self._live.values(), *self._sure.values())}
        return [*found.values(), *(each.file for each in self._namings if id(each.file) not in found)]

    def _with(self, names: bool, rng: random.Random | None, *, contents: bool | None = None) -> Files:
        contents = names if contents is None else contents
        found = dict(self._sure)
        for naming in self._namings if names else ():
            if rng is not None and rng.random() < 0.5:
                continue
            if naming.name is not None and found.get(naming.name) is naming.file:
                del found[naming.name]
            if naming.new is not None:
                found[naming.new] = naming.file
        return {name: bytes(_content(file, contents, rng)) for name, file in found.items()}


def _content(file: _File, all_of_it: bool, rng: random.Random | None) -> bytearray:
    content = bytearray(file.sure)
    likely = 1.0 if rng is None else rng.choice([0.2, 0.5, 0.8, 1.0])
    for deed in file.unsure if all_of_it else ():
        if rng is None or rng.random() < likely:
            _apply(content, deed, rng)
        elif deed.kind == "W" and deed.offset + len(deed.data) > len(content) and rng.random() < 0.3:
            # The file has its new length, and what lies there was never written.
            lacking = deed.offset + len(deed.data) - len(content)
            content += rng.randbytes(lacking) if rng.random() < 0.5 else bytes(lacking)
    return content


def _apply(content: bytearray, deed: Deed, rng: random.Random | None = None) -> None:
    """Do one deed; with chance, a write may be there in part."""
    if deed.kind == "T":
        lacking = deed.offset - len(content)
        content += bytes(max(0, lacking))
        del content[deed.offset :]
        return
    end = deed.offset + len(deed.data)
    before = bytes(content[deed.offset : end])
    content += bytes(max(0, end - len(content)))
    content[deed.offset : end] = deed.data
    if rng is not None and rng.random() < 0.5:
        _tear(content, deed, before, rng)


def _tear(content: bytearray, deed: Deed, before: bytes, rng: random.Random) -> None:
    """Put back what was there before in some of the sectors that a write reached."""
    place, end = deed.offset, deed.offset + len(deed.data)
    while place < end:
        after = min(end, (place // SECTOR_BYTES + 1) * SECTOR_BYTES)
        if rng.random() < 0.5:
            old = before[place - deed.offset : after - deed.offset]
            content[place:after] = old + bytes(after - place - len(old))
        place = after
