#include "ir/layer.h"
#include "ir/train_private.h"
#include <string.h>

// The activation that made t: "softmax", "linear", ...; NULL when that cannot be told from its layer.
static const char *final_activation(const tensor *t) {
  const layer *l = t->source ? t->source->layer : NULL;
  while (l && l->n_children == 1)
    l = l->children[0];
  if (l && strcmp(l->def->group, "function") == 0 && activation_exists(l->def->snake))
    return l->def->snake;
  if (!l || !l->args || !l->def->args)
    return NULL;
  int k = args_index(l->def->args, "activation");
  if (k < 0)
    return NULL;
  const value *v = l->args[k];
  return v->kind == VALUE_NONE ? "linear" : v->text;
}

static bool is_activation(const tensor *t, const char *name) {
  const char *found = final_activation(t);
  return found && strcmp(found, name) == 0;
}

// Units of the last axis; 0 when that is no fixed number, 1 for an output without a feature axis.
static int64_t units_of(const tensor *t) {
  int64_t units = 0;
  if (t->shape.rank == 1)
    return 1;
  return dim_is_const(t->shape.d[t->shape.rank - 1], &units) ? units : 0;
}

// The loss of the layer that made t; NULL: any that fits.
static const char *own_loss(const tensor *t) {
  return t->source && t->source->scores ? t->source->layer->def->loss : NULL;
}

const char *fitting_loss(const tensor *t) {
  if (tensor_is_poison(t))
    return "mse";
  if (own_loss(t))
    return own_loss(t);
  if (is_activation(t, "softmax") && units_of(t) > 1)
    return "sparse_categorical_crossentropy";
  return is_activation(t, "sigmoid") ? "binary_crossentropy" : "mse";
}

const char *fitting_crossentropy(const tensor *t) {
  bool flags = tensor_is_poison(t) || units_of(t) == 1 || is_activation(t, "sigmoid");
  return flags ? "binary_crossentropy" : "sparse_categorical_crossentropy";
}

typedef struct fit {
  const named_output *out;
  const loss_def *loss;
  diags *d;
  span at;
  const char *shape; // as text
  const char *activation;
  int64_t units;
  bool from_logits;
} fit;

static diag *misfit(const fit *f, const char *why) {
  diag *e = diag_error(f->d, f->at, "%s does not fit output '%s' of shape %s: %s", f->loss->name,
                       f->out->name, f->shape, why);
  diag_note(e, f->out->at, "'%s' is made here", f->out->name);
  return e;
}

static void doubtful(const fit *f, const char *needs) {
  diag *w = diag_warning(f->d, f->at, "%s takes output '%s' for %s, but its activation is %s", f->loss->name,
                         f->out->name, needs, f->activation);
  diag_help(w, "use from_logits = true, or another activation");
}

static bool activation_is(const fit *f, const char *name) {
  return f->activation && strcmp(f->activation, name) == 0;
}

static bool fits_binary(const fit *f) {
  if (activation_is(f, "softmax") && f->units == 1) {
    diag_help(misfit(f, "a softmax over a single unit is always 1"), "use activation = sigmoid");
    return false;
  }
  if (activation_is(f, "softmax") && f->units != 2) {
    diag *w = diag_warning(f->d, f->at,
                           "%s takes each unit of output '%s' for a yes-or-no question of its own, but the "
                           "units of a softmax are shares of one answer",
                           f->loss->name, f->out->name);
    diag_note(w, f->out->at, "'%s' is made here", f->out->name);
    diag_help(w, "sparse_categorical_crossentropy fits (targets are class numbers), or "
                 "categorical_crossentropy (one-hot targets)");
    return true;
  }
  if (!f->from_logits && (activation_is(f, "linear") || activation_is(f, "relu") || activation_is(f, "tanh")))
    doubtful(f, "a probability");
  return true;
}

static bool fits_classes(const fit *f) {
  if (f->units == 1) {
    diag *e = misfit(f, "it has one unit, and classes need one unit each");
    diag_help(e, "binary_crossentropy fits one sigmoid unit, mse a number");
    return false;
  }
  if (f->units == 0) {
    misfit(f, "its number of classes is not fixed");
    return false;
  }
  if (!f->from_logits && f->activation && !activation_is(f, "softmax"))
    doubtful(f, "the probabilities of classes");
  return true;
}

static bool fits_labels(const fit *f) {
  if (f->out->value->shape.rank != 3) {
    diag_help(misfit(f, "it needs (batch, time, classes)"),
              "return_sequences = true keeps the steps of a recurrence");
    return false;
  }
  if (f->units < 2) {
    misfit(f,
           f->units ? "class 0 is the blank, and there is no other" : "its number of classes is not fixed");
    return false;
  }
  if (f->activation && !activation_is(f, "linear") && !activation_is(f, "softmax"))
    doubtful(f, "logits");
  return true;
}

// A layer and a loss that belong together, and one of them is missing.
static bool fits_layer(const fit *f) {
  const tensor *t = f->out->value;
  const char *own = own_loss(t);
  if (own && strcmp(own, f->loss->name) == 0)
    return true;
  diag *e;
  if (own) {
    e = misfit(f, "it holds decided classes, which have no gradient");
    diag_help(e, "a %s layer is trained with loss = %s", t->source->layer->def->name, own);
    return false;
  }
  e = misfit(f, "it is no result of a layer that this loss belongs to");
  for (int k = 0; layer_table[k]; k++)
    if (layer_table[k]->loss && strcmp(layer_table[k]->loss, f->loss->name) == 0)
      diag_help(e, "let the output end in %s(...); for this one, loss = %s fits", layer_table[k]->name,
                fitting_loss(t));
  return false;
}

static bool argument_is_true(const loss_def *loss, value *const *args, const char *name) {
  int k = args_index(loss->args, name);
  return k >= 0 && args[k]->boolean;
}

static bool fits_real(const fit *f) {
  const char *squash = f->loss->expects == EXPECTS_CLASSES ? "softmax" : "sigmoid";
  if (f->from_logits && activation_is(f, squash))
    diag_help(
        diag_warning(f->d, f->at, "from_logits = true, but output '%s' ends in %s", f->out->name, squash),
        "the loss is taken from what enters the %s either way; drop one of the two", squash);
  switch (f->loss->expects) {
  case EXPECTS_YES_OR_NO:
    return fits_binary(f);
  case EXPECTS_CLASSES:
    return fits_classes(f);
  case EXPECTS_LABELS:
    return fits_labels(f);
  case EXPECTS_NUMBERS:
  case EXPECTS_NONNEGATIVE:
  case EXPECTS_PATHS:
    break;
  }
  return true;
}

bool loss_fits(const model *m, int output, const loss_def *loss, value *const *args, span at) {
  const named_output *o = &m->outputs.data[output];
  if (tensor_is_poison(o->value))
    return true;
  strbuf text = {0};
  shape_print(&o->value->shape, &text);
  fit f = {.out = o,
           .loss = loss,
           .d = m->unit->diags,
           .at = at,
           .shape = strbuf_text(&text),
           .activation = final_activation(o->value),
           .units = units_of(o->value),
           .from_logits = argument_is_true(loss, args, "from_logits")};
  bool fits = true;
  if (own_loss(o->value) || loss->expects == EXPECTS_PATHS) {
    fits = fits_layer(&f);
  } else if (o->value->type != TENSOR_REAL) {
    misfit(&f, "it holds integers, which cannot be trained");
    fits = false;
  } else {
    fits = fits_real(&f);
  }
  strbuf_free(&text);
  return fits;
}
