// ONNX Runtime as a process that is asked for one measurement after another (torch_worker.py says how).
//
// usage: onnx_worker.js MODULES DATA THREADS     MODULES: the node_modules folder that holds onnxruntime-node
//
// Requests {"workload", "phase", "seconds"}; answers {"ms": [..], "difference": d}: milliseconds a call in each pass
// over the inputs, and the largest difference from PyTorch's predictions. Sequences are given with their real lengths
// where a batch is padded and masked.
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');

const [modules, data, threads] = process.argv.slice(2);
const ort = require(path.join(modules, 'onnxruntime-node'));
const batches = {predict32: {file: 'x', rows: 32}, predict1: {file: 'singles', rows: 1}};

function readArray(file) {
  const bytes = fs.readFileSync(file);
  const length = bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, 10 + length);
  const shape = header.match(/'shape': \(([^)]*)\)/)[1].split(',').filter((n) => n.trim()).map(Number);
  const start = bytes.byteOffset + 10 + length;
  const buffer = bytes.buffer.slice(start, bytes.byteOffset + bytes.length);
  return {shape, values: header.includes("'<i4'") ? new Int32Array(buffer) : new Float32Array(buffer)};
}

function wordTensors(values, rows, steps, takesLengths) {
  const ids = BigInt64Array.from(values, BigInt);
  const feeds = {x: new ort.Tensor('int64', ids, [rows, steps])};
  if (takesLengths) {
    const lengths = new BigInt64Array(rows);
    for (let r = 0; r < rows; r++) {
      let n = 0;
      while (n < steps && values[r * steps + n] !== 0) n++;
      lengths[r] = BigInt(n);
    }
    feeds.lengths = new ort.Tensor('int64', lengths, [rows]);
  }
  return feeds;
}

function makeFeeds(array, rows, takesLengths) {
  const perRow = array.values.length / array.shape[0];
  const feeds = [];
  for (let first = 0; first < array.shape[0]; first += rows) {
    const values = array.values.slice(first * perRow, (first + rows) * perRow);
    feeds.push(array.values instanceof Int32Array ?
      wordTensors(values, rows, perRow, takesLengths) :
      {x: new ort.Tensor('float32', values, [rows, 1, 28, 28])}); // one channel: both orders are alike
  }
  return feeds;
}

async function load(workload, phase) {
  const folder = path.join(data, workload);
  const {file, rows} = batches[phase];
  const {lengths} = JSON.parse(fs.readFileSync(path.join(folder, `${phase}.json`)));
  const session = await ort.InferenceSession.create(path.join(folder, `${phase}.onnx`), {
    intraOpNumThreads: Number(threads), interOpNumThreads: 1, executionMode: 'sequential',
    graphOptimizationLevel: 'all', executionProviders: ['cpu'],
  });
  return {session, feeds: makeFeeds(readArray(path.join(folder, `${file}.npy`)), rows, lengths)};
}

async function open(workload, phase) {
  const {session, feeds} = await load(workload, phase);
  const folder = path.join(data, workload);
  const {file} = batches[phase];
  const expected = readArray(path.join(folder, `expected_${file}.npy`)).values;
  let difference = 0;
  let at = 0;
  for (const feed of feeds) {
    const y = (await session.run(feed)).y;
    const perStep = y.data.length / (feed.x.dims[0] * feed.x.dims[1]);
    for (let k = 0; k < y.data.length && at < expected.length; k++, at++) {
      // what stands behind the end of a tagged sentence is of no meaning
      const padding = y.dims.length === 3 && feed.x.data[Math.floor(k / perStep)] === 0n;
      if (!padding) difference = Math.max(difference, Math.abs(y.data[k] - expected[at]));
    }
  }
  return {session, feeds, difference};
}

const ready = {};
const now = () => Number(process.hrtime.bigint()) / 1e6;

async function measure({workload, phase, seconds}) {
  if (phase === 'once') { // what a program pays that starts, predicts once and ends
    const {session, feeds} = await load(workload, 'predict1');
    await session.run(feeds[0]);
    return {ms: []};
  }
  const key = `${workload} ${phase}`;
  ready[key] = ready[key] || await open(workload, phase);
  const {session, feeds, difference} = ready[key];
  const ms = [];
  const began = now();
  while (ms.length < 1 || now() - began < 1000 * seconds) {
    const started = now();
    for (const feed of feeds) await session.run(feed);
    ms.push((now() - started) / feeds.length);
  }
  return {ms, difference};
}

async function main() {
  for await (const line of readline.createInterface({input: process.stdin})) {
    let answer;
    try {
      answer = await measure(JSON.parse(line));
    } catch (error) {
      answer = {error: String(error)};
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
}
main();
