"""What makes fast mode faster still on CUDA: compiled blocks, the best attention kernels, a compiled VAE.

No result needs any of it. What fails when it first runs (a compiler that is missing, a kernel that a
GPU lacks) is left out for good, with a warning that names it, and `SpeedUps.describe` tells what ran.
"""

import importlib.util
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch._dynamo.config as dynamo
from diffusers import AutoencoderKLWan
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from perception.estimators.dkt.fast_vae import normalise_and_activate
from perception.estimators.dkt.transformer import FoldedTransformer, run_block
from perception.estimators.memory import is_out_of_memory

Compute = Callable[..., Tensor]
#: `torch.compile`, or what stands in for it.
Compiler = Callable[..., Compute]

_CUDNN_FIRST = (
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
)
_FLASH_FIRST = (
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
)
#: Graphs of one function: of a block two (the first length of window that comes, and any other), of the
#: VAE's one for every number of channels, first chunk or later, one frame or several.
_GRAPHS = 32
_PLAIN_BLOCKS = "plain blocks"


class Ways:
    """Ways to compute the same, by name, the fastest first: one that fails is never tried again."""

    def __init__(self, ways: Mapping[str, Compute]) -> None:
        self._ways = list(ways.items())
        #: Names of those that failed.
        self.left_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the way that is taken."""
        return self._ways[0][0]

    def __call__(self, *args: Any) -> Tensor:
        while True:
            name, compute = self._ways[0]
            try:
                return compute(*args)
            except Exception as error:
                if len(self._ways) == 1 or is_out_of_memory(error):
                    raise
                reason = first_line(error)
            del self._ways[0]
            self.left_out += (name,)
            # What is compiled is kept by function, whatever attention it was compiled with: the next way
            # would be given what has just failed.
            torch.compiler.reset()
            logging.getLogger(__name__).warning("%s failed: %s instead (%s)", name, self.name, reason)


@dataclass(frozen=True)
class SpeedUps:
    """How blocks and VAE are computed; known for certain once a clip has run."""

    blocks: Ways
    vae: Ways

    def describe(self) -> str:
        """As reports name it: `compiled`, or what ran where something was left out: `compiled blocks, plain VAE`."""
        is_whole = not (self.blocks.left_out or self.vae.left_out or self.blocks.name == _PLAIN_BLOCKS)
        return "compiled" if is_whole else f"{self.blocks.name}, {self.vae.name}"


def speed_up(
    transformer: FoldedTransformer, vae: AutoencoderKLWan, is_offloaded: bool, compiler: Compiler = torch.compile
) -> SpeedUps:
    """Lets both compute by the fastest ways that work; `vae` has fast halves (`make_fast`).

    Blocks that come from RAM one by one are not compiled: the code that brings them cannot be.
    """
    dynamo.recompile_limit = max(dynamo.recompile_limit, _GRAPHS)
    compile_one = partial(compiler, fullgraph=True)
    blocks: dict[str, Compute] = {}
    if not is_offloaded:
        if _has_flash_3():
            blocks["compiled blocks, FlashAttention-3"] = _attending(_FLASH_FIRST, compile_one(run_block))
        blocks["compiled blocks, cuDNN attention"] = _attending(_CUDNN_FIRST, compile_one(run_block))
        blocks["compiled blocks"] = compile_one(run_block)
    blocks[_PLAIN_BLOCKS] = run_block
    # Sizes stay symbols: every resolution of the VAE would else be a graph of its own.
    steps = {"compiled VAE": compile_one(normalise_and_activate, dynamic=True), "plain VAE": normalise_and_activate}
    speed_ups = SpeedUps(Ways(blocks), Ways(steps))
    transformer.run_block = speed_ups.blocks
    for half in (vae.encoder, vae.decoder):
        half.activate, half.running = speed_ups.vae, tuned_convolutions
    return speed_ups


@contextmanager
def tuned_convolutions() -> Iterator[None]:
    """cuDNN tries its algorithms on each new shape and keeps the fastest."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def first_line(error: Exception) -> str:
    """What went wrong, without the advice to programmers below it."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _attending(backends: Sequence[SDPBackend], compute: Compute) -> Compute:
    """Computes with the first of these kernels of attention that takes the shapes."""

    def run(*args: Any) -> Tensor:
        with sdpa_kernel(list(backends), set_priority=True):
            return compute(*args)

    return run


def _has_flash_3() -> bool:
    """Whether FlashAttention-3 is installed and now stands behind PyTorch's flash attention."""
    if importlib.util.find_spec("flash_attn_interface") is None:
        return False
    try:
        from torch.nn.attention import activate_flash_attention_impl  # not in every PyTorch

        activate_flash_attention_impl("FA3")
    except Exception as error:
        logging.getLogger(__name__).warning("FlashAttention-3 is installed, but fails: %s", first_line(error))
        return False
    return True
