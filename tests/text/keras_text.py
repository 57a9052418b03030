#!/usr/bin/python3
"""Makes the stored references of tests/text: run by hand when a case is added, never by the tests.

What Keras's documentation says of TextVectorization, StringLookup, IntegerLookup, Hashing and CategoryEncoding,
written down in plain Python, value by value. Nothing here looks at nlm. The functions are first held against the
examples of Keras's own documentation and tests (check_rules); hashes are the published numbers of those tests.

For every case the folder cases/<case>/ gets model.nlm, train.jsonl, rows.jsonl (what is predicted), options (words
for `train`) and expect_<output>.npy.
"""
import json
import math
import pathlib
import re

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
PUNCTUATION = r'[!"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~\']'


# ---- text to tokens

def standardize(text, how):
    if how in ("lower", "lower_and_strip_punctuation"):
        text = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)  # ASCII alone
    if how in ("strip_punctuation", "lower_and_strip_punctuation"):
        text = re.sub(PUNCTUATION, "", text)
    return text


def split(text, how):
    if how == "whitespace":
        return [w for w in re.split("[ \t\n\v\f\r]+", text) if w]
    return list(text) if how == "character" else [text]


def join_ngrams(words, ngrams):
    if ngrams is None:
        return words
    widths = range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams
    return [" ".join(words[i:i + n]) for n in widths for i in range(len(words) - n + 1)]


def tokens_of(text, how="lower_and_strip_punctuation", by="whitespace", ngrams=None):
    """A text, or a list of words that are given one by one."""
    if isinstance(text, list):
        return join_ngrams([standardize(w, how) for w in text], ngrams)
    return join_ngrams(split(standardize(text, how), by), ngrams)


# ---- lookups

# Bins that Keras's tests state for FarmHash64, by number of bins.
FARM_BINS = {2: dict(zip(["omar", "stringer", "marlo", "wire", "skywalker"], [0, 0, 1, 0, 0])),
             3: dict(zip("ABCDE", [1, 0, 1, 1, 2])) | dict(zip("01234", [1, 0, 1, 0, 2])),
             4: dict(zip(["100", "200", "300", "400"], [3, 1, 3, 1]))}
SIP_BINS = {(3, 133, 137): dict(zip("ABCDE", [1, 2, 1, 0, 2])) | dict(zip("01234", [1, 1, 2, 0, 1])),
            (3, 133, 133): dict(zip("ABCDE", [0, 0, 2, 1, 0])),
            (2, 133, 137): dict(zip(["omar", "stringer", "marlo", "wire", "skywalker"], [0, 1, 0, 1, 0]))}


class Lookup:
    def __init__(self, mode="int", max_tokens=None, oov=1, mask=None, oov_token="[UNK]", vocabulary=None, idf=None,
                 floormod=False):
        self.mode, self.mask, self.oov, self.floormod = mode, mask, oov, floormod
        self.first_oov = 1 if mask is not None and mode == "int" else 0
        self.start = self.first_oov + oov
        self.max_tokens, self.oov_token = max_tokens, oov_token
        self.words = vocabulary
        if idf is not None:
            self.idf = [sum(idf) / len(idf)] * self.start + list(idf)

    def adapt(self, documents):
        counts, containing = {}, {}
        for document in documents:
            for token in document:
                counts[token] = counts.get(token, 0) + 1
            for token in set(document):
                containing[token] = containing.get(token, 0) + 1
        for special in (self.mask, self.oov_token):
            counts.pop(special, None)
        # by count, then by the token itself (bytes or number), both descending
        key = (lambda t: (counts[t], t)) if self.floormod else (lambda t: (counts[t], t.encode()))
        words = sorted(counts, key=key, reverse=True)
        self.words = words[:self.max_tokens - self.start] if self.max_tokens else words
        idf = [math.log(1 + len(documents) / (1 + containing[w])) for w in self.words]
        self.idf = [sum(idf) / len(idf)] * self.start + idf
        return self

    def of(self, value):
        """Index; None for a mask in modes of vectors."""
        if self.mask is not None and value == self.mask:
            return 0 if self.mode == "int" else None
        if value in self.words:
            return self.start + self.words.index(value)
        if self.oov == 1:
            return self.first_oov
        return self.first_oov + (value % self.oov if self.floormod else FARM_BINS[self.oov][value])

    def vector(self, values, depth):
        out = np.zeros(depth)
        for value in values:
            index = self.of(value)
            if index is None:
                continue
            out[index] = 1 if self.mode == "multi_hot" else out[index] + 1
        return out * np.array((self.idf + [0] * depth)[:depth]) if self.mode == "tf_idf" else out

    def rows(self, values, depth):
        out = np.zeros((len(values), depth))
        for k, value in enumerate(values):
            if self.of(value) is not None:
                out[k, self.of(value)] = 1
        return out


def ids_of(lookup, tokens, length):
    ids = [lookup.of(t) for t in tokens][:length]
    return ids + [0] * (length - len(ids))


def hash_bin(value, bins, mask=None, salt=None):
    reserved = mask is not None and bins > 1
    if reserved and value == mask:
        return 0
    table = FARM_BINS[bins - reserved] if salt is None else SIP_BINS[(bins - reserved, *salt)]
    return table[str(value)] + reserved


def encode(ids, depth, mode, weights=None):
    out = np.zeros(depth)
    for k, i in enumerate(ids):
        out[i] = 1 if mode == "multi_hot" else out[i] + (1 if weights is None else weights[k])
    return out


def check_rules():
    texts = ["foo bar", "bar baz", "baz bada boom"]
    v = Lookup(mask="").adapt([tokens_of(t) for t in texts])
    assert v.words == ["baz", "bar", "foo", "boom", "bada"]
    assert ids_of(v, tokens_of("foo qux bar"), 4) == [4, 1, 3, 0] and ids_of(v, tokens_of("qux baz"), 4) == [1, 2, 0, 0]
    # keras: StringLookup's and IntegerLookup's documented outputs
    s = Lookup(vocabulary=["a", "b", "c", "d"], mode="multi_hot")
    assert [list(s.vector(r, 5)) for r in (["a", "c", "d", "d"], ["d", "z", "b", "z"])] == [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]
    s = Lookup(vocabulary=["a", "b", "c", "d"], mode="tf_idf", idf=[0.25, 0.75, 0.6, 0.4])
    assert np.allclose(s.vector(["a", "c", "d", "d"], 5), [0, 0.25, 0, 0.6, 0.8])
    assert np.allclose(s.vector(["d", "z", "b", "z"], 5), [1.0, 0, 0.75, 0, 0.4])
    n = Lookup(mode="tf_idf", oov_token=-1, floormod=True).adapt([[1], [1], [1], [2], [2], [3]])
    assert np.allclose(n.vector([1, 2, 4], 4), [1.133732, 0.916291, 1.098612, 0])
    n = Lookup(vocabulary=[12, 36, 1138, 42], oov=2, floormod=True)
    assert [n.of(x) for x in (12, 1138, 42, 37, 1000, 36)] == [2, 4, 5, 1, 0, 3]


# ---- cases

TRAIN = ["The cat sat on the mat.", "A dog, a cat & another dog!", "Don't   sit: on the MAT", "\tthe the the\n",
         "Caf\u00c9 caf\u00e9 na\u00efve", "good-bye  mat", "", "[UNK] zebra aardvark cat"]
ROWS = ["the cat sat", "unknown words and the the dog", "", "CAF\u00c9 naive na\u00efve!", "a a a b", "mat mat zebra [UNK] Dog",
        "don't don't"]
CASES = {}


def case(name, inputs, body, train, rows, outputs, options=(), files=None):
    CASES[name] = (inputs, body, train, rows, outputs, options, files or {})


def text_case(name, call, expect, train=TRAIN, rows=ROWS, kind="text", **more):
    """`expect`: the rows' outputs, in the order of ROWS. A Dense behind the layer makes the program take its vectors."""
    ints = expect.dtype.kind == "i"
    behind = "Embedding(64, 2) -> GlobalAveragePooling1D() -> Dense(1)" if ints else "Dense(1)"
    case(name, f"input text: {kind}", f"v = text -> {call}\n  output all = v\n  output y = v -> {behind}",
         [{"text": t, "y": 0.5} for t in train], [{"text": t} for t in rows], {"all": expect}, **more)


def text_cases():
    def vectors(mode, depth, max_tokens, train=TRAIN, **how):
        v = Lookup(mode=mode, mask="", max_tokens=max_tokens).adapt([tokens_of(t, **how) for t in train])
        return np.array([v.vector(tokens_of(t, **how), depth) for t in ROWS])

    def numbers(length, max_tokens=None, **how):
        v = Lookup(mask="", max_tokens=max_tokens).adapt([tokens_of(t, **how) for t in TRAIN])
        return np.array([ids_of(v, tokens_of(t, **how), length) for t in ROWS], dtype=np.int32)

    text_case("int_default", "TextVectorization(output_sequence_length = 5)", numbers(5))
    text_case("int_cut_vocabulary", "TextVectorization(6, output_sequence_length = 4)", numbers(4, 6))
    text_case("int_lower_ngrams", "TextVectorization(standardize = lower, ngrams = (2, 1), output_sequence_length = 7)",
              numbers(7, how="lower", ngrams=(2, 1)))
    text_case("int_whole_texts", "TextVectorization(split = none, output_sequence_length = 2)",
              numbers(2, by="none"))
    text_case("multi_hot", "TextVectorization(8, output_mode = multi_hot)", vectors("multi_hot", 8, 8))
    text_case("multi_hot_wide", "TextVectorization(64, output_mode = multi_hot, pad_to_max_tokens = true)",
              vectors("multi_hot", 64, 64))
    text_case("count_ngrams", "TextVectorization(40, output_mode = count, ngrams = 2)",
              vectors("count", 40, 40, ngrams=2))
    text_case("count_characters", "TextVectorization(12, output_mode = count, split = character, standardize = none)",
              vectors("count", 12, 12, how="none", by="character"))
    text_case("tf_idf", "TextVectorization(30, output_mode = tf_idf)", vectors("tf_idf", 30, 30))
    text_case("tf_idf_cut", "TextVectorization(5, output_mode = tf_idf, standardize = strip_punctuation)",
              vectors("tf_idf", 5, 5, how="strip_punctuation"))
    text_case("tf_idf_training_part", "TextVectorization(30, output_mode = tf_idf)",
              vectors("tf_idf", 30, 30, train=TRAIN[:4]), options=["--validation-split", "0.5"])
    given = Lookup(mode="tf_idf", mask="", vocabulary=["cat", "the", "dog"], idf=[0.5, 0.25, 1.5])
    text_case("tf_idf_given",
              'TextVectorization(vocabulary = ["cat", "the", "dog"], idf_weights = [0.5, 0.25, 1.5], output_mode = tf_idf)',
              np.array([given.vector(tokens_of(t), 4) for t in ROWS]))
    text_case("tf_idf_given_padded",
              'TextVectorization(6, vocabulary = ["cat", "the", "dog"], idf_weights = [0.5, 0.25, 1.5], '
              "output_mode = tf_idf, pad_to_max_tokens = true)",
              np.array([given.vector(tokens_of(t), 6) for t in ROWS]))
    filed = Lookup(mask="", vocabulary=["the", "na\u00efve", "zebra"])
    text_case("int_vocabulary_file", 'TextVectorization(vocabulary = "words.txt", output_sequence_length = 6)',
              np.array([ids_of(filed, tokens_of(t), 6) for t in ROWS], dtype=np.int32),
              files={"words.txt": "the\nna\u00efve\nzebra\n"})
    both = Lookup(mode="count", mask="", max_tokens=9).adapt([tokens_of(t) for t in TRAIN + TRAIN[::-1][:4] * 2])
    case("count_shared", "input a: text\n  input b: text",
         "v = TextVectorization(9, output_mode = count)\n  u = v(a)\n  w = v(b)\n  output first = u\n  output second = w\n"
         "  output y = Concatenate()(u, w) -> Dense(1)",
         [{"a": t, "b": s, "y": 0.5} for t, s in zip(TRAIN, TRAIN[::-1][:4] * 2)],
         [{"a": t, "b": s} for t, s in zip(ROWS, ROWS[::-1])],
         {"first": np.array([both.vector(tokens_of(t), 9) for t in ROWS]),
          "second": np.array([both.vector(tokens_of(t), 9) for t in ROWS[::-1]])})
    words = [t.split() for t in TRAIN if t.strip()]
    asked = [t.split() for t in ROWS if t]
    v = Lookup(mode="count", mask="", max_tokens=20).adapt([tokens_of(w) for w in words])
    text_case("count_given_words", "TextVectorization(20, output_mode = count)",
              np.array([v.vector(tokens_of(w), 20) for w in asked]), train=words, rows=asked, kind="text[time]")


def lookup_cases():
    names = [["omar", "marlo", "wire"], ["omar", "omar", "wire"], ["x", "y", "omar"], ["[UNK]", "", "y"]]
    asked = [["omar", "wire", "omar"], ["skywalker", "marlo", ""], ["stringer", "skywalker", "y"]]
    ints = Lookup(mask="", oov=2, max_tokens=6).adapt(names)
    body = ('a = tags -> StringLookup(6, num_oov_indices = 2, mask_token = "")\n  output ids = a\n'
            "  output y = a -> Embedding(6, 2) -> GlobalAveragePooling1D() -> Dense(1)")
    expect = {"ids": np.array([[ints.of(v) for v in row] for row in asked], dtype=np.int32)}
    for mode in ("one_hot", "multi_hot", "count", "tf_idf"):
        look = Lookup(mode=mode, mask="", oov=2, max_tokens=9).adapt(names)
        body += f'\n  output {mode} = tags -> StringLookup(9, num_oov_indices = 2, mask_token = "", output_mode = {mode})'
        expect[mode] = np.array([look.rows(r, 9) if mode == "one_hot" else look.vector(r, 9) for r in asked])
    case("string_lookup", "input tags: text[3]", body, [{"tags": r, "y": 1.0} for r in names],
         [{"tags": r} for r in asked], expect)

    colors, ask = ["red", "green", "red", "blue", "green", "red"], ["red", "mauve", "blue", "green"]
    one = Lookup().adapt([[c] for c in colors])
    hot = Lookup(mode="one_hot", max_tokens=5).adapt([[c] for c in colors])
    idf = Lookup(mode="tf_idf", max_tokens=4).adapt([[c] for c in colors])
    case("string_lookup_single", "input color: text",
         "a = color -> StringLookup()\n  output ids = a\n  output y = a -> Embedding(9, 1)\n"
         "  output hot = color -> StringLookup(5, output_mode = one_hot)\n"
         "  output idf = color -> StringLookup(4, output_mode = tf_idf)",
         [{"color": c, "y": 1.0} for c in colors], [{"color": c} for c in ask],
         {"ids": np.array([one.of(c) for c in ask], dtype=np.int32), "hot": np.array([hot.rows([c], 5)[0] for c in ask]),
          "idf": np.array([idf.vector([c], 4) for c in ask])})

    rows = [[100, 20, 3], [100, 9, -5], [20, 100, 9], [7, 0, -1]]
    asked = [[100, 9, 7], [-4, 3, 0], [55, -1, 100]]
    ints = Lookup(oov_token=-1, mask=0, oov=3, floormod=True).adapt(rows)
    body = ("a = codes -> IntegerLookup(num_oov_indices = 3, mask_token = 0)\n  output ids = a\n"
            "  output y = a -> Embedding(20, 2) -> GlobalAveragePooling1D() -> Dense(1)")
    expect = {"ids": np.array([[ints.of(v) for v in row] for row in asked], dtype=np.int32)}
    for mode in ("one_hot", "multi_hot", "count", "tf_idf"):
        look = Lookup(mode=mode, oov_token=-1, oov=1, max_tokens=6, floormod=True).adapt(rows)
        body += f"\n  output {mode} = codes -> IntegerLookup(6, output_mode = {mode})"
        expect[mode] = np.array([look.rows(r, 6) if mode == "one_hot" else look.vector(r, 6) for r in asked])
    hashed = {100: 3, 200: 1, 300: 3, 400: 1}
    case("integer_lookup", "input codes: int[3]", body, [{"codes": r, "y": 1.0} for r in rows],
         [{"codes": r} for r in asked], expect)
    case("integer_lookup_farmhash", "input codes: int[4]",
         "a = codes -> IntegerLookup(vocabulary = [10, 20, 30], num_oov_indices = 4, oov_method = farmhash)\n"
         "  output ids = a\n  output y = a -> Embedding(7, 1) -> GlobalAveragePooling1D()",
         [{"codes": [10, 20, 30, 40], "y": 1.0}], [{"codes": [100, 200, 300, 400]}, {"codes": [30, 400, 10, 20]}],
         {"ids": np.array([[hashed[c] for c in (100, 200, 300, 400)], [6, hashed[400], 4, 5]], dtype=np.int32)})


def hashing_cases():
    asked = [["A", "B", "C"], ["D", "A", "A"], ["C", "", "B"]]
    plain = [[v if v else "E" for v in row] for row in asked]
    bins = lambda rows, *how: np.array([[hash_bin(v, *how) for v in row] for row in rows], dtype=np.int32)
    case("hashing_text", "input tags: text[3]\n  input masked: text[3]",
         'a = tags -> Hashing(3)\n  output ids = a\n  output y = a -> Embedding(3, 1) -> GlobalAveragePooling1D()\n'
         "  output salted = tags -> Hashing(3, salt = [133, 137])\n  output salted_once = tags -> Hashing(3, salt = 133)\n"
         '  output with_mask = masked -> Hashing(3, mask_value = "")\n'
         "  output multi_hot = tags -> Hashing(3, output_mode = multi_hot)\n"
         "  output count = tags -> Hashing(3, output_mode = count)\n"
         "  output one_hot = tags -> Hashing(3, output_mode = one_hot)",
         [{"tags": r, "masked": r, "y": 1.0} for r in plain],
         [{"tags": p, "masked": m} for p, m in zip(plain, MASKED)],
         {"ids": bins(plain, 3), "salted": bins(plain, 3, None, (133, 137)), "salted_once": bins(plain, 3, None, (133, 133)),
          "with_mask": bins(MASKED, 3, ""),
          "multi_hot": np.array([encode(r, 3, "multi_hot") for r in bins(plain, 3)]),
          "count": np.array([encode(r, 3, "count") for r in bins(plain, 3)]),
          "one_hot": np.array([[encode([i], 3, "count") for i in r] for r in bins(plain, 3)])})
    numbers = [[0, 1, 2], [3, 4, 4]]
    case("hashing_integers", "input codes: int[3]",
         "a = codes -> Hashing(3)\n  output ids = a\n  output y = a -> Embedding(3, 1) -> GlobalAveragePooling1D()\n"
         "  output salted = codes -> Hashing(3, salt = [133, 137])\n"
         "  output count = codes -> Hashing(3, output_mode = count)",
         [{"codes": r, "y": 1.0} for r in numbers], [{"codes": r} for r in numbers],
         {"ids": bins(numbers, 3), "salted": bins(numbers, 3, None, (133, 137)),
          "count": np.array([encode(r, 3, "count") for r in bins(numbers, 3)])})
    weights = [[0.5, 2.0, 0.25], [1.0, -1.0, 3.0]]
    ids = [[3, 1, 3], [0, 0, 2]]
    case("category_encoding", "input codes: int[3]\n  input single: int\n  input w: float[3]",
         "m = codes -> CategoryEncoding(4)\n  output multi_hot = m\n  output y = m -> Dense(1)\n"
         "  output count = codes -> CategoryEncoding(4, output_mode = count)\n"
         "  output weighted = CategoryEncoding(4, output_mode = count)(codes, count_weights = w)\n"
         "  output one_hot = codes -> CategoryEncoding(4, output_mode = one_hot)\n"
         "  output single_hot = single -> CategoryEncoding(4, output_mode = one_hot)",
         [{"codes": i, "single": 1, "w": w, "y": 1.0} for i, w in zip(ids, weights)],
         [{"codes": i, "single": i[0], "w": w} for i, w in zip(ids, weights)],
         {"multi_hot": np.array([encode(i, 4, "multi_hot") for i in ids]),
          "count": np.array([encode(i, 4, "count") for i in ids]),
          "weighted": np.array([encode(i, 4, "count", w) for i, w in zip(ids, weights)]),
          "one_hot": np.array([[encode([k], 4, "count") for k in i] for i in ids]),
          "single_hot": np.array([encode([i[0]], 4, "count") for i in ids])})


# rows with an empty string, which is masked; FarmHash64 mod 2 of A to D follows from Keras's example with a mask
MASKED = [["A", "B", ""], ["C", "D", ""], ["", "", "A"]]
FARM_BINS[2].update(dict(zip("ABCD", [0, 0, 1, 1])))


def write(name):
    inputs, body, train, rows, outputs, options, files = CASES[name]
    folder = HERE / "cases" / name
    folder.mkdir(parents=True, exist_ok=True)
    loss = "loss = {y: mse}\n  optimizer = SGD(learning_rate = 1e-9)\n  epochs = 1"
    model = f"model {name} {{\n  {inputs}\n  {body}\n}}\n\ntrain {name} {{\n  {loss}\n}}\n"
    (folder / "model.nlm").write_text(model, encoding="utf-8")
    for file, data in (("train.jsonl", train), ("rows.jsonl", rows)):
        (folder / file).write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in data), encoding="utf-8")
    (folder / "options").write_text(" ".join(options) + "\n")
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
    for output, expected in outputs.items():
        np.save(folder / f"expect_{output}.npy", expected)


if __name__ == "__main__":
    check_rules()
    text_cases()
    lookup_cases()
    hashing_cases()
    for each in CASES:
        write(each)
    print(f"{len(CASES)} cases")
