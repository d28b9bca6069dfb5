"""A GraspGen server in this process, and a `zmq` whose request sockets reach it.

It reads and writes what the real ones do, by the rules of msgpack-numpy: an array is a map with bytes for keys.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import msgpack
import numpy as np

ADDRESS = "tcp://gpu-box:5556"
Handler = Callable[[dict], Any]


def wire(value: Any) -> bytes:
    return msgpack.packb(value, default=_pack, use_bin_type=True)


def _pack(array: np.ndarray) -> dict[bytes, Any]:
    return {b"nd": True, b"type": array.dtype.str, b"kind": b"", b"shape": array.shape, b"data": array.data.tobytes()}


def _unpack(value: dict) -> Any:
    if b"nd" in value:
        return np.ndarray(buffer=value[b"data"], dtype=np.dtype(value[b"type"]), shape=value[b"shape"])
    return value


def served(handler: Handler) -> Callable[[bytes], bytes]:
    """From a request's bytes to the answer's, errors told as the real server tells them."""

    def answer(raw: bytes) -> bytes:
        try:
            reply = handler(msgpack.unpackb(raw, object_hook=_unpack, raw=False))
        except Exception as error:
            reply = {"error": str(error)}
        return reply if isinstance(reply, bytes) else wire(reply)

    return answer


def one_gripper(grasps: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], asked: list[dict]) -> Handler:
    """GraspGen's: one gripper a server. asked: collects the requests."""

    def handle(request: dict) -> dict:
        asked.append(request)
        if request["action"] == "metadata":
            return {"gripper_name": "franka_panda", "model_name": "diffusion-discriminator", "gripper_config": "f.yml"}
        if request["action"] != "infer":
            return {"error": f"Unknown action: {request['action']}"}
        poses, confidences = grasps(request["point_cloud"])
        return {
            "grasps": poses.astype(np.float32),
            "confidences": confidences.astype(np.float32),
            "num_grasps": len(poses),
            "timing": {"infer_ms": 1.0},
        }

    return handle


def zmq_reaching(answer: Callable[[bytes], bytes], address: str = ADDRESS) -> ModuleType:
    """A module that stands for pyzmq: a request to another address cannot be sent."""
    made: Any = ModuleType("zmq")
    made.REQ, made.RCVTIMEO, made.SNDTIMEO, made.LINGER, made.IMMEDIATE = 3, 27, 28, 17, 39
    made.ZMQError = type("ZMQError", (Exception,), {})
    made.Again = type("Again", (made.ZMQError,), {})

    class Socket:
        def connect(self, to: str) -> None:
            self.reached = to == address

        def setsockopt(self, option: int, value: int) -> None:
            assert option in (made.RCVTIMEO, made.SNDTIMEO, made.LINGER, made.IMMEDIATE) and isinstance(value, int)

        def send(self, message: bytes) -> None:
            if not self.reached:
                raise made.Again("Resource temporarily unavailable")
            self.reply = answer(message)

        def recv(self) -> bytes:
            return self.reply

        def close(self) -> None:
            pass

    class Context:
        def socket(self, kind: int) -> Socket:
            assert kind == made.REQ
            return Socket()

        def term(self) -> None:
            pass

    made.Context = Context
    return made
