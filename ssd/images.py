"""Pictures in and out: any file Pillow can read becomes an RGB tensor, or an error that names the file."""

import io
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from .errors import DataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def read_image(path: str | Path, size: tuple[int, int] | None = None, claimed_by: str | Path | None = None) -> Tensor:
    """Read a picture file as RGB, whatever its colour mode; transparent parts turn white.

    A picture that its camera marked as rotated (EXIF) is turned upright, as viewers and annotation tools show it.

    Args:
        path: the file.
        size: (width, height) that an annotation claims. A rotated file whose stored pixels have this size and whose
            upright ones have not is left as stored, since that is what was annotated.
        claimed_by: the annotation, for the message.

    Returns:
        (3, H, W) uint8.

    Raises:
        DataError: the file is missing, not a picture, or cut short, or contradicts `size`.

    """
    try:
        with Image.open(path) as file:
            stored = file.size
            file.load()
            picture = file
            if file.getexif().get(ExifTags.Base.Orientation, 1) != 1:
                upright = ImageOps.exif_transpose(file)
                picture = file if size is not None and stored == size != upright.size else upright
    except FileNotFoundError:
        raise DataError("picture is missing", file=path, expected="an image file") from None
    except UnidentifiedImageError:
        raise DataError(
            "cannot be read as a picture", file=path, expected="JPEG, PNG or another image format"
        ) from None
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise DataError(f"picture is damaged ({error})", file=path, expected="a complete image file") from None
    if size is not None and picture.size != size:
        expected = f"{size}, as {claimed_by or 'its annotation'} says"
        raise DataError("is not the annotation's", file=path, field="size", value=picture.size, expected=expected)
    return to_tensor(picture)


def to_tensor(picture: Image.Image) -> Tensor:
    """Turn a Pillow picture of any mode into (3, H, W) uint8; the pixels stay in rows of RGB triples in memory."""
    if picture.mode in ("I", "I;16", "I;16B", "I;16L", "F"):  # deep greyscale, which Pillow would cut off at 255
        values = np.asarray(picture, dtype=np.float64)
        # Pillow's other two modes do not say how deep the file was; what needs more than 8 bits is taken for 16.
        deep = picture.mode not in ("I", "F") or values.max(initial=0) > 255
        picture = Image.fromarray((values * (255 / 65535 if deep else 1)).clip(0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    picture = picture if picture.mode == "RGB" else picture.convert("RGB")
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def to_picture(image: Tensor) -> Image.Image:
    """Turn (3, H, W) uint8 into a Pillow picture."""
    return Image.fromarray(image.permute(1, 2, 0).cpu().contiguous().numpy())


def as_image(image: object) -> Tensor:
    """Turn a path, Pillow picture, array or tensor into (3, H, W) uint8; EXIF is heeded.

    Raises:
        DataError: it cannot be read, or has another shape or type.

    """
    if isinstance(image, str | Path):
        return read_image(image)
    if isinstance(image, Image.Image):
        return to_tensor(ImageOps.exif_transpose(image))
    shape, kind = tuple(getattr(image, "shape", ())), getattr(image, "dtype", type(image).__name__)
    if (
        0 not in shape
        and isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and image.ndim == 3
        and shape[2] == 3
    ):
        return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
    if (
        0 not in shape
        and isinstance(image, Tensor)
        and image.dtype == torch.uint8
        and image.ndim == 3
        and shape[0] == 3
    ):
        return image
    raise DataError(
        "is not a picture",
        field="image",
        value=f"{kind} {shape}",
        expected="a path, a Pillow picture, a (H, W, 3) uint8 array or a (3, H, W) uint8 tensor",
    )


def png(picture: "Image.Image | Figure") -> bytes:
    """Return a Pillow picture, or a figure, as the bytes of a PNG file."""
    buffer = io.BytesIO()
    if isinstance(picture, Image.Image):
        picture.save(buffer, "PNG")
    else:
        picture.savefig(buffer, format="png")
    return buffer.getvalue()
