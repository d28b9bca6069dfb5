"""A small camera over a table, and a network with something to say, for the tests of vitro-s."""

import numpy as np
import torch

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.estimators.vitro_s.network import VitroNet

K = Intrinsics(64, 48, 46.0, 46.0, 31.5, 23.5)
#: A camera 0.6 m above the table, looking down at 45 degrees.
TABLE = Plane(np.array([0.0, -np.sqrt(0.5), -np.sqrt(0.5)]), -0.6)
COLOR = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def spread_out() -> VitroNet:
    """A network whose answers differ from pixel to pixel."""
    torch.manual_seed(0)
    net = VitroNet()
    torch.nn.init.normal_(net.head.weight, std=0.02)
    return net
