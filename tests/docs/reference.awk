# The text of `nlmc help TOPIC` as Markdown. MODE is layer (one layer), entries (a list with arguments) or words (a
# list of NAME DOC).
function cell(text) { gsub(/ \| /, " or ", text); gsub(/\|/, "\\|", text); return text }
function common(name) { return name ~ /_(regularizer|constraint)$/ || name == "name" || name == "trainable" }
function end_table() { table = 0 }
# "  name = default    (kind)", whose next line tells about it
function argument(line,   at, name, standard, kind) {
  at = match(line, /    \(.*\)$/)
  kind = substr(line, at + 5, length(line) - at - 5)
  name = substr(line, 3, at - 3)
  standard = "needed"
  if ((at = index(name, " = ")) > 0) {
    standard = "`" substr(name, at + 3) "`"
    name = substr(name, 1, at - 1)
  }
  getline line
  sub(/^ */, "", line)
  if (MODE == "layer" && common(name)) {
    if (name != "name" && name != "trainable") more = more ", `" name "`"
    return
  }
  if (!table) print "\n| argument | default | takes | |\n|---|---|---|---|"
  table = 1
  print "| `" name "` | " cell(standard) " | " cell(kind) " | " cell(line) " |"
}
function end_arguments() {
  if (more != "") print "\nAlso " substr(more, 3) "."
  more = ""
  end_table()
}
MODE == "words" { name = $1; sub(/^[^ ]+ +/, ""); print "| `" name "` | " cell($0) " |"; next }
MODE == "entries" && /^[^ ]/ {
  end_table()
  gsub(/, /, "`, `")
  print "\n### `" $0 "`"
  getline
  sub(/^ */, "")
  print "\n" $0
  next
}
MODE == "entries" { argument($0); next }
NR == 1 { print "\n### " $1; next }
NR == 2 { print "\n" $0; next }
/^Example$/ { if (part == "When applied") print applied "."; else end_arguments(); print "\n```nlm"; part = $0; next }
part == "Example" { print; next }
/^(Shapes|Weights|Mask|Differs from Keras|Arguments|When applied)$/ {
  if (part == "Shapes" || part == "Weights") print "```"
  part = $0
  if (part == "Shapes" || part == "Weights") print "\n" part ":\n\n```text"
  if (part == "Mask" || part == "Differs from Keras") printf "\n%s: ", part
  if (part == "When applied") { end_arguments(); applied = "\nWhen applied, by name:"; separator = " " }
  next
}
/^$/ { next }
part == "Arguments" { argument($0); next }
part == "When applied" { sub(/^ */, ""); applied = applied separator "`" $0 "`"; separator = ", "; next }
{ sub(/^  /, ""); print }
END { if (part == "Example") print "```" }
