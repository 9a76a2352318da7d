"""Keras and TensorFlow, imported without the lines they write on starting; nothing to run here.

    from quiet_keras import keras, tf

TensorFlow's log level hides most of them; two more are written before it looks at that level. An import that fails
still raises its exception, and errors and warnings after the import are seen.
"""

import contextlib
import os
from collections.abc import Iterator

__all__ = ["keras", "tf"]


@contextlib.contextmanager
def _stderr_dropped() -> Iterator[None]:
    """Point file descriptor 2, which native code writes to, at nothing for a while."""
    stderr = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nothing)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _stderr_dropped():
    import keras
    import tensorflow as tf
keras.config.disable_interactive_logging()  # remarks such as "Using 3454 files for training." go to stdout otherwise
