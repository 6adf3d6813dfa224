"""How long the file that a download button made can be fetched."""

import pytest
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileKind, MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from pages.server.kept_downloads import KeptDownloads

DOWNLOADABLE, MEDIA = MediaFileKind.DOWNLOADABLE, MediaFileKind.MEDIA


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def is_there(storage: MemoryMediaFileStorage, file_id: str) -> bool:
    try:
        storage.get_file(file_id)
    except MediaFileStorageError:
        return False
    return True


@pytest.mark.parametrize(
    ("storage", "stays"),
    [(MemoryMediaFileStorage("/media"), False), (KeptDownloads("/media"), True)],
)
def test_a_file_of_a_button_outlives_the_scripts_of_other_sessions(
    storage: MemoryMediaFileStorage, stays: bool
) -> None:
    manager = MediaFileManager(storage)
    file_id = manager.add_deferred(lambda: b"rows", "text/csv", "0.1", "rows.csv")
    address = manager.execute_deferred(file_id)
    for _ in range(3):
        manager.remove_orphaned_files()
    assert is_there(storage, address.rpartition("/")[2]) is stays


def test_a_download_goes_when_its_time_is_over_and_a_picture_of_a_page_at_once() -> None:
    clock = Clock()
    storage = KeptDownloads("/media", seconds=60, clock=clock)
    download = storage.load_and_get_id(b"rows", "text/csv", DOWNLOADABLE)
    picture = storage.load_and_get_id(b"png", "image/png", MEDIA)
    for file_id in (download, picture):
        storage.delete_file(file_id)
    assert (is_there(storage, download), is_there(storage, picture)) == (True, False)

    clock.now = 59.0
    storage.delete_file(download)  # does not give it another minute
    assert is_there(storage, download)
    clock.now = 60.0
    storage.delete_file("another")
    assert not is_there(storage, download)


def test_a_download_that_is_made_again_is_not_deleted_with_the_first() -> None:
    clock = Clock()
    storage = KeptDownloads("/media", seconds=60, clock=clock)
    first = storage.load_and_get_id(b"rows", "text/csv", DOWNLOADABLE)
    storage.delete_file(first)
    clock.now = 30.0
    assert storage.load_and_get_id(b"rows", "text/csv", DOWNLOADABLE) == first
    clock.now = 61.0
    storage.delete_file("another")
    assert is_there(storage, first)
    storage.delete_file(first)
    clock.now = 121.0
    storage.delete_file("another")
    assert not is_there(storage, first)


def test_the_oldest_download_goes_when_there_is_no_room() -> None:
    storage = KeptDownloads("/media", most_bytes=10, clock=Clock())
    files = [
        storage.load_and_get_id(content, "text/csv", DOWNLOADABLE)
        for content in (b"1" * 4, b"2" * 4, b"3" * 2, b"4")
    ]
    for file_id in files[:3]:
        storage.delete_file(file_id)
    assert all(is_there(storage, file_id) for file_id in files)
    storage.delete_file(files[3])
    assert [is_there(storage, file_id) for file_id in files] == [False, True, True, True]
    storage.delete_file(storage.load_and_get_id(b"5" * 9, "text/csv", DOWNLOADABLE))
    assert [is_there(storage, file_id) for file_id in files] == [False, False, False, True]
