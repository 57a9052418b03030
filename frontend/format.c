// The canonical layout. It works on the words as written, comments included, with the tree telling where
// statements begin, so that the tree cannot change. Rules:
//   two spaces a level; one statement a line; one space around operators, `=` and after `,` and `:`;
//   inside a statement the user's line breaks are kept after an opening bracket, a comma or an operator and
//   before an operator or a closing bracket, indented by bracket depth; a statement wider than WIDTH breaks
//   before each `->`; the `=` of train settings are aligned; a comment behind code stands two spaces after
//   it; at most one empty line in a row, exactly one around whatever has a body.
#include "frontend/parse.h"
#include "support/utf8.h"
#include "support/vec.h"
#include <string.h>

enum { WIDTH = 100, INDENT = 2 };

typedef enum { INSIDE, BEGINS_STATEMENT, BEGINS_ITEM, OPENS_BODY, CLOSES_BODY } token_role;

typedef struct layout {
  const ast_token *tokens;
  size_t count;
  unsigned char *roles;    // token_role of each token
  unsigned char *pad;      // columns that the name in front of a train setting's `=` is filled up to
  unsigned char *has_body; // BEGINS_ITEM: the item has braces
} layout;

typedef struct pen {
  strbuf *out;
  size_t line_start; // in out
  int level;         // 1 inside a body
  int depth;         // open brackets in the statement
  int continued;     // 1 after a line break outside brackets
  size_t statement;  // index of the token that began it
  size_t widest;     // of the statement's lines, comments left out
  bool arrows;       // an arrow stands outside brackets
  bool break_arrows;
} pen;

static bool is(const ast_token *t, const char *text) {
  return t->kind != TOKEN_COMMENT && t->kind != TOKEN_STRING && strlen(text) == t->bytes &&
         memcmp(t->text, text, t->bytes) == 0;
}

static bool is_one_of(const ast_token *t, const char *characters) {
  return t->kind == TOKEN_SIGN && t->bytes == 1 && strchr(characters, t->text[0]);
}

static bool ends_operand(const ast_token *t) {
  return t->kind == TOKEN_NAME || t->kind == TOKEN_NUMBER || t->kind == TOKEN_STRING || is_one_of(t, ")]}");
}

static size_t previous_word(const layout *l, size_t i) { // l->count if there is none
  while (i-- > 0)
    if (l->tokens[i].kind != TOKEN_COMMENT)
      return i;
  return l->count;
}

static size_t next_word(const layout *l, size_t i) {
  while (i < l->count && l->tokens[i].kind == TOKEN_COMMENT)
    i++;
  return i;
}

// `return` at the beginning of a statement is a word of the grammar and no operand.
static bool is_return(const layout *l, size_t i) {
  return l->roles[i] == BEGINS_STATEMENT && is(&l->tokens[i], "return") && i + 1 < l->count &&
         !is_one_of(&l->tokens[next_word(l, i + 1)], "=,");
}

static bool is_prefix_minus(const layout *l, size_t i) {
  if (!is(&l->tokens[i], "-"))
    return false;
  size_t before = previous_word(l, i);
  return before == l->count || !ends_operand(&l->tokens[before]) || is_return(l, before);
}

static bool is_infix(const layout *l, size_t i) {
  const ast_token *t = &l->tokens[i];
  return t->kind == TOKEN_SIGN && !is_one_of(t, "()[]{},:") && !is_prefix_minus(l, i);
}

static bool wants_space(const layout *l, size_t before, size_t i) {
  const ast_token *p = &l->tokens[before], *t = &l->tokens[i];
  if (is_one_of(t, ",:)]") || (is(t, "}") && l->roles[i] != CLOSES_BODY))
    return false;
  if (is_one_of(p, "([") || (is(p, "{") && l->roles[before] != OPENS_BODY) || is_prefix_minus(l, before))
    return false;
  if (is_one_of(t, "(["))
    return !ends_operand(p) || is_return(l, before);
  return true;
}

static bool may_break(const layout *l, size_t before, size_t i) {
  const ast_token *p = &l->tokens[before], *t = &l->tokens[i];
  return is_one_of(p, "([{,") || is_one_of(t, ")]}") || is_infix(l, before) ||
         (is_infix(l, i) && !is(t, "="));
}

static void new_line(pen *q, bool empty_line_before, int indent) {
  strbuf_puts(q->out, empty_line_before ? "\n\n" : "\n");
  q->line_start = q->out->len;
  for (int s = 0; s < indent; s++)
    strbuf_putc(q->out, ' ');
}

static size_t characters(const char *text, size_t bytes) {
  size_t n = 0;
  for (size_t i = 0; i < bytes; n++)
    i += utf8_step(text + i, bytes - i);
  return n;
}

// An empty line in the source stays, but never at the edges of a body; what has a body stands apart.
static bool wants_empty_line(const layout *l, size_t i, size_t word) {
  const ast_token *before = &l->tokens[i - 1];
  bool code = before->kind != TOKEN_COMMENT;
  if (word < l->count && l->roles[word] == CLOSES_BODY && word == i)
    return false;
  if (code && l->roles[i - 1] == OPENS_BODY)
    return false;
  if (code && l->roles[i - 1] == CLOSES_BODY)
    return true;
  bool body_follows = word < l->count && l->roles[word] == BEGINS_ITEM && l->has_body[word];
  bool trailing = !code && i >= 2 && before->at.line == l->tokens[i - 2].at.end_line;
  bool after_body = trailing && l->roles[i - 2] == CLOSES_BODY;
  return (code && body_follows) || after_body ||
         (trailing && body_follows && l->roles[i - 2] != OPENS_BODY) ||
         l->tokens[i].at.line - before->at.end_line >= 2;
}

static int inner_indent(const pen *q, bool closes) {
  return INDENT * (q->level + q->continued + q->depth - (closes && q->depth > 0));
}

static void put_comment(const layout *l, pen *q, size_t i) {
  const ast_token *t = &l->tokens[i];
  size_t word = next_word(l, i), bytes = t->bytes;
  bool between = word == l->count || l->roles[word] == BEGINS_STATEMENT || l->roles[word] == BEGINS_ITEM ||
                 l->roles[word] == CLOSES_BODY;
  if (i > 0 && t->at.line == l->tokens[i - 1].at.end_line) {
    strbuf_puts(q->out, "  ");
  } else if (i > 0 && between) {
    new_line(q, wants_empty_line(l, i, word), INDENT * q->level);
  } else if (i > 0) {
    if (q->depth == 0 && q->statement < i)
      q->continued = 1;
    new_line(q, false, inner_indent(q, false));
  }
  while (bytes > 0 && (t->text[bytes - 1] == ' ' || t->text[bytes - 1] == '\t'))
    bytes--;
  strbuf_add(q->out, t->text, bytes);
}

// The space or line break in front of a word that does not begin a statement.
static void put_gap(const layout *l, pen *q, size_t i) {
  const ast_token *t = &l->tokens[i], *before = &l->tokens[i - 1];
  size_t word = previous_word(l, i);
  bool arrow = is(t, "->") && q->depth == 0;
  bool broken = before->kind == TOKEN_COMMENT || (q->break_arrows && arrow) ||
                (t->at.line > before->at.end_line && may_break(l, word, i));
  if (broken) {
    if (q->depth == 0)
      q->continued = 1;
    new_line(q, false, inner_indent(q, is_one_of(t, ")]}")));
  } else if (wants_space(l, word, i)) {
    bool aligned = is(t, "=") && q->depth == 0 && !q->continued;
    size_t column = q->out->len - q->line_start;
    for (size_t s = column; aligned && l->pad[q->statement] && s < (size_t)l->pad[q->statement] + INDENT; s++)
      strbuf_putc(q->out, ' ');
    strbuf_putc(q->out, ' ');
  }
  q->arrows = q->arrows || arrow;
}

static void put_word(const layout *l, pen *q, size_t i) {
  const ast_token *t = &l->tokens[i];
  token_role role = (token_role)l->roles[i];
  if (role == BEGINS_STATEMENT || role == BEGINS_ITEM || role == CLOSES_BODY) {
    q->level = role == BEGINS_STATEMENT;
    q->depth = q->continued = 0;
    q->statement = i;
    q->widest = 0;
    q->arrows = false;
    if (i > 0)
      new_line(q, wants_empty_line(l, i, i), INDENT * q->level);
  } else if (i > 0) {
    put_gap(l, q, i);
  }
  strbuf_add(q->out, t->text, t->bytes);
  if (role == OPENS_BODY)
    q->level = 1;
  else if (role == CLOSES_BODY)
    q->level = 0;
  else if (is_one_of(t, "([{"))
    q->depth++;
  else if (is_one_of(t, ")]}"))
    q->depth--;
  size_t width = characters(q->out->data + q->line_start, q->out->len - q->line_start);
  if (width > q->widest)
    q->widest = width;
}

static bool ends_statement(const layout *l, size_t i) {
  size_t word = next_word(l, i + 1);
  return word != i + 1 || word == l->count || l->roles[word] != INSIDE;
}

static void put_all(const layout *l, strbuf *out) {
  pen q = {.out = out};
  pen start = q;
  size_t start_length = 0;
  for (size_t i = 0; i < l->count; i++) {
    if (l->tokens[i].kind == TOKEN_COMMENT) {
      put_comment(l, &q, i);
      continue;
    }
    if (l->roles[i] == BEGINS_STATEMENT || l->roles[i] == BEGINS_ITEM) {
      q.break_arrows = false;
      start = q;
      start_length = out->len;
    }
    put_word(l, &q, i);
    if (ends_statement(l, i) && q.widest > WIDTH && q.arrows && !q.break_arrows) {
      size_t first = q.statement;
      out->len = start_length;
      out->data[out->len] = '\0';
      q = start;
      q.break_arrows = true;
      for (size_t again = first; again <= i; again++)
        if (l->tokens[again].kind == TOKEN_COMMENT)
          put_comment(l, &q, again);
        else
          put_word(l, &q, again);
    }
  }
  if (l->count)
    strbuf_putc(out, '\n');
}

static bool stands_at(const ast_token *t, span at) {
  return t->at.line == at.line && t->at.column == at.column;
}

static void mark_body(layout *l, const ast_item *item, size_t first) {
  size_t i = first, longest = 0;
  for (size_t s = 0; s < item->body.count && item->kind == ITEM_TRAIN; s++) {
    size_t length = strlen(item->body.items[s]->targets.items[0]->text);
    if (length > longest && length < 40)
      longest = length;
  }
  for (size_t s = 0; s < item->body.count; s++) {
    const ast_stmt *stmt = item->body.items[s];
    while (!stands_at(&l->tokens[i], stmt->at))
      i++;
    l->roles[i] = BEGINS_STATEMENT;
    l->pad[i] = (unsigned char)longest;
  }
}

// Marks the words of one item and returns the index of the first word behind it.
static size_t mark_item(layout *l, const ast_item *item, size_t i) {
  while (!stands_at(&l->tokens[i], item->at))
    i++;
  l->roles[i] = BEGINS_ITEM;
  if (item->kind == ITEM_CONST || item->kind == ITEM_INCLUDE)
    return i + 1;
  l->has_body[i] = 1;
  size_t open = i, parens = 0; // a parameter's default may be a dict
  while (!(parens == 0 && is(&l->tokens[open], "{"))) {
    parens += is_one_of(&l->tokens[open], "([{");
    parens -= is_one_of(&l->tokens[open], ")]}");
    open++;
  }
  l->roles[open] = OPENS_BODY;
  mark_body(l, item, open);
  size_t close = open;
  while (l->tokens[close].at.end_line != item->at.end_line ||
         l->tokens[close].at.end_column != item->at.end_column)
    close++;
  l->roles[close] = CLOSES_BODY;
  return close + 1;
}

void format_file(const ast_file *file, strbuf *out) {
  layout l = {.tokens = file->tokens, .count = file->token_count};
  l.roles = xcalloc(l.count + 1, 1);
  l.pad = xcalloc(l.count + 1, 1);
  l.has_body = xcalloc(l.count + 1, 1);
  size_t at = 0;
  for (size_t i = 0; i < file->items.count; i++)
    at = mark_item(&l, file->items.items[i], at);
  put_all(&l, out);
  free(l.roles);
  free(l.pad);
  free(l.has_body);
}
