"""Threads of numpy's and scipy's BLAS and of PyTorch: how many compute, beside busy processes and to the same bit."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

import numpy as np

_lock = threading.RLock()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keeps BLAS to one thread in this process meanwhile; what else wants that waits. Also a decorator.

    Small matrices gain nothing from more threads, which beside busy processes wait for each other for seconds.
    Does nothing for a numpy or scipy that was not built with the OpenBLAS of its wheels.
    """
    with _lock:
        before = [library.threads for library in _openblas()]
        set_blas_threads(1)
        try:
            yield
        finally:
            for library, count in zip(_openblas(), before, strict=True):
                library.threads = count


def set_blas_threads(count: int) -> None:
    """Sets how many threads numpy's and scipy's BLAS may use from now on, where that can be told to them."""
    for library in _openblas():
        library.threads = count


class OpenBlas:
    """A copy of OpenBLAS in this process. ending: of its symbols' names."""

    def __init__(self, extension: str, ending: str) -> None:
        """extension: the file of one that is linked with it, in which its symbols are looked up.

        Raises:
            AttributeError: it is linked with another BLAS.
        """
        library = ctypes.CDLL(extension)
        self._get = getattr(library, f"scipy_openblas_get_num_threads{ending}")
        self._set = getattr(library, f"scipy_openblas_set_num_threads{ending}")

    @property
    def threads(self) -> int:
        return int(self._get())

    @threads.setter
    def threads(self, count: int) -> None:
        self._set(count)


@cache
def _openblas() -> tuple[OpenBlas, ...]:
    """numpy's own copy, and scipy's."""
    from scipy.linalg import _fblas

    found = []
    for extension, ending in ((np.linalg._umath_linalg, "64_"), (_fblas, "")):  # type: ignore[attr-defined]
        with suppress(AttributeError):
            found.append(OpenBlas(str(extension.__file__), ending))
    return tuple(found)


def fix_threads(count: int = 0) -> int:
    """Lets PyTorch compute with so many threads from now on, no fewer when the machine is busy; returns how many.

    Sums on the CPU are added in an order that depends on it. A checkpoint keeps the number, and what goes on
    from it asks for the same: to the bit it ends as it would have without the pause, on the same machine and with
    the same packages.

    Args:
        count: how many; 0: as many as PyTorch chose (the cores, or OMP_NUM_THREADS).
    """
    import torch

    torch.set_num_threads(count or torch.get_num_threads())  # also keeps MKL from choosing fewer
    return torch.get_num_threads()
