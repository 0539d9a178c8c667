"""The short form of ``bench hostile``: malformed frames on a real distributor, and the decoder under mutated ones."""

import pytest

from bench.hostile import decoded, malformed
from bench.malformed import Forge, frames
from bench.report import Report
from disio.bundle import load
from disio.errors import BundleError, ProtocolError
from disio.wire.volunteer import unpack_from_volunteer


def test_forged_frames_are_what_they_say() -> None:
    """Fatal ones are refused by the decoder, void ones are taken; by the same seed they are the same."""
    forge, again = Forge(1), Forge(1)
    for _ in range(200):
        frame = forge.fatal()
        assert frame == again.fatal()
        with pytest.raises(ProtocolError):
            unpack_from_volunteer(frame)
        unpack_from_volunteer(forge.void())
        again.void()
    assert len(frames(50, 7)) >= 50


def test_the_decoder_raises_one_error_only() -> None:
    """Mutated real frames and hypothesis' own are taken or refused as a breach; nothing else is raised."""
    assert 0 <= decoded(5_000, 3) < 5_000


async def test_a_distributor_outlives_malformed_frames() -> None:
    """Thousands of them leave a distributor running, no larger, and honest work is done after."""
    try:
        load()
    except BundleError as error:
        pytest.skip(f"no bundle: {error}")
    report = Report("short")
    await malformed(report, 2_000, 5)
    assert report.ok, report.figures
