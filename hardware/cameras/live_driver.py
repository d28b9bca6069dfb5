"""Drives a D435 in a process of its own for `LiveCamera`: librealsense can hang on it, or crash.

    python -m hardware.cameras.live_driver CONFIG [RECORDING] FD

CONFIG: the fields of `RealSenseConfig` as JSON. RECORDING: played as an attached camera. The owner sends timeouts
[s], each answered by ("frame", RgbdFrame) or ("error", (cause, remedy)), before which ("restarts", None) may come;
the first answer of all is ("opened", (name, serial, intrinsics)) or an error.
"""

import json
import os
import sys
from multiprocessing.connection import Connection

from core.errors import CameraError
from hardware.cameras.attached import load_librealsense
from hardware.cameras.child import connect_to_owner
from hardware.cameras.realsense import RealSenseCamera, RealSenseConfig


def main() -> None:
    owner = connect_to_owner()
    try:
        _serve(owner, RealSenseConfig(**json.loads(sys.argv[1])), sys.argv[2:-1])
    except CameraError as error:
        owner.send(("error", (error.cause, error.remedy)))
    except EOFError:
        pass  # the owner has closed it
    # Not by returning: librealsense's destructors wait for threads that wait for the interpreter.
    os._exit(0)


def _serve(owner: Connection, config: RealSenseConfig, recordings: list[str]) -> None:
    context = load_librealsense().context()
    _devices = [context.load_device(file) for file in recordings]  # kept: they go with the last reference
    with RealSenseCamera(config, context=context, restarts=lambda: owner.send(("restarts", None))) as camera:
        owner.send(("opened", (camera.name, camera.serial, camera.intrinsics)))
        while True:
            timeout_s = owner.recv()
            try:
                answer: tuple[str, object] = ("frame", camera.read(timeout_s))
            except CameraError as error:
                answer = ("error", (error.cause, error.remedy))
            owner.send(answer)


if __name__ == "__main__":
    main()
