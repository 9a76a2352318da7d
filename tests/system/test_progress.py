from eyebright.system.progress import part_of


def test_a_part_reports_its_share_of_the_whole():
    seen: list[float] = []
    part_of(part_of(seen.append, 0.5, 1.0), 0.0, 0.5)(0.5)
    assert seen == [0.625]
