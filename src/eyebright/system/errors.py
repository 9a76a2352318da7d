"""The errors that eyebright raises.

    EyebrightError
    ├── SettingsError        a setting is unknown, out of range or in conflict with another
    ├── NetworkError         a network or its weights are invalid
    ├── PictureError         an image cannot be opened
    ├── DataError            a data set cannot be read, trained on or evaluated
    ├── ModelError           a model is missing, incomplete, altered or unsafe
    ├── OutputError          a file or folder cannot be written
    ├── DownloadError        an address cannot be downloaded
    └── MissingExtraError    an optional dependency is not installed

Each message says what was received, what was expected and how to fix it. Errors about values are also
`ValueError`, so that code that does not know eyebright can catch them.
"""


class EyebrightError(Exception):
    """Base of all errors below; the command line shows the message without a traceback."""


class SettingsError(EyebrightError, ValueError):
    """A setting is unknown, out of range or in conflict with another."""


class NetworkError(EyebrightError, ValueError):
    """A network or its weights are invalid."""


class PictureError(EyebrightError, ValueError):
    """An image cannot be opened."""


class DataError(EyebrightError, ValueError):
    """A data set cannot be read, trained on or evaluated."""


class ModelError(EyebrightError, ValueError):
    """A model is missing, incomplete, altered or unsafe."""


class OutputError(EyebrightError):
    """A file or folder cannot be written."""


class DownloadError(EyebrightError):
    """An address cannot be downloaded."""


class MissingExtraError(EyebrightError, ImportError):
    """An optional dependency is not installed."""
