// What a syntax mistake is called. The grammar knows what it expected; the newest tokens tell what was meant.
#include "frontend/nlm.tab.h"
#include "frontend/parser.h"
#include "support/intern.h"
#include <string.h>

diag *parser_error(parser *p, span at, const char *format, ...) {
  if (p->stopped)
    return NULL;
  va_list args;
  va_start(args, format);
  const char *message = arena_vprintf(p->mem, format, args);
  va_end(args);
  diag *g = diag_error(p->diags, at, "%s", message);
  if (diags_errors(p->diags) - p->errors_before >= PARSE_MAX_ERRORS)
    parser_stop(p);
  return g;
}

typedef struct expectation {
  const int *kinds;
  int count;
} expectation;

static bool expects(expectation e, int kind) {
  for (int i = 0; i < e.count; i++)
    if (e.kinds[i] == kind)
      return true;
  return false;
}

static bool is_operator(int kind) {
  return kind == ARROW || kind == '+' || kind == '-' || kind == '*' || kind == '/' || kind == IDIV;
}

static bool is_comparison(int kind) {
  return kind == '<' || kind == '>' || kind == LE || kind == GE || kind == EQ || kind == NE;
}

static bool in_body_of(const parser *p) {
  return p->brackets.len == 1 && p->brackets.data[0].body;
}

// "model b {" where a model is still open: its '}' is missing.
static bool report_open_body(parser *p) {
  const lexeme *found = &p->past[0], *word = &p->past[1];
  bool named = word->kind == CONST || word->kind == MODEL || word->kind == TRAIN || word->kind == BLOCK ||
               word->kind == CELL;
  bool begins = (named && token_is_name(found->kind)) || (word->kind == TRAIN && found->kind == '{') ||
                (word->kind == INCLUDE && found->kind == STRING);
  bool braces =
      found->kind == '{' && p->brackets.len > 0; // the bracket of the item that begins is counted already
  size_t open = p->brackets.len - braces;
  if (!begins || !word->fresh || found->fresh || open == 0 || !p->brackets.data[0].body)
    return false;
  bracket inner = p->brackets.data[open - 1];
  span place = word->at, brace = found->at;
  const char *text = word->text;
  if (!parser_reread(p, 2, true))
    return false;
  diag *g = parser_error(p, inner.at, "'%c' is not closed", inner.open);
  diag_note(g, place, "'%s' begins here, where it was still open", text);
  if (braces) {
    bracket body = {'{', true, brace};
    vec_push(&p->brackets, body);
  }
  return true;
}

static bool report_brackets(parser *p) {
  const lexeme *found = &p->past[0];
  if (p->unclosed.open) {
    diag *g = parser_error(p, p->unclosed.at, "'%c' is not closed", p->unclosed.open);
    diag_note(g, found->at, "%s stands here, where it was still open", lexeme_shown(p, found));
    return true;
  }
  if (p->brackets.len == 0)
    return false;
  const bracket *top = &p->brackets.data[p->brackets.len - 1];
  bool next_statement = found->fresh && token_is_name(found->kind) && !top->body &&
                        token_ends_operand(p->past[1].kind) && found->at.column <= p->statement_column;
  if (found->kind != 0 && !next_statement)
    return false;
  diag *g = parser_error(p, top->at, "'%c' is not closed", top->open);
  if (next_statement)
    diag_note(g, found->at, "%s begins here, where it was still open", lexeme_shown(p, found));
  return true;
}

static const char *what_follows(int kind) {
  return kind == ARROW ? "a layer or a call" : "an expression";
}

// "x = a ->" and on the next line "y = ...": the operator has nothing on its right. The first word of that
// line was taken for it; `back` words behind the newest token it is.
static bool dangles_before(parser *p, int back) {
  const lexeme *word = &p->past[back], *op = &p->past[back + 1];
  if (!word->fresh || !token_is_name(word->kind) ||
      !(is_operator(op->kind) || is_comparison(op->kind) || op->kind == '='))
    return false;
  lexeme dangling = *op;
  if (!parser_reread(p, back + 1, false))
    return false;
  parser_error(p, dangling.at, "expected %s after %s", what_follows(dangling.kind),
               lexeme_shown(p, &dangling));
  return true;
}

static bool declares(const lexeme *word, const lexeme *name) {
  return (word->kind == INPUT || word->kind == OUTPUT || word->kind == RETURN) && token_is_name(name->kind) &&
         !name->fresh;
}

static bool report_dangling_operator(parser *p) {
  if (!in_body_of(p))
    return false;
  if ((p->past[0].kind == '=' || declares(&p->past[1], &p->past[0])) && dangles_before(p, 1))
    return true;
  return declares(&p->past[2], &p->past[1]) && dangles_before(p, 2);
}

// A name at the beginning of a statement, followed by something that only goes on with an expression.
static bool report_bare_expression(parser *p) {
  const lexeme *found = &p->past[0], *word = &p->past[1], *before = &p->past[2];
  bool call = found->kind == '(' && p->brackets.len == 2 && p->brackets.data[0].body;
  bool goes_on = call || (in_body_of(p) && (is_operator(found->kind) || is_comparison(found->kind)));
  if (!goes_on || !token_is_name(word->kind) || !(token_ends_operand(before->kind) || before->kind == '{'))
    return false;
  if (call && p->pipe_seen[1]) {
    diag *g = parser_error(p, word->at, "'->' is missing before '%s'", word->text);
    diag_help(g, "write '-> %s(...)'", word->text);
    return true;
  }
  diag *g = parser_error(p, word->at, "an expression alone is no statement");
  diag_help(g, "give its result a name: 'result = %s%s'", word->text, call ? "(...)" : " ...");
  return true;
}

static bool report_operator(parser *p) {
  const lexeme *found = &p->past[0];
  if (!token_ends_operand(p->past[1].kind) || found->kind == ARROW ||
      !(is_operator(found->kind) || is_comparison(found->kind)))
    return false;
  if (p->pipe_seen[p->brackets.len]) {
    diag *g =
        parser_error(p, found->at, "the right side of '->' is a layer or a call, and %s cannot follow it",
                     lexeme_shown(p, found));
    diag_help(g, "put the pipe in parentheses: '(x -> L()) %.*s y'", (int)found->bytes,
              p->source->text + found->offset);
    return true;
  }
  if (!is_comparison(found->kind))
    return false;
  parser_error(p, found->at, "comparisons cannot be chained");
  return true;
}

static const char *const item_words[] = {"const", "include", "model", "block", "cell", "train"};

static bool report_item(parser *p, expectation e) {
  const lexeme *found = &p->past[0];
  bool after_operand = token_ends_operand(p->past[1].kind) && p->past[1].kind != '}' && !found->fresh;
  if (!expects(e, MODEL) || expects(e, NAME) || p->brackets.len > 1)
    return false;
  if (found->kind == ')' || found->kind == ']' || found->kind == '}') {
    parser_error(p, found->at, "%s has no opening partner", lexeme_shown(p, found));
    return true;
  }
  if (after_operand)
    return false;
  const char *near = found->text && token_is_name(found->kind)
                         ? suggest(found->text, item_words, sizeof item_words / sizeof *item_words)
                         : NULL;
  diag *g = parser_error(p, found->at, "expected const, include, model, block, cell or train, found %s%s%s%s",
                         lexeme_shown(p, found), near ? "; did you mean '" : "", near ? near : "",
                         near ? "'?" : "");
  if (!near && token_is_name(found->kind))
    diag_help(g, "statements stand inside the braces of a model, block or cell");
  return true;
}

// "inputs review: text": two names in a row at the beginning of a statement.
static bool report_statement_word(parser *p) {
  static const char *const words[] = {"input", "output", "return"};
  const lexeme *found = &p->past[0], *word = &p->past[1];
  bool starts = token_ends_operand(p->past[2].kind) || p->past[2].kind == '{';
  if (!in_body_of(p) || word->kind != NAME || found->kind != NAME || found->fresh || !starts)
    return false;
  const char *near = suggest(word->text, words, 3);
  if (near)
    parser_error(p, word->at, "no statement begins with '%s'; did you mean '%s'?", word->text, near);
  return near != NULL;
}

static void add_phrase(strbuf *out, const char *phrase, int *count) {
  strbuf_printf(out, "%s%s", (*count)++ ? " or " : "", phrase);
}

// What may come here, in words; closing brackets and separators are named, operators are not.
static void put_expected(const parser *p, strbuf *out, expectation e) {
  static const struct {
    int kind;
    const char *shown;
  } signs[] = {{',', "','"}, {')', "')'"}, {']', "']'"}, {'}', "'}'"},
               {'=', "'='"}, {':', "':'"}, {'{', "'{'"}};
  int count = 0, before = p->past[1].kind;
  bool after_operand = expects(e, '+'),
       closes = expects(e, ')') || expects(e, ']') || (expects(e, '}') && !in_body_of(p));
  if (!after_operand && expects(e, NUMBER))
    add_phrase(out, what_follows(before), &count);
  else if (!after_operand && expects(e, NAME))
    add_phrase(out,
               expects(e, INPUT) && expects(e, '}') ? "a statement"
               : before == ':'                      ? "a type"
                                                    : "a name",
               &count);
  else if (after_operand && (expects(e, NAME) || expects(e, MODEL)))
    add_phrase(out, "the end of the statement", &count);
  if (count && (before == INPUT || before == OUTPUT))
    return;
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
    int kind = signs[i].kind;
    bool obvious = (kind == '{' && expects(e, NUMBER)) || (kind == '}' && !closes) ||
                   (kind == '=' && closes) || (kind == ',' && expects(e, '=') && !closes);
    if (expects(e, kind) && !obvious)
      add_phrase(out, signs[i].shown, &count);
  }
  if (expects(e, '(') && !count)
    add_phrase(out, "'('", &count);
  if (expects(e, STRING) && !count)
    add_phrase(out, "a string in quotes", &count);
}

static void report_expectation(parser *p, expectation e) {
  const lexeme *found = &p->past[0], *before = &p->past[1];
  strbuf expected = {0};
  diag *g;
  put_expected(p, &expected, e);
  bool missing = (found->fresh || found->kind == 0 || found->kind == '}') && before->at.file;
  if (!expected.len)
    g = parser_error(p, found->at, "%s cannot stand here", lexeme_shown(p, found));
  else if (missing)
    g = parser_error(p, before->at, "expected %s after %s", strbuf_text(&expected), lexeme_shown(p, before));
  else
    g = parser_error(p, found->at, "expected %s, found %s", strbuf_text(&expected), lexeme_shown(p, found));
  if (before->kind == ')' && e.count == 1 && e.kinds[0] == '(')
    diag_help(g, "two lists: what it is made with, then what it is applied to: 'block B(units)(x) {'");
  strbuf_free(&expected);
}

void parser_syntax_error(parser *p, const int *expected, int expected_count) {
  expectation e = {expected, expected_count};
  if (p->stopped || p->past[0].kind == BAD) // told by the scanner
    return;
  if (report_open_body(p) || report_brackets(p) || report_dangling_operator(p) || report_bare_expression(p) ||
      report_operator(p) || report_item(p, e) || report_statement_word(p))
    return;
  report_expectation(p, e);
}
