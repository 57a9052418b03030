// Makes the stored references of tests/tfjs with TensorFlow.js: run by hand when a case is added, never by the tests.
//
//   node make_references.mjs SCRATCH [CASE...]
//
// SCRATCH is a folder of your choice outside of the tree; npm installs @tensorflow/tfjs (the version below) there unless
// it is there already. For every case, cases/<case>/ gets model.nlm, input_x.npy, target_y.npy, weights.safetensors (the
// initial weights), expect_y.npy (the outputs at these), after.safetensors (the weights after training) and curve.tsv (the
// loss of each epoch). cases.txt lists the cases.
//
// Where TensorFlow.js and Keras differ in defaults (initializers, the gates' activation, reset_after), cases say what they
// mean; masks are left to cases that show the last state alone. Its Adam adds epsilon after the correction of the second
// moment, Keras's before: epsilon is made too small to tell. Its gradient of average pooling with padding "same" divides
// by the whole window at the ends, unlike its forward pass, and that of a largest value goes to equal ones in full: pooling
// is "valid" here, and windows do not overlap.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSION = '4.22.0'
const ROWS = 20, BATCH = 8, EPOCHS = 5, RATE = 0.01, EPSILON = 1e-12
const here = dirname(fileURLToPath(import.meta.url))

function library(scratch) {
  const folder = resolve(scratch)
  const manifest = join(folder, 'node_modules/@tensorflow/tfjs/package.json')
  mkdirSync(folder, { recursive: true })
  if (!existsSync(manifest) || JSON.parse(readFileSync(manifest)).version !== VERSION)
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, `@tensorflow/tfjs@${VERSION}`],
      { stdio: 'inherit' })
  return createRequire(join(folder, 'index.js'))('@tensorflow/tfjs')
}

// ---- random numbers: the same ones in every run
function generator(name) {
  let state = 2166136261
  for (const c of name) state = Math.imul(state ^ c.charCodeAt(0), 16777619)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
const size = shape => shape.reduce((a, b) => a * b, 1)
const floats = (random, shape, low, high) => Float32Array.from({ length: size(shape) }, () => low + (high - low) * random())

// ---- files
function npy(path, shape, values) {
  const type = values instanceof Int32Array ? '<i4' : '<f4'
  let header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`
  header += ' '.repeat(63 - ((10 + header.length) % 64)) + '\n'
  const head = Buffer.alloc(10)
  head.write('\x93NUMPY', 'latin1')
  head[6] = 1
  head.writeUInt16LE(header.length, 8)
  writeFileSync(path, Buffer.concat([head, Buffer.from(header), Buffer.from(values.buffer)]))
}
function safetensors(path, tensors) { // {name: [shape, values]}
  const header = {}, parts = []
  let offset = 0
  for (const name of Object.keys(tensors).sort()) {
    const [shape, values] = tensors[name]
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + values.byteLength] }
    offset += values.byteLength
    parts.push(Buffer.from(values.buffer))
  }
  let text = JSON.stringify(header)
  text += ' '.repeat((8 - (text.length % 8)) % 8)
  const length = Buffer.alloc(8)
  length.writeUInt32LE(text.length)
  writeFileSync(path, Buffer.concat([length, Buffer.from(text), ...parts]))
}

// ---- cases: the model in both languages, the names of its weights in the order of TensorFlow.js, what goes in and out
const keras = { recurrentActivation: 'sigmoid', kernelInitializer: 'glorotUniform' }
const numbers = (...shape) => ({ type: `float[${shape.join(', ')}]`, make: r => [[ROWS, ...shape], floats(r, [ROWS, ...shape], -1, 1)] })
// Ids below `words`; with `padded`, some rows end with zeros and some begin with them.
const ids = (time, words, padded) => ({
  type: `int[${time}]`,
  make: r => {
    const made = Int32Array.from({ length: ROWS * time }, () => 1 + Math.floor(r() * (words - 1)))
    for (let row = 0; padded && row < ROWS; row++)
      for (let k = 0; k < row % time; k++) made[row * time + (row % 2 ? k : time - 1 - k)] = 0
    return [[ROWS, time], made]
  },
})
const pair = name => [`${name}/kernel`, `${name}/bias`]
const triple = name => [`${name}/kernel`, `${name}/recurrent_kernel`, `${name}/bias`]

const cases = {
  dense: {
    input: numbers(5), optimizer: 'sgd', loss: 'mse',
    nlm: 'Dense(7, activation = relu) -> Dense(6, activation = elu) -> Dense(3)',
    layers: l => [l.dense({ units: 7, activation: 'relu' }), l.dense({ units: 6, activation: 'elu' }), l.dense({ units: 3 })],
    weights: [...pair('dense'), ...pair('dense_1'), ...pair('dense_2')],
  },
  dense_classes: {
    input: numbers(5), optimizer: 'adam', loss: 'categorical_crossentropy',
    nlm: 'Dense(6, activation = softplus) -> Dense(4, activation = softmax)',
    layers: l => [l.dense({ units: 6, activation: 'softplus' }), l.dense({ units: 4, activation: 'softmax' })],
    weights: [...pair('dense'), ...pair('dense_1')],
  },
  simple_rnn: {
    input: numbers(6, 3), optimizer: 'rmsprop', loss: 'mse',
    nlm: 'SimpleRNN(4, return_sequences = true) -> SimpleRNN(3, go_backwards = true)',
    layers: l => [l.simpleRNN({ units: 4, returnSequences: true }), l.simpleRNN({ units: 3, goBackwards: true })],
    weights: [...triple('simple_rnn'), ...triple('simple_rnn_1')],
  },
  lstm: {
    input: numbers(6, 3), optimizer: 'adam', loss: 'mse',
    nlm: 'LSTM(4, return_sequences = true) -> LSTM(3)',
    layers: l => [l.lstm({ units: 4, returnSequences: true, ...keras }), l.lstm({ units: 3, ...keras })],
    weights: [...triple('lstm'), ...triple('lstm_1')],
  },
  lstm_masked: {
    input: ids(6, 9, true), optimizer: 'rmsprop', loss: 'binary_crossentropy',
    nlm: 'Embedding(9, 3, mask_zero = true) -> LSTM(4) -> Dense(1, activation = sigmoid)',
    layers: l => [l.embedding({ inputDim: 9, outputDim: 3, maskZero: true }), l.lstm({ units: 4, ...keras }),
      l.dense({ units: 1, activation: 'sigmoid' })],
    weights: ['embedding/embeddings', ...triple('lstm'), ...pair('dense')],
  },
  gru: {
    input: numbers(6, 3), optimizer: 'rmsprop', loss: 'mse',
    nlm: 'GRU(4, reset_after = false, return_sequences = true) -> GRU(3, reset_after = false)',
    layers: l => [l.gru({ units: 4, returnSequences: true, ...keras }), l.gru({ units: 3, ...keras })],
    weights: [...triple('gru'), ...triple('gru_1')],
  },
  bidirectional: {
    input: ids(6, 9, true), optimizer: 'sgd', loss: 'mse',
    nlm: 'Embedding(9, 3, mask_zero = true) -> Bidirectional(LSTM(4)) -> Dense(2)',
    layers: l => [l.embedding({ inputDim: 9, outputDim: 3, maskZero: true }),
      l.bidirectional({ layer: l.lstm({ units: 4, ...keras }), mergeMode: 'concat' }), l.dense({ units: 2 })],
    weights: ['embedding/embeddings', ...triple('bidirectional/forward'), ...triple('bidirectional/backward'), ...pair('dense')],
  },
  time_distributed: {
    input: numbers(6, 3), optimizer: 'adam', loss: 'mse',
    nlm: 'GRU(4, reset_after = false, return_sequences = true) -> TimeDistributed(Dense(2, activation = tanh))',
    layers: l => [l.gru({ units: 4, returnSequences: true, ...keras }),
      l.timeDistributed({ layer: l.dense({ units: 2, activation: 'tanh' }) })],
    weights: [...triple('gru'), ...pair('time_distributed')],
  },
  conv1d: {
    input: numbers(9, 3), optimizer: 'adam', loss: 'mse',
    nlm: 'Conv1D(5, 3, padding = same, strides = 2, activation = relu) -> Conv1D(4, 2) -> MaxPooling1D(2) -> Flatten() -> Dense(2)',
    layers: l => [l.conv1d({ filters: 5, kernelSize: 3, padding: 'same', strides: 2, activation: 'relu' }),
      l.conv1d({ filters: 4, kernelSize: 2 }), l.maxPooling1d({ poolSize: 2 }), l.flatten(), l.dense({ units: 2 })],
    weights: [...pair('conv1d'), ...pair('conv1d_1'), ...pair('dense')],
  },
  conv2d: {
    input: numbers(6, 7, 2), optimizer: 'sgd', loss: 'mse',
    nlm: 'Conv2D(4, 3, activation = relu) -> MaxPooling2D() -> Conv2D(3, [1, 2], padding = same) -> GlobalAveragePooling2D() -> Dense(2)',
    layers: l => [l.conv2d({ filters: 4, kernelSize: 3, activation: 'relu' }), l.maxPooling2d({ poolSize: 2 }),
      l.conv2d({ filters: 3, kernelSize: [1, 2], padding: 'same' }), l.globalAveragePooling2d({}), l.dense({ units: 2 })],
    weights: [...pair('conv2d'), ...pair('conv2d_1'), ...pair('dense')],
  },
  pooling: {
    input: numbers(9, 3), optimizer: 'rmsprop', loss: 'mse',
    nlm: 'Dense(4) -> AveragePooling1D(2) -> MaxPooling1D(2) -> GlobalMaxPooling1D() -> Dense(2)',
    layers: l => [l.dense({ units: 4 }), l.averagePooling1d({ poolSize: 2 }),
      l.maxPooling1d({ poolSize: 2 }), l.globalMaxPooling1d({}), l.dense({ units: 2 })],
    weights: [...pair('dense'), ...pair('dense_1')],
  },
  batch_normalization: {
    input: numbers(5), optimizer: 'rmsprop', loss: 'mse',
    nlm: 'Dense(4, use_bias = false) -> BatchNormalization() -> Dense(2, activation = tanh)',
    layers: l => [l.dense({ units: 4, useBias: false }), l.batchNormalization({}), l.dense({ units: 2, activation: 'tanh' })],
    weights: ['dense/kernel', 'batch_normalization/gamma', 'batch_normalization/beta', ...pair('dense_1'),
      'batch_normalization/moving_mean', 'batch_normalization/moving_variance'],
  },
  layer_normalization: {
    input: numbers(6, 5), optimizer: 'adam', loss: 'mse',
    nlm: 'Dense(4) -> LayerNormalization() -> SimpleRNN(3)',
    layers: l => [l.dense({ units: 4 }), l.layerNormalization({}), l.simpleRNN({ units: 3 })],
    weights: [...pair('dense'), 'layer_normalization/gamma', 'layer_normalization/beta', ...triple('simple_rnn')],
  },
}

const spelled = { sgd: `SGD(learning_rate = ${RATE})`, rmsprop: `RMSprop(learning_rate = ${RATE})`, adam: `Adam(learning_rate = ${RATE}, epsilon = ${EPSILON})` }
const losses = { mse: 'meanSquaredError', binary_crossentropy: 'binaryCrossentropy', categorical_crossentropy: 'categoricalCrossentropy' }

function source(name, c) {
  return `model ${name} {
  input x: ${c.input.type}
  output y = x -> ${c.nlm}
}

train ${name} {
  optimizer  = ${spelled[c.optimizer]}
  loss       = ${c.loss}
  epochs     = ${EPOCHS}
  batch_size = ${BATCH}
}
`
}

function targets(c, random, shape) {
  const made = floats(random, shape, -1, 1), classes = shape[shape.length - 1]
  if (c.loss === 'binary_crossentropy') return made.map(v => (v > 0 ? 1 : 0))
  if (c.loss === 'categorical_crossentropy')
    for (let k = 0; k < made.length; k += classes) {
      const right = Math.floor(random() * classes)
      for (let j = 0; j < classes; j++) made[k + j] = j === right ? 1 : 0
    }
  return made
}

async function make(tf, name, c) {
  const random = generator(name)
  const [inputShape, input] = c.input.make(random)
  const layers = c.layers(tf.layers)
  const model = tf.sequential()
  // ids are numbers to TensorFlow.js too
  model.add(tf.layers.inputLayer({ inputShape: inputShape.slice(1) }))
  layers.forEach(l => model.add(l))
  const initial = model.getWeights()
  if (initial.length !== c.weights.length)
    throw new Error(`${name}: ${initial.length} weights, ${c.weights.length} names: ${model.weights.map(w => w.name)}`)
  const values = initial.map((w, k) => c.weights[k].endsWith('variance') ? floats(random, w.shape, 0.3, 0.9) : floats(random, w.shape, -0.7, 0.7))
  model.setWeights(values.map((v, k) => tf.tensor(v, initial[k].shape)))
  const named = arrays => Object.fromEntries(arrays.map((v, k) => [c.weights[k], [initial[k].shape, v]]))

  const x = tf.tensor(Float32Array.from(input), inputShape)
  const expected = model.predict(x)
  const target = targets(c, random, expected.shape)
  const optimizer = { sgd: () => tf.train.sgd(RATE), rmsprop: () => tf.train.rmsprop(RATE),
    adam: () => tf.train.adam(RATE, 0.9, 0.999, EPSILON) }[c.optimizer]()
  model.compile({ optimizer, loss: losses[c.loss] })

  const folder = join(here, 'cases', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'model.nlm'), source(name, c))
  npy(join(folder, 'input_x.npy'), inputShape, input)
  npy(join(folder, 'target_y.npy'), expected.shape, target)
  npy(join(folder, 'expect_y.npy'), expected.shape, Float32Array.from(expected.dataSync()))
  safetensors(join(folder, 'weights.safetensors'), named(values))
  const history = await model.fit(x, tf.tensor(target, expected.shape), { batchSize: BATCH, epochs: EPOCHS, shuffle: false, verbose: 0 })
  safetensors(join(folder, 'after.safetensors'), named(model.getWeights().map(w => Float32Array.from(w.dataSync()))))
  writeFileSync(join(folder, 'curve.tsv'), history.history.loss.map((v, k) => `loss_${k}\t${v}\n`).join(''))
  console.log(name.padEnd(24), history.history.loss.map(v => v.toFixed(5)).join(' '))
}

const [scratch, ...wanted] = process.argv.slice(2)
if (!scratch) {
  console.error('usage: node make_references.mjs SCRATCH [CASE...]')
  process.exit(2)
}
const tf = library(scratch)
await tf.setBackend('cpu')
for (const name of wanted.length ? wanted : Object.keys(cases)) await make(tf, name, cases[name])
writeFileSync(join(here, 'cases.txt'), Object.keys(cases).sort().join('\n') + '\n')
