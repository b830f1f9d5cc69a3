"""The console as a person drives it, in headless Chromium: page objects, and an eye on what a browser complains of."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connections
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Response,
    expect,
    sync_playwright,
)

from common.core.actor import SYSTEM
from common.services.people import create_login_link
from tests.factories import person
from tests.needs import chromium_path

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-sync",
]
SECONDS = 20
TAKEN_OVER = "interrupted by another navigation", "net::ERR_ABORTED"  # as it stood when it was noticed


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser. The caller's environment has DJANGO_ALLOW_ASYNC_UNSAFE, since it drives the ORM as well."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
            connections.close_all()  # the database's, of this loop: nobody else can reach them


class Console:
    """One person's window. `complaints` are console errors, policy violations, failed and foreign requests."""

    def __init__(
        self, browser: Browser, url: str, *, width: int = 1440, height: int = 900, script: bool = True
    ) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="light",
            java_script_enabled=script,
            base_url=url,
        )
        self.context.set_default_timeout(SECONDS * 1000)
        self.page: Page = self.context.new_page()
        self._listen(self.page)

    def _listen(self, page: Page) -> None:
        def complain(text: str) -> None:
            self.complaints.append(f"{page.url}: {text}")

        def read(message: ConsoleMessage) -> None:
            # A form that is refused answers 422, and the browser notes it: that is no fault.
            if message.type in ("error", "warning") and not message.text.startswith(
                "Failed to load resource"
            ):
                complain(message.text)

        def look(response: Response) -> None:
            is_page = response.request.resource_type in ("document", "xhr")
            if response.status >= (500 if is_page else 400):
                complain(f"{response.status} for {response.url}")

        page.on("console", read)
        page.on("pageerror", lambda error: complain(f"script error: {error}"))
        page.on(
            "request",
            lambda r: (
                None if r.url.startswith((self.url, "data:")) else complain(f"foreign request: {r.url}")
            ),
        )
        page.on("response", look)

    def close(self) -> None:
        self.context.close()

    # ---- anywhere

    def go(self, path: str) -> Response:
        try:
            response = self.page.goto(path)
        except Error as error:
            if not any(told in error.message for told in TAKEN_OVER):
                raise
            # The page that we leave was about to show that its work is done, and had asked for itself anew already.
            self.page.wait_for_load_state()
            response = self.page.goto(path)
        assert response is not None and response.status == 200, f"{path}: {response and response.status}"
        return response

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.url)

    @property
    def sentence(self) -> Locator:
        """The page's first line: what it is, and how things stand."""
        return self.page.locator(".page-header .sentence")

    @property
    def messages(self) -> Locator:
        return self.page.locator(".messages")

    def is_wider_than_its_window(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))

    def picture(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, caret="initial")  # hiding it would take an inline style: refused here

    # ---- the ways of the loop

    def sign_in(self, username: str) -> None:
        """By a one-time link, as `make demo` prints it."""
        secret = create_login_link(actor=SYSTEM, person=person(username))
        self.page.goto(f"/sign-in/{secret}/")
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Home", exact=True)).to_be_visible()

    def scan(self, selector: str) -> str:
        """Start a scan, watch it to its end, and return its reference."""
        self.go("/scans/")
        self.page.get_by_label("Which hosts").fill(selector)
        self.page.get_by_role("button", name="Start the scan").click()
        self.page.wait_for_url("**/scans/SCN-*/")
        self.wait_for_the_end()
        return self.path.strip("/").rpartition("/")[2]

    def wait_for_the_end(self) -> None:
        """A scan's page says what it found when the scan is over, without anybody loading it again."""
        expect(self.sentence).to_contain_text("looked at", timeout=150_000)

    def open_finding(self, resource: str) -> None:
        self.page.get_by_role("link", name="Drift").first.click()
        self.page.get_by_role("link", name=resource).first.click()
        expect(self.page.get_by_role("heading", name="What changed")).to_be_visible()
        self.page.wait_for_load_state()  # a key that is pressed before the script is there is nobody's

    @property
    def panel(self) -> Locator:
        return self.page.locator("#decision-panel")

    def propose_fold_back(self, layer: str, reason: str) -> None:
        self.page.wait_for_load_state()
        self.page.keyboard.press("f")
        self.panel.get_by_role("radio", name=layer, exact=True).check()
        self.panel.get_by_label("Why it should stay").fill(reason)
        self.panel.get_by_role("button", name="Propose it").click()
        expect(self.messages).to_contain_text("Proposed as")

    def approve(self, comment: str = "") -> None:
        if comment:
            self.page.locator("#id_comment").fill(comment)
        self.page.get_by_role("button", name="Approve").click()
        expect(self.messages).to_contain_text("You approved")

    @property
    def step(self) -> Locator:
        """Where the thing on the page stands on its way."""
        return self.page.locator(".steps [aria-current=step]")
