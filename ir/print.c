// Text of an op graph, for dumps: one line a node, numbered in topological order; a scan's body is indented
// before the line that closes it.
#include "ir/op.h"
#include "ir/scan.h"
#include "support/json.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct printer {
  const graph *g;
  strbuf *out;
  unsigned *number;       // by node id, from 1; 0: not reached
  unsigned char *printed; // by node id
} printer;

static const char *const unique_names[] = {"values", "inverse", "order", "starts"};
static const char *const pack_names[] = {"rows", "offsets",      "example", "inverse", "order",
                                         "rank", "step_offsets", "tm_rm",   "rm_tm",   "carry"};

static void put_axes(const printer *p, const node *n) {
  strbuf_putc(p->out, '[');
  for (int k = 0; k < n->shape.rank; k++)
    if (n->i[k] < 0)
      strbuf_puts(p->out, k ? ", *" : "*");
    else
      strbuf_printf(p->out, "%s%" PRId64, k ? ", " : "", n->i[k]);
  strbuf_putc(p->out, ']');
}

static void put_reduced(const printer *p, const node *n) {
  const char *separator = "";
  strbuf_puts(p->out, " axes=[");
  for (int k = 0; k < MAX_RANK; k++)
    if (n->i[0] >> k & 1) {
      strbuf_printf(p->out, "%s%d", separator, k);
      separator = ", ";
    }
  strbuf_putc(p->out, ']');
}

static void put_part(const printer *p, const node *n) {
  const node *multi = n->in[0];
  int64_t k = n->i[0];
  if (multi->op == OP_UNIQUE) {
    strbuf_printf(p->out, " %s", unique_names[k]);
  } else if (multi->op == OP_PACK) {
    strbuf_printf(p->out, " %s", pack_names[k]);
  } else {
    int states = scan_body_of(multi)->n_state;
    strbuf_printf(p->out, k < states ? " state %d" : " out %d", (int)(k < states ? k : k - states));
  }
}

static void put_attributes(const printer *p, const node *n) {
  strbuf *out = p->out;
  switch (n->op) {
  case OP_INPUT:
  case OP_PARAM:
    strbuf_printf(out, " %" PRId64, n->i[0]);
    break;
  case OP_SCAN_SEQ:
  case OP_SCAN_STATE:
    strbuf_printf(out, " %" PRId64, n->i[1]);
    break;
  case OP_CONST:
    strbuf_putc(out, ' ');
    if (n->type == INT)
      strbuf_printf(out, "%" PRId64, n->i[0]);
    else if (n->f - n->f == 0)
      json_put_number(out, n->f);
    else
      strbuf_printf(out, "%f", n->f); // inf or nan
    break;
  case OP_EXTENT:
    strbuf_putc(out, ' ');
    dim_print(n->extra, out);
    break;
  case OP_IOTA:
  case OP_REVERSE:
  case OP_CONCAT:
    strbuf_printf(out, " axis=%" PRId64, n->i[0]);
    break;
  case OP_RANDOM:
    strbuf_printf(out, " stream=%016" PRIx64, (uint64_t)n->i[0]);
    break;
  case OP_BROADCAST:
    strbuf_puts(out, " axes=");
    put_axes(p, n);
    break;
  case OP_TRANSPOSE:
    strbuf_puts(out, " permutation=");
    put_axes(p, n);
    break;
  case OP_SLICE:
    strbuf_printf(out, " axis=%" PRId64 " start=%" PRId64, n->i[0], n->i[1]);
    if (n->i[2] != 1)
      strbuf_printf(out, " step=%" PRId64, n->i[2]);
    break;
  case OP_PAD:
    strbuf_printf(out, " axis=%" PRId64 " before=%" PRId64 " value=%g", n->i[0], n->i[1], n->f);
    break;
  case OP_WINDOWS:
  case OP_SPREAD:
  case OP_COLLECT:
    for (int k = 0; k < n->in[0]->shape.rank - 2; k++)
      strbuf_printf(out, " size=%" PRId64 " stride=%" PRId64 " dilation=%" PRId64, n->i[3 * k],
                    n->i[3 * k + 1], n->i[3 * k + 2]);
    break;
  case OP_CHECK_IDS:
    strbuf_printf(out, " bound=%" PRId64 " input=%" PRId64, n->i[0], n->i[1]);
    break;
  case OP_REDUCE_SUM:
  case OP_REDUCE_MAX:
    put_reduced(p, n);
    break;
  case OP_SEGMENT_MAX:
    strbuf_printf(out, " empty=%g", n->f);
    break;
  case OP_MATMUL:
    strbuf_puts(out, n->i[0] ? " transpose_a" : "");
    strbuf_puts(out, n->i[1] ? " transpose_b" : "");
    break;
  case OP_UNIQUE:
    strbuf_puts(out, " bound=");
    dim_print(unique_bound(n), out);
    break;
  case OP_PART:
    put_part(p, n);
    break;
  case OP_SCAN:
    strbuf_puts(out, n->i[1] ? " reverse" : "");
    break;
  default:
    break;
  }
}

static void put_type(const printer *p, const node *n) {
  if (n->op == OP_SCAN)
    return;
  strbuf_puts(p->out, " : ");
  if (n->op == OP_PACK || n->op == OP_UNIQUE) {
    dim_print(n->op == OP_PACK ? pack_valid(n) : unique_count(n), p->out);
    strbuf_puts(p->out, n->op == OP_PACK ? " rows, " : " values");
    if (n->op == OP_PACK) {
      dim_print(pack_steps(n), p->out);
      strbuf_puts(p->out, " steps");
    }
    return;
  }
  strbuf_puts(p->out, n->type == INT ? "int" : "real");
  for (int k = 0; k < n->shape.rank; k++) {
    strbuf_puts(p->out, k ? ", " : "[");
    dim_print(n->shape.d[k], p->out);
  }
  if (n->shape.rank)
    strbuf_putc(p->out, ']');
}

static void put_node(printer *p, const node *n, const char *indent) {
  p->printed[n->id] = 1;
  strbuf_printf(p->out, "%s%%%u = %s", indent, p->number[n->id], op_name(n->op));
  if (n->again)
    strbuf_printf(p->out, ".again%d", n->again);
  for (int k = 0; k < n->n_in; k++)
    strbuf_printf(p->out, k ? ", %%%u" : " %%%u", p->number[n->in[k]->id]);
  put_attributes(p, n);
  put_type(p, n);
  for (int k = 0; k < n->n_labels; k++)
    strbuf_printf(p->out, k ? ", %s" : "  # %s", n->labels[k]);
  strbuf_putc(p->out, '\n');
}

static void put_body(printer *p, const scan_body *b) {
  node **list;
  size_t n = scan_body_nodes(p->g, b, &list);
  strbuf_puts(p->out, "  body:\n");
  for (size_t k = 0; k < n; k++)
    if (node_scan_id(p->g, list[k]) == b->id)
      put_node(p, list[k], "    ");
  for (int k = 0; k < b->n_state; k++)
    strbuf_printf(p->out, "    next %d = %%%u\n", k, p->number[b->next[k]->id]);
  for (int k = 0; k < b->n_out; k++)
    strbuf_printf(p->out, "    out %d = %%%u\n", k, p->number[b->out[k]->id]);
  free(list);
}

void graph_print(const graph *g, node *const *roots, const char *const *root_names, size_t n_roots,
                 strbuf *out) {
  node **list;
  size_t n = graph_reachable(g, roots, n_roots, &list);
  printer p = {g, out, xcalloc(g->n_nodes + 1, sizeof *p.number), xcalloc(g->n_nodes + 1, 1)};
  for (size_t k = 0; k < n; k++)
    p.number[list[k]->id] = (unsigned)k + 1;
  for (size_t k = 0; k < n; k++) {
    if (node_scan_id(g, list[k]) >= 0)
      continue; // printed with its scan
    put_node(&p, list[k], "");
    if (list[k]->op == OP_SCAN)
      put_body(&p, scan_body_of(list[k]));
  }
  for (size_t k = 0; k < n; k++)
    if (!p.printed[list[k]->id]) // a root inside a body
      put_node(&p, list[k], "");
  for (size_t k = 0; k < n_roots; k++)
    if (roots[k] && root_names)
      strbuf_printf(out, "%s = %%%u\n", root_names[k], p.number[roots[k]->id]);
    else if (roots[k])
      strbuf_printf(out, "root %zu = %%%u\n", k, p.number[roots[k]->id]);
  free(p.number);
  free(p.printed);
  free(list);
}
