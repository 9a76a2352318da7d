"""`python -m eyebright` is the command."""

from eyebright.cli.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
