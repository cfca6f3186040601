"""Pictures of every kind become RGB tensors, or an error that names the file."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ssd.errors import DataError
from ssd.images import read_image, to_picture, to_tensor

ORIENTATION = 274


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def stripes(width: int, height: int) -> Image.Image:
    """Left half red, right half blue: survives JPEG, and tells when it was turned."""
    picture = Image.new("RGB", (width, height), (255, 0, 0))
    picture.paste((0, 0, 255), (width // 2, 0, width, height))
    return picture


def rotated_jpeg(path: Path, width: int = 64, height: int = 32) -> Path:
    """Write a picture whose camera says that row 0 is the right-hand side: viewers turn it clockwise."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    stripes(width, height).save(path, exif=exif, quality=95)
    return path


def pixel(image: torch.Tensor, x: int, y: int) -> list[int]:
    return image[:, y, x].tolist()


def test_rgb_png_is_read_pixel_for_pixel(tmp_path):
    pixels = noise(5, 7)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.dtype == torch.uint8
    assert image.shape == (3, 5, 7)
    assert torch.equal(image, torch.from_numpy(pixels).permute(2, 0, 1))


def test_path_may_be_a_string(tmp_path):
    Image.new("RGB", (2, 3)).save(tmp_path / "a.png")
    assert read_image(str(tmp_path / "a.png")).shape == (3, 3, 2)


def test_greyscale_repeats_its_channel(tmp_path):
    pixels = noise(4, 6)[..., 0]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert torch.equal(image, torch.from_numpy(pixels).expand(3, -1, -1))


def test_black_and_white_becomes_0_and_255(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert pixel(image, 0, 0) == [255, 255, 255]
    assert pixel(image, 1, 0) == [0, 0, 0]


@pytest.mark.parametrize(
    ("ink", "rgb"), [((0, 255, 255, 0), (255, 0, 0)), ((0, 0, 0, 255), (0, 0, 0)), ((0, 0, 0, 0), (255,) * 3)]
)
@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_inks_take_away_light(tmp_path, ink, rgb, suffix):
    Image.new("CMYK", (8, 8), ink).save(tmp_path / f"a.{suffix}")
    image = read_image(tmp_path / f"a.{suffix}")
    assert (image.float().mean(dim=(1, 2)) - torch.tensor(rgb)).abs().max() <= 3


def test_transparent_parts_turn_white_and_half_transparent_ones_half_white(tmp_path):
    picture = Image.new("RGBA", (3, 1), (200, 100, 0, 255))
    picture.putpixel((1, 0), (200, 100, 0, 0))
    picture.putpixel((2, 0), (200, 100, 0, 128))
    picture.save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert pixel(image, 0, 0) == [200, 100, 0]
    assert pixel(image, 1, 0) == [255, 255, 255]
    assert np.allclose(pixel(image, 2, 0), [227.4, 177.2, 127], atol=1)


def test_transparent_grey_turns_white(tmp_path):
    picture = Image.new("LA", (2, 1), (60, 255))
    picture.putpixel((1, 0), (60, 0))
    picture.save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert pixel(image, 0, 0) == [60, 60, 60]
    assert pixel(image, 1, 0) == [255, 255, 255]


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_transparent_palette_entry_turns_white(tmp_path, suffix):
    picture = Image.new("P", (2, 1), 0)
    picture.putpalette([10, 20, 30, 200, 150, 100])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / f"a.{suffix}", transparency=1)
    image = read_image(tmp_path / f"a.{suffix}")
    assert pixel(image, 0, 0) == [10, 20, 30]
    assert pixel(image, 1, 0) == [255, 255, 255]


def test_palette_with_an_opacity_for_each_entry_is_laid_on_white(tmp_path):
    picture = Image.new("P", (3, 1), 0)
    picture.putpalette([100, 0, 0, 100, 0, 0, 100, 0, 0])
    picture.putpixel((1, 0), 1)
    picture.putpixel((2, 0), 2)
    picture.save(tmp_path / "a.png", transparency=bytes([255, 0, 128]))
    image = read_image(tmp_path / "a.png")
    assert pixel(image, 0, 0) == [100, 0, 0]
    assert pixel(image, 1, 0) == [255, 255, 255]
    assert np.allclose(pixel(image, 2, 0), [177, 127, 127], atol=1)


def test_16_bit_grey_is_scaled_not_cut_off(tmp_path):
    values = np.array([[0, 16384, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert np.allclose(image[0, 0].numpy(), [0, 63.75, 127.5, 255], atol=1)
    assert image[0, 0, 3] == 255
    assert torch.equal(image[0], image[1])
    assert torch.equal(image[0], image[2])


def test_exif_rotated_picture_is_turned_upright(tmp_path):
    image = read_image(rotated_jpeg(tmp_path / "a.jpg"))
    assert image.shape == (3, 64, 32)
    assert pixel(image, 16, 10)[0] > 200, "the stored left half is now on top"
    assert pixel(image, 16, 54)[2] > 200


def test_exif_rotated_picture_annotated_upright_is_turned(tmp_path):
    assert read_image(rotated_jpeg(tmp_path / "a.jpg"), size=(32, 64)).shape == (3, 64, 32)


def test_exif_rotated_picture_annotated_as_stored_is_left_as_stored(tmp_path):
    image = read_image(rotated_jpeg(tmp_path / "a.jpg"), size=(64, 32))
    assert image.shape == (3, 32, 64)
    assert pixel(image, 10, 16)[0] > 200
    assert pixel(image, 54, 16)[2] > 200


def test_exif_rotated_square_is_turned_whatever_its_annotation_says(tmp_path):
    path = rotated_jpeg(tmp_path / "a.jpg", 32, 32)
    image = read_image(path, size=(32, 32))
    assert pixel(image, 16, 4)[0] > 200
    assert torch.equal(image, read_image(path))


def test_size_that_agrees_changes_nothing(tmp_path):
    Image.fromarray(noise(5, 7)).save(tmp_path / "a.png")
    assert torch.equal(read_image(tmp_path / "a.png", size=(7, 5)), read_image(tmp_path / "a.png"))


def test_one_pixel_picture(tmp_path):
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").flatten().tolist() == [1, 2, 3]


def test_picture_survives_the_way_to_a_tensor_and_back():
    pixels = noise(6, 5)
    assert np.array_equal(np.asarray(to_picture(to_tensor(Image.fromarray(pixels)))), pixels)


def assert_names_the_file(error: DataError, path: Path) -> None:
    assert str(path) in str(error)
    assert "expected" in str(error)
    assert error.file == path


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="missing") as caught:
        read_image(tmp_path / "none.jpg")
    assert_names_the_file(caught.value, tmp_path / "none.jpg")


@pytest.mark.parametrize("content", [b"", b"this is no picture", b"\xff\xd8", b"\x89PNG\r\n\x1a\n"])
def test_file_that_is_no_picture_is_named(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_image(tmp_path / "a.jpg")
    assert_names_the_file(caught.value, tmp_path / "a.jpg")


def test_folder_is_no_picture(tmp_path):
    with pytest.raises(DataError) as caught:
        read_image(tmp_path)
    assert_names_the_file(caught.value, tmp_path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "bmp", "webp"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_picture_cut_short_is_named(tmp_path, suffix, share):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise(64, 64)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError) as caught:
        read_image(path)
    assert_names_the_file(caught.value, path)


def test_size_that_contradicts_the_picture_says_both_sizes(tmp_path):
    Image.new("RGB", (7, 5)).save(tmp_path / "a.png")
    with pytest.raises(DataError) as caught:
        read_image(tmp_path / "a.png", size=(5, 7))
    assert_names_the_file(caught.value, tmp_path / "a.png")
    assert caught.value.field == "size"
    assert "(5, 7)" in str(caught.value)
    assert "(7, 5)" in str(caught.value)


def test_size_that_neither_stored_nor_upright_picture_has_is_refused(tmp_path):
    with pytest.raises(DataError, match="size"):
        read_image(rotated_jpeg(tmp_path / "a.jpg"), size=(63, 32))


def test_exif_with_text_where_a_number_belongs_gives_a_picture_or_an_error_that_names_the_file(tmp_path):
    orientation = struct.pack("<HHII", ORIENTATION, 3, 1, 6)
    width_in_words = struct.pack("<HHI4s", 256, 2, 4, b"two")
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + width_in_words + orientation + bytes(4)
    stripes(64, 32).save(tmp_path / "a.jpg", exif=exif)
    try:
        assert read_image(tmp_path / "a.jpg").shape == (3, 64, 32)
    except DataError as error:
        assert_names_the_file(error, tmp_path / "a.jpg")


def test_dark_16_bit_picture_stays_dark(tmp_path):
    values = np.full((4, 4), 200, dtype=np.uint16)  # 200 of 65535 is nearly black, not light grey
    Image.fromarray(values).save(tmp_path / "dark.png")
    assert read_image(tmp_path / "dark.png").max() <= 1
