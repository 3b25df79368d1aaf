"""The command: what it prints, what it writes, and that errors are one paragraph."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from wordweights.cli import app, main
from wordweights.encoders import known_encoders
from wordweights.errors import WordweightsError
from wordweights.pipeline.claims import CLAIMS_FILE

SENTENCES = "the dog is running .\nA <b> onion !\n"


@pytest.fixture
def counts(tmp_path: Path) -> str:
    """Frequencies of a few words; "onion" and HTML are not among them."""
    path = tmp_path / "counts.csv"
    path.write_text("word,count\nthe,8\na,4\ndog,1\nis,2\nrunning,1\n.,4\n!,1\n")
    return str(path)


@pytest.fixture
def arguments(tmp_path: Path, tiny_checkpoint: Path, counts: str) -> list[str]:
    """Attribute two sentences by a tiny encoder."""
    path = tmp_path / "two.txt"
    path.write_text(SENTENCES)
    encoder = ["--encoder", str(tiny_checkpoint), "--pooling", "mean"]
    return ["attribute", str(path), *encoder, "--frequencies", counts, "--n-steps", "4"]


def invoke(*arguments: str, stdin: str | bytes | None = None) -> Result:
    """Run the command; an unexpected exception is the test's."""
    return CliRunner().invoke(app, list(arguments), input=stdin, catch_exceptions=False)


def test_encoders_lists_every_known_encoder() -> None:
    output = invoke("encoders").stdout
    for name in known_encoders()["name"]:
        assert name in output


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_attribute_writes_a_row_for_every_word(
    arguments: list[str], tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"words{ending}"
    result = invoke(*arguments, "--probes", "all", "-o", str(path))
    read = pd.read_csv if ending == ".csv" else pd.read_parquet
    table = read(path)
    assert " ".join(table["word"]) == "the dog is running . A < b > onion !"
    assert table["sentence_id"].tolist() == [0] * 5 + [1] * 6
    assert (table["contribution"] > 0).all()
    unknown = table["information"].isna()
    assert table.loc[unknown, "word"].tolist() == ["<", "b", ">", "onion"]
    assert table.loc[unknown, "probability"].isna().all()
    assert "4 words have no information" in result.stderr


def test_attribute_prints_a_table_of_lines_from_the_standard_input(arguments: list[str]) -> None:
    arguments[1] = "-"
    lines = invoke(*arguments, stdin="the dog .\n\nis a dog\n").stdout.splitlines()
    assert lines[0].split()[:3] == ["sentence_id", "position", "word"]
    assert [line.split()[2] for line in lines[1:]] == ["the", "dog", ".", "is", "a", "dog"]
    with pytest.raises(WordweightsError, match="holds no sentence"):
        invoke(*arguments, stdin="\n")


def test_the_standard_input_is_read_like_a_file_of_lines(
    arguments: list[str], tmp_path: Path
) -> None:
    text = "\ufeffthe dog\u2028dog .\r\n\r\nis a\x0cdog\r".encode()
    (tmp_path / "lines.txt").write_bytes(text)
    from_file = invoke(arguments[0], str(tmp_path / "lines.txt"), *arguments[2:]).stdout
    assert invoke(arguments[0], "-", *arguments[2:], stdin=text).stdout == from_file
    with pytest.raises(WordweightsError, match="The standard input, line 2: byte 0xE9"):
        invoke(arguments[0], "-", *arguments[2:], stdin=b"the dog\na caf\xe9\n")


def test_attribute_writes_words_of_which_none_is_known(
    arguments: list[str], tmp_path: Path
) -> None:
    (tmp_path / "counts.csv").write_text("word,count\nelsewhere,1\n")
    result = invoke(*arguments, "-o", str(tmp_path / "words.csv"))
    table = pd.read_csv(tmp_path / "words.csv")
    assert len(table) == 11
    assert (table["contribution"] > 0).all()
    assert table[["probability", "information"]].isna().all(axis=None)
    assert "11 words have no information" in result.stderr


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("words.txt", r"must end in \.csv or \.parquet"),
        ("no/folder/w.csv", "cannot be written: its folder does not exist"),
        ("folder.csv", "cannot be written: it is a folder"),
    ],
)
def test_attribute_says_what_is_wrong_with_the_output_before_it_begins(
    arguments: list[str], tmp_path: Path, output: str, message: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    arguments[3] = "no encoder"
    with pytest.raises(WordweightsError, match=message):
        invoke(*arguments, "-o", str(tmp_path / output))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_an_output_that_cannot_be_written_stays_as_it_was(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    path = tmp_path / f"words{ending}"
    path.write_text("old")
    invoke(*arguments)  # from now on nothing is stored any more

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WordweightsError, match="cannot be written: No space left on device"):
        invoke(*arguments, "-o", str(path))
    assert path.read_text() == "old"


def test_run_knows_the_parameters_of_the_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    with pytest.raises(WordweightsError, match="'n_word'; did you mean 'n_words'"):
        invoke("run", "-p", "n_word", "7")
    with pytest.raises(WordweightsError, match="'n_words' is 'seven'"):
        invoke("run", "03", "-p", "limit", "5", "-p", "n_words", "seven")


def test_an_error_is_one_paragraph_and_exit_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["wordweights", "book"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("wordweights: No folder from ")
    assert len(captured.err.splitlines()) == 1


def test_cache_lists_and_prunes(arguments: list[str]) -> None:
    assert "Nothing is kept." in invoke("cache").stdout
    invoke(*arguments)
    listed = invoke("cache").stdout
    assert '"n_steps": 4' in listed
    (row,) = [line for line in listed.splitlines() if '"n_steps"' in line]
    identity = row.split()[0]
    with pytest.raises(WordweightsError, match="'nonsense' fits 0 of the 1"):
        invoke("cache", "--prune", "nonsense")
    assert f"Removed {identity}." in invoke("cache", "--prune", identity).stdout
    invoke(*arguments)
    assert "Removed" in invoke("cache", "--prune-all").stdout
    assert "Nothing is kept." in invoke("cache").stdout


def test_a_dry_run_says_how_long_it_takes_and_does_nothing_else(
    arguments: list[str], tmp_path: Path
) -> None:
    lines = "the dog .\nis a dog\na woman was happy .\n"
    arguments[1] = "-"
    output = tmp_path / "words.csv"
    said = invoke(*arguments, "--dry-run", "-o", str(output), stdin=lines).stdout
    assert "The attributions will take about" in said
    assert "3 distinct sentences, 1 left to compute" in said
    assert not output.exists()
    assert "all are stored" in invoke(*arguments, "--dry-run", stdin="the dog .\n").stdout


def test_a_long_run_is_announced_and_goes_on(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "words.csv"
    assert "will take" not in invoke(*arguments, "-o", str(output)).stderr
    monkeypatch.setattr("wordweights.pipeline.estimate.WORTH_SAYING", -1.0)
    result = invoke(*arguments, "-o", str(output))
    assert "all are stored" in result.stderr
    assert result.stdout == ""
    assert len(pd.read_csv(output)) == 11


def test_a_run_is_announced_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wordweights.pipeline.estimate import Workload

    ran = []
    monkeypatch.chdir(Path(__file__).parent)
    monkeypatch.setattr("wordweights.pipeline.run_chapters", lambda *_, **__: ran.append(True))
    for rate, words in ((0.1, False), (2.0, True)):
        loads = [Workload("tiny", 100, 90, rate)]
        monkeypatch.setattr(
            "wordweights.pipeline.estimate.estimate_run", lambda *_, found=loads: found
        )
        assert ("about 3 minutes" in invoke("run", "03").stderr) == words
        assert "tiny: 100 distinct sentences, 90 left" in invoke("run", "03", "--dry-run").stdout
    assert len(ran) == 2


@pytest.fixture
def verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which chapter 03 has run."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "_config.yml").touch()
    monkeypatch.chdir(tmp_path)
    path = tmp_path / CLAIMS_FILE
    path.parent.mkdir(parents=True)
    path.write_text(
        "claim,scope,paper,quantity,estimate,low,high,verdict\n"
        "1,BERT (CLS),True,r,0.4,0.3,0.5,supported\n"
        "2,BERT (CLS) → SimCSE,True,rise,0.1,-0.1,0.3,not supported\n"
        "3,SBERT (MEAN),True,,,,,not tested\n"
    )
    return path


def test_claims_are_listed(verdicts: Path) -> None:
    lines = invoke("claims").stdout.splitlines()
    assert lines[0].split() == ["claim", "scope", "estimate", "low", "high", "verdict"]
    assert lines[1].split()[-5:] == ["(CLS)", "0.400", "0.300", "0.500", "supported"]
    assert lines[3].split() == ["3", "SBERT", "(MEAN)", "not", "tested"]


def test_claims_that_are_lost_are_an_error(verdicts: Path, tmp_path: Path) -> None:
    previous = tmp_path / "previous.csv"
    now = verdicts.read_text()
    previous.write_text(now)
    assert invoke("claims", "--against", str(previous)).exit_code == 0
    previous.write_text(
        now.replace("not supported", "supported").replace("not tested", "supported")
    )
    with pytest.raises(WordweightsError) as caught:
        invoke("claims", "--against", str(previous))
    assert "2 claim(s)" in str(caught.value)
    assert "(2) BERT (CLS) → SimCSE: not supported; (3) SBERT (MEAN): not tested" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no claims in .*wordweights run 03"),
        ("", "cannot be read: No columns"),
        ("claim,verdict\n1,supported\n", "lacks the column 'scope'"),
        ("claim,scope,paper,verdict\n1,x,True,perhaps\n", "unknown verdicts"),
    ],
)
def test_what_is_no_table_of_claims_is_refused(
    verdicts: Path, content: str | None, message: str
) -> None:
    verdicts.unlink()
    if content is not None:
        verdicts.write_text(content)
    with pytest.raises(WordweightsError, match=message):
        invoke("claims")
