# Takes the fenced blocks out of a Markdown file, into the folder DIR:
#   ```nlm            N.nlm, a whole file that compiles in silence
#   ```nlm warning    N.nlm with a warning, N.expected from the ```text block that follows
#   ```nlm error      N.nlm with an error, N.expected likewise
#   ```nlm file=F     F, to be included
#   ```console        N.console: lines "$ nlmc ...", each followed by what it prints
# The name in N.expected is that of its first message. Writes the file `list`: N and what it is.
/^```/ && !inside {
  inside = 1
  fence = $0
  sub(/^```/, "", fence)
  target = ""
  if (fence ~ /^nlm file=/) {
    target = substr(fence, 10)
  } else if (fence == "nlm" || fence == "nlm error" || fence == "nlm warning" || fence == "console") {
    kind = fence == "console" ? fence : fence == "nlm" ? "good" : substr(fence, 5)
    n++
    target = sprintf("%03d.%s", n, fence == "console" ? "console" : "nlm")
    print n, kind, NR > (DIR "/list")
  } else if (fence == "text" && (kind == "error" || kind == "warning")) {
    target = sprintf("%03d.expected", n)
    kind = ""
  }
  if (target != "")
    printf "" > (DIR "/" target)
  next
}
/^```$/ && inside {
  inside = 0
  next
}
inside && target != "" { print > (DIR "/" target) }
