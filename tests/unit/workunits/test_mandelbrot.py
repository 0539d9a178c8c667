"""The picture is a PNG, and its points are inside or outside as is known of them."""

import struct
import zlib

import pytest

from tests.unit.workunits.loading import unit_module

mandelbrot = unit_module("mandelbrot")

WHOLE = {"width": 60, "height": 40, "centre": [-0.5, 0.0], "span": 3.0, "iterations": 200, "rows": 7}


def decoded(png: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and rows of pixels of a PNG with the filters 0 and 1; every checksum is checked."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, {}
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        data = png[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", png, at + 8 + size)[0] == zlib.crc32(kind + data)
        parts[kind] = data
        at += size + 12
    assert list(parts) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack(">IIBBBBB", parts[b"IHDR"])
    assert rest == [8, 2, 0, 0, 0]
    raw = zlib.decompress(parts[b"IDAT"])
    stride = 3 * width + 1
    assert len(raw) == stride * height
    rows = []
    for start in range(0, len(raw), stride):
        assert raw[start] == 1
        row = bytearray(raw[start + 1 : start + stride])
        for place in range(3, len(row)):
            row[place] = (row[place] + row[place - 3]) & 0xFF
        rows.append(bytes(row))
    return width, height, rows


def test_picture() -> None:
    """Split, run and reduce give a PNG of the size asked for, the same for any number of rows per payload."""
    pictures = set()
    for rows in (1, 7, 40):
        params = {**WHOLE, "rows": rows}
        pictures.add(mandelbrot.reduce((mandelbrot.run(payload) for payload in mandelbrot.split(params)), params))
    [picture] = pictures
    width, height, pixels = decoded(picture)
    assert (width, height, len(pixels)) == (60, 40, 40)
    inside = mandelbrot.colour(0)
    middle = pixels[20]
    assert middle[3 * 30 : 3 * 31] == inside
    assert middle[3 * 59 :] != inside
    # The set is symmetric about the real axis, and so is the picture.
    assert pixels == pixels[::-1]


@pytest.mark.parametrize("point", [0, -1, 0.25, -2, 1j, -0.1 + 0.75j, -1.75488])
def test_points_inside(point: complex) -> None:
    """Points that are known to be in the set stay: centres of its discs, tips of its antennas."""
    assert mandelbrot.escape(complex(point).real, complex(point).imag, 1000) == 0


@pytest.mark.parametrize("point", [0.26, 1, -2.01, 2j, -0.75 + 0.1j, 0.4 + 0.4j])
def test_points_outside(point: complex) -> None:
    """Points outside run away, and their smooth count is near the count of plain iteration."""
    z, plain = 0j, 0
    while abs(z) <= 256:
        z, plain = z * z + point, plain + 1
    count = mandelbrot.escape(complex(point).real, complex(point).imag, 1000) / mandelbrot.STEPS
    assert plain - 1 <= count <= plain + 0.01


def test_every_count_has_a_colour() -> None:
    """No count that run can return is without colour."""
    for iterations in (1, 1000):
        highest = max(mandelbrot.escape(x / 7, y / 7, iterations) for x in range(-20, 20) for y in range(-20, 20))
        assert highest < iterations * mandelbrot.STEPS + 2 * mandelbrot.STEPS
    assert all(len(mandelbrot.colour(count)) == 3 for count in range(66_000))


def test_parameters() -> None:
    """Unknown and impossible parameters are refused."""
    for params, message in (({"hight": 3}, "hight"), ({"width": 0}, "width"), ({"iterations": 5000}, "iterations")):
        with pytest.raises(ValueError, match=message):
            list(mandelbrot.split(params))
