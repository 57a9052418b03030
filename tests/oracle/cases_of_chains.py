"""Cases of CRF layers. See make_references.py for what a case is."""
from cases import case, dense_shapes, ids_of, recurrence_shapes, table_shape
from cases_of_sequences import TIME, WIDTH, WORDS, embed, embedding_call
from chain_rules import field_of
from keras_rules import bidirectional, dense

UNITS, TAGS = 4, 5


def chain_shapes(boundary=True):
    shapes = {"crf/chain_kernel": (TAGS, TAGS)}
    if boundary:
        shapes.update({"crf/left_boundary": (TAGS,), "crf/right_boundary": (TAGS,)})
    return shapes


def output(p, scores, mask):
    return {"tags": (field_of(p, "crf", scores, mask), mask)}


def random_tags(rng, shape):
    return rng.integers(0, TAGS, shape, dtype="int64")


def tagger_case():
    def forward(p, x):
        e, mask = embed(p, x["words"], True)
        h = bidirectional("LSTM", p, "bidirectional", e, mask, sequences=True)
        return output(p, dense(p, "crf", h), mask)

    case("crf_tagger_masked",
         source=f"""
  input words: int[time]
  output tags = words
    -> {embedding_call(True)}
    -> Bidirectional(LSTM({UNITS}, return_sequences = true))
    -> CRF({TAGS})""",
         shapes={**table_shape("embedding", WORDS, WIDTH),
                 **recurrence_shapes("LSTM", "bidirectional/forward", WIDTH, UNITS, {}),
                 **recurrence_shapes("LSTM", "bidirectional/backward", WIDTH, UNITS, {}),
                 **dense_shapes("crf", 2 * UNITS, TAGS), **chain_shapes()},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)},
         forward=forward, losses={"tags": "crf_nll"}, targets={"tags": random_tags})


def bare_case():
    def forward(p, x):
        e, mask = embed(p, x["words"], False)
        return output(p, dense(p, "dense", e), mask)

    case("crf_bare",
         source=f"""
  input words: int[time]
  output tags = words
    -> {embedding_call(False)}
    -> Dense({TAGS})
    -> CRF({TAGS}, use_kernel = false, use_boundary = false)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **dense_shapes("dense", WIDTH, TAGS),
                 **chain_shapes(boundary=False)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, False)},
         forward=forward, losses={"tags": "crf_nll"}, targets={"tags": random_tags})


def all_chain_cases():
    tagger_case()
    bare_case()
