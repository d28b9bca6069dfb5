"""GraspGen through its server: the bytes on the wire, a pose as a row and as a tool pose, and what may go wrong."""

import sys
import threading
from socket import create_server

import numpy as np
import pytest

from core.errors import ConfigurationError, PerceptionError
from core.transforms import transform
from grasping.detection.detector import DetectorInput
from grasping.detection.graspgen import TIPS_M, closed_on, rows_of
from grasping.detection.graspgen_server import RETURNED, GraspGenServer
from grasping.detection.registry import create_detector
from grasping.detection.steering import Steering
from grasping.grasp_set import OBJECT, SCORE, WIDTH, T_camera_tcp, check_rows, fingertips
from tests.support.scenes.tabletop import CELL, EVERYWHERE, INTRINSICS, Tabletop, drawn, lay
from tests.support.stand_ins.graspgen import ADDRESS, one_gripper, served, wire, zmq_reaching

TIP_M = TIPS_M["franka_panda"]
DOWN = CELL.camera.T_world_camera[:3, :3].T @ [0.0, 0.0, -1.0]


def from_above(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Poses of a gripper over the middle of an object, turned every 20 degrees, the fingertips 2 cm below its top."""
    middle = (points.min(0) + points.max(0)) / 2
    across = np.cross(DOWN, [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    top = (points @ -DOWN).max()
    tips = middle + (middle @ -DOWN - top + 0.02) * DOWN
    poses = []
    for angle in np.arange(9) * np.pi / 9:
        x = np.cos(angle) * across + np.sin(angle) * np.cross(DOWN, across)
        R = np.column_stack([x, np.cross(DOWN, x), DOWN])
        poses.append(transform(R, tips - TIP_M * DOWN))
    return np.array(poses), np.linspace(0.9, 0.5, 9)


@pytest.fixture(scope="module")
def scene() -> Tabletop:
    return lay(drawn("can", seed=1))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    requests: list[dict] = []
    monkeypatch.setitem(sys.modules, "zmq", zmq_reaching(served(one_gripper(from_above, requests))))
    monkeypatch.setenv("GRASPGEN_SERVER", ADDRESS)
    return requests


def given(scene: Tabletop, **more) -> DetectorInput:
    return DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE, **more)


def test_completed_objects_go_out_and_grasps_that_hold_come_in(scene: Tabletop, asked: list[dict]) -> None:
    grasps = create_detector("graspgen", 0.10).detect(given(scene))
    assert grasps.detector == "graspgen" and len(grasps) > 0
    check_rows(grasps.rows)
    assert "holds" in [scene.judge(row) for row in grasps.rows]
    (infer,) = (request for request in asked if request["action"] == "infer")
    cloud = infer["point_cloud"]
    assert cloud.dtype == np.float32 and cloud.shape[1] == 3
    assert infer["topk_num_grasps"] == RETURNED and infer["grasp_threshold"] == -1.0
    # Its far side, which the camera does not see, is among them.
    away = scene.T_world_camera[:3, :3].T @ [-1.0, 0.0, 0.0]
    low, seen = (points[scene.plane.height(points) < 0.04] @ away for points in (cloud, grasps.cloud_m))
    assert low.max() > seen.max() + 0.02
    assert set(grasps.rows[:, OBJECT]) == {0} and np.isfinite(grasps.features[:, 1]).all()


def test_a_pose_its_row_and_the_tool_pose_are_one_grasp() -> None:
    """GraspGen: z approaches, x closes, the tips are `tip` before the base. The tool: z approaches, y closes."""
    poses = np.array(
        [transform(np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]) for seed in range(20)]
    )
    poses[:, :3, :3] *= np.linalg.det(poses[:, :3, :3])[:, None, None]
    poses[:, :3, 3] = np.random.default_rng(0).normal(size=(20, 3))
    rows = check_rows(rows_of(poses, np.linspace(0, 1, 20), TIP_M))
    tips = poses[:, :3, 3] + TIP_M * poses[:, :3, 2]
    np.testing.assert_allclose(fingertips(rows), tips, atol=1e-12)
    assert np.array_equal(rows[:, SCORE], np.linspace(0, 1, 20))
    for pose, row in zip(poses, rows, strict=True):
        T = T_camera_tcp(row)
        np.testing.assert_allclose(T[:3, 2], pose[:3, 2], atol=1e-12)
        np.testing.assert_allclose(T[:3, 1], pose[:3, 0], atol=1e-12)
        np.testing.assert_allclose(T[:3, 3], pose[:3, 3] + TIP_M * pose[:3, 2], atol=1e-12)


def test_a_row_closes_midway_on_what_is_between_its_fingers_or_is_left_out() -> None:
    rows = rows_of(np.array([np.eye(4), transform(None, (0.2, 0.0, 0.0))]), np.ones(2), TIP_M)
    # A post of 30 mm, 8 mm off the middle of the fingers.
    post = np.random.default_rng(0).uniform([-0.007, -0.015, TIP_M - 0.02], [0.023, 0.015, TIP_M], (2000, 3))
    (row,) = closed_on(rows, post, 0.07)
    assert row[WIDTH] == pytest.approx(0.030, abs=1e-3)
    np.testing.assert_allclose(fingertips(row[None])[0], [0.008, 0.0, TIP_M], atol=1e-3)


def test_a_server_of_many_grippers_is_asked_for_one_by_name(scene: Tabletop, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[dict] = []
    single = one_gripper(from_above, requests)

    def handle(request: dict) -> dict:
        if request["action"] == "metadata":
            return {"default_gripper": None, "loaded_grippers": [], "model": {}}
        return single(request)

    monkeypatch.setitem(sys.modules, "zmq", zmq_reaching(served(handle)))
    monkeypatch.setenv("GRASPGEN_SERVER", ADDRESS)
    monkeypatch.setenv("GRASPGEN_GRIPPER", "piper")
    with pytest.raises(ConfigurationError, match="GRASPGEN_TIP_M"):
        create_detector("graspgen", 0.10)
    monkeypatch.setenv("GRASPGEN_TIP_M", str(TIP_M))
    assert len(create_detector("graspgen", 0.10).detect(given(scene)))
    assert requests[-1]["gripper_name"] == "piper"


def test_it_heeds_a_mask_that_shows_nothing(scene: Tabletop, asked: list[dict]) -> None:
    nowhere = np.zeros_like(EVERYWHERE)
    nowhere[:4, :4] = True
    grasps = create_detector("graspgen", 0.10).detect(given(scene, steering=Steering(nowhere)))
    assert len(grasps) == 0 and "mask" in grasps.note
    assert [request["action"] for request in asked] == ["metadata"]


# What may go wrong


def test_without_a_server_or_an_address_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRASPGEN_SERVER", raising=False)
    with pytest.raises(ConfigurationError, match="GRASPGEN_SERVER=tcp://HOST:PORT"):
        create_detector("graspgen")
    monkeypatch.setenv("GRASPGEN_SERVER", "localhost:5556")
    with pytest.raises(ConfigurationError, match="no address"):
        create_detector("graspgen")
    monkeypatch.setenv("GRASPGEN_SERVER", ADDRESS)
    monkeypatch.setitem(sys.modules, "zmq", zmq_reaching(lambda raw: raw, "tcp://elsewhere:1"))
    with pytest.raises(ConfigurationError, match=f"No GraspGen server is at {ADDRESS}"):
        create_detector("graspgen")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": "CUDA out of memory"}, "refuses: CUDA out of memory"),
        (b"\xc1 not msgpack", "no GraspGen server"),
        ([1, 2], "refuses"),
        ({"confidences": np.zeros(0, np.float32)}, "answers no grasps"),
        ({"grasps": np.zeros((2, 4, 3)), "confidences": np.zeros(2)}, "answers no grasps"),
        ({"grasps": np.zeros((2, 4, 4)), "confidences": np.zeros(3)}, "cannot be used"),
        ({"grasps": np.full((1, 4, 4), np.nan), "confidences": np.zeros(1)}, "cannot be used"),
        (wire({"grasps": {b"nd": True, b"kind": b"O", b"type": "|O", b"data": b"c"}}), "no GraspGen server"),
    ],
)
def test_answers_that_are_no_grasps_are_named(answer, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zmq", zmq_reaching(served(lambda request: answer)))
    with pytest.raises(PerceptionError, match=words):
        GraspGenServer(ADDRESS).grasps(np.zeros((10, 3)))


def test_the_same_bytes_pass_a_real_socket() -> None:
    import zmq

    context = zmq.Context()
    socket = context.socket(zmq.REP)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    answer = served(one_gripper(from_above, []))
    thread = threading.Thread(target=lambda: socket.send(answer(socket.recv())))
    thread.start()
    poses, confidences = GraspGenServer(f"tcp://127.0.0.1:{port}").grasps(np.random.default_rng(0).random((50, 3)))
    thread.join()
    socket.close()
    context.term()
    assert poses.shape == (9, 4, 4) and confidences[0] == pytest.approx(0.9)


def test_a_port_without_a_server_is_told_from_a_server_that_computes_too_long() -> None:
    """The first after seconds, however long an answer may take."""
    import zmq

    with create_server(("127.0.0.1", 0)) as other:  # listens, and speaks no ZMQ
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ConfigurationError, match=f"No GraspGen server is at {address}"):
            GraspGenServer(address, patience_s=86400.0).metadata()
    with pytest.raises(ConfigurationError, match=f"No GraspGen server is at {address}"):
        GraspGenServer(address, patience_s=86400.0).metadata()
    with zmq.Context() as context, context.socket(zmq.REP) as silent:
        address = "tcp://127.0.0.1:{}".format(silent.bind_to_random_port("tcp://127.0.0.1"))
        with pytest.raises(ConfigurationError, match=f"{address} took a request and gave no answer in 0.2 s"):
            GraspGenServer(address, patience_s=0.2).metadata()
