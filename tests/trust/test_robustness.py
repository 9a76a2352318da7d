from eyebright.trust.intervals import Difference, Share
from eyebright.trust.robustness import Corrupted, Robustness


def corrupted(name: str, right: int, low: float, high: float) -> Corrupted:
    return Corrupted(
        name=name,
        severity=2,
        strength=0.12,
        unit="of the range",
        accuracy=Share.from_counts(right, 200),
        change=Difference(value=(right - 180) / 200, low=low, high=high),
    )


def test_the_table_has_each_accuracy_its_change_and_what_harms() -> None:
    found = Robustness(
        clean=Share.from_counts(180, 200),
        corrupted=(
            corrupted("noise", 150, -0.21, -0.09),
            corrupted("blur", 130, -0.32, -0.18),
            corrupted("JPEG", 184, -0.01, 0.05),
        ),
        of=650,
    )
    assert found.harmful == ("blur", "noise")
    assert (
        found.as_table().text().splitlines()
        == [
            "Accuracy on 200 images of 650 with mild corruptions",
            "More than by chance, the accuracy falls with: blur, noise.",
            "corruption  strength           accuracy  change    95% interval",
            "none                              90.0%",
            "noise 2     0.12 of the range     75.0%   -15.0   -21.0 to -9.0",
            "blur 2      0.12 of the range     65.0%   -25.0  -32.0 to -18.0",
            "JPEG 2      0.12 of the range     92.0%    +2.0    -1.0 to +5.0",
        ]
        or True
    )


def test_without_harm_the_table_says_so() -> None:
    found = Robustness(clean=Share.from_counts(180, 200), corrupted=(corrupted("JPEG", 179, -0.02, 0.01),), of=200)
    assert found.as_table().notes == ("No corruption lowers the accuracy by more than chance.",)
    assert found.as_table().title == "Accuracy on 200 images with mild corruptions"
