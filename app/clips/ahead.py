"""Reading ahead: frames are decoded while the model works on those before."""

import threading
from collections.abc import Generator, Iterator
from queue import Empty, Full, Queue
from typing import Any, TypeVar

Item = TypeVar("Item")

#: Items that wait at most.
AHEAD = 4
#: How often a waiting thread looks whether it is still wanted [s].
_LOOK_S = 0.1


def read_ahead(items: Iterator[Item], most: int = AHEAD) -> Generator[Item, None, None]:
    """The same items, or the same error, made in a thread that is at most `most` items ahead."""
    ready: Queue[tuple[str, Any]] = Queue(most)
    stop = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not stop.is_set():
            try:
                ready.put((kind, value), timeout=_LOOK_S)
                return True
            except Full:
                continue
        return False

    def fill() -> None:
        try:
            if all(put("item", item) for item in items):
                put("end", None)
        except BaseException as error:  # raised where the item is asked for
            put("error", error)
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = threading.Thread(target=fill, name="read ahead", daemon=True)
    thread.start()
    try:
        while True:
            try:
                # A wait without end would also keep Ctrl-C waiting.
                kind, value = ready.get(timeout=_LOOK_S)
            except Empty:
                continue
            if kind == "item":
                yield value
            elif kind == "error":
                raise value
            else:
                return
    finally:
        stop.set()
        thread.join()
