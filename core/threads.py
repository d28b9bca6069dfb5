"""Threads of numpy's BLAS and of PyTorch: how many compute, beside busy processes and to the same bit."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np

_lock = threading.RLock()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keeps numpy's BLAS to one thread in this process meanwhile; what else wants that waits. Also a decorator.

    Small matrices gain nothing from more threads, which beside busy processes wait for each other for seconds.
    Does nothing where numpy was not built with the OpenBLAS of its wheels.
    """
    with _lock:
        before = blas_threads()
        set_blas_threads(1)
        try:
            yield
        finally:
            set_blas_threads(before)


def blas_threads() -> int:
    """How many threads numpy's BLAS may use; 0 where that is not known."""
    library = _openblas()
    return 0 if library is None else int(library.scipy_openblas_get_num_threads64_())


def set_blas_threads(count: int) -> None:
    """Sets how many threads numpy's BLAS may use from now on, where that can be told to it."""
    library = _openblas()
    if library is not None:
        library.scipy_openblas_set_num_threads64_(count)


@cache
def _openblas() -> ctypes.CDLL | None:
    """numpy's own copy; symbols are also looked up in what the extension is linked with."""
    library = ctypes.CDLL(np.linalg._umath_linalg.__file__)  # type: ignore[attr-defined]
    return library if hasattr(library, "scipy_openblas_set_num_threads64_") else None


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
