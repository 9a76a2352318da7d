"""Programs of ours that read files of strangers in a process of their own, so that a bug cannot affect the user's."""

import os
import subprocess
import sys
from contextlib import suppress

_TIMEOUT_S = 600.0


class RefusedError(Exception):
    """The program did not accept its input; the message is its reason."""


def run(module: str, *arguments: object) -> None:
    """Run the `main` of a module in a process of its own.

    Raises:
        RefusedError: When it ends with a message, is killed, or takes more than ten minutes.
    """
    # -P: a file torch.py or h5py.py in the working folder must not be imported in place of the package
    command = [sys.executable, "-P", "-m", module, *map(str, arguments)]
    try:
        ended = subprocess.run(  # noqa: S603 - our own program
            command, capture_output=True, text=True, errors="replace", check=False, timeout=_TIMEOUT_S,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise RefusedError(f"reading it takes more than {_TIMEOUT_S / 60:.0f} minutes") from None
    if ended.returncode:
        raise RefusedError((ended.stderr.strip().splitlines() or ["the process that reads it was killed"])[-1])


def limit(*, memory_bytes: int, output_bytes: int, seconds: int) -> None:
    """Limit this process for the rest of its life, as far as the system can: for programs that `run` starts.

    Args:
        memory_bytes: Address space, which includes the libraries.
        output_bytes: The largest file that it may write.
        seconds: Time of the processor.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    limits = {
        resource.RLIMIT_AS: memory_bytes, resource.RLIMIT_FSIZE: output_bytes, resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_CORE: 0,
    }  # fmt: skip
    for kind, most in limits.items():
        with suppress(OSError, ValueError):  # a stricter limit is in force, or the system does not know this one
            resource.setrlimit(kind, (most, most))
