"""A picture file to the array a network takes, as its `preprocess` section says.

Choices, where files leave one:

* The picture is turned upright as its EXIF orientation says.
* Transparent pixels lie over white.
* 16-bit grey is scaled to 8 bits (65535 becomes 255), where Pillow's own conversion clips.
* CMYK, palettes and bilevel pictures are converted by Pillow. Of an animation, the first frame.
* Resizing is Pillow's: bilinear and bicubic widen their support when they shrink a picture
  (antialiasing), and like torchvision's on such pictures to the pixel, sizes and crop included.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import IO, Any

from archspec.preprocess import Interpolation, Preprocess, both_sides, crop_fits
from archspec.runtime.errors import InputError, MissingPackageError, one_line, open_input

try:
    import numpy as np
except ImportError as error:
    raise MissingPackageError("numpy", error) from error
try:
    from PIL import Image, ImageOps, UnidentifiedImageError
except ImportError as error:
    raise MissingPackageError("Pillow", error) from error

FloatArray = np.ndarray[Any, np.dtype[np.float32]]

# Pillow's other formats are left out: some start programs of their own (EPS: Ghostscript). It loads
# all of its plugins to know any but the first five.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "ICO", "TGA")

_CONVERTIBLE = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"}

_FILTERS: dict[Interpolation, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def read_image(path: Path, preprocess: Preprocess) -> FloatArray:
    """The picture as float32, C × H × W. Raises InputError."""
    return to_array(crop(resize(decode(path, preprocess), preprocess), preprocess), preprocess)


def decode(path: Path, preprocess: Preprocess) -> Image.Image:
    """The picture upright, in 8 bits a channel: RGB, or L for gray. Raises InputError."""
    with open_input(path) as file, warnings.catch_warnings():
        # Pillow warns of oddities that it can live with; what it cannot, it raises.
        warnings.simplefilter("ignore")
        image, file_format = _load(file)
        return _eight_bit(image, file_format).convert(
            "L" if preprocess.channels == "gray" else "RGB"
        )


def _load(file: IO[bytes]) -> tuple[Image.Image, str]:
    """The picture upright, as it is stored, and the name of the file's format."""
    file_format = "unknown"
    try:
        image = Image.open(file, formats=FORMATS)
        file_format = image.format or file_format
        image.load()
        return ImageOps.exif_transpose(image), file_format
    except UnidentifiedImageError as error:
        raise InputError(
            "not a picture that Pillow can read; give a PNG, JPEG, WebP, GIF, BMP or TIFF file, "
            "or a .npy array"
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"the picture has too many pixels to be decoded safely ({one_line(error)}); "
            "scale it down first"
        ) from error
    except MemoryError:
        raise
    except Exception as error:
        # A broken file makes Pillow's decoders raise whatever they stumble over: OSError,
        # struct.error, IndexError, zlib.error, ZeroDivisionError. To the user it is one thing.
        raise InputError(
            f"the picture (format: {file_format}) is damaged or cut off ({one_line(error)}); "
            "fetch or save it again"
        ) from error


def resize(image: Image.Image, preprocess: Preprocess) -> Image.Image:
    """The picture in the size that `resize` asks for. Raises InputError."""
    if preprocess.resize is None:
        return image
    width, height = image.size
    if isinstance(preprocess.resize, int):
        shorter = min(width, height)
        width = width * preprocess.resize // shorter
        height = height * preprocess.resize // shorter
    else:
        height, width = preprocess.resize
    if Image.MAX_IMAGE_PIXELS is not None and width * height > Image.MAX_IMAGE_PIXELS:
        raise InputError(
            f"the picture is {image.height} × {image.width}, and to resize it as the model asks "
            f"would take {height} × {width} pixels; cut it to a less extreme shape"
        )
    return image.resize((width, height), _FILTERS[preprocess.interpolation])


def crop(image: Image.Image, preprocess: Preprocess) -> Image.Image:
    """The centre of the picture, of the size that `crop` asks for. Raises InputError."""
    if preprocess.crop is None:
        return image
    height, width = both_sides(preprocess.crop)
    if not crop_fits((image.height, image.width), (height, width)):
        raise InputError(
            f"the picture is {image.height} × {image.width} when it comes to be cropped to "
            f"{height} × {width}; give a larger one, or a `resize` in the spec's `preprocess`"
        )
    # Halves go to the even number, as in torchvision, so that published accuracies carry over.
    top = round((image.height - height) / 2)
    left = round((image.width - width) / 2)
    return image.crop((left, top, left + width, top + height))


def to_array(image: Image.Image, preprocess: Preprocess) -> FloatArray:
    """(value × scale − mean) / std, in float32, from H × W × C or H × W to C × H × W."""
    pixels = np.asarray(image, dtype=np.float32)
    planes = pixels[np.newaxis] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    if preprocess.channels == "bgr":
        planes = planes[::-1]
    mean, std = (
        np.asarray(values, dtype=np.float32).reshape(-1, 1, 1)
        for values in (preprocess.mean, preprocess.std)
    )
    with np.errstate(all="ignore"):  # what becomes of absurd figures shows in the scores
        return np.ascontiguousarray((planes * np.float32(preprocess.scale) - mean) / std)


def _eight_bit(image: Image.Image, file_format: str) -> Image.Image:
    """The same picture, opaque, in a mode that Pillow converts to RGB and L as people expect."""
    # Pillow opens a PGM of more than 8 bits as 32-bit integers, scaled to 16 bits.
    if image.mode.startswith("I;16") or (image.mode == "I" and file_format == "PPM"):
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode not in _CONVERTIBLE:
        raise InputError(
            f"its pixels are of a kind (Pillow's mode {image.mode}) with no fixed black and "
            "white; save it as RGB or grey with 8 or 16 bits a channel, or give values as .npy"
        )
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA"))
    return image
