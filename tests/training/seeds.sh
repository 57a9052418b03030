#!/bin/sh
# Seeds of initializers, and dropout whose mask is shared along an axis.
nlmc=$1
. "$(dirname "$0")/shared.sh"

cat >seeds.nlm <<'END'
model seeds {
  input x: float[3]
  output a = x -> Dense(4, kernel_initializer = GlorotUniform(seed = 7))
  output b = x -> Dense(4, kernel_initializer = GlorotUniform(seed = 7))
  output c = x -> Dense(4, kernel_initializer = GlorotUniform(seed = 8))
  output d = x -> Dense(4, kernel_initializer = glorot_uniform)
}
train seeds {
  loss      = mse
  optimizer = SGD(learning_rate = 0.0)
}
END
expect 0 "$nlmc" build seeds.nlm -o seeds
echo '{"x": [1, 2, 4], "a": [0, 0, 0, 0], "b": [0, 0, 0, 0], "c": [0, 0, 0, 0], "d": [0, 0, 0, 0]}' >row.jsonl
echo '{"x": [1, 2, 4]}' >ask.jsonl
values() { # SEED OUTPUT: what that layer makes of the row
  expect 0 ./seeds train row.jsonl --seed "$1" --save "w$1.safetensors" --quiet
  expect 0 ./seeds predict --input ask.jsonl --weights "w$1.safetensors" --format json
  sed 's/.*"'"$2"'": *\([^]]*\)\].*/\1/' out
}
[ "$(values 1 a)" = "$(values 1 b)" ] || fail "one seed, two kernels"
[ "$(values 1 a)" = "$(values 2 a)" ] || fail "the run's seed moved a seeded kernel"
[ "$(values 1 a)" != "$(values 1 c)" ] || fail "two seeds, one kernel"
[ "$(values 1 d)" != "$(values 2 d)" ] || fail "the run's seed does not count"

# every initializer, by name and as a class with a seed
for class in "RandomUniform(-1, 1, seed = 1)" "RandomNormal(0.0, 0.1, seed = 1)" "TruncatedNormal(stddev = 0.1, seed = 1)" \
  "VarianceScaling(2.0, fan_out, untruncated_normal, seed = 1)" "GlorotUniform(seed = 1)" "GlorotNormal(seed = 1)" \
  "HeUniform(seed = 1)" "HeNormal(seed = 1)" "LecunUniform(seed = 1)" "LecunNormal(seed = 1)" \
  "Orthogonal(gain = 2, seed = 1)" "Identity(gain = 2)" "Constant(0.5)" "Zeros()" "Ones()" random_uniform random_normal \
  truncated_normal variance_scaling glorot_uniform glorot_normal he_uniform he_normal lecun_uniform lecun_normal orthogonal \
  identity constant zeros ones; do
  printf 'model m {\n  input x: float[3]\n  output y = x -> Dense(4, kernel_initializer = %s)\n}\n' "$class" >one.nlm
  expect 0 "$nlmc" check one.nlm
done

# Of a sequence of ones, dropout with one draw for all steps keeps a feature at all steps or at none: the mean over the
# steps of what it leaves is 0 or 1 / (1 - rate), so its square is as large as the rate says, whatever was drawn.
cat >noise.nlm <<'END'
model noise {
  input x: float[6, 1]
  output y = x -> Dropout(0.5, noise_shape = [none, 1, none]) -> Flatten()
    -> Dense(1, use_bias = false, kernel_initializer = Constant(0.16666666666666666))
}
train noise {
  loss       = mse
  optimizer  = SGD(learning_rate = 0.0)
  batch_size = 1
  shuffle    = false
}
END
expect 0 "$nlmc" build noise.nlm --dtype f64 -o noise
echo '{"x": [[1], [1], [1], [1], [1], [1]], "y": 0}' >one.jsonl
zeros=0
for seed in 1 2 3 4 5 6 7 8; do
  expect 0 ./noise train one.jsonl --seed $seed --log log.csv --save w.safetensors
  case $(logged log.csv 0 loss) in
  0 | 0.0) zeros=$((zeros + 1)) ;;
  *) near "$(logged log.csv 0 loss)" 4 ;;
  esac
done
[ "$zeros" -gt 0 ] && [ "$zeros" -lt 8 ] || fail "$zeros of 8 draws are 0"
exit 0
