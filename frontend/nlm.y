/* The grammar of .nlm files: LALR(1), no conflicts, no reserved word. It stays so while no statement begins with
   '(', '[' or '-' and an expression alone is no statement. */
%expect 0
%define api.pure full
%define api.prefix {nlm_}
%define parse.error custom
%define parse.lac full
%locations
%parse-param {parser *p}
%lex-param {parser *p}

%code requires {
#include "frontend/parser.h"
}
%union {
  lexeme token;
  expr *expression;
  ast_arg *arg;
  ast_stmt *stmt;
  ast_item *item;
  ast_param *param;
  ast_type *type;
  expr_list expressions;
  arg_list args;
  name_list names;
  stmt_list stmts;
  param_list params;
}
%code {
#include <string.h>

int nlm_lex(NLM_STYPE *value, NLM_LTYPE *at, parser *p);
static void nlm_error(const NLM_LTYPE *at, parser *p, const char *message);
// Locations of the grammar count like spans.
#define SPAN(at) ((span){p->source, (at).first_line, (at).first_column, (at).last_line, (at).last_column})
#define RECOVER(items)                                                                                        \
  do {                                                                                                        \
    recovery next = parser_recover(p, (items));                                                               \
    if (next == GIVE_UP)                                                                                      \
      YYABORT;                                                                                                \
    yyerrok;                                                                                                  \
    if (next == DROP_TOKEN)                                                                                   \
      yyclearin;                                                                                              \
  } while (0)
#define NO_NAMES ((name_list){0})
}

%token <token> NAME CONST INCLUDE MODEL TRAIN BLOCK CELL INPUT OUTPUT RETURN NUMBER STRING
%token ARROW IDIV LE GE EQ NE BAD
%type <token> name
%type <expression> expr comparison sum product unary postfix primary
%type <arg> arg entry
%type <args> args arg_list entries entry_list
%type <expressions> exprs expr_list
%type <names> names
%type <stmt> stmt setting
%type <stmts> stmts settings
%type <item> item
%type <param> param
%type <params> params param_list
%type <type> type param_type
%start file
%%
file: %empty
    | file item                           { LIST_ADD(p, &p->file->items, $item); }
    ;
item: CONST name '=' expr                 { $$ = build_item(p, ITEM_CONST, SPAN(@$), &$name); $$->value = $expr; }
    | INCLUDE STRING                      { $$ = build_item(p, ITEM_INCLUDE, SPAN(@$), NULL); $$->path = $STRING.text;
                                            $$->path_at = SPAN(@STRING); }
    | MODEL name '{' stmts '}'            { $$ = build_item(p, ITEM_MODEL, SPAN(@$), &$name); $$->body = $stmts; }
    | BLOCK name '(' params[made] ')' '(' params[called] ')' '{' stmts '}'
                                          { $$ = build_item(p, ITEM_BLOCK, SPAN(@$), &$name); $$->params = $made;
                                            $$->call_params = $called; $$->body = $stmts; }
    | CELL name '(' params[made] ')' '(' params[called] ')' '{' stmts '}'
                                          { $$ = build_item(p, ITEM_CELL, SPAN(@$), &$name); $$->params = $made;
                                            $$->call_params = $called; $$->body = $stmts; }
    | TRAIN name '{' settings '}'         { $$ = build_item(p, ITEM_TRAIN, SPAN(@$), &$name); $$->body = $settings; }
    | TRAIN '{' settings '}'              { $$ = build_item(p, ITEM_TRAIN, SPAN(@$), NULL); $$->body = $settings; }
    | error                               { $$ = NULL; RECOVER(true); }
    ;

params: %empty                            { $$ = (param_list){0}; }
    | param_list
    | param_list ','
    ;
param_list: param                         { $$ = (param_list){0}; LIST_ADD(p, &$$, $param); }
    | param_list[list] ',' param          { $$ = $list; LIST_ADD(p, &$$, $param); }
    ;
param: name                               { $$ = build_param(p, &$name, NULL, NULL, SPAN(@$)); }
    | name '=' expr                       { $$ = build_param(p, &$name, $expr, NULL, SPAN(@$)); }
    | name ':' param_type                 { $$ = build_param(p, &$name, NULL, $param_type, SPAN(@$)); }
    ;
param_type: type
    | '[' exprs ']'                       { $$ = build_type(p, NULL, true, $exprs, SPAN(@$)); }
    ;
type: name                                { $$ = build_type(p, &$name, false, (expr_list){0}, SPAN(@$)); }
    | name '[' exprs ']'                  { $$ = build_type(p, &$name, true, $exprs, SPAN(@$)); }
    ;

settings: %empty                          { $$ = (stmt_list){0}; }
    | settings[list] setting              { $$ = $list; LIST_ADD(p, &$$, $setting); }
    ;
setting: name '=' expr                    { name_list one = NO_NAMES; ast_name *n = build_name(p, &$name);
                                            LIST_ADD(p, &one, n); $$ = build_stmt(p, STMT_ASSIGN, SPAN(@$), one, $expr); }
    | error                               { $$ = NULL; RECOVER(false); }
    ;
stmts: %empty                             { $$ = (stmt_list){0}; }
    | stmts[list] stmt                    { $$ = $list; LIST_ADD(p, &$$, $stmt); }
    ;
stmt: INPUT name ':' type                 { name_list one = NO_NAMES; ast_name *n = build_name(p, &$name);
                                            LIST_ADD(p, &one, n); $$ = build_stmt(p, STMT_INPUT, SPAN(@$), one, NULL);
                                            $$->type = $type; }
    | OUTPUT names                        { $$ = build_stmt(p, STMT_OUTPUT, SPAN(@$), $names, NULL); }
    | OUTPUT names '=' expr               { $$ = build_stmt(p, STMT_OUTPUT, SPAN(@$), $names, $expr); }
    | RETURN expr_list                    { $$ = build_stmt(p, STMT_RETURN, SPAN(@$), NO_NAMES, NULL);
                                            $$->results = $expr_list; }
    | names '=' expr                      { $$ = build_stmt(p, STMT_ASSIGN, SPAN(@$), $names, $expr); }
    | error                               { $$ = NULL; RECOVER(false); }
    ;
names: name                               { $$ = NO_NAMES; ast_name *n = build_name(p, &$name); LIST_ADD(p, &$$, n); }
    | names[list] ',' name                { $$ = $list; ast_name *n = build_name(p, &$name); LIST_ADD(p, &$$, n); }
    ;

expr: comparison
    | expr[x] ARROW postfix[layer]        { $$ = build_pipe(p, $x, SPAN(@ARROW), $layer); }
    ;
comparison: sum
    | sum[a] '<' sum[b]                   { $$ = build_binary(p, $a, "<", SPAN(@2), $b); }
    | sum[a] '>' sum[b]                   { $$ = build_binary(p, $a, ">", SPAN(@2), $b); }
    | sum[a] LE sum[b]                    { $$ = build_binary(p, $a, "<=", SPAN(@2), $b); }
    | sum[a] GE sum[b]                    { $$ = build_binary(p, $a, ">=", SPAN(@2), $b); }
    | sum[a] EQ sum[b]                    { $$ = build_binary(p, $a, "==", SPAN(@2), $b); }
    | sum[a] NE sum[b]                    { $$ = build_binary(p, $a, "!=", SPAN(@2), $b); }
    ;
sum: product
    | sum[a] '+' product[b]               { $$ = build_binary(p, $a, "+", SPAN(@2), $b); }
    | sum[a] '-' product[b]               { $$ = build_binary(p, $a, "-", SPAN(@2), $b); }
    ;
product: unary
    | product[a] '*' unary[b]             { $$ = build_binary(p, $a, "*", SPAN(@2), $b); }
    | product[a] '/' unary[b]             { $$ = build_binary(p, $a, "/", SPAN(@2), $b); }
    | product[a] IDIV unary[b]            { $$ = build_binary(p, $a, "//", SPAN(@2), $b); }
    ;
unary: postfix
    | '-' unary[x]                        { $$ = build_unary(p, SPAN(@1), $x); }
    ;
postfix: primary
    | postfix[callee] '(' args ')'        { $$ = build_call(p, $callee, $args, SPAN(@$)); }
    ;
primary: NUMBER                           { $$ = build_leaf(p, EXPR_NUMBER, &$NUMBER); }
    | STRING                              { $$ = build_leaf(p, EXPR_STRING, &$STRING); }
    | name                                { $$ = build_leaf(p, EXPR_NAME, &$name); }
    | '(' expr[inner] ')'                 { $$ = build_parens($inner, SPAN(@$)); }
    | '(' expr[first] ',' exprs[rest] ')' { expr_list all = {0}; LIST_ADD(p, &all, $first);
                                            for (size_t i = 0; i < $rest.count; i++)
                                              LIST_ADD(p, &all, $rest.items[i]);
                                            $$ = build_list(p, all, SPAN(@$)); }
    | '(' ')'                             { $$ = build_list(p, (expr_list){0}, SPAN(@$)); }
    | '[' exprs ']'                       { $$ = build_list(p, $exprs, SPAN(@$)); }
    | '{' entries '}'                     { $$ = build_dict(p, $entries, SPAN(@$)); }
    ;
exprs: %empty                             { $$ = (expr_list){0}; }
    | expr_list
    | expr_list ','
    ;
expr_list: expr                           { $$ = (expr_list){0}; LIST_ADD(p, &$$, $expr); }
    | expr_list[list] ',' expr            { $$ = $list; LIST_ADD(p, &$$, $expr); }
    ;
args: %empty                              { $$ = (arg_list){0}; }
    | arg_list
    | arg_list ','
    ;
arg_list: arg                             { $$ = (arg_list){0}; LIST_ADD(p, &$$, $arg); }
    | arg_list[list] ',' arg              { $$ = $list; LIST_ADD(p, &$$, $arg); }
    ;
arg: expr                                 { $$ = build_arg(p, NULL, $expr); }
    | name '=' expr                       { $$ = build_arg(p, &$name, $expr); }
    ;
entries: %empty                           { $$ = (arg_list){0}; }
    | entry_list
    | entry_list ','
    ;
entry_list: entry                         { $$ = (arg_list){0}; LIST_ADD(p, &$$, $entry); }
    | entry_list[list] ',' entry          { $$ = $list; LIST_ADD(p, &$$, $entry); }
    ;
entry: name ':' expr                      { $$ = build_arg(p, &$name, $expr); }
    | STRING ':' expr                     { $$ = build_arg(p, &$STRING, $expr); }
    | NUMBER ':' expr                     { $$ = build_arg(p, &$NUMBER, $expr); }
    ;
name: NAME | CONST | INCLUDE | MODEL | TRAIN | BLOCK | CELL | INPUT | OUTPUT | RETURN ;
%%
static int yyreport_syntax_error(const yypcontext_t *context, parser *p) {
  yysymbol_kind_t symbols[YYNTOKENS];
  int expected[YYNTOKENS];
  int count = yypcontext_expected_tokens(context, symbols, YYNTOKENS);
  // A symbol's kind is turned back into the number the scanner uses for its token.
  static const int tokens[] = {NAME, CONST, INCLUDE, MODEL, TRAIN, BLOCK, CELL, INPUT, OUTPUT, RETURN, NUMBER,
                               STRING, ARROW, IDIV, LE, GE, EQ, NE, '=', '{', '}', '(', ')', '[', ']', ',', ':',
                               '<', '>', '+', '-', '*', '/', 0};
  int kept = 0;
  for (int i = 0; i < count; i++)
    for (size_t t = 0; t < sizeof tokens / sizeof *tokens; t++)
      if (YYTRANSLATE(tokens[t]) == symbols[i])
        expected[kept++] = tokens[t];
  parser_syntax_error(p, expected, kept);
  return 0;
}

// The parser's own stack is bounded by the nesting limits, so only a lack of memory ends here.
static void nlm_error(const NLM_LTYPE *at, parser *p, const char *message) {
  parser_error(p, SPAN(*at), "%s", message);
  parser_stop(p);
}

int nlm_lex(NLM_STYPE *value, NLM_LTYPE *at, parser *p) {
  const lexeme *x = parser_next(p);
  value->token = *x;
  *at = (NLM_LTYPE){x->at.line, x->at.column, x->at.end_line, x->at.end_column};
  return x->kind;
}
