"""Every error that eyebright raises on purpose.

    EyebrightError
    ├── SettingsError        a setting is unknown, out of range or contradicts another
    ├── NetworkError         the description of a network does not hold together
    ├── PictureError         one picture cannot be opened
    ├── DataError            a set of pictures cannot be trained on or judged
    ├── ModelError           a model folder is missing, incomplete, altered or not to be trusted
    ├── OutputError          a result cannot be written where it was asked for
    ├── DownloadError        an address cannot be fetched
    └── MissingExtraError    a part of eyebright that is installed separately is not here

Each message says what was received, what was expected and how to mend it. Errors about values are also
`ValueError`, so that callers who know only Python can catch them.
"""


class EyebrightError(Exception):
    """Anything that went wrong and has a remedy; the command line shows its message and no traceback."""


class SettingsError(EyebrightError, ValueError):
    """A setting is unknown, out of range or contradicts another one."""


class NetworkError(EyebrightError, ValueError):
    """The description of a network does not hold together."""


class PictureError(EyebrightError, ValueError):
    """One picture cannot be opened."""


class DataError(EyebrightError, ValueError):
    """A set of pictures cannot be trained on or judged."""


class ModelError(EyebrightError, ValueError):
    """A model folder is missing, incomplete, altered or not to be trusted."""


class OutputError(EyebrightError):
    """A result cannot be written where it was asked for."""


class DownloadError(EyebrightError):
    """An address cannot be fetched."""


class MissingExtraError(EyebrightError, ImportError):
    """A part of eyebright that is installed separately is not here."""
