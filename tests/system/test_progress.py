from typing import get_args

from eyebright.system.progress import Stage, quiet


def test_every_stage_can_be_reported_to_nobody():
    assert len(get_args(Stage)) >= 6
    assert [quiet(stage, 3, of) for stage in get_args(Stage) for of in (None, 7)] == [None] * 2 * len(get_args(Stage))
