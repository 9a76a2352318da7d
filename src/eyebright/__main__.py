"""`python -m eyebright` is the command."""

import gc
import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is still being loaded ends it without a traceback.

    What is loaded stays until the end. Looking for garbage in it, while it is loaded and once more when Python ends,
    takes a fifth of one answer: the collector is off until a command is loaded (`cli.app`), and ignores what is there.
    """
    gc.disable()
    try:
        from eyebright.cli.app import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    try:
        run()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
