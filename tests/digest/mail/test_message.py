"""Reading a message: structure, bodies, headers, dates, limits."""

import base64
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import Unreadable
from digest.mail import message as reader
from digest.mail import mime


def message(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def multipart(kind: str, *parts: str, close: bool = True) -> bytes:
    body = "".join(f"--b\n{part}\n" for part in parts)
    return (
        f"Content-Type: multipart/{kind}; boundary=b\n\n{body}{'--b--' if close else ''}".encode()
    )


PLAIN = "Content-Type: text/plain\n\nplain words"
HTML = "Content-Type: text/html\n\n<p>rich words</p>"


class TestBodies:
    def test_html_is_preferred_whatever_the_order(self) -> None:
        for parts in ((PLAIN, HTML), (HTML, PLAIN)):
            letter = reader.parse(multipart("alternative", *parts))
            assert letter.html.strip() == "<p>rich words</p>"
            assert letter.plain.strip() == "plain words"

    def test_several_html_bodies_of_mixed_are_joined_and_plain_ones_become_html(self) -> None:
        second = "Content-Type: text/html\n\n<p>more</p>"
        letter = reader.parse(multipart("mixed", HTML, PLAIN, second))
        at = [letter.html.find(text) for text in ("rich words", "plain words", "more")]
        assert at == sorted(at) and -1 not in at

    def test_related_reads_its_root_not_its_pictures(self) -> None:
        picture = "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\nAAAA"
        assert "rich" in reader.parse(multipart("related", picture, HTML)).html

    def test_attached_text_is_not_content_unless_it_is_all_there_is(self) -> None:
        attached = "Content-Type: text/html\nContent-Disposition: attachment\n\n<p>file</p>"
        assert "file" not in reader.parse(multipart("mixed", HTML, attached)).html
        assert "file" in reader.parse(multipart("mixed", attached)).html

    def test_the_body_of_a_forward_is_content_under_its_subject(self) -> None:
        forward = (
            "Content-Type: message/rfc822\n\nSubject: Inner\nContent-Type: text/html\n\n<p>deep</p>"
        )
        letter = reader.parse(b"Subject: Fwd\n" + multipart("mixed", PLAIN, forward))
        assert letter.subject == "Fwd"
        assert "<h2>Inner</h2>" in letter.html and "<p>deep</p>" in letter.html
        assert "plain words" in letter.html

    def test_a_bare_carrier_speaks_with_the_headers_it_carries(self) -> None:
        carried = b"Subject: carried\nFrom: a@b.example\n\nhi"
        letter = reader.parse(b"Subject: carrier\nContent-Type: message/rfc822\n\n" + carried)
        assert (letter.subject, letter.sender_address) == ("carried", "a@b.example")

    def test_a_digest_of_messages_keeps_each_subject(self) -> None:
        letter = reader.parse(
            multipart("digest", "\nSubject: One\n\nfirst", "\nSubject: Two\n\nsecond")
        )
        assert [w for w in letter.plain.split() if w] == ["One", "first", "Two", "second"]

    def test_html_without_text_gives_way_to_plain(self) -> None:
        empty = "Content-Type: text/html\n\n<html><head><style>p{}</style></head><!-- x --></html>"
        letter = reader.parse(multipart("alternative", PLAIN, empty))
        assert letter.html == "" and letter.plain.strip() == "plain words"
        assert any("empty" in warning for warning in letter.warnings)

    def test_html_that_calls_itself_plain_is_html(self) -> None:
        letter = reader.parse(b"Content-Type: text/plain\n\n<!DOCTYPE html><html><p>x</p></html>")
        assert letter.html and not letter.plain

    def test_html_without_a_tag_keeps_its_lines(self) -> None:
        letter = reader.parse(b"Content-Type: text/html\n\none &amp; two\nthree")
        assert "<p>one &amp; two<br>three</p>" in letter.html

    def test_a_report_is_read_up_to_the_message_it_returns(self) -> None:
        returned = "Content-Type: message/rfc822\n\nSubject: back\n\nreturned text"
        assert "returned" not in reader.parse(multipart("report", PLAIN, returned)).plain


class TestStubs:
    @pytest.mark.parametrize(
        "text",
        [
            "View this email in your browser: https://a.example/x",
            "Ihr Programm kann kein HTML anzeigen. Im Browser ansehen: https://a.example",
            "Your mail client does not support HTML.",
            "https://a.example/only/a/link",
            "ブラウザで表示する",
        ],
    )
    def test_stub_is_said_where_nothing_else_is_there(self, text: str) -> None:
        assert reader.is_stub(text)
        letter = reader.parse(b"Content-Type: text/plain; charset=utf-8\n\n" + text.encode())
        assert any("stub" in warning for warning in letter.warnings)
        beside = reader.parse(multipart("alternative", f"Content-Type: text/plain\n\n{text}", HTML))
        assert beside.warnings == ("the message has no date",)

    def test_a_letter_with_a_browser_line_is_no_stub(self) -> None:
        text = "View in your browser\n\n" + "The council met and decided about the bridge. " * 20
        assert not reader.is_stub(text)
        assert not reader.is_stub("Lunch at noon?")


class TestStructure:
    def test_text_that_looks_like_a_header_is_text_in_a_part_without_headers(self) -> None:
        assert "Note: this" in reader.parse(multipart("mixed", "\nNote: this is text")).plain

    def test_a_blank_line_before_the_headers_of_a_part(self) -> None:
        assert "rich" in reader.parse(multipart("mixed", "\n" + HTML)).html

    @pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
    def test_any_line_ending(self, newline: bytes) -> None:
        content = (b"Subject: hi\n" + multipart("alternative", PLAIN, HTML)).replace(b"\n", newline)
        letter = reader.parse(content)
        assert letter.subject == "hi" and "rich words" in letter.html

    def test_missing_closing_boundary(self) -> None:
        letter = reader.parse(multipart("alternative", PLAIN, HTML, close=False))
        assert "rich words" in letter.html
        assert "the message ends before its closing boundary" in letter.warnings

    @pytest.mark.parametrize("named", ["", "; boundary=other"])
    def test_a_boundary_that_is_missing_or_wrong_is_guessed(self, named: str) -> None:
        content = multipart("alternative", PLAIN, HTML).replace(b"; boundary=b", named.encode())
        assert "rich words" in reader.parse(content).html

    def test_a_boundary_that_begins_like_another_is_another(self) -> None:
        inner = "Content-Type: multipart/alternative; boundary=bb\n\n--bb\n" + HTML + "\n--bb--"
        letter = reader.parse(multipart("mixed", inner, PLAIN))
        assert "rich words" in letter.html and "plain words" in letter.html

    @pytest.mark.parametrize("head", [b"From a@b.example Mon Nov 16 06:00:00 2026\n", b"\n\n"])
    def test_what_stands_before_the_headers_is_passed_over(self, head: bytes) -> None:
        assert reader.parse(head + b"Subject: hi\n\nbody").subject == "hi"

    def test_a_line_that_is_no_header_begins_the_body(self) -> None:
        assert reader.parse(b"Subject: hi\nthis is text\nmore").plain == "this is text\nmore"

    def test_without_any_header_all_is_body(self) -> None:
        assert reader.parse(b"just words\nand more").plain == "just words\nand more"
        assert reader.parse(b"  indented\nand not").plain == "  indented\nand not"
        assert reader.parse(b"From now on\nall changes").plain == "From now on\nall changes"

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "empty"),
            (b"\0\0\0", "nothing to read"),
            (b"Subject: hi\n\n", "no body"),
            (b"Content-Type: image/png\n\nx", "image/png"),
            (b"Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--", "encrypted"),
            (b"Subject: x\n\n-----BEGIN PGP MESSAGE-----\nabc\n", "encrypted"),
        ],
    )
    def test_nothing_to_read_is_unreadable_with_the_reason(
        self, content: bytes, reason: str
    ) -> None:
        with pytest.raises(Unreadable, match=reason):
            reader.parse(content)


class TestTransfer:
    def test_base64_is_read_through_damage(self) -> None:
        text = "A sentence that is long enough to be cut. " * 5
        coded = base64.encodebytes(text.encode()).decode()
        broken = coded[:30] + "!" + coded[30:-9]  # a stray character, the end missing
        letter = reader.parse(message("Content-Transfer-Encoding: base64", "", broken))
        assert text.startswith(letter.plain) and len(letter.plain) > len(text) - 12

    def test_base64_with_a_footer_behind_it(self) -> None:
        coded = base64.encodebytes(b"words before the footer").decode()
        body = f"{coded}_______________\nA mailing list\nhttps://a.example\n"
        letter = reader.parse(message("Content-Transfer-Encoding: base64", "", body))
        assert letter.plain.startswith("words before the footer")

    def test_plain_text_that_calls_itself_base64(self) -> None:
        letter = reader.parse(
            message("Content-Transfer-Encoding: base64", "", "This, is plain text.")
        )
        assert letter.plain == "This, is plain text."

    def test_quoted_printable_with_bad_escapes(self) -> None:
        body = "caf=C3=A9 =ZZ a=\nb 100%="
        letter = reader.parse(message("Content-Transfer-Encoding: quoted-printable", "", body))
        assert letter.plain.startswith("café =ZZ ab 100%")

    def test_flowed(self) -> None:
        body = "one \ntwo\n> q \n> r\n from\n-- \nme"
        letter = reader.parse(message("Content-Type: text/plain; format=flowed", "", body))
        assert letter.plain == "one two\n> q r\nfrom\n-- \nme"
        assert reader.unflow("日本 \n語", delete_space=True) == "日本語"


class TestHeaders:
    @pytest.mark.parametrize(
        ("raw", "subject"),
        [
            ("=?utf-8?Q?Caf=C3=A9?=", "Café"),
            ("=?UTF-8?B?Q2Fm?= =?UTF-8?B?w6k=?=", "Café"),
            (
                "=?utf-8?Q?Caf=C3?= =?utf-8?Q?=A9_au_lait?=",
                "Café au lait",
            ),  # a character cut in two
            ("=?iso-8859-1?Q?=93so=94?=", "“so”"),
            ("a =?utf-8?q?b?= c", "a b c"),
            ('"=?utf-8?q?quoted?="', '"quoted"'),
            ("=?utf-8?Q?with space?=", "with space"),
            ("=?utf-8?B?Q2Fmw6k?=", "Café"),
            ("=?x-none?Q?abc?=", "abc"),
            ("=?utf-8?Q?never ends", "never ends"),
            ("=?utf-8*en?Q?lang?=", "lang"),
            ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
            ("folded\n\tline", "folded line"),
        ],
    )
    def test_subject(self, raw: str, subject: str) -> None:
        assert reader.parse(message(f"Subject: {raw}", "", "x")).subject == subject

    @pytest.mark.parametrize("codec", ["utf-8", "cp1252"])
    def test_raw_eight_bit_subject(self, codec: str) -> None:
        assert (
            reader.parse(
                b"Subject: Gr\xfc\xdfe\n\nx"
                if codec == "cp1252"
                else "Subject: Grüße\n\nx".encode()
            ).subject
            == "Grüße"
        )

    @pytest.mark.parametrize(
        ("raw", "name", "address"),
        [
            ("Jane Doe <jane@a.example>", "Jane Doe", "jane@a.example"),
            ('"Doe, Jane" <Jane@A.example>', "Doe, Jane", "jane@a.example"),
            ("Doe, Jane <jane@a.example>", "Doe, Jane", "jane@a.example"),
            ("jane@a.example (Jane Doe)", "Jane Doe", "jane@a.example"),
            ("=?utf-8?Q?J=C3=BCrgen?= <j@a.example>", "Jürgen", "j@a.example"),
            ("jane@a.example", "", "jane@a.example"),
            ("<jane@a.example>", "", "jane@a.example"),
            ("just a name", "just a name", ""),
            ("Mail System <MAILER-DAEMON>", "Mail System", ""),
            ("", "", ""),
        ],
    )
    def test_sender(self, raw: str, name: str, address: str) -> None:
        letter = reader.parse(message(f"From: {raw}", "Subject: s", "", "x"))
        assert (letter.sender_name, letter.sender_address) == (name, address)

    def test_ids(self) -> None:
        letter = reader.parse(b"Message-ID: <m@a>\nList-Id: News of A <news.a.example>\n\nx")
        assert (letter.message_id, letter.list_id) == ("m@a", "news.a.example")

    def test_rfc2231(self) -> None:
        found = mime.parameters("; name*0*=utf-8''caf%C3%A9; name*1=s.txt; charset = \"utf-8\"")
        assert found == {"charset": "utf-8", "name": "cafés.txt"}


class TestDates:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ("Mon, 16 Nov 2026 06:02:11 +0100", datetime(2026, 11, 16, 5, 2, 11, tzinfo=UTC)),
            ("16 Nov 26 06:02 GMT", datetime(2026, 11, 16, 6, 2, tzinfo=UTC)),
            ("Mon Nov 16 06:02:11 2026", datetime(2026, 11, 16, 6, 2, 11, tzinfo=UTC)),
            (
                "Mon, 16 Nov 2026 06:02:11 -0800 (PST)",
                datetime(2026, 11, 16, 14, 2, 11, tzinfo=UTC),
            ),
            ("2026-11-16T06:02:11Z", datetime(2026, 11, 16, 6, 2, 11, tzinfo=UTC)),
            ("2026-11-16 06:02:11", datetime(2026, 11, 16, 6, 2, 11, tzinfo=UTC)),
            ("Mon, 16 Nov 2026 06:02:60 +0000", datetime(2026, 11, 16, 6, 2, 59, tzinfo=UTC)),
            ("Mon, 16 Nov 2026 25:71:00 +0000", None),
            ("32 Nov 2026 06:00:00 +0000", None),
            ("1 Jan 1969 00:00:00 +0000", None),
            ("Mon, 16 Nov 99999 06:00:00 +0000", None),
            ("soon", None),
        ],
    )
    def test_read_date(self, raw: str, expected: datetime | None) -> None:
        assert reader.read_date(raw) == expected

    def test_the_last_hop_speaks_where_the_date_does_not(self) -> None:
        letter = reader.parse(
            b"Date: soon\nReceived: by c; nonsense\n"
            b"Received: from a by b; Mon, 16 Nov 2026 06:00:00 +0000\n\nx"
        )
        assert letter.date == datetime(2026, 11, 16, 6, tzinfo=UTC)
        assert letter.warnings == ("the date 'soon' is unreadable; the time of receipt is used",)

    def test_no_date_is_none(self) -> None:
        assert reader.parse(b"Subject: x\n\ny").date is None


class TestAnyBytes:
    @given(st.binary(max_size=2_000))
    def test_bytes(self, content: bytes) -> None:
        self.check(content)

    @given(
        st.lists(
            st.sampled_from(
                [b"Content-Type: ", b"multipart/mixed; boundary=b", b"text/html", b"\n", b"\n\n",
                 b"--b", b"--b--", b"; charset=", b"utf-7", b"=?utf-8?b?", b"?=", b"<p>", b"\r",
                 b"message/rfc822", b"Content-Transfer-Encoding: base64\n", b"Date: ", b"From ",
                 b"Received: ;", b"1 Jan 2026 1:1", b"\xff\xfe", b"\x1b$B", b"QUJD",
                 b"format=flowed",
                 b"; name*0*=utf-8''", b"\0", b"From: <a@b>", b"Subject: "]
            ),
            max_size=40,
        ).map(b"".join)
    )  # fmt: skip
    def test_pieces_of_mail(self, content: bytes) -> None:
        self.check(content)

    @given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), st.booleans())
    def test_what_the_standard_library_writes_is_read_back(self, text: str, rich: bool) -> None:
        written = EmailMessage()
        written["Subject"] = "S " + " ".join(text.split())
        written.set_content("x" + text)
        if rich:
            written.add_alternative("<p>y</p>" + text, subtype="html")
        letter = reader.parse(bytes(written))
        body = letter.html.removeprefix("<p>y</p>") if rich else letter.plain[1:]
        assert body.strip("\n") == text.strip("\n")

    def check(self, content: bytes) -> None:
        try:
            letter = reader.parse(content)
        except Unreadable:
            return
        assert letter.html.strip() or letter.plain.strip()
        assert letter.date is None or letter.date.tzinfo is UTC
