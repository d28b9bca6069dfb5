"""The infrared dots of an active stereo camera, as one of its eyes sees them: noise-free."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from core.transforms import Matrix, apply, transform
from hardware.simulation.rendering.raycast import RayCaster
from hardware.simulation.scene.materials import Finish, Scattering

MAX_SPECULAR = 12
#: Smoother metal than this mirrors the dots away instead of showing them.
MIRROR_ROUGHNESS = 0.08
#: Dots inside frosted acrylic: light spreads in the slab, so little contrast is left of the pattern.
FROSTED_CONTRAST = 0.01
#: Half width of the pattern as a tangent (46 degrees), its resolution, and the dots' spacing and size there.
HALF_TANGENT = float(np.tan(np.radians(46.0)))
PATTERN_PX = 2048
DOT_SPACING_PX = 8.0
DOT_SIGMA_PX = 1.4


class DotProjector:
    """Lights the parts of one scene from one place.

    A camera ray is followed through purely specular surfaces to the first one with any other component,
    lit there by the dots unless an opaque part shadows it. Glass casts no shadow: what stands behind it
    still gets dots, which is why a sensor sees the table through a tumbler.
    """

    def __init__(self, caster: RayCaster, T_world_projector: Matrix) -> None:
        self._caster = caster
        self._opaque = RayCaster([p for p in caster.parts if p.finish.scattering is not Scattering.GLASS])
        self._position = T_world_projector[:3, 3]
        self._R_projector_world = T_world_projector[:3, :3].T

    def image(self, intrinsics: Intrinsics, T_world_eye: Matrix) -> NDArray[np.float32]:
        """(H, W) radiance of the dots; 1.0 is a dot's peak on white at one metre, faced squarely.

        One ray a pixel suffices: seen from beside the projector a pixel always spans the same angle of the
        pattern, so the pattern carries the pixel's footprint itself.
        """
        directions = intrinsics.rays().reshape(-1, 3) @ T_world_eye[:3, :3].T.astype(np.float32)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        origins = np.broadcast_to(T_world_eye[:3, 3].astype(np.float32), directions.shape).copy()
        weight = np.ones(len(directions), np.float32)
        light = np.zeros(len(directions), np.float32)
        active = np.arange(len(directions))
        for _ in range(MAX_SPECULAR):
            hits = self._caster.cast(origins[active], directions[active])
            points = origins[active] + hits.distance_m[:, None].clip(max=1e3) * directions[active]
            follow = np.zeros(len(active), bool)
            for i, part in enumerate(self._caster.parts):
                mine = np.flatnonzero(hits.part == i)
                if not len(mine):
                    continue
                ray, d, n = active[mine], directions[active[mine]], hits.normals[mine]
                if _is_specular(part.finish):
                    directions[ray], through = _bounce(part.finish, d, n)
                    weight[ray] *= through
                    follow[mine] = True
                else:
                    light[ray] = weight[ray] * self._shade(part.finish, points[mine], -d, n, hits.uv[mine])
            origins[active] = points + 1e-5 * directions[active]
            active = active[follow & (weight[active] > 0.02)]
            if not len(active):
                break
        return light.reshape(intrinsics.height, intrinsics.width)

    def _shade(self, finish: Finish, points: NDArray, view: NDArray, normals: NDArray, uv: NDArray) -> NDArray:
        """Radiance towards `view` of points lit by the projector."""
        normals = normals * np.sign(np.einsum("ni,ni->n", normals, view))[:, None]
        away = points - self._position.astype(np.float32)
        distance = np.linalg.norm(away, axis=1)
        to_light = -away / distance[:, None]
        cosine = np.einsum("ni,ni->n", normals, to_light).clip(0)
        seen = ~self._opaque.occluded(self._position, away, margin=1e-3)
        local = away @ self._R_projector_world.T.astype(np.float32)
        dots = _pattern_at(local[:, 0] / local[:, 2], local[:, 1] / local[:, 2])
        return dots * seen * _reflectance(finish, normals, view, to_light, uv) * cosine / distance**2


def _is_specular(finish: Finish) -> bool:
    """True for a surface with no component but the mirror's or the lens's."""
    polished = finish.scattering is Scattering.BRUSHED and finish.roughness < MIRROR_ROUGHNESS
    return polished or finish.scattering in (Scattering.GLASS, Scattering.MIRROR)


def _bounce(finish: Finish, d: NDArray, n: NDArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Directions after a specular surface and the share of light that takes them (Snell, Schlick)."""
    cosine = -np.einsum("ni,ni->n", d, n)
    mirrored = d + 2 * cosine[:, None] * n
    strength = np.float32(np.mean(finish.mean_rgb))
    if finish.scattering is not Scattering.GLASS:
        return mirrored, np.full(len(d), strength)
    entering = cosine > 0
    eta = np.where(entering, 1 / finish.ior, finish.ior)
    outward = np.where(entering, 1.0, -1.0)[:, None] * n
    cosine = np.abs(cosine)
    inside = 1 - eta**2 * (1 - cosine**2)
    cosine_t = np.sqrt(inside.clip(0))
    refracted = eta[:, None] * d + (eta * cosine - cosine_t)[:, None] * outward
    r0 = ((finish.ior - 1) / (finish.ior + 1)) ** 2
    fresnel = r0 + (1 - r0) * (1 - np.minimum(cosine, cosine_t)) ** 5
    total = inside <= 0
    bent = np.where(total[:, None], mirrored, refracted)
    bent /= np.linalg.norm(bent, axis=1, keepdims=True)
    return bent.astype(np.float32), np.where(total, 1.0, (1 - fresnel) * strength).astype(np.float32)


def _reflectance(finish: Finish, n: NDArray, view: NDArray, to_light: NDArray, uv: NDArray) -> NDArray:
    """BRDF times pi: Lambert's albedo, or Walter's GGX lobe (2007) of rough metal."""
    height, width = finish.grey.shape
    column = (uv[:, 0] % 1.0 * width).astype(np.int64).clip(0, width - 1)
    row = (uv[:, 1] % 1.0 * height).astype(np.int64).clip(0, height - 1)
    albedo = np.asarray(finish.grey[row, column])  # a texture repeats
    if finish.scattering is Scattering.BRUSHED:
        half = view + to_light
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        cosine = np.einsum("ni,ni->n", n, half)
        a2 = finish.roughness**2
        lobe = a2 / (cosine**2 * (a2 - 1) + 1) ** 2
        facing = np.einsum("ni,ni->n", n, view) * np.einsum("ni,ni->n", n, to_light)
        return albedo * lobe / (4 * facing.clip(0.05))
    if finish.scattering is Scattering.FROSTED:
        return albedo * FROSTED_CONTRAST
    return albedo * 0.9 if finish.scattering is Scattering.GLAZE else albedo


def _pattern_at(tangent_x: NDArray, tangent_y: NDArray) -> NDArray[np.float32]:
    import cv2

    scale = PATTERN_PX / (2 * HALF_TANGENT)
    at = [((t + HALF_TANGENT) * scale - 0.5).astype(np.float32)[None, :] for t in (tangent_x, tangent_y)]
    pieces = zip(*(np.array_split(one, one.shape[1] // 30000 + 1, 1) for one in at), strict=True)
    return np.concatenate([cv2.remap(dot_pattern(), x, y, cv2.INTER_LINEAR, borderValue=0.0)[0] for x, y in pieces])


@lru_cache(maxsize=1)
def dot_pattern() -> NDArray[np.float32]:
    """The projector's slide over the tangents of direction: a jittered grid of soft dots, the same in every unit."""
    import cv2

    rng = np.random.default_rng(435)
    count = int(PATTERN_PX / DOT_SPACING_PX)
    corners = np.stack(np.meshgrid(np.arange(count), np.arange(count)), -1)
    grid = (corners + rng.uniform(0.0, 1.0, (count, count, 2))) * DOT_SPACING_PX
    pixels = grid.reshape(-1, 2).astype(int).clip(0, PATTERN_PX - 1)
    slide = np.zeros((PATTERN_PX, PATTERN_PX), np.float32)
    slide[pixels[:, 1], pixels[:, 0]] = rng.uniform(0.4, 1.0, len(pixels))
    return cv2.GaussianBlur(slide, (0, 0), DOT_SIGMA_PX) * (2 * np.pi * DOT_SIGMA_PX**2)


def beside(T_world_camera: Matrix, x_m: float) -> Matrix:
    """T_world_eye of an eye or projector shifted along the camera's x axis, looking the same way."""
    return transform(T_world_camera[:3, :3], apply(T_world_camera, np.array([x_m, 0.0, 0.0])))
