"""The colours of the map and their legend, module by module, against values worked out by hand."""

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

COLUMN = """
async ([bytes, codes]) => {
  const { codesOf, readColumn } = await load("colours.js");
  const header = new TextEncoder().encode(JSON.stringify({ bytes, title: "é", pad: "" }));
  const length = header.length + ((4 - (header.length % 4)) % 4);
  const answer = new ArrayBuffer(4 + length + bytes * codes.length);
  new DataView(answer).setUint32(0, length, true);
  new Uint8Array(answer, 4, length).fill(32).set(header);
  new (bytes === 1 ? Uint8Array : Uint16Array)(answer, 4 + length).set(codes);
  const column = readColumn(answer);
  return [column.title, [...codesOf(column)]];
}
"""


def test_a_column_has_a_header_and_a_code_for_each_latent(modules: Page) -> None:
    assert modules.evaluate(COLUMN, [1, [0, 3, 255]]) == ["é", [0, 3, 255]]
    assert modules.evaluate(COLUMN, [2, [0, 300, 65535]]) == ["é", [0, 300, 65535]]


def test_points_without_a_value_are_paler(modules: Page) -> None:
    script = """async (palette) => {
      const { paletteOf } = await load("colours.js");
      return [...paletteOf({ palette }, "light"), ...paletteOf({ palette }, "dark")];
    }"""
    palette = {"light": ["#010203", "#ff8000"], "dark": ["#040506", "#0080ff"]}
    assert modules.evaluate(script, palette) == [
        1, 2, 3, 170, 255, 128, 0, 230,
        4, 5, 6, 170, 0, 128, 255, 230,
    ]  # fmt: skip


def test_entries_count_the_selected_latents_of_all_their_codes(modules: Page) -> None:
    script = """async (mask) => {
      const { countEntries } = await load("colours.js");
      const entries = [{ code: 1, last: 2, total: 4 }, { code: 3, last: 3, total: 9 }];
      const codes = Uint8Array.from([0, 1, 2, 3, 1, 2]);
      const colour = { entries, codes, palette: { light: Array(4) } };
      return countEntries(colour, mask && Uint8Array.from(mask));
    }"""
    assert modules.evaluate(script, [1, 1, 1, 1, 0, 1]) == [3, 1]
    assert modules.evaluate(script, None) == [4, 9]


LEGEND = """
async ([width, scale]) => {
  const { createLegend } = await load("legend.js");
  const map = document.body.appendChild(document.createElement("div"));
  map.style.width = `${width}px`;
  const host = map.appendChild(document.createElement("div"));
  const legend = createLegend(host, { onToggle: () => {}, theme: () => "dark" });
  const entries = [[1, 5, 1200], [6, 6, 1000], [7, 7, 3]].map(
    ([code, last, total]) => ({ code, last, total, label: `${code}` }));
  const dark = Array.from({ length: 34 }, (_, i) => `rgb(${i}, 0, 0)`);
  const colour = { name: "", title: "t", meaning: "", scale, entries, palette: { dark } };
  legend.show(colour, [1200, 999, 0]);
  const all = (name) => [...host.querySelectorAll(name)];
  const result = {
    place: map.dataset.legend,
    counts: all(".legend-count").map((one) => one.textContent),
    titles: all(".legend-entry").map((one) => one.title),
    none: all("li").map((one) => one.className),
    swatches: all(".swatch").map((one) => one.style.backgroundColor),
    ticks: all(".tick").map((one) => [one.textContent, one.style.left, one.dataset.edge]),
    ramp: all(".ramp").map((one) => one.style.background),
    rest: host.querySelector(".legend-rest").hidden,
  };
  host.querySelector("summary").click();
  await new Promise((done) => setTimeout(done));
  result.pressed = map.dataset.legend;
  map.remove();
  return result;
}
"""


def test_a_legend_counts_what_is_selected_of_each_entry(modules: Page) -> None:
    legend = modules.evaluate(LEGEND, [640, None])
    assert legend["counts"] == ["1,200", "999 / 1,000", "0 / 3"]
    assert legend["titles"][:2] == ["Select the 1,200 latents: 1", "Select the 1,000 latents: 6"]
    assert legend["none"] == ["", "", "none"]
    # An entry of several codes has the colour of the middle one.
    assert legend["swatches"] == ["rgb(3, 0, 0)", "rgb(6, 0, 0)", "rgb(7, 0, 0)"]
    assert legend["rest"] and legend["ticks"] == []


def test_entries_with_selected_latents_are_listed_first(modules: Page) -> None:
    script = """async ([scale, counts]) => {
      const { listOrder } = await load("legend.js");
      return listOrder({ scale }, counts);
    }"""
    assert modules.evaluate(script, [None, [0, 2, 0, 7, 1]]) == [1, 3, 4, 0, 2]
    assert modules.evaluate(script, [{}, [0, 2, 0, 7, 1]]) == [0, 1, 2, 3, 4]  # numbers


def test_a_legend_follows_the_selection_and_keeps_the_keys(modules: Page) -> None:
    script = """async () => {
      const { createLegend } = await load("legend.js");
      const host = document.body.appendChild(document.createElement("div"))
        .appendChild(document.createElement("div"));
      const legend = createLegend(host, { onToggle: () => {} });
      const entries = [1, 2, 3].map((code) => ({ code, last: code, total: 9, label: `${code}` }));
      const colour = { title: "", entries, palette: { light: [] } };
      const rows = () => [...host.querySelectorAll("li")].map((one) => one.innerText);
      const seen = [];
      const all = [[9, 9, 9], false];
      for (const [counts, isPart] of [all, [[0, 0, 4], true], [[0, 3, 4], true], all]) {
        legend.show(colour, counts, isPart);
        seen.push(rows());
        host.querySelector('[data-code="3"]').focus();
      }
      seen.push(document.activeElement.dataset.code);
      host.parentElement.remove();
      return seen;
    }"""
    first, one, two, last, focused = modules.evaluate(script)
    assert [text[0] for text in first] == [text[0] for text in last] == ["1", "2", "3"]
    assert [text[0] for text in one] == ["3", "1", "2"] and one[0].endswith("4 / 9")
    assert [text[0] for text in two] == ["2", "3", "1"] and focused == "3"


def test_a_legend_has_room_of_its_own_on_a_wide_map(modules: Page) -> None:
    wide, narrow = (modules.evaluate(LEGEND, [width, None]) for width in (640, 639))
    assert (wide["place"], narrow["place"]) == ("beside", "over")
    assert (wide["pressed"], narrow["pressed"]) == ("over", "over")


def test_a_scale_has_both_ends_and_the_ticks_between(modules: Page) -> None:
    ticks = [{"at": at, "text": f"{at}"} for at in (0.1, 0.16, 0.17, 0.83, 0.84, 0.9)]
    scale = {"least": "low", "most": "high", "ticks": ticks}
    legend = modules.evaluate(LEGEND, [640, scale])
    assert legend["ticks"] == [
        ["low", "0%", "left"],
        ["0.17", "17%", ""],
        ["0.83", "83%", ""],
        ["high", "100%", "right"],
    ]
    (ramp,) = legend["ramp"]
    # Code 0 means no value, so the bar goes from code 1 to code 33 in 17 colours.
    assert ramp.count("rgb(") == 17
    assert ramp.index("rgb(1, 0, 0)") < ramp.index("rgb(17, 0, 0)") < ramp.index("rgb(33, 0, 0)")


def test_the_keys_of_a_legend_stop_at_its_ends(modules: Page) -> None:
    script = """async (keys) => {
      const { createLegend } = await load("legend.js");
      const host = document.body.appendChild(document.createElement("div"))
        .appendChild(document.createElement("div"));
      host.parentElement.style.width = "900px";
      const legend = createLegend(host, { onToggle: () => {} });
      const entries = [1, 2].map((code) => ({ code, last: code, total: 1, label: "" }));
      legend.show({ title: "", entries, palette: { light: [] } }, [1, 1]);
      const list = host.querySelector("ul");
      list.focus();
      const codes = keys.map((key) => {
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        return document.activeElement.dataset.code ?? "";
      });
      host.parentElement.remove();
      return codes;
    }"""
    keys = ["ArrowUp", "ArrowUp", "ArrowDown", "x", "ArrowDown", "ArrowUp"]
    assert modules.evaluate(script, keys) == ["1", "1", "2", "2", "2", "1"]
