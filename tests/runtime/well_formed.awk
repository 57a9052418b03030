# Whether a page is well-formed XML: tags nest, attributes are quoted, no stray & < or >. Ends with 1 and a reason.
BEGIN { RS = "<"; names = "[A-Za-z_:][-A-Za-z0-9_:.]*" }
function bad(why) {
  print "not well-formed: " why ": <" substr($0, 1, 80)
  failed = 1
  exit 1
}
function check_text(text) {
  gsub(/&(amp|lt|gt|quot|#[0-9]+);/, "", text)
  if (text ~ /[&>]/)
    bad("a bare & or >")
}
NR == 1 { if ($0 ~ /[^ \n]/) bad("text before the first tag"); next }
{
  end = index($0, ">")
  if (!end)
    bad("a tag that does not end")
  tag = substr($0, 1, end - 1)
  check_text(substr($0, end + 1))
  if (tag ~ /^!DOCTYPE html$/)
    next
  if (tag ~ ("^/" names "$")) {
    if (!depth || open[depth--] != substr(tag, 2))
      bad("an end tag without its start")
    next
  }
  inside = tag
  gsub(/&(amp|lt|gt|quot|#[0-9]+);/, "", inside)
  if (inside !~ ("^" names "([ \n]+" names "=\"[^\"&]*\")*/?$"))
    bad("a damaged tag")
  match(tag, "^" names)
  if (tag !~ /\/$/)
    open[++depth] = substr(tag, 1, RLENGTH)
}
END {
  if (!failed && depth) {
    print "not well-formed: <" open[depth] "> has no end"
    exit 1
  }
}
