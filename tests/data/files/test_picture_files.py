"""Files as people have them: nothing is lost in silence, and each error names it."""

import struct
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from simseg_core.data.files.picture_files import (
    Picture,
    match_orientation,
    open_mask,
    open_picture,
)

DEEP = (np.arange(8 * 12 * 3, dtype=np.uint16) * 200).reshape(8, 12, 3)
BYTES = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
LABELS = np.resize(np.uint8([0, 1, 2]), (8, 12))
ORIENTATION = 274


def save_png(file, pixels, kind):
    """Write a PNG of 16 bits, which Pillow cannot: kind 0 grey, 2 RGB, 6 RGBA."""

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def save_tiff(file, pixels, **options):
    tifffile.imwrite(file, pixels, **options)


def save_ppm(file, pixels, most):
    kind = b"P6" if pixels.ndim == 3 else b"P5"
    data = pixels.astype(">u2" if most > 255 else "u1").tobytes()
    file.write_bytes(b"%s\n12 8\n%d\n%s" % (kind, most, data))


RGB = {"photometric": "rgb"}
DEEP_FILES = {
    "rgb.png": lambda file: save_png(file, DEEP, 2),
    "rgba.png": lambda file: save_png(file, np.dstack([DEEP, DEEP[..., :1]]), 6),
    "grey.png": lambda file: save_png(file, DEEP[..., 0], 0),
    "rgb.tif": lambda file: save_tiff(file, DEEP, **RGB),
    "packed.tif": lambda file: save_tiff(file, DEEP, compression="deflate", **RGB),
    "planes.tif": lambda file: save_tiff(
        file, DEEP.transpose(2, 0, 1), planarconfig="separate", **RGB
    ),
    "grey.tif": lambda file: save_tiff(file, DEEP[..., 0]),
    "whole.tif": lambda file: save_tiff(file, DEEP[..., 0].astype(np.int32)),
    "float.tif": lambda file: save_tiff(file, DEEP[..., 0].astype(np.float32)),
    "rgb.ppm": lambda file: save_ppm(file, DEEP % 1024, 1023),
    "grey.ppm": lambda file: save_ppm(file, DEEP[..., 0], 65535),
}


@pytest.mark.parametrize("name", DEEP_FILES)
def test_pictures_deeper_than_8_bits_are_refused(tmp_path, name):
    DEEP_FILES[name](tmp_path / name)
    with pytest.raises(ValueError, match=rf"{name} has more than 8 bits .*8-bit PNG"):
        open_picture(tmp_path / name)


@pytest.mark.parametrize("name", ["rgb.png", "rgba.png", "rgb.tif", "float.tif"])
def test_masks_deeper_than_their_mode_are_refused(tmp_path, name):
    DEEP_FILES[name](tmp_path / name)
    with pytest.raises(ValueError, match=rf"{name} has more than 8 bits .*8-bit PNG"):
        open_mask(tmp_path / name)


@pytest.mark.parametrize("name", ["grey.png", "grey.tif", "whole.tif"])
def test_deep_masks_of_one_channel_keep_every_value(tmp_path, name):
    DEEP_FILES[name](tmp_path / name)
    mask = open_mask(tmp_path / name).upright
    assert np.array_equal(np.asarray(mask).astype(int), DEEP[..., 0])


def test_eight_bits_are_read_whatever_the_file(tmp_path):
    save_ppm(tmp_path / "rgb.ppm", BYTES, 255)
    save_tiff(tmp_path / "rgb.tif", BYTES, compression="deflate", **RGB)
    Image.fromarray(BYTES).save(tmp_path / "rgb.png")
    Image.fromarray(BYTES).save(tmp_path / "rgb.webp", lossless=True)
    for file in tmp_path.iterdir():
        assert np.array_equal(np.asarray(open_picture(file).upright), BYTES)


FRAMES = [Image.fromarray(np.full((8, 12), v, dtype=np.uint8)) for v in (10, 200, 90)]


@pytest.mark.parametrize(
    "name", ["stack.tif", "moving.gif", "moving.webp", "moving.png"]
)
def test_pages_and_frames_are_counted(tmp_path, name):
    FRAMES[0].save(tmp_path / name, save_all=True, append_images=FRAMES[1:])
    with pytest.raises(ValueError, match=rf"{name} holds 3 pages or frames.*own"):
        open_picture(tmp_path / name)
    FRAMES[0].save(tmp_path / name)
    open_picture(tmp_path / name)


def test_masks_of_several_pages_are_refused(tmp_path):
    FRAMES[0].save(tmp_path / "m.tif", save_all=True, append_images=FRAMES[1:])
    with pytest.raises(ValueError, match=r"m\.tif holds 3 pages"):
        open_mask(tmp_path / "m.tif")


def test_a_camera_s_preview_is_no_second_page(tmp_path, monkeypatch):
    FRAMES[0].save(tmp_path / "phone.jpg")
    # Phones write MPO. The oldest Pillow that we read with writes it broken, so these
    # two attributes stand for such a file.
    monkeypatch.setattr(JpegImageFile, "n_frames", 2, raising=False)
    with pytest.raises(ValueError, match=r"phone\.jpg holds 2 pages"):
        open_picture(tmp_path / "phone.jpg")
    monkeypatch.setattr(JpegImageFile, "format", "MPO")
    assert abs(np.asarray(open_picture(tmp_path / "phone.jpg").upright).mean() - 10) < 2


@pytest.mark.parametrize(
    ("name", "pixels", "says"),
    [
        ("five.tif", np.dstack([BYTES, BYTES[..., :2]]), "2 channels beside"),
        ("near.tif", np.dstack([BYTES, BYTES[..., :1]]), "1 channel beside"),
        ("signed.tif", BYTES[..., 0].astype(np.int8), "signed bytes"),
        ("half.tif", BYTES[..., 0].astype(np.float16), r"cannot be read .*8-bit PNG"),
        ("double.tif", BYTES[..., 0].astype(np.float64), r"cannot be read .*8-bit PNG"),
    ],
)
def test_channels_and_numbers_that_would_be_lost_are_refused(
    tmp_path, name, pixels, says
):
    options = RGB if pixels.ndim == 3 else {"photometric": "minisblack"}
    extra = {"extrasamples": ["unspecified"]} if name == "near.tif" else {}
    save_tiff(tmp_path / name, pixels, **options, **extra)
    with pytest.raises(ValueError, match=rf"{name} .*{says}"):
        open_picture(tmp_path / name)


def test_lab_is_refused_and_cmyk_is_read(tmp_path):
    Image.fromarray(BYTES).convert("LAB").save(tmp_path / "lab.tif")
    with pytest.raises(ValueError, match=r"lab\.tif is of mode LAB.*RGB"):
        open_picture(tmp_path / "lab.tif")
    Image.new("CMYK", (12, 8), (0, 255, 255, 0)).save(tmp_path / "red.tif")
    red = open_picture(tmp_path / "red.tif").upright.convert("RGB")
    assert red.getpixel((0, 0)) == (255, 0, 0)


def test_a_fourth_band_that_is_called_alpha_is_refused(tmp_path):
    # As GDAL writes red, green, blue and near infrared; where the map ends it is alpha.
    ends = np.where(np.indices((8, 12))[1] < 3, 0, 255)
    for name, band in (("near.tif", BYTES[..., 0]), ("map.tif", ends)):
        pixels = np.dstack([BYTES, band.astype(np.uint8)])
        save_tiff(tmp_path / name, pixels, extrasamples=["unassalpha"], **RGB)
    with pytest.raises(ValueError, match=r"near\.tif has a last channel .*infrared"):
        open_picture(tmp_path / "near.tif")
    assert open_picture(tmp_path / "map.tif").upright.mode == "RGBA"


def test_overviews_of_a_map_are_no_pages(tmp_path):
    with tifffile.TiffWriter(tmp_path / "map.tif") as file:
        file.write(LABELS)
        file.write(np.ascontiguousarray(LABELS[::2, ::2]), subfiletype=1)
    for opened in (open_picture(tmp_path / "map.tif"), open_mask(tmp_path / "map.tif")):
        assert np.array_equal(np.asarray(opened.upright), LABELS)
    with tifffile.TiffWriter(tmp_path / "map.tif", append=True) as file:
        file.write(LABELS)
    with pytest.raises(ValueError, match=r"map\.tif holds 2 pages"):
        open_mask(tmp_path / "map.tif")


def test_masks_of_true_and_false_are_not_read_upside_down(tmp_path):
    save_tiff(tmp_path / "bits.tif", LABELS == 1)  # True as black
    with pytest.raises(ValueError, match=r"bits\.tif is stored with white as 0"):
        open_mask(tmp_path / "bits.tif")
    for compression in ("raw", "group4"):  # as others write bits
        white = Image.fromarray(LABELS == 1)
        white.save(tmp_path / "bits.tif", compression=compression, tiffinfo={262: 0})
        assert np.array_equal(open_mask(tmp_path / "bits.tif").upright, LABELS == 1)


def test_two_colours_of_a_bitmap_are_not_taken_for_bits(tmp_path):
    mask = Image.fromarray((LABELS == 1).astype(np.uint8))
    mask.putpalette([0, 0, 0, 255, 255, 255])
    mask.save(tmp_path / "bytes.bmp")
    for opened in (open_mask, open_picture):
        with pytest.raises(ValueError, match=r"bytes\.bmp has two colours .*as PNG"):
            opened(tmp_path / "bytes.bmp")
    Image.fromarray(LABELS == 1).save(tmp_path / "bits.bmp")
    assert np.array_equal(open_mask(tmp_path / "bits.bmp").upright, LABELS == 1)


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "WEBP"])
def test_masks_are_judged_by_their_content_not_their_name(tmp_path, kind):
    Image.fromarray(LABELS).save(tmp_path / "mask.png", format=kind)
    with pytest.raises(ValueError, match=rf"mask\.png is a {kind}.*as PNG"):
        open_mask(tmp_path / "mask.png")


def test_masks_that_lost_values_in_a_tiff_are_refused(tmp_path):
    Image.fromarray(LABELS).save(tmp_path / "mask.tif", compression="jpeg")
    with pytest.raises(ValueError, match=r"mask\.tif is compressed with a loss.*PNG"):
        open_mask(tmp_path / "mask.tif")
    save_tiff(tmp_path / "white.tif", LABELS, photometric="miniswhite")
    with pytest.raises(ValueError, match=r"white\.tif is stored with white as 0"):
        open_mask(tmp_path / "white.tif")
    Image.fromarray(LABELS).save(tmp_path / "mask.tif", compression="tiff_lzw")
    assert np.array_equal(np.asarray(open_mask(tmp_path / "mask.tif").upright), LABELS)


@pytest.mark.parametrize("limit", [60, 40])  # of 96 pixels: Pillow warns, and raises
def test_pictures_too_large_for_pillow_s_guard_are_named(tmp_path, monkeypatch, limit):
    Image.fromarray(BYTES).save(tmp_path / "huge.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    for action in ("ignore", "error"):
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            with pytest.raises(
                ValueError,
                match=r"huge\.png is too large \(.*(12 x 8|96) pixels.*MAX_IMAGE",
            ):
                open_picture(tmp_path / "huge.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert open_picture(tmp_path / "huge.png").upright.size == (12, 8)


@pytest.mark.parametrize(
    "error",
    [
        SyntaxError("bad"),
        struct.error("short"),
        zlib.error("x"),
        EOFError(),
        KeyError(1),
    ],
)
def test_whatever_a_decoder_raises_names_the_file(tmp_path, monkeypatch, error):
    def fail(self):
        raise error

    Image.fromarray(BYTES).save(tmp_path / "a.png")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
    with pytest.raises(ValueError, match=r"a\.png cannot be read \(.+\): .*again"):
        open_picture(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of cut-off TIFFs
def test_damaged_files_of_every_kind_are_named(tmp_path):
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    for end in ("png", "jpg", "tif", "gif", "bmp", "webp", "ppm"):
        file = tmp_path / f"a.{end}"
        Image.fromarray(pixels).save(file)
        whole = file.read_bytes()
        for content in (
            b"",
            whole[:9],
            whole[:60],
            whole[: len(whole) // 2],
            b"x" * 99,
        ):
            file.write_bytes(content)
            with pytest.raises(ValueError, match=rf"a\.{end} cannot be read"):
                open_picture(file)


TALL = Image.fromarray(BYTES.transpose(1, 0, 2))  # 8 wide, 12 high
SQUARE = Image.fromarray(BYTES[:, :8])


def saved(file, image, tag=None):
    exif = Image.Exif()
    if tag is not None:
        exif[ORIENTATION] = tag
    image.save(file, **({"exif": exif} if tag is not None else {}))
    return file


def as_held(image, tag):
    """What the EXIF standard says the stored first row and column are."""
    pixels = np.asarray(image)
    turned = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.swapaxes(0, 1),
        6: pixels[::-1].swapaxes(0, 1),
        7: pixels[::-1, ::-1].swapaxes(0, 1),
        8: pixels[:, ::-1].swapaxes(0, 1),
    }
    return turned[tag]


@pytest.mark.parametrize("end", ["png", "tif", "webp"])
@pytest.mark.parametrize("tag", range(1, 9))
def test_files_are_read_as_the_camera_was_held(tmp_path, end, tag):
    options = {"lossless": True} if end == "webp" else {}
    exif = Image.Exif()
    exif[ORIENTATION] = tag
    TALL.save(tmp_path / f"a.{end}", exif=exif, **options)
    picture = open_picture(tmp_path / f"a.{end}")
    assert np.array_equal(np.asarray(picture.upright), as_held(TALL, tag))
    assert np.array_equal(np.asarray(picture.stored), np.asarray(TALL))
    assert picture.orientation == tag


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_plain_grey_tiffs_are_read_as_the_camera_was_held(tmp_path, tag, dtype):
    """Pillow would map these into memory, with height and width exchanged."""
    labels = Image.fromarray(BYTES[..., 0].astype(dtype))
    mask = open_mask(saved(tmp_path / "a.tif", labels, tag))
    assert np.array_equal(np.asarray(mask.upright), as_held(labels, tag))
    assert np.array_equal(np.asarray(mask.stored), np.asarray(labels))


def test_orientations_that_mean_nothing_are_none(tmp_path):
    assert open_picture(saved(tmp_path / "a.png", TALL, 9)).orientation is None
    assert open_picture(saved(tmp_path / "a.png", TALL)).orientation is None


def pair(folder, image, tag, mask, mask_tag):
    return (
        open_picture(saved(folder / "image.png", image, tag)),
        open_mask(saved(folder / "mask.png", mask, mask_tag)),
    )


@pytest.mark.parametrize("tag", [5, 6, 7, 8])
def test_sizes_tell_how_a_mask_was_drawn(tmp_path, tag):
    upright = Image.fromarray(np.ascontiguousarray(as_held(TALL, tag)))
    for mask in (upright, TALL):  # drawn on the picture as shown, and as stored
        picture, found = pair(tmp_path, TALL, tag, mask, None)
        turned = match_orientation(picture, found, None)
        assert np.array_equal(np.asarray(turned), np.asarray(upright))
    # The reverse: the tag of the mask is left over from its picture, or is true.
    for mask in (upright, TALL):
        picture, found = pair(tmp_path, upright, None, mask, tag)
        turned = match_orientation(picture, found, None)
        assert np.array_equal(np.asarray(turned), np.asarray(upright))


@pytest.mark.parametrize(("image", "tag"), [(TALL, 3), (TALL, 2), (SQUARE, 6)])
@pytest.mark.parametrize("tagged", ["image", "mask"])
def test_what_sizes_cannot_tell_is_refused_or_said(tmp_path, image, tag, tagged):
    tags = (tag, None) if tagged == "image" else (None, tag)
    picture, mask = pair(tmp_path, image, tags[0], image, tags[1])
    with pytest.raises(
        ValueError,
        match=rf"{tagged}\.png has the EXIF orientation {tag}.*none.*mask_orientation=",
    ):
        match_orientation(picture, mask, None)
    stored = match_orientation(picture, mask, "stored")
    upright = match_orientation(picture, mask, "upright")
    assert np.array_equal(np.asarray(stored), as_held(image, tags[0] or 1))
    assert np.array_equal(np.asarray(upright), as_held(image, tags[1] or 1))


@pytest.mark.parametrize(("tag", "mask_tag"), [(3, 3), (1, None), (None, 1), (6, 6)])
def test_tags_that_agree_need_no_word(tmp_path, tag, mask_tag):
    picture, mask = pair(tmp_path, SQUARE, tag, SQUARE, mask_tag)
    turned = match_orientation(picture, mask, None)
    assert np.array_equal(np.asarray(turned), np.asarray(picture.upright))


def test_a_mask_s_own_tag_is_believed(tmp_path):
    picture, mask = pair(tmp_path, SQUARE, 3, SQUARE, 1)
    turned = match_orientation(picture, mask, None)
    assert np.array_equal(np.asarray(turned), np.asarray(SQUARE))


def test_sizes_that_fit_in_no_way_name_both_and_the_stored_size(tmp_path):
    picture, mask = pair(tmp_path, TALL, 6, SQUARE, None)
    with pytest.raises(
        ValueError,
        match=r"image\.png is 12 x 8 pixels \(EXIF orientation 6; 8 x 12 stored\) but "
        r".*mask\.png is 8 x 8 pixels: save the mask at the image's size",
    ):
        match_orientation(picture, mask, None)


def test_a_mask_on_its_side_is_not_to_be_scaled(tmp_path):
    wide = Picture(tmp_path / "a.jpg", Image.new("RGB", (12, 8)), None)
    high = Picture(tmp_path / "a.png", Image.new("L", (8, 12)), None)
    with pytest.raises(ValueError, match=r"turned by a quarter.*do not scale"):
        match_orientation(wide, high, None)
