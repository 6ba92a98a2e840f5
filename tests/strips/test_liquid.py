from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from harness.strips.liquid import (
    CONTAINER_WIDTH_PX,
    DAMPING_RATIO,
    EXPOSURE_INTERVAL_MS,
    EXPOSURES,
    FASTEST_RISE,
    LAST_EXPOSURE_MS,
    SLOWEST_RISE,
    Body,
    Liquid,
    exposure_time_ms,
)
from harness.strips.product import NECK_TOP, SHOULDER_BOTTOM, Plastic

Draw = Callable[..., Liquid]

TIMES = [exposure_time_ms(number) for number in range(1, EXPOSURES + 1)]
MANY = range(1, 41)
FEW = range(1, 9)


def is_drop(body: Body) -> bool:
    """A drop hangs above the liquid; only a bubble at the surface has a small y, its depth."""
    return not body.floats and body.y < SHOULDER_BOTTOM + 9


def drops(liquid: Liquid) -> list[Body]:
    """Drops of a run."""
    return [body for body in liquid.bodies if is_drop(body)]


def bubbles(liquid: Liquid) -> list[Body]:
    """Bubbles of a run."""
    return [body for body in liquid.bodies if not is_drop(body)]


def when_gone_is_left_aside(bodies: Iterable[Body]) -> list[Body]:
    """The same bodies, without the moment at which a rising one meets the surface."""
    return [replace(body, gone_ms=0.0) if body.sway > 0 else body for body in bodies]


def same_slosh(one: Liquid, other: Liquid) -> bool:
    """Whether two runs' surfaces move alike at every exposure."""
    return all(np.array_equal(one.slosh.angle(t), other.slosh.angle(t)) for t in TIMES) and all(
        np.array_equal(one.slosh.thickness(t), other.slosh.thickness(t)) for t in TIMES
    )


def test_exposures_are_26_ms_apart() -> None:
    """16 exposures from 0 to 390 ms after the trigger."""
    assert TIMES[0] == 0.0
    assert TIMES[-1] == LAST_EXPOSURE_MS == 390.0
    assert np.unique(np.diff(TIMES)).tolist() == [26.0]


def test_sloshing_frequency(liquid_of: Draw) -> None:
    """The first mode of a container 10 mm wide and 26 mm deep: sqrt(g pi/W tanh(pi h/W)) / 2 pi = 8.835 Hz."""
    by_hand = np.sqrt(9.81 * np.pi / 0.010 * np.tanh(np.pi * 0.026 / 0.010)) / (2 * np.pi)
    assert by_hand == pytest.approx(8.8355, abs=1e-4)
    assert liquid_of().slosh.omega * 1000 / (2 * np.pi) == pytest.approx(by_hand, rel=1e-12)


def test_slosh_is_damped(liquid_of: Draw) -> None:
    """One period later the surface tilts by exp(-2 pi zeta) of what it did."""
    slosh = liquid_of().slosh
    period = 2 * np.pi / slosh.omega
    expected = np.exp(-2 * np.pi * DAMPING_RATIO) * slosh.angle(10.0)
    assert slosh.angle(10.0 + period) == pytest.approx(expected, rel=1e-9)


def test_tilt_stays_in_its_range(liquid_of: Draw) -> None:
    """At the first exposure the surface tilts by up to about 12 degrees, by less in most runs, and less at the last."""
    first = np.rad2deg([np.abs(liquid_of(run).slosh.angle(0.0)).max() for run in MANY])
    last = np.rad2deg([np.abs(liquid_of(run).slosh.angle(LAST_EXPOSURE_MS)).max() for run in MANY])
    assert 9.0 < first.max() < 15.0
    assert np.median(first) < 10.0
    assert last.max() < 0.5 * first.max()


def test_surface_turns_about_the_middle_of_a_vial(liquid_of: Draw, plastic: Plastic) -> None:
    """The liquid's volume is kept: the surface passes through the fill height in the middle, at every time."""
    liquid = liquid_of()
    for vial in range(5):
        row = int(plastic.fill[vial])
        left, right = float(plastic.left[vial, row]), float(plastic.right[vial, row])
        for time_ms in TIMES:
            assert liquid.surface(vial, (left + right) / 2, time_ms) == pytest.approx(plastic.fill[vial], abs=1e-4)
            ends = liquid.surface(vial, left, time_ms) + liquid.surface(vial, right, time_ms)
            assert ends / 2 == pytest.approx(plastic.fill[vial], abs=1e-3)


def test_free_bubbles_rise_and_stuck_ones_stay(liquid_of: Draw) -> None:
    """Between exposures a free bubble rises 9-40 px, always by its own speed, and a stuck one does not move at all."""
    rises, stuck = [], 0
    for run in MANY:
        liquid = liquid_of(run)
        for body in bubbles(liquid):
            places = [liquid.place(body, time_ms) for time_ms in TIMES]
            seen = np.array([place for place in places if place is not None])
            if body.floats or len(seen) < 2 or body.born_ms > 0:
                continue
            if body.speed == 0:
                stuck += 1
                assert len(seen) == EXPOSURES
                assert (seen == seen[0]).all()
            else:
                steps = -np.diff(seen[:, 1])
                assert steps == pytest.approx(np.full(len(steps), -body.speed * EXPOSURE_INTERVAL_MS))
                rises.append(float(steps[0]))
    assert stuck > 50
    assert SLOWEST_RISE <= min(rises) < 12.0
    assert 35.0 < max(rises) <= FASTEST_RISE + 1e-9


def test_small_bubbles_rise_slowly(liquid_of: Draw) -> None:
    """A larger bubble never rises more slowly than a smaller one."""
    free = sorted((body.radius, -body.speed) for run in MANY for body in bubbles(liquid_of(run)) if body.speed < 0)
    assert np.diff([speed for _, speed in free]).min() >= 0.0


def test_positions_integrate_motion(liquid_of: Draw) -> None:
    """Rows follow from birth, speed and time alone and columns change by little: no exposure draws a body anew."""
    liquid = liquid_of(1)
    for body in liquid.bodies:
        places = {float(t): liquid.place(body, float(t)) for t in np.arange(0.0, 391.0, 3.0)}
        seen = {time_ms: place for time_ms, place in places.items() if place is not None}
        for time_ms, (x, y) in seen.items():
            if not body.floats:
                assert y == pytest.approx(body.y + body.speed * (time_ms - max(body.born_ms, 0.0)), abs=1e-9)
            if time_ms + 3.0 in seen:
                assert abs(seen[time_ms + 3.0][0] - x) < 4.0


def test_bubbles_leave_at_the_surface(liquid_of: Draw) -> None:
    """A risen bubble is seen no higher than just under the surface; most of the free ones have left at the end."""
    left = 0
    for run in FEW:
        liquid = liquid_of(run)
        for body in bubbles(liquid):
            seen = [liquid.place(body, time_ms) for time_ms in TIMES]
            if body.speed < 0:
                for time_ms, place in zip(TIMES, seen, strict=True):
                    if place is not None:
                        assert place[1] >= liquid.surface(body.vial, place[0], time_ms) + 0.7 * body.radius - 1e-6
                left += seen[0] is not None and seen[-1] is None
    assert left > 50


def test_floating_bubbles_ride_on_the_surface(liquid_of: Draw) -> None:
    """What floats keeps its depth below the sloshing surface and its column."""
    liquid = liquid_of(2)
    floating = [body for body in bubbles(liquid) if body.floats]
    assert floating
    for body in floating:
        for time_ms in TIMES:
            place = liquid.place(body, time_ms)
            if place is not None:
                assert place[0] == body.x
                assert place[1] - liquid.surface(body.vial, body.x, time_ms) == pytest.approx(body.y)


def test_slosh_moves_bubbles_near_the_surface_most(liquid_of: Draw) -> None:
    """A free bubble sways with the first mode, exp(-pi depth / W) as much at depth, and comes back with it."""
    liquid = liquid_of(1)
    shallow = Body(2, 640.0, 480.0, 3.0, -1e-6, 1.0, -1.0, 1e9, False, (1, 0.7, 0.4, 0.0))
    deep = replace(shallow, y=480.0 + CONTAINER_WIDTH_PX)
    sway = [
        np.ptp([place[0] for time_ms in TIMES if (place := liquid.place(body, time_ms)) is not None])
        for body in (shallow, deep)
    ]
    assert sway[0] > 1.0
    assert sway[1] == pytest.approx(sway[0] * np.exp(-np.pi), rel=0.02)


def test_a_bubble_that_left_does_not_come_back(liquid_of: Draw) -> None:
    """Seen at one exposure after its birth and not at the next, a rising bubble is seen at none after that."""
    left = 0
    for run in MANY:
        liquid = liquid_of(run, slosh=1.6)
        for bubble in bubbles(liquid):
            if bubble.speed < 0:
                seen = [liquid.place(bubble, time_ms) is not None for time_ms in TIMES if time_ms >= bubble.born_ms]
                assert seen == sorted(seen, reverse=True)
                left += not all(seen)
    assert left > len(MANY)


def test_how_many_bubbles_there_are(liquid_of: Draw) -> None:
    """At the first exposure 3-10 a vial at the meniscus, 1-6 in the body, 0-2 in the bottom; at last half as many."""
    near = body = bottom = last = 0
    for run in MANY:
        liquid = liquid_of(run)
        for bubble in bubbles(liquid):
            place = liquid.place(bubble, 0.0)
            last += liquid.place(bubble, LAST_EXPOSURE_MS) is not None
            if place is not None:
                near += place[1] < 512
                body += 512 <= place[1] < 768
                bottom += place[1] >= 768
    vials = 5 * len(MANY)
    assert 5.0 < near / vials < 8.0
    assert 2.5 < body / vials < 4.5
    assert 0.6 < bottom / vials < 1.4
    assert 0.4 < last / (near + body + bottom) < 0.6


def test_sizes_of_bubbles(liquid_of: Draw) -> None:
    """Radii are 2-14 px, small ones more often, and a few are big, up to 20 px."""
    radii = np.array([bubble.radius for run in MANY for bubble in bubbles(liquid_of(run))])
    assert radii.min() >= 2.0
    assert radii.max() <= 20.0
    assert 0.01 < (radii > 14.0).mean() < 0.04
    assert np.median(radii) < 6.0


def test_one_bubble_in_five_sticks(liquid_of: Draw) -> None:
    """About a fifth of all bubbles do not move at all; 0 and 1 are kept to the letter."""

    def share(**scale: float) -> float:
        return float(np.mean([b.speed == 0 and not b.floats for run in MANY for b in bubbles(liquid_of(run, **scale))]))

    assert share() == pytest.approx(0.2, abs=0.02)
    assert share(stick=0.0) == 0.0
    assert share(stick=1.0) == 1.0


def test_drops_hang_in_neck_and_shoulder(liquid_of: Draw, plastic: Plastic) -> None:
    """About two drops a vial, above the liquid and within the walls; half of them stay put, the others run down."""
    all_drops = [drop for run in MANY for drop in drops(liquid_of(run))]
    assert len(all_drops) / (5 * len(MANY)) == pytest.approx(2.0, abs=0.3)
    assert np.mean([drop.speed == 0 for drop in all_drops]) == pytest.approx(0.5, abs=0.08)
    assert 0.3 < np.mean([drop.y < 372 for drop in all_drops]) < 0.5
    for drop in all_drops:
        assert NECK_TOP - 30 <= drop.y <= SHOULDER_BOTTOM + 8
        assert plastic.left[drop.vial, int(drop.y)] < drop.x < plastic.right[drop.vial, int(drop.y)]
        assert drop.speed >= 0


def test_drops_do_not_fall_into_the_liquid(liquid_of: Draw, plastic: Plastic) -> None:
    """A running drop is gone before it reaches the surface at rest."""
    for run in MANY:
        liquid = liquid_of(run)
        for drop in drops(liquid):
            for time_ms in TIMES:
                place = liquid.place(drop, time_ms)
                assert place is None or place[1] <= max(plastic.fill[drop.vial] - 12 + 1e-3, drop.y)


def test_everything_stays_between_the_walls(liquid_of: Draw, plastic: Plastic) -> None:
    """No bubble is ever drawn across an outline."""
    for run in FEW:
        liquid = liquid_of(run)
        for bubble in bubbles(liquid):
            for time_ms in TIMES:
                if (place := liquid.place(bubble, time_ms)) is not None:
                    row = int(np.clip(place[1], 256, 985))
                    assert plastic.left[bubble.vial, row] < place[0] < plastic.right[bubble.vial, row]


def test_rings_list_what_is_seen(liquid_of: Draw) -> None:
    """A row for each body that exists at the time, in the columns of the renderer, and an empty table without any."""
    liquid = liquid_of(1)
    for time_ms in (0.0, LAST_EXPOSURE_MS):
        seen = [body for body in liquid.bodies if liquid.place(body, time_ms) is not None]
        rings = liquid.rings(time_ms)
        assert rings.shape == (len(seen), 7)
        assert rings[:, 2] == pytest.approx([body.radius for body in seen])
    assert liquid_of(1, bubbles=0.0, drops=0.0).rings(0.0).shape == (0, 7)


def test_runs_differ(liquid_of: Draw) -> None:
    """The same run is the same liquid; another run has another slosh, other bubbles and other drops."""
    one, again, other = liquid_of(3), liquid_of(3), liquid_of(4)
    assert one.bodies == again.bodies
    assert same_slosh(one, again)
    assert not same_slosh(one, other)
    assert {body.x for body in one.bodies}.isdisjoint({body.x for body in other.bodies})


def test_slosh_moves_the_surface_alone(liquid_of: Draw) -> None:
    """Half the slosh is half the tilt at every time; bubbles and drops are the same bodies."""
    one, half = liquid_of(1), liquid_of(1, slosh=0.5)
    for time_ms in TIMES:
        assert half.slosh.angle(time_ms) == pytest.approx(0.5 * one.slosh.angle(time_ms))
    assert when_gone_is_left_aside(half.bodies) == when_gone_is_left_aside(one.bodies)
    assert not liquid_of(1, slosh=0.0).slosh.angle(5.0).any()


def test_bubbles_scale_bubbles_alone(liquid_of: Draw) -> None:
    """Twice the rate is about twice the bubbles; surface and drops stay as they are, and 0 is none."""
    counts = [sum(len(bubbles(liquid_of(run, bubbles=rate))) for run in MANY) for rate in (1.0, 2.0)]
    assert counts[1] / counts[0] == pytest.approx(2.0, abs=0.15)
    one, two, none = liquid_of(1), liquid_of(1, bubbles=2.0), liquid_of(1, bubbles=0.0)
    assert drops(one) == drops(two) == drops(none)
    assert same_slosh(one, two)
    assert bubbles(none) == []


def test_stick_changes_who_moves_and_nothing_else(liquid_of: Draw) -> None:
    """With another stick probability the same bubbles keep their sizes and looks; surface and drops do not change."""
    one, all_stuck = liquid_of(1), liquid_of(1, stick=1.0)
    assert [(b.vial, b.radius, b.x, b.look) for b in bubbles(one)] == [
        (b.vial, b.radius, b.x, b.look) for b in bubbles(all_stuck)
    ]
    assert drops(one) == drops(all_stuck)
    assert same_slosh(one, all_stuck)


def test_drops_scale_drops_alone(liquid_of: Draw) -> None:
    """Twice the rate is about twice the drops; surface and bubbles stay as they are, and 0 is none."""
    counts = [sum(len(drops(liquid_of(run, drops=rate))) for run in MANY) for rate in (1.0, 2.0)]
    assert counts[1] / counts[0] == pytest.approx(2.0, abs=0.25)
    one, two, none = liquid_of(1), liquid_of(1, drops=2.0), liquid_of(1, drops=0.0)
    assert bubbles(one) == bubbles(two) == bubbles(none)
    assert same_slosh(one, two)
    assert drops(none) == []


def test_viscosity_slows_and_damps(liquid_of: Draw) -> None:
    """Twice the viscosity is half the rise and twice the damping; bubbles are born alike and drops do not notice."""
    one, thick = liquid_of(1), liquid_of(1, viscosity=2.0)
    assert thick.slosh.decay == pytest.approx(2 * one.slosh.decay)
    assert thick.slosh.angle(0.0) == pytest.approx(one.slosh.angle(0.0))
    still_one, still_thick = (
        when_gone_is_left_aside([replace(bubble, speed=0.0) for bubble in bubbles(liquid)]) for liquid in (one, thick)
    )
    assert still_one == still_thick
    assert [2 * b.speed for b in bubbles(thick)] == pytest.approx([b.speed for b in bubbles(one)])
    assert drops(one) == drops(thick)


def test_agitation_adds_slosh_and_bubbles(liquid_of: Draw) -> None:
    """What upstream handling adds is a larger tilt, never a smaller one, and more bubbles; drops and phases stay."""
    one, shaken = liquid_of(1), liquid_of(1, agitation=1.0)
    assert (shaken.slosh.tilt >= one.slosh.tilt).all()
    assert (shaken.slosh.tilt > one.slosh.tilt).any()
    assert np.array_equal(shaken.slosh.phase, one.slosh.phase)
    assert drops(one) == drops(shaken)
    counts = [sum(len(bubbles(liquid_of(run, agitation=much))) for run in MANY) for much in (0.0, 1.0)]
    assert counts[1] / counts[0] == pytest.approx(1.5, abs=0.12)
