"""What a reader gets when the server has as many pages open as it may: a page that tries again."""

from starlette.responses import HTMLResponse
from starlette.types import Receive, Scope, Send

SECONDS = 20
"""Until the browser tries again."""
PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Clearwater</title>
<meta http-equiv="refresh" content="{SECONDS}">
<style>body {{ font: 16px system-ui, sans-serif; margin: 20vh auto; max-width: 32rem; }}</style>
</head><body><h1>Clearwater</h1>
<p>As many people read here as this server has room for. This page tries again every {SECONDS}
seconds; you need not do anything.</p></body></html>
"""


async def turn_away(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the request for a page with status 503; refuse a WebSocket."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1013})
        return
    headers = {"Retry-After": str(SECONDS), "Cache-Control": "no-store"}
    await HTMLResponse(PAGE, 503, headers)(scope, receive, send)
