"""How many bytes of tensors a computation holds at its fullest, counted on the meta device: shapes, no numbers."""

import weakref
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


class LiveBytes(TorchDispatchMode):
    """While entered, counts the memory of tensors that are made and still referenced; `peak` is the most at once.

    The weights of `modules`, there before, are not counted.
    """

    def __init__(self, *modules: torch.nn.Module) -> None:
        super().__init__()
        self.now = self.peak = 0
        weights = [t for module in modules for t in (*module.parameters(), *module.buffers())]
        self._known = {t.untyped_storage()._cdata for t in weights}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(tensor, torch.Tensor):
                self._count(tensor)
        return result

    def _count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


class FusedAttention(TorchFunctionMode):
    """Attention as the GPU's kernels do it: nothing but its result is ever in memory."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.nn.functional.scaled_dot_product_attention:
            return torch.empty_like(args[0] if args else kwargs["query"])
        return function(*args, **(kwargs or {}))
