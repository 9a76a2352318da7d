"""Whether the name of a class says left or right: a mirrored image of it would have the other name."""

import re

_SIDES = re.compile("left|right|links|rechts|gauche|droite|izquierda|derecha")
_OTHERS = re.compile("(?<![a-z])(?:(?:al|b|birth|copy|f|forth|out|play|ship|up|w)right|cleft|cufflinks|leftover)")
_CAMEL = re.compile("(?<=[a-z])(?=[A-Z])")


def says_side(name: str) -> bool:
    """Whether a name says left or right, in one of some languages, anywhere but in words such as "bright".

    >>> says_side("turn_left"), says_side("greenleft"), says_side("LightUpRight"), says_side("traffic light, bright")
    (True, True, True, False)
    """
    words = _CAMEL.sub("_", name).lower()
    return bool(_SIDES.search(_OTHERS.sub("_", words)))
