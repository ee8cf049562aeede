"""Pictures that readers get wrong: against values worked by hand, and tifffile's."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from archspec.preprocess import Preprocess
from archspec.runtime import images
from archspec.runtime.errors import InputError

GREY = np.asarray([[0, 1000, 257 * 100, 65535]], np.uint16)
# 1000/257 is 3.89
GREY_8 = [0, 4, 100, 255]
COLOURS = np.asarray([[[0, 256 * 3, 256 * 100 + 255], [65535, 255, 256]]], np.uint16)
COLOURS_8 = [[0, 3, 100], [255, 0, 1]]  # the upper bytes


def pixels(path: Path, **section: Any) -> Any:
    """The picture as nested lists, H × W × C or H × W."""
    return np.asarray(images.decode(path, Preprocess(**section))).tolist()


def grey(path: Path) -> Any:
    (line,) = pixels(path, channels="gray")
    return line


def save_tiff(path: Path, values: Any, **options: Any) -> None:
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(path, values, **options)
    assert np.array_equal(tifffile.imread(path), values)


def png(width: int, depth: int, colours: int, line: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG of one line; `more` are chunks before the pixels."""
    header = struct.pack(">IIBBBBB", width, 1, depth, colours, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        *more,
        (b"IDAT", zlib.compress(b"\0" + line)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


# 16 bits, and 12


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_sixteen_bit_grey_tiff_is_scaled_and_not_clipped(tmp_path: Path, byteorder: str) -> None:
    save_tiff(tmp_path / "a.tif", GREY, photometric="minisblack", byteorder=byteorder)
    assert grey(tmp_path / "a.tif") == GREY_8


def test_sixteen_bit_tiff_whose_white_is_zero_is_no_negative(tmp_path: Path) -> None:
    save_tiff(tmp_path / "a.tif", GREY, photometric="miniswhite")
    assert grey(tmp_path / "a.tif") == [255 - level for level in GREY_8]
    save_tiff(tmp_path / "b.tif", (GREY >> 8).astype(np.uint8), photometric="miniswhite")
    assert grey(tmp_path / "b.tif") == [255, 255 - 3, 255 - 100, 0]


def test_twelve_bit_grey_is_not_sixteen_times_too_dark(tmp_path: Path) -> None:
    bits = "".join(f"{value:012b}" for value in (0, 1000, 2048, 4095))
    data = int(bits, 2).to_bytes(6, "big")
    fields = {256: 4, 257: 1, 258: 12, 259: 1, 262: 1, 273: 8 + 2 + 12 * 9 + 4, 277: 1, 278: 1}
    fields[279] = len(data)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items())
    head = b"II*\0" + struct.pack("<IH", 8, len(fields))
    (tmp_path / "a.tif").write_bytes(head + entries + bytes(4) + data)
    assert grey(tmp_path / "a.tif") == [0, 62, 128, 255]  # of 4095: 62.27, 127.5


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_of_sixteen_bit_colours_the_upper_bytes_are_taken(
    tmp_path: Path, compression: str | None
) -> None:
    save_tiff(tmp_path / "a.tif", COLOURS, photometric="rgb", compression=compression)
    (tmp_path / "a.png").write_bytes(png(2, 16, 2, COLOURS.astype(">u2").tobytes()))
    assert pixels(tmp_path / "a.tif") == pixels(tmp_path / "a.png") == [COLOURS_8]


def test_sixteen_bit_planes_are_refused_rather_than_read_as_nonsense(tmp_path: Path) -> None:
    planes = np.ascontiguousarray(COLOURS.transpose(2, 0, 1))
    save_tiff(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    with pytest.raises(InputError, match="planes of 16 bits"):
        pixels(tmp_path / "a.tif")
    planes = (planes >> 8).astype(np.uint8)
    save_tiff(tmp_path / "b.tif", planes, photometric="rgb", planarconfig="separate")
    assert pixels(tmp_path / "b.tif") == [COLOURS_8]


def test_sixteen_bit_grey_with_transparency_lies_over_white(tmp_path: Path) -> None:
    line = GREY.astype(">u2").tobytes()
    transparent = struct.pack(">H", 1000)
    (tmp_path / "a.png").write_bytes(png(4, 16, 0, line, (b"tRNS", transparent)))
    assert grey(tmp_path / "a.png") == [0, 255, 100, 255]
    both = np.asarray([[1000, 65535], [257 * 100, 0]], ">u2").tobytes()
    (tmp_path / "b.png").write_bytes(png(2, 16, 4, both))
    assert grey(tmp_path / "b.png") == [3, 255]


# CMYK


def test_cmyk_jpegs_are_inverted_where_adobe_s_marker_says_so(tmp_path: Path) -> None:
    ink = (0, 200, 255, 30)
    Image.new("CMYK", (16, 16), ink).save(tmp_path / "a.jpg", quality=100)
    content = (tmp_path / "a.jpg").read_bytes()
    assert b"Adobe" in content
    # (255 − ink)(255 − black)/255 for each of three: what torchvision 0.29 makes of it, too
    expected = [[[225, 49, 0]] * 16] * 16
    assert pixels(tmp_path / "a.jpg") == expected


# EXIF


def with_exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(np.asarray([[0, 90], [180, 255]], np.uint8)).resize((16, 16), 0).save(
        stream, "JPEG", exif=exif, quality=100
    )
    return stream.getvalue()


@pytest.mark.parametrize(
    ("orientation", "corners"),
    [
        (1, [0, 90, 180, 255]),
        (2, [90, 0, 255, 180]),
        (3, [255, 180, 90, 0]),
        (4, [180, 255, 0, 90]),
        (5, [0, 180, 90, 255]),
        (6, [180, 0, 255, 90]),
        (7, [255, 90, 180, 0]),
        (8, [90, 255, 0, 180]),
        (9, [0, 90, 180, 255]),
    ],
)
def test_every_orientation_of_exif_is_turned_upright(
    tmp_path: Path, orientation: int, corners: list[int]
) -> None:
    (tmp_path / "a.jpg").write_bytes(with_exif(orientation))
    found = np.asarray(pixels(tmp_path / "a.jpg", channels="gray"))[::15, ::15].reshape(-1)
    assert np.abs(found - corners).max() <= 2


def test_a_picture_whose_exif_is_garbled_is_taken_as_it_lies(tmp_path: Path) -> None:
    content = with_exif(6)
    start = content.index(b"Exif\0\0") + 6
    for garbled in (b"ZZ", b"II*\0\xff\xff\xff\x7f", b"II*\0\x08\0\0\0\xff\xff"):
        (tmp_path / "a.jpg").write_bytes(
            content[:start] + garbled + content[start + len(garbled) :]
        )
        assert np.asarray(pixels(tmp_path / "a.jpg", channels="gray"))[0, 15] in range(88, 93)


# Large ones


def test_a_jpeg_over_the_limit_is_decoded_smaller_where_it_is_wanted_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((800, 640), Image.Resampling.BICUBIC)
    picture.save(tmp_path / "a.jpg", quality=95)
    picture.save(tmp_path / "a.png")
    section = Preprocess(resize=64, crop=64)
    whole = images.read_image(tmp_path / "a.jpg", section)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300_000)
    small = images.read_image(tmp_path / "a.jpg", section)
    assert np.abs(small - whole).mean() < 2  # of 255
    with pytest.raises(InputError, match="too many pixels to be decoded safely"):
        images.read_image(tmp_path / "a.png", section)
    with pytest.raises(InputError, match="too many pixels"):
        images.read_image(tmp_path / "a.jpg", Preprocess(crop=64))  # wanted as large as it is
    with pytest.raises(InputError, match="too many pixels"):
        images.read_image(tmp_path / "a.jpg", Preprocess(resize=500))


def test_a_png_of_thirty_thousand_squared_is_refused_without_its_gigabytes(tmp_path: Path) -> None:
    """All of its pixels are there: 900 million of them in a megabyte."""
    line = zlib.compressobj(9)
    rows = b"".join(line.compress(bytes(30_001)) for _ in range(30_000)) + line.flush()
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )
    (tmp_path / "a.png").write_bytes(content)
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from archspec.preprocess import Preprocess\n"
        "from archspec.runtime.images import read_image\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_image(Path(sys.argv[1]), Preprocess(resize=8))\n"
        "except Exception as error: print(type(error).__name__)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.png")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "InputError\nTrue\n"


def test_threads_take_turns_at_large_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (20, 20)).save(tmp_path / "a.png")
    monkeypatch.setattr(images, "LARGE", 399)
    at_once = 0
    most = 0
    load = images._load

    def counting(image: Image.Image) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        threading.Event().wait(0.01)
        load(image)
        at_once -= 1

    monkeypatch.setattr(images, "_load", counting)
    read_in_threads(tmp_path / "a.png")
    assert most == 1
    monkeypatch.setattr(images, "LARGE", 400)
    read_in_threads(tmp_path / "a.png")
    assert most > 1


def read_in_threads(path: Path) -> None:
    threads = [threading.Thread(target=pixels, args=[path]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# Manners


def test_the_process_s_warnings_are_as_before_after_many_threads_have_read(
    tmp_path: Path,
) -> None:
    Image.new("L", (20, 20)).save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        read_in_threads(tmp_path / "a.png")
        assert list(warnings.filters) == before


def test_the_suffixes_are_those_of_the_formats_that_are_read() -> None:
    known = images.suffixes()
    assert {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".mpo"} <= known
    assert not known & {".eps", ".pdf", ".mpeg", ".npy", ".svg", ".h5"}
