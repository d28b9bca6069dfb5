"""A grasp detector of your own: down on whatever stands highest, leaning and turned every way.

python main.py grasps --rgb RGB --depth DEPTH --intrinsics fx,fy,cx,cy --detector examples/own_detector.py
python main.py dry-run recording.db3 --detector examples/own_detector.py
"""

from itertools import product

import numpy as np

from grasping.detection.detector import DetectorInput, DetectorSpecification
from grasping.grasp_set import DEPTH, HEIGHT, ROTATION, ROW, SCORE, TRANSLATION, WIDTH, GraspSet, empty_grasps


class Topmost:
    def __init__(self, max_opening_m: float) -> None:
        self.width_m = 0.8 * max_opening_m

    def detect(self, given: DetectorInput) -> GraspSet:
        points = given.intrinsics.rays() * given.depth_m[..., None]
        height = np.where(given.region, given.plane.height(points), np.nan)
        standing = (height > 0.01) & (height < 0.30)
        if not standing.any():
            return empty_grasps("topmost", "nothing stands on the table")
        cloud, height = points[standing], height[standing]
        top = cloud[np.linalg.norm(cloud - cloud[height.argmax()], axis=1) < 0.03].mean(0)
        down = -given.plane.normal
        ahead = np.cross(down, [1.0, 0.0, 0.0])
        ways = product(np.deg2rad([0, 20, 40, 60]), np.deg2rad(range(0, 360, 30)))
        rows = np.zeros((48, ROW))
        for row, (lean, turn) in zip(rows, ways, strict=True):
            sideways = np.cos(turn) * ahead + np.sin(turn) * np.cross(down, ahead)
            sideways /= np.linalg.norm(sideways)
            approach, closing = np.cos(lean) * down + np.sin(lean) * sideways, np.cross(down, sideways)
            row[[SCORE, WIDTH, HEIGHT, DEPTH]] = np.cos(lean), self.width_m, 0.02, 0.01
            row[ROTATION] = np.column_stack([approach, closing, np.cross(approach, closing)]).ravel()
            row[TRANSLATION] = top
        return GraspSet(rows, cloud.astype(np.float32), np.zeros(len(cloud), np.int32), "topmost")


DETECTOR = DetectorSpecification("topmost", "down on whatever stands highest", Topmost)
