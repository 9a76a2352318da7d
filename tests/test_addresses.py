"""What signs an address is nobody's business: it is not shown, and stands in a run's config.toml alone."""

import io
import tarfile

import fsspec
import numpy as np
import pytest
from PIL import Image

from eyebright import Dataset
from eyebright.runs.folder import Run

TINY = ["--epochs", "1", "--size", "8", "--batch-size", "16", "--network", "mlp", "--precision", "float32"]


@pytest.fixture
def signed():
    """The address of a shard of 24 pictures in fsspec's memory, of which two are the same."""
    system = fsspec.filesystem("memory")
    pictures = np.random.default_rng(5).integers(0, 256, (24, 16, 16, 3), np.uint8)
    pictures[2] = pictures[0]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for number, pixels in enumerate(pictures):
            content = io.BytesIO()
            Image.fromarray(pixels).save(content, "PNG")
            member = tarfile.TarInfo(f"{('red', 'blue')[number % 2]}/{number:02d}.png")
            member.size = len(content.getvalue())
            tar.addfile(member, io.BytesIO(content.getvalue()))
    system.pipe("/bucket/a.tar?token=secret", stream.getvalue())
    yield "memory://bucket/a.tar?token=secret"
    system.store.clear()


def test_a_run_and_an_audit_do_not_give_the_token_away(signed, eyebright, tmp_path):
    run, findings, page = tmp_path / "run", tmp_path / "audit.json", tmp_path / "audit.html"
    told = [
        eyebright("train", signed, "-o", run, *TINY),
        eyebright("train", "--resume", run, "--epochs", "2"),  # it finds its pictures again
        eyebright("evaluate", run, signed),
        eyebright("audit", signed, "-o", findings, "--page", page),
        eyebright("audit", signed),
    ]
    assert [finished.code for finished in told] == [0] * len(told), told
    assert not any("secret" in finished.out + finished.err for finished in told)
    assert "memory://bucket/a.tar" in told[-1].out and "memory://bucket/a.tar" in findings.read_text()
    written = [path for path in (*run.rglob("*"), findings, page) if path.is_file()]
    assert [path for path in written if b"secret" in path.read_bytes()] == [Run(run).config]
    assert Dataset.open(signed).origin == "memory://bucket/a.tar"


@pytest.mark.parametrize(
    "address",
    [
        "memory://bucket/none.tar?token=secret", "memory://bucket/none?token=secret",
        "memory://bucket/a-{0..1}.csv?token=secret", "memory://bucket/a-{5..1}.tar?token=secret",
        "nosuch://me:secret@bucket/a.tar", "http://127.0.0.1:9/a.tar?token=secret",
        "http://me:secret@127.0.0.1:9/a.tar",
    ],
)  # fmt: skip
def test_an_error_does_not_give_the_token_away(address, eyebright):
    finished = eyebright("audit", address)
    assert finished.code == 1 and "://" in finished.err
    assert "secret" not in finished.err + finished.out
