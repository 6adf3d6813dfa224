"""The measurement of a page notes when something is drawn, not when somebody looks."""

import time

from playwright.sync_api import Browser

from bench.bench_browser import seen_at, watch_for

_PAGE = """<body><script>
  const host = document.createElement("div");
  host.dataset.testid = "stBidiComponentIsolated";
  host.attachShadow({ mode: "open" }).innerHTML = "<p class=map></p>";
  setTimeout(() => {
    document.body.append(host);
    window.changed = performance.timeOrigin + performance.now();
    requestAnimationFrame(() => (window.frame = performance.timeOrigin + performance.now()));
    host.shadowRoot.querySelector("p").dataset.drawn = "all";
  }, 100);
</script>"""


def test_an_element_in_a_shadow_tree_is_seen_in_the_frame_that_shows_it(chromium: Browser) -> None:
    page = chromium.new_page()
    page.add_init_script(watch_for(".map[data-drawn=all]", "body"))
    begin = time.time()
    page.route("**", lambda route: route.fulfill(body=_PAGE, content_type="text/html"))
    page.goto("http://127.0.0.1/")
    drawn, body = (seen_at(page, selector) for selector in (".map[data-drawn=all]", "body"))
    changed, frame = page.evaluate("[window.changed, window.frame]")
    page.close()
    assert begin - 0.01 <= body < changed / 1000 <= drawn <= frame / 1000
