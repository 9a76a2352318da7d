"""The options of `eyebright train`, with what its help says of each; grouped as a newcomer meets them."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

# What is learned from, and where the result goes
Pictures: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        help="A folder with one folder of pictures for each class; a table (CSV, TSV, JSONL, Parquet), an .npz, "
        "IDX files, tar shards; or the address of shards (s3://, gs://, https://).",
        show_default=False,
    ),
]
Output: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        help="The run's folder [default: by the pictures' name, in the current folder]",
        show_default=False,
    ),
]
Overwrite: TypeAlias = Annotated[bool, typer.Option("--overwrite", help="Replace a run that is there.")]
Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Take options from this file, as in epochs = 30; those that are typed win. RUN/config.toml repeats a run.",
        show_default=False,
    ),
]

# The network and its start
Network: TypeAlias = Annotated[str, typer.Option(help="A network's name, or a file with its JSON; auto finds one.")]
Weights: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Where to start: published (trained on ImageNet), or a file of weights; else at random.",
        show_default=False,
    ),
]
From: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--from",
        help="Start from this finished model or run, also with other classes; what it has seen is never in the test.",
        show_default=False,
    ),
]
Size: TypeAlias = Annotated[
    int | None,
    typer.Option(
        help="Pixels a side [default: typical for the pictures, 24 to 180; for auto up to 224; for published weights, "
        "theirs]",
        show_default=False,
    ),
]
Fit: TypeAlias = Annotated[
    Literal["auto", "crop", "pad", "stretch"],
    typer.Option(help="How other proportions are brought to size; auto: crop, unless much would be lost."),
]

# How it learns
Minutes: TypeAlias = Annotated[
    float | None, typer.Option(help="Time for everything: the best that can be had in it.", show_default=False)
]
Epochs: TypeAlias = Annotated[
    int | None,
    typer.Option(
        help="Passes over the training pictures [default: 15; for auto 0: only a head is learned]", show_default=False
    ),
]
BatchSize: TypeAlias = Annotated[int, typer.Option(help="Pictures in one step.")]
LearningRate: TypeAlias = Annotated[float, typer.Option(help="The peak of the learning rate.")]
Augment: TypeAlias = Annotated[
    str,
    typer.Option(
        help="What training pictures undergo, as in flip,zoom=0.2: flip, rotation, zoom, shift, shear, brightness, "
        "contrast, saturation, hue, erasing, mixup, cutmix; or none."
    ),
]
Set: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        show_default=False,
        help="Any other setting, as in ema=0.999; may be given again. docs/training.md lists them.",
    ),
]
FindLr: TypeAlias = Annotated[
    bool, typer.Option("--find-lr", help="Suggest a learning rate instead of training; -o names a PNG to draw.")
]
Patience: TypeAlias = Annotated[int, typer.Option(help="Stop after so many epochs without getting better; 0: never.")]
Precision: TypeAlias = Annotated[
    Literal["auto", "float32", "bfloat16"], typer.Option(help="auto: whichever a short measurement finds faster.")
]
Seed: TypeAlias = Annotated[int, typer.Option(help="Decides split, initial weights, order, augmentation, dropout.")]

# Which pictures are on which side
Validation: TypeAlias = Annotated[float, typer.Option(help="Share of the pictures that picks the best epoch.")]
Test: TypeAlias = Annotated[float, typer.Option(help="Share that is only looked at in the end.")]
GroupBy: TypeAlias = Annotated[
    str,
    typer.Option(
        help=r"Pictures in whose names this expression captures the same stay on one side: '(\d+)_\d+\.ppm'.",
        show_default=False,
    ),
]
Split: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="A split that was decided before: split.csv of another run.", show_default=False),
]
Exclude: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Leave out the copies that an audit found: audit.json.", show_default=False),
]
ExcludeKinds: TypeAlias = Annotated[str, typer.Option(help="For --exclude: which findings to agree to.")]

# Going on, and telling
Resume: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Go on with this run after it was stopped; with --epochs, to more epochs in all.", show_default=False
    ),
]
Log: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME", help="Tell the epochs also to: csv, tensorboard. May be given twice.", show_default=False
    ),
]
Heal: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--heal", help="Then try what the verdict advises, in what --minutes leave, into RUN/healed; keep the better."
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
