from typing import get_args

from eyebright.system.progress import Stage, part_of, quiet


def test_every_stage_can_be_reported_to_nobody():
    assert len(get_args(Stage)) >= 6
    assert [quiet(stage, 3, of) for stage in get_args(Stage) for of in (None, 7)] == [None] * 2 * len(get_args(Stage))


def test_a_part_reports_its_share_of_the_whole():
    seen: list[float] = []
    part_of(part_of(seen.append, 0.5, 1.0), 0.0, 0.5)(0.5)
    assert seen == [0.625]
