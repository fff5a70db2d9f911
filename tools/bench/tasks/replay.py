"""Ten thousand writes and their last reply: rate and processor time, of what is queued and of the whole way."""

from __future__ import annotations

import http.client
import json
import time
from urllib.parse import urlsplit

from lmg_offline.protocol.replay import AUTH_PATH, MAX_ENTRIES

from ..sink import taken
from ..systems import bare
from ..systems.catalogue import opened
from ..systems.ours import DELIVERED_WITHIN_S, client
from ..systems.port import Place
from ..work import profile, text

OURS = "lmg backlog"
BARE = "sqlite3+http.client"
ONLINE_WITHIN_S = 30.0


def run(system: str, place: Place, *, writes: int) -> dict[str, float]:
    """
    Return the rate and the processor time of this process, the end of it checked at the sink.

    Raises:
        RuntimeError: Not every write arrived, or one did twice.
    """
    taken(place.endpoint)
    way = {OURS: _backlog, BARE: _bare}.get(system)
    wall_s, cpu_s = _whole_way(system, place, writes) if way is None else way(place, writes)
    arrived = taken(place.endpoint)
    if arrived != writes:
        raise RuntimeError(f"{system}: {writes:,} writes, and {arrived:,} arrived")
    return {"writes_s": writes / wall_s, "cpu_s": cpu_s * 10_000 / writes}


def _whole_way(system: str, place: Place, writes: int) -> tuple[float, float]:
    """From the first call to the last reply, the first connection included; opening the client is not."""
    own = opened(system, place)
    began, cpu = time.perf_counter(), time.process_time()
    for number in range(writes):
        own.write(number)
    own.finish()
    return time.perf_counter() - began, time.process_time() - cpu


def _backlog(place: Place, writes: int) -> tuple[float, float]:
    """What the journal holds, from opening it until all is acknowledged; the code was loaded by another client."""
    _warm_up(place)
    with client(place, "normal", sync=False) as own:
        for number in range(writes):
            own.user.update(profile(number))
    taken(place.endpoint)
    began, cpu = time.perf_counter(), time.process_time()
    with client(place, "full") as own:
        if not own.flush(DELIVERED_WITHIN_S):
            raise TimeoutError("not everything was delivered")
        return time.perf_counter() - began, time.process_time() - cpu


def _warm_up(place: Place) -> None:
    folder = place.folder / "warm"
    folder.mkdir()
    with client(Place(folder, place.endpoint), "normal") as own:
        own.user.update(profile(0))
        own.flush(ONLINE_WITHIN_S)


def _bare(place: Place, writes: int) -> tuple[float, float]:
    """The least that could be done: rows of a bare table, joined, posted as a replay, and deleted by the batch."""
    connection = bare.connected(place.folder, "FULL")
    connection.execute("BEGIN")
    connection.executemany(bare.INSERT, ((text(number),) for number in range(writes)))
    connection.execute("COMMIT")
    url = urlsplit(place.endpoint)
    wire = http.client.HTTPConnection(url.hostname or "", url.port)
    sql = f"SELECT seq, body FROM entries ORDER BY seq LIMIT {MAX_ENTRIES}"
    began, cpu = time.perf_counter(), time.process_time()
    while rows := connection.execute(sql).fetchall():
        entries = ",".join(f'{{"seq":{seq},"id":"{seq}","payload":{body}}}' for seq, body in rows)
        lane = f'{{"session_id":"bare","after":{{"seq":0,"id":null}},"entries":[{entries}]}}'
        wire.request("POST", AUTH_PATH, f'{{"variables":{{"lanes":[{lane}]}}}}'.encode())
        answer = json.loads(wire.getresponse().read())
        through = answer["data"]["replay"]["lanes"][0]["applied_through"]["seq"]
        connection.execute("DELETE FROM entries WHERE seq <= ?", (through,))
    return time.perf_counter() - began, time.process_time() - cpu
