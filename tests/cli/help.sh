#!/bin/sh
# Everything that has a name has help, with an example that compiles.
. "$2/tests/cli/checks.inc"
rm -rf ./*
expect 0 help
for command in build shapes emit check fmt help; do
  says out "nlmc $command"
done
layers=$(sed -n '/^Layers:/,$p' out | sed 's/^Layers://')
[ "$(echo $layers | wc -w)" -ge 20 ] || fail "nlmc help lists the layers"
for layer in $layers; do
  expect 0 help "$layer"
  says out Arguments
  says out Shapes
  [ "$layer" = Input ] && continue
  says out Example
  sed '1,/^Example$/d' out >example.nlm
  expect 0 check example.nlm
done
for command in build shapes emit check fmt help; do
  expect 0 help $command
  says out "nlmc $command"
  mv out by_help
  expect 0 $command --help
  cmp -s out by_help || fail "nlmc $command --help is nlmc help $command"
done
for list in settings optimizers losses metrics callbacks functions passes activations initializers regularizers constraints; do
  expect 0 help $list
  exists out
  is_empty err
done
for entry in Adam rmsprop binary_crossentropy BinaryCrossentropy accuracy EarlyStopping mean relu \
  GlorotUniform l2 MaxNorm epochs recompute; do
  expect 0 help $entry
  says out "$entry"
done
expect 2 help Adm
says err "did you mean"
finish
