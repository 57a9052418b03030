// The token stream between scanner and grammar: it knows brackets, line beginnings and where to go on after
// an error.
#include "frontend/nlm.tab.h"
#include "frontend/parser.h"
#include "support/utf8.h"
#include <limits.h>
#include <string.h>

enum { LONGEST_MINUS_RUN = 200 };

bool token_is_name(int kind) {
  return kind == NAME || kind == CONST || kind == INCLUDE || kind == MODEL || kind == TRAIN ||
         kind == BLOCK || kind == CELL || kind == INPUT || kind == OUTPUT || kind == RETURN;
}

static bool begins_item(int kind) {
  return kind == CONST || kind == INCLUDE || kind == MODEL || kind == TRAIN || kind == BLOCK || kind == CELL;
}

bool token_ends_operand(int kind) {
  return token_is_name(kind) || kind == NUMBER || kind == STRING || kind == ')' || kind == ']' || kind == '}';
}

static bool in_body(const parser *p) {
  return p->brackets.len > 0 && p->brackets.data[p->brackets.len - 1].body;
}

static void open_bracket(parser *p, const lexeme *x) {
  if (p->brackets.len == AST_MAX_BRACKETS) {
    parser_error(p, x->at, "brackets are nested more than %d deep", AST_MAX_BRACKETS);
    parser_stop(p);
    return;
  }
  bool body =
      x->kind == '{' && p->brackets.len == 0 && (token_is_name(p->past[0].kind) || p->past[0].kind == ')');
  bracket b = {(char)x->kind, body, x->at};
  vec_push(&p->brackets, b);
  p->pipe_seen[p->brackets.len] = false;
}

// A closing bracket that does not fit closes its partner further out, if it has one.
static void close_bracket(parser *p, const lexeme *x) {
  char wanted = x->kind == ')' ? '(' : x->kind == ']' ? '[' : '{';
  for (size_t i = p->brackets.len; i > 0; i--) {
    const bracket *b = &p->brackets.data[i - 1];
    if (b->open == wanted) {
      if (i < p->brackets.len)
        p->unclosed = p->brackets.data[p->brackets.len - 1];
      p->brackets.len = i - 1;
      return;
    }
    if (b->body)
      return;
  }
}

static void count_minus(parser *p, const lexeme *x) {
  bool prefix = x->kind == '-' && !token_ends_operand(p->past[0].kind);
  p->minus_run = prefix ? p->minus_run + 1 : 0;
  if (p->minus_run > LONGEST_MINUS_RUN) {
    parser_error(p, x->at, "more than %d signs in a row", LONGEST_MINUS_RUN);
    parser_stop(p);
  }
}

static void track(parser *p, const lexeme *x) {
  p->unclosed.open = 0;
  count_minus(p, x);
  if (x->kind == '(' || x->kind == '[' || x->kind == '{')
    open_bracket(p, x);
  else if (x->kind == ')' || x->kind == ']' || x->kind == '}')
    close_bracket(p, x);
  else if (x->kind == ARROW)
    p->pipe_seen[p->brackets.len] = true;
  else if (x->kind == '=' || x->kind == ',' || x->kind == ':')
    p->pipe_seen[p->brackets.len] = false;
  if (x->fresh && token_is_name(x->kind) && (p->brackets.len == 0 || in_body(p)))
    p->statement_column = x->at.column;
}

static void remember(parser *p, lexeme x) {
  memmove(p->past + 1, p->past, sizeof p->past - sizeof *p->past);
  p->past[0] = x;
}

// Takes the newest tokens out of the history again: they are about to be given once more.
static void forget(parser *p, int count) {
  size_t kept = HISTORY - (size_t)count;
  memmove(p->past, p->past + count, kept * sizeof *p->past);
  memset(p->past + kept, 0, (size_t)count * sizeof *p->past);
}

static void take(parser *p) {
  if (p->again.len) {
    remember(p, vec_pop(&p->again));
    return;
  }
  parser_scan(p);
  lexeme x = p->scanned;
  x.fresh = !p->past[0].at.file || x.at.line > p->past[0].at.end_line;
  if (!p->stopped)
    track(p, &x);
  if (p->stopped)
    x.kind = 0;
  remember(p, x);
}

const lexeme *parser_next(parser *p) {
  if (p->stopped) {
    lexeme end = p->past[0];
    end.kind = 0;
    remember(p, end);
  } else {
    take(p);
  }
  return &p->past[0];
}

void parser_stop(parser *p) {
  p->stopped = true;
}

static bool can_resume(const parser *p, bool items) {
  const lexeme *x = &p->past[0];
  if (x->kind == 0)
    return true;
  if (items)
    return begins_item(x->kind) && ((x->fresh && (p->brackets.len == 0 || x->at.column == 1)) ||
                                    (p->brackets.len == 0 && p->past[1].kind == '}'));
  if (x->kind == '}' && p->brackets.len == 0)
    return true;
  return x->fresh && token_is_name(x->kind) && (in_body(p) || x->at.column <= p->statement_column);
}

recovery parser_recover(parser *p, bool items) {
  if (p->stopped)
    return GIVE_UP;
  if (p->again.len)
    return DROP_TOKEN;
  bool moved = false;
  while (!p->stopped && !can_resume(p, items)) {
    take(p);
    moved = true;
  }
  if (p->past[0].kind == 0)
    return GIVE_UP;
  if (items)
    p->brackets.len = 0;
  else if (p->past[0].kind != '}')
    while (p->brackets.len > 1 && !in_body(p))
      p->brackets.len--;
  p->pipe_seen[p->brackets.len] = false;
  if (!moved)
    return KEEP_TOKEN;
  vec_push(&p->again, p->past[0]);
  forget(p, 1);
  return DROP_TOKEN;
}

bool parser_reread(parser *p, int count, bool close_body) {
  const lexeme *first = &p->past[count - 1];
  if (p->reread_end > first->offset)
    return false;
  p->reread_end = first->offset + first->bytes;
  lexeme brace = *first;
  for (int i = 0; i < count; i++)
    vec_push(&p->again, p->past[i]);
  forget(p, count);
  if (close_body) {
    brace.kind = '}';
    brace.fresh = false;
    vec_push(&p->again, brace);
    p->brackets.len = 0;
  }
  return true;
}

const char *lexeme_shown(parser *p, const lexeme *x) {
  enum { LONGEST_SHOWN = 40 };
  if (x->kind == 0)
    return "the end of the file";
  const char *text = p->source->text + x->offset;
  size_t bytes = 0;
  for (int characters = 0; bytes < x->bytes && characters < LONGEST_SHOWN; characters++)
    bytes += utf8_step(text + bytes, x->bytes - bytes);
  return arena_printf(p->mem, x->kind == STRING ? "the string %.*s%s" : "'%.*s%s'", (int)bytes, text,
                      bytes < x->bytes ? "..." : "");
}

// One error for the whole file: an editor that saved in another encoding left many such bytes.
static void check_utf8(parser *p) {
  const source *s = p->source;
  size_t good = utf8_valid_prefix(s->text, s->bytes);
  if (good == s->bytes)
    return;
  span at = {s, 1, 1, 1, 1};
  size_t i = s->bytes >= 3 && memcmp(s->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
  while (i < good) {
    bool crlf = s->text[i] == '\r' && s->text[i + 1] == '\n';
    if (s->text[i] == '\n' || s->text[i] == '\r') {
      at.line++;
      at.column = 1;
    } else {
      at.column++;
    }
    i += crlf ? 2 : utf8_step(s->text + i, s->bytes - i);
  }
  at.end_line = at.line;
  at.end_column = at.column + 1;
  diag *g = parser_error(p, at, "the file is not UTF-8: the byte 0x%02X begins no character",
                         (unsigned)(unsigned char)s->text[good]);
  diag_help(g, "save it as UTF-8 in your editor, or convert it with iconv");
}

ast_file *parse_source(arena *a, diags *d, const source *s) {
  parser *p = xcalloc(1, sizeof *p);
  p->mem = a;
  p->diags = d;
  p->source = s;
  p->errors_before = diags_errors(d);
  p->file = ARENA_NEW(a, ast_file);
  p->file->file = s;
  if (s->bytes > INT_MAX / 2) {
    diag_error(d, (span){s, 1, 1, 1, 1}, "the file is too large");
  } else {
    check_utf8(p);
    if (!scanner_open(p))
      ICE("the scanner cannot start");
    nlm_parse(p);
    scanner_close(p);
  }
  p->file->token_count = p->tokens.len;
  p->file->tokens = ARENA_ARRAY(a, ast_token, p->tokens.len);
  if (p->tokens.len)
    memcpy(p->file->tokens, p->tokens.data, p->tokens.len * sizeof *p->tokens.data);
  ast_file *file = p->file;
  vec_free(&p->tokens);
  vec_free(&p->brackets);
  vec_free(&p->again);
  free(p);
  return file;
}
