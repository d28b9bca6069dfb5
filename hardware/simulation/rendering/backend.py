"""Picks the fastest Mitsuba variant that works on this machine."""

import ctypes
import logging
import os
import re
from functools import lru_cache
from pathlib import Path
from types import ModuleType

log = logging.getLogger(__name__)

#: LLVM 14 to 16 abort while compiling Dr.Jit's kernels ("Cannot select fminimum").
OLDEST_LLVM = 17
LIBRARY_PATTERNS = (
    "/usr/lib/*/libLLVM*.so*",
    "/usr/lib/llvm-*/lib/libLLVM*.so*",
    "/usr/lib64/libLLVM*.so*",
    "/usr/lib64/llvm*/lib64/libLLVM*.so*",
    "/usr/local/lib/libLLVM*.so*",
    "/opt/homebrew/opt/llvm*/lib/libLLVM*.dylib",
)


@lru_cache(maxsize=1)
def mitsuba() -> ModuleType:
    """The mitsuba module with its variant set: CUDA with OptiX, else LLVM, else the scalar one (4x slower)."""
    library = _llvm_library()
    if library is not None:
        os.environ.setdefault("DRJIT_LIBLLVM_PATH", str(library))
    import mitsuba as mi

    if _has_optix() and _renders(mi, "cuda_ad_rgb"):
        return mi
    if library is None:
        log.warning("No LLVM %d or newer found: rendering 4x slower. Install libllvm19.", OLDEST_LLVM)
    mi.set_variant("llvm_ad_rgb" if library is not None else "scalar_rgb")
    return mi


def _llvm_library() -> Path | None:
    """The newest usable libLLVM, or the one the user names in DRJIT_LIBLLVM_PATH."""
    named = os.environ.get("DRJIT_LIBLLVM_PATH")
    if named:
        path = Path(named)
        version = _llvm_version(path.resolve().name)
        return path if path.exists() and not 0 < version < OLDEST_LLVM else None
    found = {path: _llvm_version(path.name) for pattern in LIBRARY_PATTERNS for path in Path("/").glob(pattern[1:])}
    usable = {path: version for path, version in found.items() if version >= OLDEST_LLVM}
    return max(usable, key=lambda path: usable[path]) if usable else None


def _llvm_version(name: str) -> int:
    """Major version in a library's file name (libLLVM-17.so.1, libLLVM.so.19.1), 0 where it names none."""
    match = re.search(r"libLLVM-(\d+)", name) or re.search(r"\.so\.(\d+)", name)
    return int(match.group(1)) if match else 0


def _has_optix() -> bool:
    """True where an NVIDIA driver with a device and the OptiX library answers."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
        ctypes.CDLL("libnvoptix.so.1")
        count = ctypes.c_int(0)
        return cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except OSError:
        return False


def _renders(mi: ModuleType, variant: str) -> bool:
    """Sets a variant and tries it on a one-pixel scene: a driver may be there and yet too old."""
    film = {"type": "hdrfilm", "width": 1, "height": 1}
    scene = {"type": "scene", "sensor": {"type": "perspective", "film": film}, "light": {"type": "constant"}}
    try:
        mi.set_variant(variant)
        image = mi.render(mi.load_dict(scene | {"ball": {"type": "sphere"}, "integrator": {"type": "path"}}), spp=1)
        return bool(image.numpy().mean() >= 0)
    except (ImportError, RuntimeError) as error:
        log.warning("The GPU cannot render (%s): using the CPU.", error)
        return False
