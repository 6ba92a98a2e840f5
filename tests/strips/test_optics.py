from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.strips import optics
from harness.strips.renderer import Pose


def spot(y: int, x: int, shape: tuple[int, int] = (1024, 1280)) -> optics.Map:
    """A bare picture with a small dark square."""
    picture = np.ones(shape, np.float32)
    picture[y - 1 : y + 2, x - 1 : x + 2] = 0.2
    return picture


def middle_of(picture: optics.Map) -> tuple[float, float]:
    """(y, x) of the centre of what is dark."""
    dark = 1.0 - picture
    rows, columns = np.indices(picture.shape)
    return float((rows * dark).sum() / dark.sum()), float((columns * dark).sum() / dark.sum())


def warped(picture: optics.Map, angle: float, dx: float, dy: float, top: int = 0) -> optics.Map:
    """A picture in another pose."""
    out = np.empty_like(picture)
    optics.warp_pose(picture, angle, dx, dy, top, out)
    return out


def exposed(picture: optics.Map, *, level: float = 214.0, read: float = 0.0, shot: float = 0.0, sigma: float = 0.75,
            offset: int = 0) -> NDArray[np.uint8]:  # fmt: skip
    """A frame of a picture."""
    out = np.empty(picture.shape, np.uint8)
    optics.expose(picture, optics.point_spread(sigma), level, optics.noise_field(), offset, read, shot, out)
    return out


def test_no_pose_is_no_change() -> None:
    """Without turn and shift a picture stays as it is."""
    picture = np.random.default_rng(1).random((40, 1280)).astype(np.float32)
    assert warped(picture, 0.0, 0.0, 0.0) == pytest.approx(picture, abs=2e-3)


@pytest.mark.parametrize(("angle", "dx", "dy"), [(0.0, 2.0, -1.0), (0.0087, 0.0, 0.0), (-0.0087, 1.3, 1.7)])
@pytest.mark.parametrize(("y", "x"), [(100, 150), (512, 640), (900, 1150)])
def test_pose_carries_a_point_where_truth_says(angle: float, dx: float, dy: float, y: int, x: int) -> None:
    """Pixels are carried to the place that `Pose.to_camera` gives: picture and truth move alike."""
    u, v = Pose(angle, dx, dy).to_camera(np.array(float(x)), np.array(float(y)))
    assert middle_of(warped(spot(y, x), angle, dx, dy)) == pytest.approx((float(v), float(u)), abs=0.02)


def test_a_band_is_posed_like_the_whole() -> None:
    """Rows 384-544 kept by themselves lie where they lie in the whole picture."""
    whole = spot(460, 900)
    out = np.empty((160, 1280), np.float32)
    optics.warp_pose(whole[384:544].copy(), 0.005, 1.0, -1.0, 384, out)
    assert out[12:-12] == pytest.approx(warped(whole, 0.005, 1.0, -1.0)[396:532], abs=2e-3)


def test_displacement_moves_content() -> None:
    """A field of +3 down and -2 right moves a spot by as much, and a window beyond the edge is cut."""
    picture = spot(50, 60, (100, 120))
    down, right = np.full((60, 60), 3.0, np.float32), np.full((60, 60), -2.0, np.float32)
    optics.displace(picture, 30, 30, down, right)
    assert middle_of(picture) == pytest.approx((53.0, 58.0), abs=0.05)
    bare = np.ones((100, 120), np.float32)
    optics.displace(bare, 80, -20, down, right)
    assert (bare == 1.0).all()


def test_a_window_is_multiplied_in_and_cut_at_the_edge() -> None:
    """Only the part of a window that lies on the picture counts; bare light is left alone if asked."""
    picture = np.full((20, 20), 0.5, np.float32)
    picture[:, :3] = 1.0
    window = np.full((10, 10), 0.5, np.float32)
    optics.multiply_window(picture, -5, -5, window)
    assert picture[:5, :3] == pytest.approx(0.5)
    assert picture[:5, 3:5] == pytest.approx(0.25)
    assert picture[5:, 3:] == pytest.approx(0.5)
    optics.multiply_window(picture, 10, 0, window, plastic_only=True)
    assert (picture[10:, :3] == 1.0).all()
    assert picture[10:, 3:10] == pytest.approx(0.25)


@pytest.mark.parametrize("radius", [3.0, 8.0, 18.0])
def test_a_ring_is_dark_with_a_bright_centre(radius: float) -> None:
    """A bubble is a dark rim of its radius about a bright centre, and nothing beyond a faint halo."""
    picture = np.ones((101, 101), np.float32)
    optics.stamp_rings(picture, np.array([[50, 50, radius, 1.0, 0.8, 0.4, 0.05]], np.float32))
    line = picture[50, 50:]
    assert line[0] > 0.99
    assert line.min() < 0.4
    assert line[int(np.ceil(1.6 * radius + 3)) :] == pytest.approx(1.0, abs=1e-6)
    edge = np.nonzero(picture < 0.6)
    assert np.hypot(edge[0] - 50, edge[1] - 50).max() == pytest.approx(radius, abs=1.0)


def test_a_drop_is_a_taller_ring() -> None:
    """Stretch makes a ring higher than wide; at the picture's edge it is cut, not wrapped."""
    picture = np.ones((101, 101), np.float32)
    optics.stamp_rings(picture, np.array([[50, 50, 10, 1.5, 0.6, 0.4, 0.0]], np.float32))
    rows, columns = np.nonzero(picture < 0.7)
    assert np.ptp(rows) == pytest.approx(1.5 * np.ptp(columns), abs=2.5)
    edge = np.ones((60, 60), np.float32)
    optics.stamp_rings(edge, np.array([[0, 0, 8, 1.0, 0.6, 0.4, 0.0], [200, 200, 8, 1.0, 0.6, 0.4, 0.0]], np.float32))
    assert edge[:10, :10].min() < 0.6
    assert (edge[20:, 20:] == 1.0).all()


@pytest.mark.parametrize("sigma", [0.6, 0.9])
def test_point_spread_is_a_gaussian(sigma: float) -> None:
    """Five taps sum to one and spread by the stated pixels (the tails beyond two px are cut)."""
    w0, w1, w2 = optics.point_spread(sigma).astype(float)
    assert w0 + 2 * w1 + 2 * w2 == pytest.approx(1.0)
    assert np.sqrt(2 * w1 + 8 * w2) == pytest.approx(sigma, abs=0.05)


def test_light_is_kept_by_the_lens() -> None:
    """Blurring spreads light, and neither makes nor loses any; a flat picture stays flat to the edges."""
    picture = spot(30, 30, (60, 60))
    lost = 214.0 - exposed(picture).astype(float)
    assert lost.sum() == pytest.approx(214.0 * (1.0 - picture).sum(), rel=0.02)
    assert (exposed(np.full((20, 30), 0.5, np.float32)) == 107).all()


@pytest.mark.parametrize(("read", "shot"), [(0.7, 0.7), (0.9, 1.1)])
def test_noise_is_read_and_shot_noise(read: float, shot: float) -> None:
    """Variance is read^2 + shot^2 x light at the sensor, and rounding to whole grey levels adds its 1/12."""
    for light in (1.0, 0.25):
        frame = exposed(np.full((400, 1280), light, np.float32), read=read, shot=shot)
        assert frame.mean() == pytest.approx(214.0 * light, abs=0.05)
        assert frame.std() == pytest.approx(np.sqrt(read**2 + shot**2 * light + 1 / 12), rel=0.02)


def test_noise_comes_from_where_it_is_told() -> None:
    """The same offset is the same noise; another is another, without a pattern from row to row."""
    flat = np.ones((300, 1280), np.float32)
    one, other = exposed(flat, read=1.0, offset=5), exposed(flat, read=1.0, offset=70_001)
    assert np.array_equal(one, exposed(flat, read=1.0, offset=5))
    noise, moved = one - 214.0, other - 214.0
    assert abs(np.corrcoef(noise.ravel(), moved.ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1]) < 0.01


def test_a_frame_saturates() -> None:
    """Grey levels end at 0 and 255."""
    assert (exposed(np.full((10, 10), 1.5, np.float32)) == 255).all()
    assert (exposed(np.zeros((10, 10), np.float32)) == 0).all()
