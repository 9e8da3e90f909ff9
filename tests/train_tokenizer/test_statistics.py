"""Statistics of texts for which they are known, the folder's files byte for byte, the comparison."""

from __future__ import annotations

import json
import re
import zipfile

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from snakelm.core.errors import UserError
from snakelm.save_tokenizer.folder import write_zip
from snakelm.save_tokenizer.picture import sample
from snakelm.save_tokenizer.text_statistics import measure
from snakelm.save_tokenizer.verify import HARD_STRINGS, verify
from snakelm.tokenization.compare import COLUMNS, compare
from tests.train_tokenizer.lab import Lab, write_corpus


def words_tokenizer(vocabulary: dict[str, int], unk: str | None = "<unk>") -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=unk or "none"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(["<unk>"])
    return tokenizer


def test_statistics_by_hand():
    tokenizer = words_tokenizer({"<unk>": 0, "a": 1, "bb": 2, "never": 3, "used": 4})
    found = measure(tokenizer, ["a bb", "a zzz", "a", "é"], "<unk>").statistics
    assert found.tokens == 6 and found.words == 6 and found.bytes == 4 + 5 + 1 + 2
    assert found.bytes_per_token == 2 and found.tokens_per_word == 1
    assert found.unknown_rate == pytest.approx(2 / 6, abs=1e-6)  # zzz, é
    assert found.whole_words == pytest.approx(4 / 6, abs=1e-6)  # an unknown word is no whole word
    assert found.round_trip == 0.5  # "a bb" and "a": WordLevel joins by spaces
    assert found.vocabulary_used == 0.5  # a and bb of four
    assert found.characters_lost == 0  # what is lost stands under an unknown token
    assert found.words_by_tokens[:2] == pytest.approx((4 / 6, 2 / 6), abs=1e-6)


def test_renyi_efficiency_of_even_and_uneven_use():
    even = words_tokenizer({"<unk>": 0, "a": 1, "b": 2, "c": 3})
    assert measure(even, ["<unk> a b c"], "<unk>").statistics.renyi_efficiency == 1
    assert measure(even, ["a a a a"], "<unk>").statistics.renyi_efficiency == 0
    half = measure(even, ["a b a b"], "<unk>").statistics.renyi_efficiency
    assert half == 0.5  # log 2 / log 4


def test_silent_loss_is_seen():
    tokenizer = Tokenizer(models.BPE({"C": 0, "a": 1, "f": 2}, []))
    tokenizer.decoder = decoders.Fuse()
    found = measure(tokenizer, ["Café"], None).statistics
    assert found.characters_lost == 0.25 and found.round_trip == 0


def test_nothing_to_measure_is_no_division_by_zero():
    assert measure(words_tokenizer({"<unk>": 0}), [], "<unk>").statistics.bytes_per_token is None


def test_statistics_say_which_split(tmp_path):
    lab = Lab(tmp_path / "runs", write_corpus(tmp_path / "corpus", ["only training text here\n" * 5]))
    assert lab.statistics(lab.both(vocab_size=300)).split == "train"


def test_line_ends_are_not_measured(tmp_path):
    lab = Lab(tmp_path / "runs", write_corpus(tmp_path / "corpus", ["one two\r\nthree\r\n\r\n\n  \nfour"]))
    found = lab.statistics(lab.both(vocab_size=300))
    assert found.bytes == len("one twothreefour") and found.words == 4


def test_speed_varies_and_stays_out_of_the_files(lab):
    folder = lab.both(vocab_size=400)
    assert lab.times["encode_mb_per_s"] > 0
    assert "mb_per_s" not in (folder / "statistics.json").read_text()


def test_measured_megabytes_is_a_limit(lab):
    trained = lab.train(vocab_size=400)
    few, all_of_it = (lab.statistics(lab.save(trained, measured_megabytes=size)) for size in (0.001, 4))
    assert few.bytes <= 1000 < all_of_it.bytes


def test_saving_twice_gives_the_same_bytes(lab):
    trained = lab.train(kind="bert_wordpiece", vocab_size=400)
    one, two = lab.save(trained), lab.save(trained)
    assert {path.name for path in one.iterdir()} == {path.name for path in two.iterdir()}
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes(), path.name


def test_zip_depends_on_content_alone(tmp_path):
    for name, folder in (("one", tmp_path / "a"), ("two", tmp_path / "b")):
        folder.mkdir()
        for file in ["x.json", "y.txt"] if name == "one" else ["y.txt", "x.json"]:
            (folder / file).write_text(file)
        write_zip(tmp_path / f"{name}.zip", folder, ["x.json", "y.txt"] if name == "one" else ["y.txt", "x.json"])
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.testzip() is None and archive.infolist()[0].date_time[0] == 1980


@pytest.mark.parametrize("spoilt", ["classic", "auto"])
def test_verification_fails_where_loaders_differ(lab, spoilt):
    folder = lab.both(vocab_size=400, family="roberta")
    if spoilt == "classic":
        merges = (folder / "merges.txt").read_text().splitlines(keepends=True)
        (folder / "merges.txt").write_text("".join([merges[0], *merges[3:]]))
    else:
        config = json.loads((folder / "tokenizer_config.json").read_text())
        (folder / "tokenizer_config.json").write_text(json.dumps(config | {"tokenizer_class": "BertTokenizer"}))
    with pytest.raises(UserError, match="gives different|saved tokenizer"):
        verify(folder, ["the time of the time of the rolling"])


def test_hard_strings_are_hard():
    text = "".join(HARD_STRINGS)
    assert "" in HARD_STRINGS and max(map(len, HARD_STRINGS)) > 300
    for char in ("👍", "ש", "\u0301", "\x00", "\u2028", "中"):
        assert char in text


def test_sample_shows_all_of_the_text_and_names_the_tokens():
    tokenizer = Tokenizer(models.BPE({"a": 0, "<": 1, "&": 2}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    found = sample(tokenizer, "a<é&", None)
    assert re.sub(r"<[^>]*>", "", found).strip() == "a&lt;é&amp;"
    assert '<s style="color:#c00">é</s>' in found and 'title="&lt; (1)"' in found
    assert sample(words_tokenizer({"<unk>": 0}), "a\nb", "<unk>").count("#ff9d9d") == 2


def test_side_by_side(lab, tmp_path):
    folders = [
        lab.both("pieces", kind="char_bpe", vocab_size=300),
        lab.both("letters", kind="characters", vocab_size=90),
    ]
    table = compare(folders)
    assert list(table.index) == ["pieces", "letters"] and list(table.columns) == list(COLUMNS)
    assert table.loc["letters", "bytes_per_token"] < 1.2 < table.loc["pieces", "bytes_per_token"]
    assert list(compare(folders, ["one", "two"]).index) == ["one", "two"]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert compare([*folders, empty]).loc["empty"].isna().all()
