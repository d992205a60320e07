"""The page in a real browser: pictures of every view, its weight, the time a decision takes.

    python -m benchmarks.page shots OUT        # every view, light and dark, at three widths
    python -m benchmarks.page measure          # bytes of the first visit; milliseconds a decision

Both look at a running service (the one of this machine, or LABELAUDIT_URL and LABELAUDIT_TOKEN) and
its newest completed audit, or one named with --audit. `measure` takes back what it decides.
"""

import argparse
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, Response, sync_playwright

from labelaudit import Client
from labelaudit.client.session_file import Address, default_data_dir, read_address

CHROMIUM = os.environ.get("LABELAUDIT_CHROMIUM", "/usr/bin/chromium")
WIDTHS = {"phone": (390, 844), "laptop": (1280, 800), "wide": (1920, 1080)}
SCHEMES = ("light", "dark")
DECISIONS = 40
VIEWS = {
    "datasets": ("/", ".dataset:not(.skeleton)"),
    "review": ("/audits/{audit}", ".decision"),
    "grid": ("/audits/{audit}/grid", ".thumbnail"),
    "overview": ("/audits/{audit}/overview", ".overview"),
}
MORE_VIEWS = {
    "team": ("/audits/{audit}/team", ".team section"),
    "report": ("/v1/audits/{audit}/report.html", "header"),
}
DIALOGS = {  # the view, what is clicked there, what appears
    "keys": ("review", "text=Shortcuts (?)", "dialog .keys"),
    "search": ("review", ".verdict[data-key='/']", "dialog .found li"),
    "history": ("review", "text=History (h)", "dialog .versus"),
    "export": ("overview", "text=Export the corrected dataset …", "dialog .choice-line"),
    "start": ("datasets", "text=/^(Start audit|Audit again)/ >> nth=0", "dialog form"),
    "people": ("datasets", "text=People … >> nth=0", "dialog #share-all"),
    "account": ("datasets", ".me summary", ".me[open] .account"),
    "sign-in": ("datasets", "text='Sign out'", ".sign-in"),
}
SHOWN = """(before) => {
    const id = document.querySelector(".sample-id");
    return id !== null && id.textContent !== before;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=["shots", "measure"])
    parser.add_argument("out", nargs="?", type=Path, default=Path("shots"))
    parser.add_argument("--audit", help="au_…; the newest completed one where left out")
    chosen = parser.parse_args()
    address = service_address()
    audit = chosen.audit or newest_audit(address)
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        if chosen.task == "shots":
            shots(browser, address, audit, chosen.out)
        else:
            measure(browser, address, audit)
        browser.close()


def service_address() -> Address:
    if "LABELAUDIT_URL" in os.environ:
        return Address(os.environ["LABELAUDIT_URL"], os.environ["LABELAUDIT_TOKEN"])
    address = read_address(default_data_dir())
    if address is None:
        raise SystemExit("No service runs on this machine; start one, or set LABELAUDIT_URL.")
    return address


def newest_audit(address: Address) -> str:
    with Client(address.url, address.token) as client:
        for audit in client.audits():
            if audit.status == "completed":
                return audit.id
    raise SystemExit("No audit is completed yet.")


@contextmanager
def signed_in(browser: Browser, address: Address, **options: object) -> Iterator[Page]:
    context = browser.new_context(**options)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{address.url}/#token={address.token}")
    page.wait_for_selector(".me")
    yield page
    context.close()


def shots(browser: Browser, address: Address, audit: str, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for scheme in SCHEMES:
        for size, (width, height) in WIDTHS.items():
            viewport = {"width": width, "height": height}
            with signed_in(browser, address, viewport=viewport, color_scheme=scheme) as page:
                for view, (path, ready) in (VIEWS | MORE_VIEWS).items():
                    _open(page, address.url + path.format(audit=audit), ready)
                    _scroll_through(page)
                    _shoot(page, out / f"{view}-{size}-{scheme}.png", full_page=True)
                for name, (view, act, shown) in DIALOGS.items():
                    path, ready = VIEWS[view]
                    if name != "sign-in":  # that is behind the menu which stands open
                        _open(page, address.url + path.format(audit=audit), ready)
                    page.click(act)
                    page.wait_for_selector(shown)
                    page.wait_for_timeout(200)
                    _shoot(page, out / f"{name}-{size}-{scheme}.png", full_page=False)


def _open(page: Page, url: str, ready: str) -> None:
    page.goto(url)
    page.wait_for_selector(ready)
    page.wait_for_load_state("networkidle")


def _shoot(page: Page, path: Path, *, full_page: bool) -> None:
    page.screenshot(path=path, full_page=full_page)
    wider = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
    print(path.stem, "overflows" if wider > 0 else "")


def _scroll_through(page: Page) -> None:
    """What is loaded only when it comes near is loaded before the picture is taken."""
    for _ in range(20):
        page.mouse.wheel(0, 600)
        page.wait_for_timeout(80)
    page.wait_for_load_state("networkidle")
    page.evaluate("() => window.scrollTo(0, 0)")
    page.wait_for_timeout(200)


def measure(browser: Browser, address: Address, audit: str) -> None:
    with signed_in(browser, address) as page:
        for view, (path, ready) in VIEWS.items():
            size, requests = _weigh(browser, address, path.format(audit=audit), ready)
            print(f"{view:10s} {size / 1000:6.0f} kB of scripts and styles in {requests} files")
        page.goto(f"{address.url}/audits/{audit}")
        page.wait_for_selector(".decision")
        times = [_decide(page) for _ in range(DECISIONS)]
        for _ in range(DECISIONS):
            page.keyboard.press("u")
        page.wait_for_load_state("networkidle")
    times.sort()
    print(
        f"decision   {statistics.median(times):.0f} ms at the median, {times[-3]:.0f} ms at the "
        f"95th percentile, {times[-1]:.0f} ms at most, from the key to the next sample"
    )


def _weigh(browser: Browser, address: Address, path: str, ready: str) -> tuple[int, int]:
    """Bytes and number of the static files of one view, with nothing in the cache."""
    sizes: list[int] = []
    with signed_in(browser, address) as page:
        page.wait_for_load_state("networkidle")
        session = page.context.new_cdp_session(page)
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})

        def weigh(answer: Response) -> None:
            if "/static/" in answer.url:
                sizes.append(int(answer.headers["content-length"]))

        page.on("response", weigh)
        page.goto(address.url + path)
        page.wait_for_selector(ready)
        page.wait_for_load_state("networkidle")
    return sum(sizes), len(sizes)


def _decide(page: Page) -> float:
    """Milliseconds from the key to the next sample on the page."""
    before = page.text_content(".sample-id")
    start = time.perf_counter()
    page.keyboard.press("k")
    page.wait_for_function(SHOWN, arg=before, polling=5)
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main()
