"""Each event with the exact words that a user reads; percentages are those of the issue and of counts by hand."""

import pytest

from eyebright.data.split import Leaks
from eyebright.report.sentences import leak_text, resize_text, sentences
from eyebright.training.events import fitting, results, starting
from eyebright.training.events.event import Event
from eyebright.trust.calibration import ErrorByChance
from eyebright.trust.intervals import Difference, Share


def started(**changes: object) -> starting.RunStarted:
    fields = {
        "pictures": "flowers", "network": "flowers_cnn", "size": 128, "seed": 0, "epochs": 15,
        "classes": ("daisy", "rose"), "train": 3021, "validation": 648, "test": 647, "left_out": (), "leaking": 0,
        "parameters": 1_234_567, "versions": {},
    }  # fmt: skip
    return starting.RunStarted(**fields | changes)


def healed(value: float, low: float, high: float) -> results.Healed:
    return results.Healed(
        pictures=648, before=Share.from_counts(387, 648), after=Share.from_counts(430, 648), kept="run/healed",
        difference=Difference(value=value, low=low, high=high),
    )  # fmt: skip


FOUND = "Found 4,316 images in 2 classes: 3,021 for training, 648 for validation, 647 for testing."
NETWORK = "Network: flowers_cnn at 128x128, 1,234,567 parameters."


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (started(), [FOUND, NETWORK]),
        (started(naive_leak=0.0049), [FOUND, NETWORK]),
        (
            starting.Corrected(path="c.json", relabelled=1, excluded=1200, kept=0),
            ["Corrections of c.json: 1 image relabelled, 1,200 left out, 0 kept."],
        ),
        (
            starting.Corrected(
                path="c.json", relabelled=3, excluded=0, kept=2, duplicates=1, missing=tuple("abcd"), changed=("e",)
            ),
            [
                "Corrections of c.json: 3 images relabelled (1 exact duplicate among them), 0 left out, 2 kept. 4 "
                "decisions not found: a, b, c and 1 more. 1 decision not applied, as the image changed since: e."
            ],
        ),
        (
            started(validation=324, held_back=324),
            [FOUND.replace("648 for validation", "324 for validation, 324 held back for the promise"), NETWORK],
        ),
        (started(test=0), ["Found 3,669 images in 2 classes: 3,021 for training, 648 for validation.", NETWORK]),
        (
            started(naive_leak=0.005),
            [
                FOUND,
                "With a random split, less than 1% of the test images would have a near-duplicate in the training set. "
                "Near-duplicates are kept in the same split.",
                NETWORK,
            ],
        ),
        (
            started(naive_leak=0.14),
            [
                FOUND,
                "With a random split, 14% of the test images would have a near-duplicate in the training set. "
                "Near-duplicates are kept in the same split.",
                NETWORK,
            ],
        ),
        (started(asked=0.21), [FOUND, NETWORK]),  # 30% of the images are not for training
        (
            started(train=1295, validation=1511, test=1510, asked=0.3),
            [
                "Found 4,316 images in 2 classes: 1,295 for training, 1,511 for validation, 1,510 for testing.",
                "Groups stay whole, and each set needs groups of every class: so 70% of the images are for "
                "validation and testing, not 30%.",
                NETWORK,
            ],
        ),
        (
            results.Drawn(paths=("a b/run/curves.png", "a b/run/mistakes.png"), mistakes=12, shown=9, what="mistake"),
            [
                "Drawn in a b/run: curves.png, mistakes.png",
                "The last one shows the 9 worst of 12 mistakes on test images.",
            ],
        ),
        (
            started(leaks=(Leaks(side="test", earlier="train", count=1_500, of=7_920),)),
            [
                FOUND,
                "Leak: 1,500 of the 7,920 test images (18.9%) have a near-duplicate or an image of their group in the "
                "training set.",
                NETWORK,
            ],
        ),
        (
            started(left_out=tuple(f"{number}.jpg: empty file" for number in range(12)), leaking=3),
            [
                FOUND, "12 files cannot be opened (all are listed in left_out.csv):",
                *(f"  {number}.jpg: empty file" for number in range(10)), "  and 2 more",
                "3 exact duplicates of validation or test images will not be used.", NETWORK,
            ],
        ),
        (
            starting.Streaming(pictures=1_000_000, size_bytes=97_200_000_000),
            [
                "The cache has too little disk space for 97,200 MB of prepared images, so each image is opened again "
                "in every epoch. To train faster, free disk space, or set EYEBRIGHT_CACHE to a folder on another disk."
            ],
        ),
        (
            starting.BoxesChecked(
                unused={"it lies outside the image": 5, "it names no class of the set": 1},
                examples={
                    "it lies outside the image": ("a.png (dog 1)", "b.png (dog 2)", "c.png (dog 3)"),
                    "it names no class of the set": ("d.png (7 4)",),
                },
                clipped=2, notices=("Labels of 1 image that cannot be found: x.txt.",),
            ),
            [
                "6 boxes are not used (all are listed in unused_boxes.csv):",
                "  5: it lies outside the image", "    a.png (dog 1)", "    b.png (dog 2)", "    c.png (dog 3)",
                "    and 2 more", "  1: it names no class of the set", "    d.png (7 4)",
                "Boxes clipped at the edge: 2.",
                "Labels of 1 image that cannot be found: x.txt.",
            ],
        ),
        (
            starting.SidesNamed(classes=("turn_left", "turn_right")),
            [
                "Training images are not mirrored, because names of classes say left or right: 'turn_left', "
                "'turn_right'."
            ],
        ),
        (starting.SizeChosen(size=320, wanted=320, object_px=50.0, usual=320), []),
        (
            starting.SizeChosen(size=512, wanted=512, object_px=15.2, usual=320),
            ["Objects are small (15 pixels at 320x320): images have 512x512 pixels; --size changes it."],
        ),
        (
            starting.SizeChosen(size=448, wanted=512, object_px=15.2, usual=320),
            [
                "Objects are small (15 pixels at 320x320): images have 448x448 pixels; 512x512 would take more time: "
                "--size 512."
            ],
        ),
        (
            starting.ViewsKept(views=3, wanted=3, kept=True, size_bytes=950_400_000),
            ["Keeping 3 views of each training image: 950 MB in the cache."],
        ),
        (
            starting.ViewsKept(views=1, wanted=3, kept=True, size_bytes=50_000_000),
            ["Keeping 1 view of each training image (there is no room for 3): 50 MB in the cache."],
        ),
        (
            starting.ViewsKept(views=2, wanted=7, kept=True, size_bytes=100_000_000, by_time=True),
            ["Keeping 2 views of each training image (there is no time for 7): 100 MB in the cache."],
        ),
        (
            starting.ViewsKept(views=3, wanted=3, kept=False, size_bytes=0),
            [
                "The cache has too little disk space for views of the images, so each is computed in every epoch. To "
                "train faster, free disk space, or set EYEBRIGHT_CACHE to a folder on another disk."
            ],
        ),
        (starting.Resumed(epoch=3), ["Resuming after epoch 3."]),
        (starting.Resumed(epoch=3, pictures=1_200), ["Resuming after epoch 3 and 1,200 images of the next epoch."]),
        (
            starting.Extended(planned=15, epochs=30, learning_rate=0.0002),
            [
                "Training to epoch 30 instead of 15. For the added epochs the learning rate starts again at a tenth of "
                "its peak, 0.0002, and falls to 0."
            ],
        ),
        (
            fitting.SharedOut(processes=4, batch_size=32, norms=True, group="g"),
            [
                "4 processes train together: each takes 8 of the 32 images of a batch.",
                "Batch normalisation uses each process's own images; the model keeps the first process's statistics.",
            ],
        ),
        (
            starting.PicturesGone(names=("daisy/1.png",)),
            [
                "1 image of this run cannot be opened any more. The training continues without them (all are "
                "listed in left_out.csv):",
                "  daisy/1.png",
            ],
        ),
        (
            fitting.PrecisionChosen(precision="bfloat16", reason="a step takes 12 ms instead of 20 ms", threads=2),
            ["Computing in bfloat16 on 2 threads: a step takes 12 ms instead of 20 ms."],
        ),
        (
            fitting.PrecisionChosen(precision="float32", reason="requested", threads=2, device="cuda"),
            ["Computing in float32 on cuda: requested."],
        ),
        (
            fitting.DeviceChanged(before="cuda", device="cpu"),
            [
                "This run was begun on cuda and continues on cpu: its weights will differ in their last digits from "
                "those of a run on one device."
            ],
        ),
        (
            fitting.BatchLowered(batch_size=8, accumulation=4, needed_bytes=9_000_000_000, free_bytes=2_000_000_000),
            [
                "Not enough memory for the batch: it needs about 9,000 MB, and 2,000 MB are free. The batch size is "
                "now 8, and the gradients of 4 batches are added up for each step."
            ],
        ),
        (
            fitting.BatchLowered(batch_size=8, accumulation=4),
            [
                "Not enough memory for the batch: the device refused it. The batch size is now 8, and the gradients "
                "of 4 batches are added up for each step."
            ],
        ),
        (
            fitting.Unavailable(reason="no network"),
            ["Published weights are not available, so a network is trained from scratch: no network"],
        ),
        (
            fitting.MirroringChecked(same=False, pictures=400, accuracy=0.93, mirrored_accuracy=0.61),
            [
                "Training images are not mirrored: of 400 validation images a simple classifier predicts 93% "
                "correctly, but of their mirror images 61%."
            ],
        ),
        (fitting.MirroringChecked(same=True, pictures=400, accuracy=0.93, mirrored_accuracy=0.92), []),
        (
            fitting.Tried(what="compact", validation_loss=0.3456, validation_accuracy=0.891, seconds=67.2),
            ["Tried compact: validation accuracy 89.1%, loss 0.346, after 1 min 7 s."],
        ),
        (
            fitting.CrossValidated(pictures=120, accuracy=0.951, low=0.895, high=0.977),
            [
                "Cross-validated accuracy 95.1% (95% interval 89.5-97.7%) on all 120 images. With so few images this "
                "is more precise than the validation accuracy."
            ],
        ),
        (fitting.Planned(steps=0, epochs=0.0, seconds=3.0), ["There is no time left to train the network further."]),
        (fitting.Planned(steps=1200, epochs=30.0, seconds=7.4), ["Training 30 epochs (1,200 steps), about 7 s."]),
        (fitting.Planned(steps=1, epochs=1.0, seconds=125), ["Training 1 epoch (1 step), about 2 min 5 s."]),
        (fitting.Planned(steps=140, epochs=3.46, seconds=7), ["Training 3.5 epochs (140 steps), about 7 s."]),
        (
            results.Calibrated(temperature=1.234, error_before=0.0812, error_after=0.0234),
            [
                "Calibrated with temperature 1.23: the expected calibration error on the validation set changed from "
                "0.081 to 0.023."
            ],
        ),
        (
            results.LimitSet(pictures=648, kept=0.95),
            ["Images unlike the training images get no answer; 95% of images like them are expected to get one."],
        ),
        (
            results.LimitSet(pictures=6, kept=6 / 7),
            [
                "Images unlike the training images get no answer; 86% of images like them are expected to get one. "
                "With only 6 validation images this is uncertain: add images."
            ],
        ),
        (
            results.Calibrated(temperature=1.0, error_before=0.035, error_after=0.035),
            [
                "Not calibrated: on parts of the validation set that it was not fitted on, a temperature does not "
                "lower the loss by more than its standard error. The expected calibration error is 0.035."
            ],
        ),
        (
            results.Evaluated(
                side="test",
                pictures=648,
                accuracy=0.71,
                low=0.674,
                high=0.743,
                loss=0.8,
                apart=Difference(value=-0.085, low=-0.131, high=-0.038),
            ),
            [
                "Test accuracy 71.0% (95% interval 67.4-74.3%) on 648 held-out images",
                "The test accuracy is 8.5 percentage points (95% interval 3.8 to 13.1) below the validation accuracy, "
                "more than by chance: the images of the two sets differ, for instance in what they show. Do not rely "
                "on either one alone; more images, or other values of --seed, show what is typical.",
            ],
        ),
        (
            results.Evaluated(
                side="test",
                pictures=648,
                accuracy=0.71,
                low=0.674,
                high=0.743,
                loss=0.8,
                calibration_error=0.0312,
                error_by_chance=ErrorByChance(mean=0.042, limit=0.0583),
            ),
            [
                "Test accuracy 71.0% (95% interval 67.4-74.3%) on 648 held-out images",
                "Expected calibration error 0.031",
                "No sign of miscalibration: by chance alone it is 0.042 on average, up to 0.058",
            ],
        ),
        (
            results.Evaluated(side="test", pictures=270, accuracy=0.9963, low=0.979, high=0.9999, loss=0.1),
            ["Test accuracy 99.6% (95% interval 97.9-100.0%) on 270 held-out images"],
        ),
        (
            results.Evaluated(side="test", pictures=1, accuracy=1.0, low=0.2, high=1.0, loss=0.1, seen=1_234),
            [
                "Test accuracy 100.0% (95% interval 20.0-100.0%) on 1 held-out image",
                "1,234 images not counted: the model was trained on them or selected by them.",
            ],
        ),
        (
            results.HealingBegun(
                kind="overfitting", changes={"rotation": 0.1, "epochs": 15}, path="run/healed", seconds=207.0
            ),
            ["Healing (overfitting): training again with rotation 0.1, epochs 15, about 3 min 27 s."],
        ),
        (
            results.HealingBegun(kind="noisy labels", changes={"epochs": 1}, path="run/healed", seconds=0.2),
            ["Healing (noisy labels): training again with epochs 1, about 1 s."],
        ),
        (
            healed(0.066, 0.026, 0.103),
            [
                "Second training: accuracy 66.4% against 59.7%: significantly better",
                "  +6.6 points (95% interval +2.6 to +10.3) on the same 648 validation images",
            ],
        ),
        (
            healed(0.066, 0.0, 0.103),
            [
                "Second training: accuracy 66.4% against 59.7%: no significant difference",
                "  +6.6 points (95% interval +0.0 to +10.3) on the same 648 validation images",
            ],
        ),
        (
            healed(-0.05, -0.09, 0.0),
            [
                "Second training: accuracy 66.4% against 59.7%: no significant difference",
                "  -5.0 points (95% interval -9.0 to +0.0) on the same 648 validation images",
            ],
        ),
        (
            healed(-0.05, -0.09, -0.01),
            [
                "Second training: accuracy 66.4% against 59.7%: significantly worse",
                "  -5.0 points (95% interval -9.0 to -1.0) on the same 648 validation images",
            ],
        ),
        (fitting.Stopped(reason="finished", epoch=1, best_epoch=1), []),
    ],
)  # fmt: skip
def test_an_event_says(event: Event, lines: list[str]) -> None:
    assert list(sentences(event)) == lines


@pytest.mark.parametrize(
    ("resize", "lost", "text"),
    [
        ("crop", 0.049, ""),
        ("crop", 0.05, "Cropping removes 5% of the detail of a typical image. To keep whole images: --resize pad"),
        (
            "pad",
            0.4,
            "Images are padded with grey, because cropping would remove 40% of the detail of a typical image. To crop "
            "them: --resize crop",
        ),
        ("stretch", 0.9, ""),
    ],
)
def test_cropping_is_mentioned_where_it_removes_much(resize: str, lost: float, text: str) -> None:
    event = starting.FitChosen(fit=resize, lost=lost)
    assert resize_text(event) == text
    assert list(sentences(event)) == [text] * bool(text)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "The images have a given split, which is kept."),
        (0.0, "With a random split, no test image would have a near-duplicate in the training set."),
        (
            0.137,
            "With a random split, 14% of the test images would have a near-duplicate in the training set. "
            "Near-duplicates are kept in the same split.",
        ),
    ],
)
def test_a_leak_is_given_in_whole_percent(share: float | None, text: str) -> None:
    assert leak_text(share) == text


def test_classes_without_validation_images_are_named_at_the_start():
    found = "No validation images of rose: the best epoch and the temperature are chosen without."
    assert [*sentences(started(absent=("rose",)))] == [FOUND, found, NETWORK]


def test_classes_without_images_are_named_beside_the_result():
    event = results.Evaluated(side="test", pictures=9, accuracy=1, low=0.8, high=1, loss=0.1, absent=("rose", "tulip"))
    assert [*sentences(event)][1:] == ["No images of rose, tulip: the result says nothing about these classes."]
