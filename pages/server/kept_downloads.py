"""Downloads stay for a minute after they were made, so that a browser gets what it asked for.

Streamlit counts a file that a download button made as used by no session, and removes it when the
scripts of any two sessions end. On a busy server that is before the browser has fetched it.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from streamlit.runtime import memory_media_file_storage
from streamlit.runtime.media_file_storage import MediaFileKind
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

SECONDS = 60.0
"""How long a download can be fetched after the last time that it was made."""
MOST_BYTES = 256 << 20
"""Bytes of all downloads that are kept; beyond it the oldest goes first."""


class KeptDownloads(MemoryMediaFileStorage):
    """Streamlit's storage of files, except that a download is deleted later."""

    def __init__(
        self,
        endpoint: str,
        seconds: float = SECONDS,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(endpoint)
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._until: OrderedDict[str, tuple[float, int]] = OrderedDict()
        """When each deleted download goes, and its bytes; the first to go first."""

    def load_and_get_id(
        self,
        path_or_data: str | bytes,
        mimetype: str,
        kind: MediaFileKind,
        filename: str | None = None,
    ) -> str:
        """Add a file, or take back that it was deleted; its id."""
        with self._lock:
            file_id = super().load_and_get_id(path_or_data, mimetype, kind, filename)
            self._until.pop(file_id, None)
        return file_id

    def delete_file(self, file_id: str) -> None:
        """Delete a file; a download only when its time is over or others need the room."""
        with self._lock:
            file = self._files_by_id.get(file_id)
            if file is None or file.kind is not MediaFileKind.DOWNLOADABLE:
                super().delete_file(file_id)
            elif file_id not in self._until:
                self._until[file_id] = (self._clock() + self._seconds, file.content_size)
            self._delete_what_is_over()

    def _delete_what_is_over(self) -> None:
        size = sum(size for _, size in self._until.values())
        for file_id, (end, bytes_of_file) in list(self._until.items()):
            if end > self._clock() and size <= self._most_bytes:
                break
            del self._until[file_id]
            super().delete_file(file_id)
            size -= bytes_of_file


def keep_downloads() -> None:
    """Make the server that is started next store its files in `KeptDownloads`.

    Streamlit has no setting for it; it reads the name of the class when it starts a server.
    """
    memory_media_file_storage.MemoryMediaFileStorage = KeptDownloads  # type: ignore[assignment, misc]
