"""Images and PDFs drawn anew: nothing of the file but its picture, and the picture says what the file said."""

import io

import pytest
from PIL import Image

from node.web.drawing.pictures import Embedder, image, page
from tests.hostile import pdf, png, png_bomb


def saved(picture: Image.Image, form: str, **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    found = Image.open(io.BytesIO(content))
    assert found.format == "WEBP"
    return found.convert("RGB")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_every_kind_is_drawn(form):
    drawn = image(saved(Image.new("RGB", (40, 20), (200, 30, 30)), form))
    assert (drawn.width, drawn.height, drawn.full) == (40, 20, (40, 20))
    red, green, blue = opened(drawn.content).getpixel((20, 10))
    assert red > 150
    assert max(green, blue) < 100


@pytest.mark.parametrize("depth", ["I;16", "I", "F"])
def test_grey_of_many_bits_is_scaled_and_not_cut_off(depth):
    """An X-ray of 12 bits in 16 would otherwise be white all over."""
    grey = Image.new(depth, (64, 2))
    for x in range(64):
        for y in range(2):
            grey.putpixel((x, y), x * 64)
    shown = opened(image(saved(grey, "TIFF")).content).convert("L")
    values = [shown.getpixel((x, 0)) for x in (0, 16, 32, 48, 63)]
    assert values == sorted(values)
    assert values[0] < 20
    assert values[-1] > 230
    assert len(set(values)) == 5


def test_what_is_clear_lies_on_white():
    black_on_nothing = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert min(opened(image(saved(black_on_nothing, "PNG")).content).getpixel((4, 4))) > 240


def test_a_photograph_stands_as_its_camera_says():
    told = Image.Exif()
    told[0x0112] = 6  # turned by 90 degrees
    drawn = image(saved(Image.new("RGB", (40, 20)), "JPEG", exif=told))
    assert (drawn.width, drawn.height) == (20, 40)


@pytest.mark.parametrize(("turn", "corner"), [(90, (31, 0)), (180, (31, 31)), (270, (0, 31))])
def test_it_turns_to_the_right(turn, corner):
    mark = Image.new("RGB", (32, 32), (255, 255, 255))
    mark.paste((0, 0, 0), (0, 0, 12, 12))
    shown = opened(image(saved(mark, "PNG"), turn=turn).content)
    near = tuple(5 if one == 0 else 26 for one in corner)
    assert max(shown.getpixel(near)) < 60


def test_every_page_of_a_tiff():
    pages = [Image.new("RGB", (10 + 10 * n, 10)) for n in range(3)]
    content = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    drawn = [image(content, number=number) for number in (1, 2, 3)]
    assert [one.width for one in drawn] == [10, 20, 30]
    assert {one.pages for one in drawn} == {3}


def test_a_large_one_fits_the_screen_unless_it_is_wanted_whole():
    content = saved(Image.new("L", (4000, 1000)), "PNG")
    assert image(content).width == 1600
    assert image(content, full=True).width == 4000


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(
    "content", [png_bomb(), b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0\xff\xff\xff\xff", b"\xff\xd8\xff\xe0"]
)
def test_I15_what_cannot_be_drawn_is_an_error_of_one_kind(content):
    with pytest.raises(ValueError):  # noqa: PT011  the reason is a word for the page
        image(content)


def test_a_page_of_a_pdf_has_text_and_names_what_would_run():
    drawn = page(pdf(root="/OpenAction << /S /JavaScript /JS (x) >>"), 1)
    assert "seen" in drawn.texts[0]
    assert set(drawn.active) >= {"JavaScript", "OpenAction"}
    assert page(pdf(), 1).active == ()


def test_I15_the_same_image_a_thousand_times_ends_within_the_bound():
    noise = saved(Image.effect_noise((600, 600), 90).convert("RGB"), "PNG")
    embed = Embedder("image", lambda pages: "", lambda text: "")
    shown = sum(len(embed("image/png", noise)) for _ in range(1000))
    assert shown <= 24 << 20
    assert embed("image/png", png()) == ""
