from eyebright.training.schedule import Position


def test_a_good_start_is_left_only_for_an_epoch_that_is_better_in_both():
    start = Position().at_start(loss=0.70, accuracy=0.80)
    assert start.after_epoch(loss=0.71, accuracy=0.81).best_epoch == 0
    assert start.after_epoch(loss=0.69, accuracy=0.79).best_epoch == 0
    assert start.after_epoch(loss=0.69, accuracy=0.81).best_epoch == 1
    assert Position().after_epoch(loss=9.0, accuracy=0.1).best_epoch == 1  # where no start was judged
