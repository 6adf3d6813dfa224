"""Which files a user has got the address of."""

from analysis.serve.access.rights import User
from pages.server.sent_files import SentFiles

ADA, BOB = User("ada", "reader"), User("bob", "reader")


def test_a_user_gets_what_was_sent_to_them() -> None:
    sent = SentFiles()
    sent.note(ADA, b"\x0a/media/a1.png\x12\x05/media/b_2-c.csv end")
    sent.note(BOB, b"nothing")
    for path, of_ada in (
        ("/media/a1.png", True),
        ("/media/b_2-c.csv", True),
        ("/media/a1", False),
        ("/media/a1.png/", False),
        ("/media/", False),
        ("x/media/a1.png", False),
    ):
        assert sent.were_sent(ADA, path) is of_ada
        assert not sent.were_sent(BOB, path)
    assert not sent.were_sent(User("ada", "operator"), "/media/a1.png")  # rights have changed


def test_the_number_of_addresses_and_of_users_is_bounded() -> None:
    sent = SentFiles(most_files=2, most_users=2)
    for name in (b"1", b"2", b"1", b"3"):
        sent.note(ADA, b"/media/" + name)
    assert [sent.were_sent(ADA, f"/media/{name}") for name in "123"] == [True, False, True]
    sent.note(BOB, b"/media/1")
    sent.note(ADA, b"/media/1")
    sent.note(User("eve", "reader"), b"/media/1")
    assert sent.were_sent(ADA, "/media/1") and not sent.were_sent(BOB, "/media/1")
