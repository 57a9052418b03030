#ifndef NLM_FRONTEND_PARSER_H
#define NLM_FRONTEND_PARSER_H
// Shared by the scanner, the grammar and the error messages; private to frontend/.
#include "frontend/parse.h"
#include "support/vec.h"

typedef struct lexeme {
  int kind; // of the grammar; 0 at the end of the file
  span at;
  size_t offset, bytes; // in the source
  bool fresh;           // begins a line
  const char *text;     // NAME-like words and strings (decoded)
  bool is_integer;
  int64_t integer;
  double number;
} lexeme;

typedef struct bracket {
  char open;
  bool body; // the braces of a model, block, cell or train block
  span at;
} bracket;

enum { HISTORY = 8 };

typedef struct parser {
  arena *mem;
  diags *diags;
  const source *source;
  void *scanner;
  ast_file *file;
  VEC(ast_token) tokens;
  size_t scan_offset; // of the next byte the scanner reads
  int scan_line, scan_column;
  lexeme scanned;                       // filled by the scanner
  lexeme past[HISTORY];                 // tokens given to the grammar, the newest first
  VEC(bracket) brackets;                // open at the newest token
  VEC(lexeme) again;                    // tokens to be given once more, the next one last
  size_t reread_end;                    // tokens that begin before this offset were given twice
  bool pipe_seen[AST_MAX_BRACKETS + 1]; // by bracket depth: an arrow stands in the expression being read
  int minus_run;                        // `-` signs in a row
  int statement_column;                 // of the name that began the last statement
  bracket unclosed; // the newest token is a closing bracket that does not fit this one; else open is 0
  size_t errors_before;
  bool stopped; // hopeless: report nothing more and end
} parser;

// ---- scanner (nlm.l)
int parser_scan(parser *p); // fills p->scanned, returns its kind
bool scanner_open(parser *p);
void scanner_close(parser *p);

// ---- token stream and recovery (parse.c)
const lexeme *parser_next(parser *p);
bool token_is_name(int kind);
bool token_ends_operand(int kind);
typedef enum { KEEP_TOKEN, DROP_TOKEN, GIVE_UP } recovery;
// Called when the grammar has met an error and dropped what it had read of a statement, or of an item of the
// file: skips to where reading can go on, and says what to do with the grammar's look-ahead token. A name
// that begins a line outside brackets, or not to the right of the last statement's first word, begins a new
// statement.
recovery parser_recover(parser *p, bool items);
// Plans to give the newest `count` tokens once more, after closing the body that is open if `close_body`.
// False if that was done for them before: nothing changes then, so that reading always goes on.
bool parser_reread(parser *p, int count, bool close_body);
void parser_stop(parser *p);                          // nothing more is reported; the next token is the end
const char *lexeme_shown(parser *p, const lexeme *x); // as in messages: 'x', "the end of the file"

// ---- messages (syntax_error.c)
void parser_syntax_error(parser *p, const int *expected, int expected_count);
diag *parser_error(parser *p, span at, const char *format, ...) __attribute__((format(printf, 3, 4)));

// ---- tree building (build.c); NULL operands are the remains of errors and give NULL
expr *build_leaf(parser *p, expr_kind kind, const lexeme *x);
expr *build_unary(parser *p, span op_at, expr *operand);
expr *build_binary(parser *p, expr *left, const char *op, span op_at, expr *right);
expr *build_pipe(parser *p, expr *left, span op_at, expr *right);
expr *build_call(parser *p, expr *callee, arg_list args, span at);
expr *build_list(parser *p, expr_list items, span at);
expr *build_dict(parser *p, arg_list entries, span at);
expr *build_parens(expr *inner, span at);
ast_arg *build_arg(parser *p, const lexeme *name, expr *value);
ast_name *build_name(parser *p, const lexeme *x);
ast_stmt *build_stmt(parser *p, stmt_kind kind, span at, name_list targets, expr *value);
ast_item *build_item(parser *p, item_kind kind, span at, const lexeme *name);
ast_param *build_param(parser *p, const lexeme *name, expr *value, ast_type *type, span at);
ast_type *build_type(parser *p, const lexeme *kind, bool has_dims, expr_list dims, span at);

// Appends a non-NULL element; the array grows in the arena.
#define LIST_ADD(p, list, element)                                                                           \
  do {                                                                                                       \
    if (element) {                                                                                           \
      if ((list)->count == (list)->cap) {                                                                    \
        size_t list_cap_ = (list)->cap ? (list)->cap * 2 : 4;                                                \
        void *list_new_ = arena_alloc((p)->mem, list_cap_ * sizeof *(list)->items);                          \
        if ((list)->count)                                                                                   \
          memcpy(list_new_, (list)->items, (list)->count * sizeof *(list)->items);                           \
        (list)->items = list_new_;                                                                           \
        (list)->cap = list_cap_;                                                                             \
      }                                                                                                      \
      (list)->items[(list)->count++] = (element);                                                            \
    }                                                                                                        \
  } while (0)

#endif
