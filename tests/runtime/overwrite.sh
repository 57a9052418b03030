#!/bin/sh
# A result never replaces a file that is read, the program or another result: told before anything is read.
. "$(dirname "$0")/data.sh"

cp "$tiny" program && tiny=./program
expect 0 train train.tsv --epochs 1 --save ok.st --quiet
expect 0 info --weights ok.st --export embedding=words.vec
cp train.tsv held.tsv && ln -s train.tsv link.tsv && mkdir data data/pos data/neg
echo good >data/pos/a.txt && echo bad >data/neg/a.txt
cp ok.st tiny.safetensors
find . -type f ! -name out ! -name before ! -name after -exec cksum {} + | sort >before

# refused RESULT READ OPTION WORDS...
refused() {
  result=$1 read=$2 option=$3
  shift 3
  expect 2 "$@"
  says "tiny: the result $result would replace $read; name another file with $option"
  [ "$(wc -l <out)" -eq 1 ] || fail "'$*' said more than that"
  find . -type f ! -name out ! -name before ! -name after -exec cksum {} + | sort >after
  same before after
}
for option in --save --log --report; do
  refused train.tsv "train.tsv, which is read" $option train train.tsv $option train.tsv
  refused ./held.tsv "held.tsv, which is read" $option train train.tsv --validation held.tsv $option ./held.tsv
  refused link.tsv "train.tsv, which is read" $option train train.tsv $option link.tsv
  refused data/pos/a.txt "data, which is read" $option train data $option data/pos/a.txt
  refused words.vec "words.vec, which is read" $option \
    train train.tsv --pretrained embedding=words.vec $option words.vec
  refused ok.st "ok.st, which is read" $option train train.tsv --init-from ok.st $option ok.st
  refused ./program "this program" $option train train.tsv $option ./program
done
refused ok.st "ok.st, which is read" --log train train.tsv --weights ok.st --log ok.st
refused ok.st "ok.st, which is read" --export info --weights ok.st --export embedding=ok.st
refused ./tiny.safetensors "tiny.safetensors, which is read" --export info --export embedding=./tiny.safetensors
refused held.tsv "./held.tsv, which is read" --output predict --input ./held.tsv --output held.tsv
refused ok.st "ok.st, which is read" --output predict fine --weights ok.st --output ok.st
expect 2 predict - --output held.tsv <held.tsv
says "the result held.tsv would replace standard input, which is read"

for option in --save --log --report; do
  expect 1 train train.tsv $option data
  says "data cannot be written: it is a folder; name a file in it"
  grep -q Epoch out && fail "training began"
done

# two results, of which neither is there yet
expect 2 train train.tsv --log new.st --save ./new.st
says "tiny: ./new.st and new.st would be two results in one file; name another file with --log"
expect 2 train train.tsv --log new.html --report ../"$(basename "$PWD")"/new.html
says "would be two results in one file; name another file with --report"
[ -e new.st ] || [ -e new.html ] && fail "something was written"

# a full disk names the file
if [ -w /dev/full ]; then
  ln -s /dev/full full.st
  expect 1 train train.tsv --save full.st --epochs 1
  says "full.st: No space left on device"
fi

# what may be: to go on from weights in place, and to throw results away
expect 0 train train.tsv --weights ok.st --save ok.st --epochs 1
expect 0 train train.tsv --save ok.st --log /dev/null --report /dev/null --epochs 1
expect 0 predict --input train.tsv --output labels.txt --weights ok.st
expect 0 predict --input train.tsv --output labels.txt --weights ok.st
