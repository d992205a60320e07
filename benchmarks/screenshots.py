"""The documents' pictures of the page, taken of a running service's newest completed audit.

    python -m benchmarks.screenshots docs/images --prefix tutorial-

For the README it is the demo that `labelaudit start` audits, for the tutorial the tutorial's
dataset, both before any verdict. Like `benchmarks.page`, it finds the service of this machine.
"""

import argparse
import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.page import CHROMIUM, newest_audit, service_address, signed_in

COLOURS = 128  # a page of text and flat areas needs no more, and the file is a third as large
VIEWPORT = {"width": 1100, "height": 720}
VIEWS = {
    "review": ("/audits/{audit}", ".decision"),
    "overview": ("/audits/{audit}/overview", ".overview img"),
}


def save(shot: bytes, path: Path) -> None:
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1000} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--audit", help="au_…; the newest completed one where left out")
    parser.add_argument("--prefix", default="", help="put before the names of the files")
    chosen = parser.parse_args()
    address = service_address()
    audit = chosen.audit or newest_audit(address)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with signed_in(browser, address, viewport=VIEWPORT, color_scheme="light") as page:
            for name, (path, ready) in VIEWS.items():
                page.goto(address.url + path.format(audit=audit))
                page.wait_for_selector(ready)
                page.wait_for_load_state("networkidle")
                save(page.screenshot(), chosen.folder / f"{chosen.prefix}{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
