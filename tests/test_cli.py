"""The command: what it prints, what it writes, and that errors are one paragraph."""

from __future__ import annotations

import json
import re
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from wordweights.attribution import attribute_pair
from wordweights.attribution.methods import METHODS
from wordweights.cli import app, main
from wordweights.encoders import known_encoders, load_encoder
from wordweights.encoders.registry import SUFFIXES
from wordweights.errors import WordweightsError
from wordweights.pipeline.running import CLAIMS_FILE

SENTENCES = "the dog is running .\nA <b> onion !\n"  # the encoder does not know <, b and >

pytestmark = pytest.mark.filterwarnings("ignore:Missing")


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
    return ["attribute", str(path), *encoder, "--frequencies", counts, "-p", "n_nodes", "4"]


def invoke(*arguments: str, stdin: str | bytes | None = None) -> Result:
    """Run the command; an unexpected exception is the test's."""
    return CliRunner().invoke(app, list(arguments), input=stdin, catch_exceptions=False)


def test_the_version_is_that_of_the_package() -> None:
    assert invoke("--version").stdout.split()[-1] == version("wordweights")


def test_every_pooling_that_a_name_may_say_is_an_option_too() -> None:
    assert f"[{'|'.join(SUFFIXES)}]" in invoke("attribute", "--help").stdout


def test_encoders_lists_every_known_encoder_within_the_terminal() -> None:
    output = invoke("encoders").stdout
    assert max(map(len, output.splitlines())) <= 80
    table = known_encoders()
    for name in (*table["name"], *table["hub_id"].dropna(), *table["revision"].dropna()):
        assert name in output


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_attribute_writes_a_row_for_every_word(
    arguments: list[str], tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"words{ending}"
    result = invoke(*arguments, "-p", "probes", "all", "-o", str(path))
    read = pd.read_csv if ending == ".csv" else pd.read_parquet
    table = read(path)
    assert " ".join(table["word"]) == "the dog is running . A < b > onion !"
    assert table["sentence_id"].tolist() == [0] * 5 + [1] * 6
    weighed = ~table["word"].isin(["<", "b", ">"])
    assert (table.loc[weighed, "contribution"] > 0).all()
    assert (table.loc[weighed, "standard_error"] == 0).all()  # as "all" says
    assert table.loc[~weighed, ["contribution", "standard_error"]].isna().all(axis=None)
    unknown = table["information"].isna()
    assert table.loc[unknown, "word"].tolist() == ["<", "b", ">", "onion"]
    assert table.loc[unknown, "probability"].isna().all()
    said = (
        "4 words have no information: .*counts.csv, which counts words, does not know <, >, b, on"
    )
    assert re.search(said, result.stderr)


def test_attribute_takes_another_method_with_its_settings(
    arguments: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "words.csv"
    plain = arguments[: arguments.index("-p")]
    mask = ["--method", "occlusion", "-p", "baseline", "mask"]
    invoke(*plain, *mask, "-o", str(output))
    table = pd.read_csv(output)
    assert (table["contribution"] > 0).any()
    assert "residual" not in table
    with pytest.raises(WordweightsError, match="'occlusion' has no setting 'n_nodes'"):
        invoke(*arguments, "--method", "occlusion")
    with pytest.raises(WordweightsError, match=r"tolerance is 'low'.*between 0 and 1"):
        invoke(*plain, "-p", "tolerance", "low")


@pytest.mark.parametrize("method", METHODS)
def test_attribute_takes_every_method(arguments: list[str], method: str) -> None:
    plain = arguments[: arguments.index("-p")]
    words = invoke(*plain, "--method", method).stdout.splitlines()
    assert "contribution" in words[0]
    assert len(words) > 3


def test_pair_says_which_words_make_two_sentences_alike(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    command = ["pair", "the dog is running .", "a dog !", "--encoder", str(tiny_checkpoint)]
    command += ["--pooling", "mean", "-p", "baseline", "mask"]
    shown = invoke(*command)
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert lines[0] == ["a", "dog", "!"]
    assert [line[0] for line in lines[1:]] == ["the", "dog", "is", "running", "."]
    output = tmp_path / "pair.csv"
    invoke(*command, "-o", str(output))
    table = pd.read_csv(output)
    assert len(table) == 15
    cells = [float(cell) for line in lines[1:] for cell in line[1:]]
    assert cells == pytest.approx(table["cosine"].tolist(), abs=6e-4)
    assert f"Together {table['cosine'].sum():.3f}: the cosine of what the words" in shown.stderr
    with pytest.raises(WordweightsError, match="'occlusion' do not add up"):
        invoke(*command, "--method", "occlusion")


@pytest.mark.filterwarnings("ignore:Missing")
def test_pair_says_that_a_word_without_a_number_is_missing_in_the_table(
    tiny_checkpoint: Path,
) -> None:
    command = ["--encoder", str(tiny_checkpoint), "--pooling", "mean"]
    shown = invoke("pair", "the zebra is running .", "a dog !", *command)
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert lines[2] == ["zebra", "NaN", "NaN", "NaN"]
    table = attribute_pair(
        load_encoder(tiny_checkpoint, "mean"), "the zebra is running .", "a dog !"
    )
    cosine, total = table.attrs["cosine"], table["cosine"].sum()
    assert abs(total - cosine) > 0.01
    assert f"Together {cosine:.3f}: the cosine" in shown.stderr
    assert f"The table sums to {total:.3f}: " in shown.stderr


def test_arrays_are_written_whole(arguments: list[str], tmp_path: Path) -> None:
    path = tmp_path / "ten.txt"
    path.write_text("a dog is running and a man is playing .\n")
    output = tmp_path / "words.csv"
    command = ["attribute", str(path), *arguments[2:6], "--method", "shapley"]
    invoke(*command, "-p", "distances", "true", "-o", str(output))
    for cell in pd.read_csv(output)["from_all"]:
        assert len(json.loads(cell)) == 2**10


def test_attribute_keeps_the_ids_of_a_table(arguments: list[str], tmp_path: Path) -> None:
    arguments[1] = str(tmp_path / "mine.csv")
    Path(arguments[1]).write_text("sentence_id,sentence\n70,the dog\n3,a dog\n")
    invoke(*arguments, "-o", str(tmp_path / "words.csv"))
    assert pd.read_csv(tmp_path / "words.csv")["sentence_id"].tolist() == [70, 70, 3, 3]


def test_the_standard_input_is_read_like_a_file_of_lines(
    arguments: list[str], tmp_path: Path
) -> None:
    text = "\ufeffthe dog\u2028dog .\r\n\r\nis a\u3000dog\r".encode()
    (tmp_path / "lines.txt").write_bytes(text)
    command, _, *rest = arguments
    shown = invoke(command, "-", *rest, stdin=text).stdout
    assert shown == invoke(command, str(tmp_path / "lines.txt"), *rest).stdout
    lines = [line.split() for line in shown.splitlines()]
    assert [line[2] for line in lines] == ["word", "the", "dog", "dog", ".", "is", "a", "dog"]
    for column in ("contribution", "standard_error", "residual", "information"):
        assert column in lines[0]
    with pytest.raises(WordweightsError, match="holds no sentence"):
        invoke(command, "-", *rest, stdin="\n")
    with pytest.raises(WordweightsError, match="The standard input, line 2: byte 0xE9"):
        invoke(command, "-", *rest, stdin=b"the dog\na caf\xe9\n")


def test_attribute_reads_a_column_by_name_and_skips_what_is_too_long(
    arguments: list[str], tmp_path: Path
) -> None:
    arguments[1] = str(tmp_path / "mine.csv")
    rows = ["sentence_id;text", "70;the dog", f"3;{'dog ' * 30}", "5;a dog", f"4;{'dog ' * 40}"]
    Path(arguments[1]).write_text("\n".join(rows))
    output = tmp_path / "words.csv"
    arguments += ["--column", "text", "-o", str(output)]
    with pytest.raises(WordweightsError, match=r"^Sentences 3, 4: more wordpieces .*--skip-long"):
        invoke(*arguments)
    result = invoke(*arguments, "--skip-long")
    assert "reads 24 wordpieces at most: sentences 3, 4." in result.stderr
    assert pd.read_csv(output)["sentence_id"].tolist() == [70, 70, 5, 5]
    Path(arguments[1]).write_text("\n".join([rows[0], rows[2]]))
    with pytest.raises(WordweightsError, match="All 1 sentences are longer than the 24"):
        invoke(*arguments, "--skip-long")
    with pytest.raises(WordweightsError, match="--column is 'text', but the standard input"):
        invoke("attribute", "-", *arguments[2:], stdin="the dog\n")


def test_attribute_says_that_a_normalisation_is_left_out(counts: str, tmp_path: Path) -> None:
    command = ["attribute", "-", "--frequencies", counts, "--method", "token-norm", "-e"]
    for name, said in (("all-MiniLM-L6-v2", True), ("all-MiniLM-L6-v2 (normalised)", False)):
        result = invoke(*command, name, "-o", str(tmp_path / "words.csv"), stdin="the dog\n")
        assert ("normalisation to length 1 is left out; ' (norm" in result.stderr) is said


def test_attribute_writes_words_of_which_none_is_known(
    arguments: list[str], tmp_path: Path
) -> None:
    (tmp_path / "counts.csv").write_text("word,count\nelsewhere,1\n")
    result = invoke(*arguments, "-o", str(tmp_path / "words.csv"))
    table = pd.read_csv(tmp_path / "words.csv")
    assert len(table) == 11
    assert (table["contribution"] > 0).sum() == 8
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


def test_an_output_that_cannot_be_written_stays_as_it_was(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "words.csv"
    path.write_text("old")
    invoke(*arguments)  # from now on nothing is stored any more

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WordweightsError, match="cannot be written: No space left on device"):
        invoke(*arguments, "-o", str(path))
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("place", "wrong", "message"),
    [
        (1, "no.csv", r"no\.csv does not exist"),
        (3, "nonsense", "Encoder 'nonsense' is neither"),
        (7, "no.csv", r"no\.csv does not exist"),
        (7, "nothing", "Unknown source 'nothing'"),
    ],
)
def test_what_is_misspelt_is_told_before_a_model_is_loaded(
    arguments: list[str], tmp_path: Path, place: int, wrong: str, message: str
) -> None:
    arguments[3] = str(tmp_path / "empty")  # a folder that cannot be loaded
    Path(arguments[3]).mkdir()
    arguments[place] = wrong
    with pytest.raises(WordweightsError, match=message):
        invoke(*arguments)


def test_a_tilde_is_the_home_folder(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    arguments[1], arguments[3], arguments[7] = "~/two.txt", "~/checkpoint", "~/counts.csv"
    invoke(*arguments, "-o", "~/words.csv")
    assert len(pd.read_csv(tmp_path / "words.csv")) == 11


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


def test_a_notice_is_one_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(arguments[1]).write_text("the dog isn't running\n")
    monkeypatch.setattr(sys, "argv", ["wordweights", *arguments])
    monkeypatch.setattr("warnings.showwarning", None)  # which main() sets
    with pytest.raises(SystemExit) as stopped, warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        main()
    assert stopped.value.code == 0
    lines = capsys.readouterr().err.splitlines()
    start = "wordweights: One word here, because spaCy parts it where the tokenizer does not: "
    assert f'{start}"isn\'t".' in lines
    assert not any("warnings.warn" in line for line in lines)


def test_cache_lists_and_prunes(arguments: list[str]) -> None:
    assert "Nothing is kept." in invoke("cache").stdout
    invoke(*arguments)
    listed = invoke("cache").stdout
    assert max(map(len, listed.splitlines())) <= 80
    assert "probes 16" in " ".join(listed.split())
    identity = listed.splitlines()[1].split()[0]
    with pytest.raises(WordweightsError, match="'nonsense' fits 0 of the 1"):
        invoke("cache", "--prune", "nonsense")
    assert f"Removed {identity}" in invoke("cache", "--prune", identity).stdout
    invoke(*arguments)
    assert "Removed" in invoke("cache", "--prune-all").stdout
    assert "Nothing is kept." in invoke("cache").stdout


def test_a_dry_run_counts_what_is_stored_and_computes_nothing(
    arguments: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "words.csv"
    arguments[1] = "-"
    lines = "the dog .\nis a dog\nTHE dog .\n"  # for a lower-casing encoder two
    for _ in range(2):
        result = invoke(*arguments, "--dry-run", "-o", str(output), stdin=lines)
        assert "0 of 2 distinct sentences are stored, 2 are not" in result.stdout
    assert not output.exists()
    invoke(*arguments, stdin="the dog .\n")
    assert "1 of 2" in invoke(*arguments, "--dry-run", stdin="the dog .\nis a dog\n").stdout


def test_a_dry_run_of_chapters_says_it_for_each_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"one": (5, 1200), "two": (0, 3)}
    monkeypatch.chdir(Path(__file__).parent)
    monkeypatch.setattr("wordweights.pipeline.run_chapters", None)
    monkeypatch.setattr("wordweights.pipeline.count_run", lambda *_: counts)
    assert invoke("run", "03", "--dry-run").stdout.splitlines() == [
        "one: 5 of 1,200 distinct sentences are stored, 1,195 are not",
        "two: 0 of 3 distinct sentences are stored, 3 are not",
    ]
    counts.clear()
    assert "no main table of sentences" in invoke("run", "01", "--dry-run").stdout


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
