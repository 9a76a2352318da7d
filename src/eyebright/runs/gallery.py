"""Which test images the report of a run shows: examples, the worst mistakes, those behind a cell, the weakest."""

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from eyebright.data.prepare import Prepared
from eyebright.model.evaluate import Tested
from eyebright.report.pages.page import Album, Embedded
from eyebright.report.pages.run import MOST_IN_FULL, Shot, by_weakness
from eyebright.system.text import printable
from eyebright.training.events.fitting import LabelsSuspected

SMALL_PX, LARGE_PX = 112, 224
"""Sides of images in the page."""
WORST, EXAMPLES, WEAKEST, SUSPECTED = 9, 6, 4, 12
BUDGET = 240
"""Images behind the cells of the confusion matrix: about a megabyte."""
_IN_A_CELL = 24
Maps: TypeAlias = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.uint8]]


class Gallery:
    """The test images of a run, as its page shows them.

    Args:
        prepared: The images.
        tested: The evaluation on the test set.
        classes: Names of the classes.
        maps: Given positions of images and their predicted classes, draws what speaks for these, `(n, H, W, 3)`; None
            without maps.
        mapped: How many of the worst mistakes get a map, which takes far longer than all the rest.
    """

    def __init__(
        self,
        prepared: Prepared,
        tested: Tested,
        classes: Sequence[str],
        maps: Maps | None = None,
        mapped: int = WORST,
    ) -> None:
        self.album = Album()
        self._prepared, self._tested, self._classes = prepared, tested, classes
        self._rows = {int(position): row for row, position in enumerate(tested.positions)}
        self._maps, self._mapped = maps, mapped

    def embed(self, positions: Iterable[int], side_px: int = SMALL_PX) -> list[Embedded]:
        """Images of the data by their positions."""
        wanted = list(positions)
        new = [position for position in wanted if position not in self.album]
        for position, pixels in zip(new, self._prepared.pack.read(new) if new else (), strict=True):
            self.album.add(position, pixels, side_px)
        return [self.album[position] for position in wanted]

    def name(self, position: int) -> str:
        """The name of an image."""
        return printable(self._prepared.dataset.source.names[position])

    def worst(self) -> list[Shot]:
        """The most confident wrong predictions, large; the first of them with their maps."""
        chosen = self._tested.mistakes[:WORST]
        shots = self._shots(chosen, LARGE_PX)
        if self._maps is None or not len(chosen):
            return shots
        mapped = chosen[: self._mapped]
        predicted = self._tested.predicted[[self._rows[position] for position in mapped.tolist()]]
        drawn = self._maps(mapped, predicted)
        maps = [self.album.add(("map", number), pixels, LARGE_PX) for number, pixels in enumerate(drawn)]
        return [shot._replace(map=found) for shot, found in zip_longest(shots, maps)]

    def examples(self, correct: bool) -> list[Shot]:
        """Some images that are predicted correctly or wrongly, as sure as usual, of as many classes as possible."""
        tested, chosen = self._tested, []
        for label in range(len(self._classes)):
            here = np.flatnonzero((tested.correct == correct) & (tested.labels == label))
            if len(here):
                chosen.append(here[np.argsort(tested.confidence[here], kind="stable")[len(here) // 2]])
        spread = np.linspace(0, len(chosen) - 1, min(EXAMPLES, len(chosen))).round().astype(int)
        return self._shots(tested.positions[[chosen[number] for number in spread]] if chosen else ())

    def unlike(self) -> list[Shot]:
        """Images that get no answer because they are unlike the training images, the most unlike first."""
        strange = self._tested.unfamiliarity
        if strange is None:
            return []
        order = np.argsort(-strange, kind="stable")
        return self._shots(self._tested.positions[order[strange[order] > 1][:EXAMPLES]])

    def cells(self) -> dict[tuple[int, int], list[Shot]]:
        """Images of each cell of the confusion matrix, as many as the page has room for; mistakes come first."""
        confusion = np.array(self._tested.evaluation.confusion)
        cells: list[tuple[int, int]] = [(true, predicted) for true, predicted in np.argwhere(confusion).tolist()]
        cells.sort(key=lambda cell: (cell[0] == cell[1], -confusion[cell]))
        counts = [int(confusion[cell]) for cell in cells]
        most = next((most for most in range(_IN_A_CELL, 1, -1) if sum(min(most, n) for n in counts) <= BUDGET), 1)
        found = [(cell, self._tested.cell(*cell)[:most]) for cell in cells[:BUDGET]]
        self.embed(np.concatenate([positions for _, positions in found]).tolist())  # read at once
        return {cell: self._shots(positions) for cell, positions in found}

    def weakest(self) -> dict[str, list[Shot]]:
        """Of the weakest classes, the most confident mistakes and then the least confident correct answers."""
        tested, found = self._tested, {}
        shown = {score.name for score in by_weakness(tested.evaluation)[:MOST_IN_FULL]}
        doubt = np.where(tested.correct, -tested.confidence, tested.confidence)
        for label, name in enumerate(self._classes):
            here = np.flatnonzero(tested.labels == label) if name in shown else np.zeros(0, np.int64)
            found[name] = self._shots(tested.positions[here[np.argsort(-doubt[here], kind="stable")[:WEAKEST]]])
        return found

    def suspected(self, found: LabelsSuspected) -> list[Shot]:
        """Images whose labels are probably wrong, large, and what is predicted instead; without those that are gone."""
        source, pack = self._prepared.dataset.source, self._prepared.pack
        places = {printable(name): at for at, name in enumerate(source.names) if pack.rows[at] >= 0}
        known = [one for one in zip(found.names, found.suggested, found.probabilities, strict=True) if one[0] in places]
        shots = []
        for name, suggested, probability in known[:SUSPECTED]:
            (image,), at = self.embed([places[name]], LARGE_PX), places[name]
            truth, digest = self._classes[self._prepared.labels[at]], pack.digests[at].hex()
            shots.append(Shot(image, name, truth, suggested, probability, digest))
        return shots

    def _shots(self, positions: Sequence[int] | NDArray[np.int64], side_px: int = SMALL_PX) -> list[Shot]:
        places = [int(position) for position in positions]
        shots = []
        for position, image in zip(places, self.embed(places, side_px), strict=True):
            row = self._rows[position]
            truth, predicted = (self._classes[int(each[row])] for each in (self._tested.labels, self._tested.predicted))
            confidence, digest = float(self._tested.confidence[row]), self._prepared.pack.digests[position].hex()
            answered = bool(self._tested.answered[row])
            shots.append(Shot(image, self.name(position), truth, predicted, confidence, digest, answered))
        return shots
