#ifndef NLM_FRONTEND_AST_H
#define NLM_FRONTEND_AST_H
// The syntax tree: what was written, without meaning. Everything lives in the arena given to parse_source, as
// long as the source does; nodes are not changed after parsing. Every node knows its place.
#include "support/source.h"
#include "support/strbuf.h"
#include <stdbool.h>
#include <stdint.h>

#define AST_LIST(T)                                                                                          \
  struct {                                                                                                   \
    T **items;                                                                                               \
    size_t count, cap;                                                                                       \
  }

typedef struct expr expr;
typedef AST_LIST(expr) expr_list;

typedef struct ast_name {
  const char *text;
  span at;
} ast_name;
typedef AST_LIST(ast_name) name_list;

// An argument of a call, or an entry of a dict. `name` is NULL for an argument by position.
typedef struct ast_arg {
  const char *name;
  span name_at;
  expr *value;
} ast_arg;
typedef AST_LIST(ast_arg) arg_list;

typedef enum {
  EXPR_NUMBER,
  EXPR_STRING,
  EXPR_NAME,
  EXPR_LIST, // [a, b] or (a, b)
  EXPR_DICT,
  EXPR_CALL,   // left is called with args
  EXPR_UNARY,  // op "-"
  EXPR_BINARY, // op + - * / // < <= > >= == !=
  EXPR_PIPE,   // left -> right
} expr_kind;

struct expr {
  expr_kind kind;
  span at;        // parentheses around it included
  int depth;      // 1 for a leaf; at most AST_MAX_DEPTH
  bool in_parens; // written in parentheses
  const char
      *text;       // NAME: the name; STRING: the text itself; NUMBER: as written; UNARY, BINARY: the operator
  span op_at;      // UNARY, BINARY, PIPE: the operator
  bool is_integer; // NUMBER
  int64_t integer;
  double number; // NUMBER, also of an integer
  expr *left, *right;
  expr_list items; // LIST
  arg_list args;   // CALL, DICT
};

enum { AST_MAX_DEPTH = 1000, AST_MAX_BRACKETS = 200 };

// text, int[time], float[3, 2], or the bare shape [units] of a cell's state (kind NULL).
typedef struct ast_type {
  const char *kind;
  span at, kind_at;
  bool has_dims;
  expr_list dims;
} ast_type;

// A parameter of a block or cell: `units`, `act = tanh` or `h: [units]`.
typedef struct ast_param {
  const char *name;
  span at, name_at;
  expr *default_value; // or NULL
  ast_type *type;      // or NULL
} ast_param;
typedef AST_LIST(ast_param) param_list;

typedef enum { STMT_INPUT, STMT_OUTPUT, STMT_ASSIGN, STMT_RETURN } stmt_kind;

typedef struct ast_stmt {
  stmt_kind kind;
  span at;
  name_list targets; // INPUT: one; RETURN: none
  ast_type *type;    // INPUT
  expr *value;       // ASSIGN; OUTPUT, NULL for `output y`
  expr_list results; // RETURN
} ast_stmt;
typedef AST_LIST(ast_stmt) stmt_list;

typedef enum { ITEM_CONST, ITEM_INCLUDE, ITEM_MODEL, ITEM_BLOCK, ITEM_CELL, ITEM_TRAIN } item_kind;

typedef struct ast_item {
  item_kind kind;
  span at;
  const char *name; // NULL: INCLUDE, and TRAIN without a name
  span name_at;
  const char *path;               // INCLUDE
  span path_at;                   // INCLUDE
  expr *value;                    // CONST
  param_list params, call_params; // BLOCK, CELL
  stmt_list body;                 // MODEL, BLOCK, CELL; TRAIN: one STMT_ASSIGN a setting
} ast_item;
typedef AST_LIST(ast_item) item_list;

// The words as written, comments included, for the formatter.
typedef enum { TOKEN_COMMENT, TOKEN_NAME, TOKEN_NUMBER, TOKEN_STRING, TOKEN_SIGN } token_class;
typedef struct ast_token {
  token_class kind;
  const char *text; // in the source; not terminated
  size_t bytes;
  span at;
} ast_token;

typedef struct ast_file {
  const source *file;
  item_list items;
  ast_token *tokens;
  size_t token_count;
} ast_file;

// The tree as nested parentheses, one statement a line; it shows no places, comments or layout, so that equal
// trees print equally.
void ast_print(const ast_file *file, strbuf *out);
void ast_print_expr(const expr *e, strbuf *out);

#endif
