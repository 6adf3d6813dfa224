"""A client of a running dashboard that speaks Streamlit's WebSocket protocol, without a browser.

    async with Client("http://127.0.0.1:8501") as client:
        run = await client.open("map", "select=flag%3Ddead")
        run = await client.set(run.widget("Colour"), "density")
        files = await client.open_menu(run, "Export")
        bytes_of_png = await client.download(files.downloads[0])

A client is one session, as one tab of a browser. It sends the query string unchanged, so that it
can also send what a browser would not. It keeps the values of the widgets that it has set, because
a browser reports the values of all widgets in every run. Requires the server to run Streamlit 1.67.
"""

import asyncio
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from pages.server.map_drawn import ADDRESS

PAGES = ("", "map", "clusters", "cooccurrence", "pair", "latent")
"""The pages by their path; the Overview is the empty one."""
_FINAL = (
    ForwardMsg.FINISHED_SUCCESSFULLY,
    ForwardMsg.FINISHED_WITH_COMPILE_ERROR,
    ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
)
"""After the other status, FINISHED_EARLY_FOR_RERUN, the same run goes on."""
MOST_RUNS_KEPT = 2
"""Runs for which a browser keeps a message that the page no longer has (maxCachedMessageAge)."""
_FIELDS = {
    "button": "trigger_value",
    "selectbox": "string_value",
    "text_input": "string_value",
    "number_input": "double_value",
    "button_group": "string_array_value",
    "vega_lite_chart": "json_value",
    "dataframe": "json_value",
    "checkbox": "bool_value",
    "popover": "bool_value",
}
"""The field of a widget's state that holds its value, by the type of the element."""


@dataclass(frozen=True)
class Widget:
    """A drawn widget: what a reader can use."""

    kind: str
    """The type of its element, such as `selectbox`."""
    id: str
    label: str
    options: tuple[str, ...] = ()
    fragment: str = ""
    """The fragment that runs when the widget changes; empty: the whole page."""


@dataclass
class Run:
    """What the server sent in one run of a page."""

    messages: list[ForwardMsg] = field(default_factory=list)
    seconds: float = 0.0
    """From the request until the run ended."""
    first_chart: float | None = None
    """Seconds from the request until the first chart; None without a chart."""
    bytes: int = 0

    def elements(self, kind: str) -> Iterator[Any]:
        """The elements of a type, in the order in which they were drawn."""
        for message in self.messages:
            if _kind(message) == kind:
                yield getattr(message.delta.new_element, kind)

    @cached_property
    def exceptions(self) -> list[str]:
        """Exceptions that Streamlit shows itself: always a bug of the dashboard."""
        events = (m.session_event for m in self.messages if m.WhichOneof("type") == "session_event")
        return [
            *(f"{e.type}: {e.message} {list(e.stack_trace)}" for e in self.elements("exception")),
            *(
                str(event.script_compilation_exception)
                for event in events
                if event.WhichOneof("type") == "script_compilation_exception"
            ),
        ]

    @cached_property
    def alerts(self) -> list[str]:
        """The texts of errors, warnings and notices of the page."""
        return [alert.body for alert in self.elements("alert")]

    @cached_property
    def texts(self) -> list[str]:
        """The Markdown of the page."""
        return [markdown.body for markdown in self.elements("markdown")]

    @cached_property
    def charts(self) -> int:
        """The number of charts that were drawn."""
        return sum(1 for _ in self.elements("vega_lite_chart"))

    @cached_property
    def widgets(self) -> list[Widget]:
        """The widgets that were drawn; the last one of each id."""
        drawn: dict[str, Widget] = {}
        for message in self.messages:
            if (kind := _kind(message)) in _FIELDS:
                element = getattr(message.delta.new_element, kind)
                if element.id:
                    drawn[element.id] = Widget(
                        kind,
                        element.id,
                        getattr(element, "label", ""),
                        tuple(map(_option, getattr(element, "options", ()))),
                        message.delta.fragment_id,
                    )
        return list(drawn.values())

    def widget(self, label: str) -> Widget:
        """The widget with this label; raises LookupError if the page has none."""
        for widget in self.widgets:
            if widget.label == label:
                return widget
        raise LookupError(f"the page has no widget {label!r}")

    @cached_property
    def menus(self) -> list[Widget]:
        """The menus whose content is drawn once they are opened: `await client.set(menu)`."""
        return [
            Widget("popover", block.popover.id, block.popover.label, (), message.delta.fragment_id)
            for message in self.messages
            if message.WhichOneof("type") == "delta"
            and (block := message.delta.add_block).popover.id
        ]

    @cached_property
    def downloads(self) -> list[Any]:
        """The download buttons: `label`, `id`, and `deferred_file_id` or `url`."""
        return list(self.elements("download_button"))

    @cached_property
    def address(self) -> str | None:
        """The query string that the page wrote to the address bar last; None if it wrote none."""
        infos = (m for m in self.messages if m.WhichOneof("type") == "page_info_changed")
        return next((m.page_info_changed.query_string for m in reversed(list(infos))), None)


class KeptMessages:
    """The large messages that a browser keeps, of which the server then sends only the hash."""

    def __init__(self) -> None:
        self._kept: dict[str, ForwardMsg] = {}
        self._ages: dict[str, int] = {}

    @property
    def hashes(self) -> list[str]:
        """What the server may refer to."""
        return list(self._kept)

    def resolved(self, message: ForwardMsg) -> ForwardMsg:
        """The message, or the kept one that it refers to, at the place that the sent one names."""
        if message.WhichOneof("type") == "ref_hash":
            whole = ForwardMsg()
            whole.CopyFrom(self._kept[message.ref_hash])
            whole.metadata.CopyFrom(message.metadata)
            self._ages[message.ref_hash] = 0
            return whole
        if message.metadata.cacheable and message.hash:
            self._kept[message.hash], self._ages[message.hash] = message, 0
        return message

    def end_run(self) -> None:
        """Forget what no run of the page has used lately."""
        for known in list(self._kept):
            self._ages[known] += 1
            if self._ages[known] > MOST_RUNS_KEPT:
                del self._kept[known], self._ages[known]


class Client:
    """One session with a dashboard at `server`, such as http://127.0.0.1:8501."""

    def __init__(
        self,
        server: str,
        headers: dict[str, str] | None = None,
        resolved: tuple[str, int] | None = None,
    ) -> None:
        """`resolved` is the address and port of a server whose name no name server knows."""
        self.server = server.rstrip("/")
        self.headers = dict(headers or {})
        self._place: dict[str, Any] = (
            {} if resolved is None else {"host": resolved[0], "port": resolved[1]}
        )
        self.page, self.query, self.script = "", "", ""
        self.session_id = ""
        self._values: dict[str, tuple[str, Any]] = {}
        self._messages = KeptMessages()
        self._reports: set[asyncio.Task[bytes]] = set()
        self._socket: ClientConnection

    async def __aenter__(self) -> "Client":
        self._socket = await connect(
            f"{self.server.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=["streamlit", "PLACEHOLDER_AUTH_TOKEN"],  # type: ignore[list-item]
            additional_headers=self.headers,
            max_size=None,
            ping_interval=None,
            **self._place,
        )
        # As a browser does: a cookie leads downloads to the process that has this session.
        answer = self._socket.response
        given = answer.headers.get_all("Set-Cookie") if answer else []
        if given:
            cookies = [self.headers.get("Cookie", ""), *(text.split(";")[0] for text in given)]
            self.headers["Cookie"] = "; ".join(filter(None, cookies))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()

    async def open(self, page: str = "", query: str = "", timeout: float = 60) -> Run:
        """Open a page by its path, with a query string, as a reader who follows a link does.

        The seconds of a timeout are those of the whole run; raises TimeoutError after them.
        """
        self.page, self.query, self.script, self._values = page, query, "", {}
        return await self._run(timeout)

    async def rerun(self, timeout: float = 60) -> Run:
        """Run the current page again, with the values of the widgets as they are."""
        return await self._run(timeout)

    async def set(self, widget: Widget, value: Any = True, timeout: float = 60) -> Run:
        """Give a widget a value, or press a button, and run the page or the widget's fragment."""
        name = _FIELDS[widget.kind]
        self._values[widget.id] = (name, value)
        try:
            return await self._run(timeout, widget.fragment)
        finally:
            if name == "trigger_value":
                del self._values[widget.id]

    async def open_menu(self, run: Run, label: str, timeout: float = 60) -> Run:
        """Open the first menu with this label that a run has drawn; raises LookupError without."""
        for menu in run.menus:
            if menu.label == label:
                return await self.set(menu, timeout=timeout)
        raise LookupError(f"the page has no menu {label!r}")

    async def download(self, button: Any, timeout: float = 60) -> bytes:
        """The bytes that a download button gives; raises RuntimeError if the server refuses."""
        return await self.fetch(await self.made(button, timeout), timeout)

    async def made(self, button: Any, timeout: float = 60) -> str:
        """The address of the file that a download button makes; RuntimeError if it is refused."""
        if not button.deferred_file_id:
            return str(button.url)
        ask = BackMsg()
        request = ask.backend_operation_request
        request.request_id = button.deferred_file_id
        request.session_id = self.session_id
        request.deferred_file.file_id = button.deferred_file_id
        await self._socket.send(ask.SerializeToString())
        async with asyncio.timeout(timeout):
            while True:
                message = await self._receive()
                if message.WhichOneof("type") == "backend_operation_response":
                    break
        answer = message.backend_operation_response
        if answer.error_msg:
            raise RuntimeError(answer.error_msg)
        return str(answer.deferred_file.url)

    async def fetch(self, url: str, timeout: float = 60) -> bytes:
        """The bytes at an address of the server; raises OSError if it gives none."""
        return await asyncio.to_thread(self._get, url, timeout)

    def _get(self, url: str, timeout: float) -> bytes:
        request = urllib.request.Request(f"{self.server}{url}", headers=self.headers)
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            data: bytes = answer.read()
        return data

    async def _run(self, timeout: float, fragment: str = "") -> Run:
        ask = BackMsg()
        request = ask.rerun_script
        request.query_string, request.page_name = self.query, self.page
        request.page_script_hash, request.fragment_id = self.script, fragment
        request.cached_message_hashes.extend(self._messages.hashes)
        for widget_id, (name, value) in self._values.items():
            state = request.widget_states.widgets.add()
            state.id = widget_id
            if name.endswith("array_value"):
                getattr(state, name).data.extend(value)
            else:
                setattr(state, name, value)
        start = time.perf_counter()
        await self._socket.send(ask.SerializeToString())
        run = Run()
        async with asyncio.timeout(timeout):
            while True:
                sent = await self._receive()
                run.bytes += sent.ByteSize()
                message = self._messages.resolved(sent)
                run.messages.append(message)
                kind = message.WhichOneof("type")
                if run.first_chart is None and _kind(message) == "vega_lite_chart":
                    run.first_chart = time.perf_counter() - start
                if kind == "new_session":
                    self.session_id = message.new_session.initialize.session_id or self.session_id
                elif kind == "navigation":
                    self.script = message.navigation.page_script_hash
                elif kind == "page_info_changed":
                    self.query = message.page_info_changed.query_string
                elif kind == "script_finished" and message.script_finished in _FINAL:
                    break
        if not fragment:
            self._messages.end_run()
        run.seconds = time.perf_counter() - start
        return run

    async def _receive(self) -> ForwardMsg:
        message = ForwardMsg()
        data = await self._socket.recv()
        sent = data if isinstance(data, bytes) else data.encode()
        if address := ADDRESS.search(sent):
            self._report_drawn(f"/{address[0].decode()}")
        message.ParseFromString(sent)
        return message

    def _report_drawn(self, address: str) -> None:
        """Report a map as drawn, as a browser does; this one draws nothing, so it does it at once.

        The server holds back what follows the map until then.
        """
        report = asyncio.create_task(self.fetch(address))
        self._reports.add(report)  # a task that nothing refers to may be collected
        report.add_done_callback(self._reports.discard)


def _kind(message: ForwardMsg) -> str:
    """The type of the element that a message draws; empty for other messages."""
    if message.WhichOneof("type") != "delta":
        return ""
    return message.delta.new_element.WhichOneof("type") or ""


def _option(option: Any) -> str:
    return option if isinstance(option, str) else option.content
