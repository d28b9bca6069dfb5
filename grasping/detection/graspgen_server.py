"""What a GraspGen or GraspGenX server is asked, and what it answers: msgpack over a ZMQ request.

Read in grasp_gen/serving of NVlabs/GraspGen (March 2026), and in a public copy of NVlabs/GraspGenX (June 2026), whose
server answers the same requests and takes a gripper's name beside. Arrays travel as msgpack-numpy writes them.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError, PerceptionError

#: Where the server is.
SERVER_VARIABLE = "GRASPGEN_SERVER"
#: Grasps that are sampled of an object, and the best of them that come back.
SAMPLED, RETURNED = 200, 100
#: Longest that a server is waited for until it is connected [s]: one that runs is in milliseconds.
_CONNECT_S = 3.0
_START = (
    "Start it (NVlabs/GraspGen: python client-server/graspgen_server.py --gripper_config FILE --port 5556), or correct "
    f"{SERVER_VARIABLE}=tcp://HOST:PORT."
)


@dataclass(frozen=True)
class GraspGenServer:
    """A server at `tcp://host:port`. patience_s: a first request may load a model; none takes longer."""

    address: str
    patience_s: float = 60.0

    def __post_init__(self) -> None:
        """Raises ConfigurationError for what is no address."""
        if not re.fullmatch(r"tcp://[^\s:/]+:\d{1,5}", self.address):
            raise ConfigurationError(
                f"{SERVER_VARIABLE} is {self.address!r}, which is no address.",
                f"Set {SERVER_VARIABLE}=tcp://HOST:PORT.",
            )

    def metadata(self) -> dict[str, Any]:
        """What it says of itself: `gripper_name` (GraspGen), or `default_gripper` (GraspGenX).

        Raises:
            ConfigurationError: no server answers.
        """
        return self._ask({"action": "metadata"})

    def grasps(self, points_m: NDArray, gripper: str = "") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Poses (M, 4, 4) of the gripper's base in the frame of an object's points (N, 3), and their confidences (M,).

        Raises:
            PerceptionError: it refuses, or answers something else.
        """
        request: dict[str, Any] = {
            "action": "infer",
            "point_cloud": np.ascontiguousarray(points_m, np.float32),
            "num_grasps": SAMPLED,
            "topk_num_grasps": RETURNED,
            "grasp_threshold": -1.0,
            "remove_outliers": True,
        }
        answer = self._ask(request | ({"gripper_name": gripper} if gripper else {}))
        try:
            poses = np.asarray(answer["grasps"], float).reshape(-1, 4, 4)
            confidences = np.asarray(answer["confidences"], float).reshape(-1)
        except (KeyError, TypeError, ValueError) as error:
            raise PerceptionError(f"The server at {self.address} answers no grasps ({error}).", _START) from error
        if len(poses) != len(confidences) or not (np.isfinite(poses).all() and np.isfinite(confidences).all()):
            raise PerceptionError(f"The grasps of the server at {self.address} cannot be used.", _START)
        return poses, confidences

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        import msgpack

        raw = _exchange(self.address, self.patience_s, msgpack.packb(request, default=_encoded, use_bin_type=True))
        try:
            answer = msgpack.unpackb(raw, object_hook=_decoded, raw=False)
        except (ValueError, msgpack.exceptions.UnpackException) as error:
            raise PerceptionError(f"What answers at {self.address} is no GraspGen server ({error}).", _START) from error
        if not isinstance(answer, dict) or "error" in answer:
            said = answer.get("error") if isinstance(answer, dict) else answer
            raise PerceptionError(f"The GraspGen server at {self.address} refuses: {said}.", _START)
        return answer


def _exchange(address: str, patience_s: float, message: bytes) -> bytes:
    """One request and its answer.

    Raises:
        ConfigurationError: nobody is there, or nobody answers.
    """
    import zmq

    context = zmq.Context()
    socket = context.socket(zmq.REQ)
    # What is sent waits for no connection to come: there is one now, or no server.
    for option, value in ((zmq.IMMEDIATE, 1), (zmq.LINGER, 0), (zmq.SNDTIMEO, 1000 * _CONNECT_S)):
        socket.setsockopt(option, int(value))
    socket.setsockopt(zmq.RCVTIMEO, int(1000 * patience_s))
    failure = f"No GraspGen server is at {address}: nothing that speaks its protocol (ZMQ) listens there"
    try:
        socket.connect(address)
        socket.send(message)
        failure = f"The GraspGen server at {address} took a request and gave no answer in {patience_s:g} s"
        return bytes(socket.recv())
    except zmq.ZMQError as error:
        why = "" if isinstance(error, zmq.Again) else f" ({error})"
        raise ConfigurationError(f"{failure}{why}.", _START) from error
    finally:
        socket.close()
        context.term()


def _encoded(value: Any) -> Any:
    """An array as msgpack-numpy packs it."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{type(value).__name__} cannot be sent")
    return {b"nd": True, b"type": value.dtype.str, b"kind": b"", b"shape": value.shape, b"data": value.tobytes()}


def _decoded(value: dict[Any, Any]) -> Any:
    """An array or a number that msgpack-numpy packed; nothing that it would unpickle."""
    if b"nd" not in value:
        return value
    dtype = np.dtype(value[b"type"])
    if value.get(b"kind", b"") != b"" or dtype.kind not in "fiub":
        raise ValueError(f"an array of {value[b'type']!r}")
    numbers = np.frombuffer(value[b"data"], dtype)
    return numbers.reshape(value[b"shape"]) if value[b"nd"] else numbers[0]
