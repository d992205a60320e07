"""What decoding is said to need is what it needs, and threads of a process keep to the bound."""

import io
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from service.pictures import image_files, memory
from tests.service.pictures.test_image_files import encode

EDGE = 1500
SLACK = 6 * 2**20  # what importing a codec and a strip's odd copies take
MEASURE = """
import sys
from pathlib import Path
from PIL import Image
from service.pictures import image_files
import numpy
Image.init()
data = Path(sys.argv[1]).read_bytes()
image_files.thumbnail(Path(sys.argv[2]).read_bytes(), size=64)
peak = lambda: int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
before = peak()
image_files.thumbnail(data, size=256)
print(peak() - before)
"""


def deep() -> Image.Image:
    return Image.fromarray(np.arange(EDGE * EDGE, dtype=np.uint32).reshape(EDGE, EDGE) >> 8)


def animated() -> bytes:
    target = io.BytesIO()
    frames = [Image.new("RGB", (EDGE, EDGE), colour) for colour in ("red", "blue")]
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:])
    return target.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[memory.ORIENTATION] = 6
    return encode(Image.new("RGB", (EDGE, EDGE)), "TIFF", exif=exif)


KINDS = {
    "png": lambda: encode(Image.new("RGB", (EDGE, EDGE), "red")),
    "png with alpha": lambda: encode(Image.new("RGBA", (EDGE, EDGE), "red")),
    "png of 16 bits": lambda: encode(Image.fromarray(np.zeros((EDGE, EDGE), np.uint16))),
    "tiff of 32 bits": lambda: encode(deep(), "TIFF"),
    "tiff in one strip": lambda: encode(
        Image.new("RGB", (EDGE, EDGE)), "TIFF", compression="tiff_lzw", tiffinfo={278: EDGE}
    ),
    "webp": lambda: encode(Image.new("RGB", (EDGE, EDGE), "red"), "WEBP"),
    "animated gif": animated,
    "jpeg": lambda: encode(Image.new("RGB", (EDGE, EDGE), "red"), "JPEG"),
    "progressive jpeg": lambda: encode(
        Image.new("RGB", (EDGE, EDGE), "red"), "JPEG", progressive=True, subsampling=0
    ),
    "turned tiff": turned,
}


@pytest.mark.slow  # each kind has a process of its own, whose peak is its own
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_needs_no_more_than_its_header_tells(kind, tmp_path):
    data = KINDS[kind]()
    (tmp_path / "picture").write_bytes(data)
    (tmp_path / "small").write_bytes(encode(Image.new("I;16", (100, 100))))
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "picture"), str(tmp_path / "small")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    said = image_files.thumbnail_bytes(data, size=256)
    assert int(found.stdout) <= said + SLACK
    assert said <= 20 * EDGE * EDGE + memory.STRIP_BYTES + SLACK


def test_a_jpeg_is_decoded_at_a_smaller_scale():
    data = encode(Image.new("RGB", (4000, 4000)), "JPEG")
    assert image_files.thumbnail_bytes(data, size=256) < 3 * 4 * 600**2 + memory.STRIP_BYTES


def test_threads_hold_no_more_than_the_gate_lets_through():
    gate, lock = memory.Gate(100), threading.Lock()
    held, most = [0], [0]

    def work(size: int) -> None:
        for _ in range(50):
            with gate.hold(size):
                with lock:
                    held[0] += min(size, 100)
                    most[0] = max(most[0], held[0])
                with lock:
                    held[0] -= min(size, 100)

    threads = [threading.Thread(target=work, args=(size,)) for size in (10, 40, 60, 90, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert 0 < most[0] <= 100


@pytest.mark.parametrize("act", ["decode_image", "verify_image"])
def test_a_thread_that_decodes_passes_the_gate(monkeypatch, act):
    asked = []

    class Seen(memory.Gate):
        def hold(self, size: int):
            asked.append(size)
            return super().hold(size)

    monkeypatch.setattr(image_files, "DECODING", Seen(2**30))
    getattr(image_files, act)(encode(Image.new("RGBA", (500, 400))))
    assert len(asked) == 1
    assert asked[0] >= 4 * 500 * 400
