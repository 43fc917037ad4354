"""Files for accounting: readable where they are read, harmless in a spreadsheet, nothing lost unseen."""

import csv
import io
from collections.abc import Iterator, Sequence

import pytest

from payments.exports import FileEncoding, Measure, encoded, harmless, in_cp932


def written(encoding: FileEncoding, *rows: Sequence[str | int | None]) -> tuple[bytes, Measure]:
    measure = Measure()
    return b"".join(encoded(["列"], rows, encoding, measure)), measure


def read(file: bytes, encoding: FileEncoding) -> list[list[str]]:
    return list(csv.reader(io.StringIO(file.decode(encoding).removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠"])
def test_no_cell_begins_like_a_formula(start: str) -> None:
    assert harmless(f"{start}1+1") == f"'{start}1+1"
    assert harmless(f"1{start}") == f"1{start}"


def test_control_the_bare_file_would_begin_with_a_formula() -> None:
    bare = io.StringIO(newline="")
    csv.writer(bare).writerow(["=1+1"])
    assert bare.getvalue().startswith("=")
    assert written(FileEncoding.UTF_8, ["=1+1"])[0].splitlines()[1] == b"'=1+1"


def test_figures_stay_figures() -> None:
    file, _ = written(FileEncoding.UTF_8, [-500, 0, None])
    assert file.splitlines()[1] == b"-500,0,"


def test_utf_8_has_its_mark_once_and_lines_end_as_in_windows() -> None:
    file, measure = written(FileEncoding.UTF_8, *([f"見本{n}", None] for n in range(1200)))
    assert file.startswith(b"\xef\xbb\xbf\xe5\x88\x97\r\n")
    assert file.count(b"\xef\xbb\xbf") == 1
    assert file.count(b"\r\n") == file.count(b"\n") == 1201
    assert (measure.rows, measure.replaced) == (1200, 0)


def test_cells_with_commas_quotes_and_lines_come_back_as_they_were() -> None:
    cells: list[str | int | None] = ['見本,"団体"', "二\r\n行", "末尾 "]
    for encoding in FileEncoding:
        assert read(written(encoding, cells)[0], encoding)[1] == cells


@pytest.mark.parametrize(
    ("text", "there", "lacking"),
    [
        ("見本体育館", "見本体育館", 0),
        ("髙﨑①㈱", "髙﨑①㈱", 0),
        ("𠮷野家", "〓野家", 1),
        ("10〜12時 −1℃", "10～12時 －1℃", 0),
        ("🏐バレー部", "〓バレー部", 1),
        ("か\u3099くえん", "がくえん", 0),
        ("葛\U000e0100飾", "葛飾", 0),
        ("한국어", "〓〓〓", 3),
        ("naïve", "na〓ve", 1),
        ("", "", 0),
    ],
)
def test_what_cp932_lacks_becomes_a_geta_and_is_counted(text: str, there: str, lacking: int) -> None:
    assert in_cp932(text) == (there, lacking)
    file, measure = written(FileEncoding.CP932, [text])
    assert read(file, FileEncoding.CP932)[1:] == [[there]]
    assert measure.replaced == lacking


def test_control_cp932_itself_would_have_raised() -> None:
    with pytest.raises(UnicodeEncodeError):
        "𠮷".encode("cp932")


def test_a_minus_that_only_cp932_has_is_harmless_too() -> None:
    file, _ = written(FileEncoding.CP932, ["−1+1"])
    assert file.decode("cp932").splitlines()[1] == "'－1+1"


def test_a_file_is_written_piece_by_piece() -> None:
    pulled = 0

    def endless() -> Iterator[list[str | int | None]]:
        nonlocal pulled
        while True:
            pulled += 1
            yield ["x"]

    pieces = encoded(["列"], endless(), FileEncoding.CP932, Measure())
    assert len(next(pieces)) == len("x\r\n") * 500 + len("列\r\n".encode("cp932"))
    assert pulled == 500
