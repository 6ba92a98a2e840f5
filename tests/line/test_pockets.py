from __future__ import annotations

from harness.line.pockets import Pockets


def test_a_strip_reaches_the_gate_after_its_indices() -> None:
    """Placed at the camera, it stands at the gate after exactly the pockets between."""
    pockets = Pockets(4, 2)
    pockets.turn()
    assert pockets.camera == 0
    pockets.place(10)
    seen = []
    for _ in range(3):
        seen.append(pockets.at(pockets.gate))
        pockets.turn()
    assert seen == [(), (), (10,)]


def test_strips_on_board_are_counted_one_by_one() -> None:
    """Two in a pocket are two; lifting and clearing count back."""
    pockets = Pockets(4, 1)
    pockets.turn()
    pockets.place(1)
    pockets.place(2)
    pockets.turn()
    pockets.place(3)
    assert pockets.on_board == 3
    assert pockets.lift(pockets.gate) == (1, 2)
    assert pockets.on_board == 1
    assert pockets.clear() == [3]
    assert pockets.on_board == 0
