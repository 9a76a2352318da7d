"""What happens in a run, as data. The trainer writes events; the terminal, the report and resuming only read them.

`events.jsonl` holds one event a line, oldest first, and only ever grows. A line cut off by a crash is passed over.
"""

from eyebright.training.events.base import Event, Transient
from eyebright.training.events.beginning import (
    BatchLowered,
    Extended,
    FitChosen,
    PicturesGone,
    PrecisionChosen,
    Resumed,
    RunStarted,
    SharedOut,
    Streaming,
)
from eyebright.training.events.learning import (
    CrossValidated,
    EpochEnded,
    MirroringJudged,
    Planned,
    StartJudged,
    Stopped,
    Tried,
    Unavailable,
)
from eyebright.training.events.log import EventLog, read_events
from eyebright.training.events.passing import Comparing, Downloading, Looking, Preparing, RateTried, Scanning, StepDone
from eyebright.training.events.receiving import AnyEvent, Emit, to_all
from eyebright.training.events.results import Calibrated, Evaluated, Healed, HealingBegun, Judged, ModelSaved

__all__ = [
    "AnyEvent",
    "BatchLowered",
    "Calibrated",
    "Comparing",
    "CrossValidated",
    "Downloading",
    "Emit",
    "EpochEnded",
    "Evaluated",
    "Event",
    "EventLog",
    "Extended",
    "FitChosen",
    "Healed",
    "HealingBegun",
    "Judged",
    "Looking",
    "MirroringJudged",
    "ModelSaved",
    "PicturesGone",
    "Planned",
    "PrecisionChosen",
    "Preparing",
    "RateTried",
    "Resumed",
    "RunStarted",
    "Scanning",
    "SharedOut",
    "StartJudged",
    "StepDone",
    "Stopped",
    "Streaming",
    "Transient",
    "Tried",
    "Unavailable",
    "read_events",
    "to_all",
]
