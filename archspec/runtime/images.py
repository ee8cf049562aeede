"""A picture file to the array a network takes, as its `preprocess` section says.

Choices, where files leave one:

* The picture is turned upright as its EXIF orientation says.
* Transparent pixels lie over white.
* Grey of 9 to 16 bits is scaled to 8 (its white becomes 255), where Pillow's own conversion clips.
  Of colours with 16 bits a channel Pillow reads the upper 8, as libpng and OpenCV do.
* CMYK, palettes and bilevel pictures are converted by Pillow. Of an animation, the first frame.
* Resizing is Pillow's: bilinear and bicubic widen their support when they shrink a picture
  (antialiasing), and like torchvision's on such pictures to the pixel, sizes and crop included.
* A picture of more pixels than `PIL.Image.MAX_IMAGE_PIXELS` is refused before it is decoded. Only
  a JPEG is read all the same where the network wants it small: its decoder makes it a half, a
  quarter or an eighth as large, and still twice as large as `resize` asks for.
* A cut off picture is refused, and not filled up with grey.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any

from archspec.preprocess import Interpolation, Preprocess, both_sides, crop_fits
from archspec.runtime.errors import InputError, MissingPackageError, one_line, open_input
from archspec.runtime.pixels import FloatArray, scaled

try:
    import numpy as np
except ImportError as error:
    raise MissingPackageError("numpy", error) from error
try:
    from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
except ImportError as error:
    raise MissingPackageError("Pillow", error) from error

PixelArray = np.ndarray[Any, np.dtype[np.uint8]]

# Pillow's other formats are left out: some start programs of their own (EPS: Ghostscript). It loads
# all of its plugins to know any but the first five.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "ICO", "TGA")

LARGE = 1 << 24
"""Pixels. Threads that read pictures take turns at larger ones, so that they share no gigabytes."""

_CONVERTIBLE = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"}

_FILTERS: dict[Interpolation, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}

_WHITE_IS_ZERO, _PLANES_APART = 0, 2
"""Of a TIFF's PhotometricInterpretation, and of its PlanarConfiguration."""

_turn = threading.Lock()


def suffixes() -> frozenset[str]:
    """The ends of file names, in lower case, that FORMATS go by: `.jpg`, `.png`, …"""
    known = Image.registered_extensions()
    # Cameras' MPO is a JPEG with more behind it, and is opened as one.
    return frozenset(end for end, name in known.items() if name in (*FORMATS, "MPO"))


def read_image(path: Path, preprocess: Preprocess) -> FloatArray:
    """The picture as float32, C × H × W. Raises InputError."""
    return to_array(read_pixels(path, preprocess), preprocess)


def read_pixels(path: Path, preprocess: Preprocess) -> Image.Image:
    """The picture, resized and cropped: RGB, or L for gray. Raises InputError."""
    return _read(path, preprocess, lambda image: crop(resize(image, preprocess), preprocess))


def decode(path: Path, preprocess: Preprocess) -> Image.Image:
    """The picture upright, in 8 bits a channel: RGB, or L for gray. Raises InputError."""
    return _read(path, preprocess, lambda image: image)


def read_whole(path: Path, preprocess: Preprocess) -> PixelArray:
    """The picture as a model takes it that does itself what `preprocess` says: uint8, H × W × C.

    Raises InputError, where the model would fail too.
    """
    image = decode(path, preprocess)
    _check_crop(_resized((image.height, image.width), preprocess), preprocess)
    pixels: PixelArray = np.asarray(image)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def _read(
    path: Path, preprocess: Preprocess, then: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    with open_input(path) as file, _without_warnings():
        image = _open(file, preprocess)
        with _turn if image.width * image.height > LARGE else nullcontext():
            _load(image)
            mode = "L" if preprocess.channels == "gray" else "RGB"
            image = _eight_bit(image)
            return then(image if image.mode == mode else image.convert(mode))


def _open(file: IO[bytes], preprocess: Preprocess) -> Image.Image:
    """The picture, not decoded yet, of a size that can be."""
    try:
        image = Image.open(file, formats=FORMATS)
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None and image.width * image.height > limit:
            if preprocess.resize is not None:
                side = 2 * max(both_sides(preprocess.resize))
                image.draft(None, (side, side))  # what is no JPEG stays as it is
            if image.width * image.height > limit:
                raise _too_large(f"{image.height} × {image.width}, and the limit is {limit:,}")
        return image
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            "not a picture that Pillow can read; give a PNG, JPEG, WebP, GIF, BMP or TIFF file, "
            "or a .npy array"
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(one_line(error)) from error
    except MemoryError:
        raise
    except Exception as error:
        raise _damaged("unknown", error) from error


def _load(image: Image.Image) -> None:
    """Decode the picture and turn it upright."""
    try:
        image.load()
        if _orientation(image) != 1:
            ImageOps.exif_transpose(image, in_place=True)
    except MemoryError:
        raise
    except Exception as error:
        # A broken file makes Pillow's decoders raise whatever they stumble over: OSError,
        # struct.error, IndexError, zlib.error, ZeroDivisionError. To the user it is one thing.
        raise _damaged(image.format or "unknown", error) from error


def _orientation(image: Image.Image) -> object:
    """What EXIF says of it; 1, upright, where that cannot be made out: the pixels are fine."""
    with suppress(Exception):
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    return 1


def _too_large(figures: str) -> InputError:
    return InputError(
        f"the picture has too many pixels to be decoded safely ({figures}); scale it down first"
    )


def _damaged(file_format: str, error: Exception) -> InputError:
    return InputError(
        f"the picture (format: {file_format}) is damaged or cut off ({one_line(error)}); "
        "fetch or save it again"
    )


def resize(image: Image.Image, preprocess: Preprocess) -> Image.Image:
    """The picture in the size that `resize` asks for. Raises InputError."""
    if preprocess.resize is None:
        return image
    height, width = _resized((image.height, image.width), preprocess)
    return image.resize((width, height), _FILTERS[preprocess.interpolation])


def _resized(picture: tuple[int, int], preprocess: Preprocess) -> tuple[int, int]:
    """The height and width that `resize` makes of a picture's. Raises InputError."""
    if preprocess.resize is None:
        return picture
    height, width = picture
    if isinstance(preprocess.resize, int):
        shorter = min(width, height)
        width = width * preprocess.resize // shorter
        height = height * preprocess.resize // shorter
    else:
        height, width = preprocess.resize
    if Image.MAX_IMAGE_PIXELS is not None and width * height > Image.MAX_IMAGE_PIXELS:
        raise InputError(
            f"the picture is {picture[0]} × {picture[1]}, and to resize it as the model asks "
            f"would take {height} × {width} pixels; cut it to a less extreme shape"
        )
    return height, width


def crop(image: Image.Image, preprocess: Preprocess) -> Image.Image:
    """The centre of the picture, of the size that `crop` asks for. Raises InputError."""
    if preprocess.crop is None:
        return image
    _check_crop((image.height, image.width), preprocess)
    height, width = both_sides(preprocess.crop)
    # Halves go to the even number, as in torchvision, so that published accuracies carry over.
    top = round((image.height - height) / 2)
    left = round((image.width - width) / 2)
    return image.crop((left, top, left + width, top + height))


def _check_crop(picture: tuple[int, int], preprocess: Preprocess) -> None:
    """Raise InputError where a picture of this height and width is too small for `crop`."""
    if preprocess.crop is None:
        return
    height, width = both_sides(preprocess.crop)
    if not crop_fits(picture, (height, width)):
        raise InputError(
            f"the picture is {picture[0]} × {picture[1]} when it comes to be cropped to "
            f"{height} × {width}; give a larger one, or a `resize` in the spec's `preprocess`"
        )


def to_array(image: Image.Image, preprocess: Preprocess) -> FloatArray:
    """(value × scale − mean) / std, in float32, from H × W × C or H × W to C × H × W."""
    pixels = np.asarray(image, dtype=np.float32)
    planes = pixels[np.newaxis] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return scaled(planes, preprocess)


def _eight_bit(image: Image.Image) -> Image.Image:
    """The same picture, opaque, in a mode that Pillow converts to RGB and L as people expect."""
    tags = getattr(image, "tag_v2", {})  # a TIFF's
    bits = max(tags.get(ExifTags.Base.BitsPerSample, ()), default=8)
    # Pillow opens a PGM of more than 8 bits as 32-bit integers, scaled to 16 bits.
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        brightest = 4095 if bits == 12 else 65535
        levels = (np.arange(65536) * 255 + brightest // 2) // brightest  # rounded
        if tags.get(ExifTags.Base.PhotometricInterpretation) == _WHITE_IS_ZERO:
            levels = 255 - levels
        transparent = image.info.get("transparency")
        if isinstance(transparent, int):
            levels[transparent] = 255
        return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8)[np.asarray(image)])
    if bits > 8 and tags.get(ExifTags.Base.PlanarConfiguration) == _PLANES_APART:
        # Pillow takes the bytes of such planes for pixels of 8 bits, and makes nonsense of them.
        raise InputError(
            f"its colours are stored in planes of {bits} bits, which Pillow cannot read; save it "
            "with 8 bits a channel, or with the channels of a pixel side by side"
        )
    if image.mode not in _CONVERTIBLE:
        raise InputError(
            f"its pixels are of a kind (Pillow's mode {image.mode}) with no fixed black and "
            "white; save it as RGB or grey with 8 or 16 bits a channel, or give values as .npy"
        )
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(
            white, image if image.mode == "RGBA" else image.convert("RGBA")
        )
    return image


class _Warnings:
    """How many threads want Pillow's warnings unheard, and what gives them back."""

    lock = threading.Lock()
    readers = 0
    given_back = ExitStack()


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Pillow warns of oddities that it can live with; what it cannot, it raises.

    Python's `catch_warnings` is the whole process's: of threads that read at once, the first in
    enters it and the last out leaves it.
    """
    with _Warnings.lock:
        if _Warnings.readers == 0:
            _Warnings.given_back.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _Warnings.readers += 1
    try:
        yield
    finally:
        with _Warnings.lock:
            _Warnings.readers -= 1
            if _Warnings.readers == 0:
                _Warnings.given_back.close()
