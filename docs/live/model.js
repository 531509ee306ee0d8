"use strict";
// The forward pass of tinylm/models/networks/transformer.py for one character at a time, in single precision between the layers.
// It knows what tinylm/report/live_page.py lets through: rms norms before each layer, rotary positions, relu2, induction, no biases.

const EPSILON = 2 ** -23; // of PyTorch's RMSNorm in single precision

/** Cosines and sines of a position's angle in each pair of channels, the angle rounded as PyTorch rounds it. */
function angles(position, base, half) {
  const angle = Float32Array.from({ length: half }, (_, i) => position * Math.fround(base ** Math.fround(-i / half)));
  return { cos: angle.map(Math.cos), sin: angle.map(Math.sin) };
}

/** A head's vector turned by the angles of its position, half-split pairs. */
function rotated(x, { cos, sin }) {
  const half = cos.length, out = new Float32Array(2 * half);
  for (let i = 0; i < half; i++) {
    out[i] = x[i] * cos[i] - x[i + half] * sin[i];
    out[i + half] = x[i + half] * cos[i] + x[i] * sin[i];
  }
  return out;
}

/** The number that 16 bits stand for. */
function widened(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = (bits & 1023) / 1024;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction) : 2 ** -14 * fraction);
}

/** The facts of a safetensors file, given as base64, and its 16-bit tensors by name. */
function opened(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const start = 8 + Number(view.getBigUint64(0, true));
  const { __metadata__: metadata, ...entries } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  const tensors = {};
  for (const [name, { data_offsets: [from, to] }] of Object.entries(entries)) {
    tensors[name] = Float32Array.from({ length: (to - from) / 2 }, (_, i) => widened(view.getUint16(start + from + 2 * i, true)));
  }
  return { facts: JSON.parse(metadata.facts), tensors };
}

/** The product of a matrix, row by row, and a vector. */
function product(matrix, x) {
  const n = x.length, out = new Float32Array(matrix.length / n);
  for (let row = 0, at = 0; row < out.length; row++) {
    let sum = 0;
    for (let i = 0; i < n; i++, at++) sum += matrix[at] * x[i];
    out[row] = sum;
  }
  return out;
}

/** A vector at root mean square 1, times the gain of each channel. */
function normed(x, gain) {
  let squares = 0;
  for (const value of x) squares += value * value;
  const scale = 1 / Math.sqrt(squares / x.length + EPSILON);
  return x.map((value, i) => value * scale * gain[i]);
}

function add(x, y) {
  for (let i = 0; i < x.length; i++) x[i] += y[i];
}

/** softmax(scores / temperature), at a temperature above 0. */
function softmax(scores, temperature = 1) {
  const largest = Math.max(...scores), shares = new Float64Array(scores.length);
  let total = 0;
  for (let i = 0; i < shares.length; i++) total += shares[i] = Math.exp((scores[i] - largest) / temperature);
  for (let i = 0; i < shares.length; i++) shares[i] /= total;
  return shares;
}

/** The token that `uniform`, a number from 0 to 1, draws from softmax(logits / temperature); at temperature 0 the likeliest. */
function drawn(logits, temperature, uniform) {
  if (temperature === 0) return logits.indexOf(Math.max(...logits));
  const p = softmax(logits, temperature);
  let token = 0;
  for (let sum = p[0]; sum <= uniform && token < p.length - 1; sum += p[token]) token++;
  return token;
}

/** A number from 0 to 1 that looks random, the same for the same seed and position (the finalizer of MurmurHash3). */
function uniformAt(seed, position) {
  let h = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(position + 1, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

/** A trained model: its config, its vocabulary, its weights. */
class Network {
  constructor(base64) {
    const { facts, tensors } = opened(base64);
    this.config = facts.spec.model;
    this.vocab = facts.vocab;
    this.tensors = tensors;
    this.embedding = tensors["embedding.weight"];
    this.layers = Array.from({ length: this.config.n_layer }, (_, i) => {
      const attention = (name) => tensors[`blocks.${i}.attention.${name}.weight`], ffn = (name) => tensors[`blocks.${i}.ffn.0.${name}.weight`];
      return {
        norm: attention("norm"), query: attention("layer.query"), keyValue: attention("layer.key_value"), out: attention("layer.out"),
        queryNorm: attention("layer.query_norm"), keyNorm: attention("layer.key_norm"),
        ffnNorm: ffn("norm"), up: ffn("layer.up"), down: ffn("layer.down"),
      };
    });
  }
}

/**
 * A text that is read token by token: `rows[i]` holds the logits after token i.
 * A text longer than the context is read in windows that move by half of it, as `predictions` of tinylm/evaluation/network_model.py does.
 */
class Reader {
  constructor(network) {
    this.network = network;
    this.ids = [];
    this.rows = [];
    this.start = 0; // of the window
    this.cached = 0; // tokens of the window whose keys and values are kept
    const { context_length, d_model } = network.config;
    this.kept = network.layers.map(() => ({ keys: new Float32Array(context_length * d_model), values: new Float32Array(context_length * d_model) }));
  }

  /** Take a text's ids in place of those before; what was computed stays for those that both begin with. */
  replace(ids) {
    let same = 0;
    while (same < this.rows.length && same < ids.length && this.ids[same] === ids[same]) same++;
    this.ids = ids;
    this.rows.length = same;
    this.cached = Math.min(this.cached, Math.max(0, same - this.start));
  }

  get isDone() {
    return this.rows.length === this.ids.length;
  }

  /** Compute one token: the next one, or one before it that a moved window needs first. */
  step() {
    const next = this.rows.length, start = this.windowStart(next);
    if (start !== this.start) [this.start, this.cached] = [start, 0];
    const position = this.cached++;
    const state = this.state(position);
    if (start + position === next) this.rows.push(product(this.network.tensors["head.weight"], state));
  }

  /** Where the window of token i begins: at least half a context before it, where the text has as much. */
  windowStart(i) {
    const { context_length } = this.network.config, half = context_length / 2;
    return i < context_length ? 0 : (Math.floor(i / half) - 1) * half;
  }

  /** The final state of a position of the window; those before it are cached. */
  state(position) {
    const x = this.embedded(position), { config, layers, tensors } = this.network;
    const turn = angles(position, config.rope_base, config.d_model / config.n_head / 2);
    layers.forEach((layer, i) => {
      add(x, this.attention(layer, this.kept[i], normed(x, layer.norm), position, turn));
      const activations = product(layer.up, normed(x, layer.ffnNorm)).map((value) => Math.max(value, 0) ** 2);
      add(x, product(layer.down, activations));
    });
    return normed(x, tensors["norm.weight"]);
  }

  /** A token's embedding and a projection of the scaled embeddings of what followed the last times. */
  embedded(position) {
    const { tensors, config } = this.network, found = new Float32Array(config.d_model), scale = tensors["induction.scale"];
    const width = config.d_model, vector = (matrix, row) => matrix.subarray(row * width, (row + 1) * width);
    this.followers(position).forEach((token, k) => {
      const gain = vector(scale, k);
      add(found, vector(this.network.embedding, token).map((value, i) => value * gain[i]));
    });
    const x = product(tensors["induction.out.weight"], found);
    add(x, vector(this.network.embedding, this.ids[this.start + position]));
    return x;
  }

  /** The tokens after the latest earlier places that end in the same tokens: times for each order, latest first, gaps where there are none. */
  followers(position) {
    const { induction: orders, induction_times: times } = this.network.config, longest = Math.max(...orders);
    const { ids, start } = this, here = start + position, found = [], counts = orders.map(() => 0);
    for (let end = here - 1; end >= start && counts.some((count) => count < times); end--) {
      let same = 0;
      while (same < longest && end - same >= start && ids[end - same] === ids[here - same]) same++;
      orders.forEach((order, i) => {
        if (same >= order && counts[i] < times) found[i * times + counts[i]++] = ids[end + 1];
      });
    }
    return found;
  }

  /** Attention to the position's block of the window and the block before, by keys and values that are kept. */
  attention(layer, { keys, values }, x, position, turn) {
    const { n_head, d_model, attention_window } = this.network.config, size = d_model / n_head;
    const query = product(layer.query, x), keyValue = product(layer.keyValue, x), mixed = new Float32Array(d_model);
    const from = Math.max(0, (Math.floor(position / attention_window) - 1) * attention_window);
    values.set(keyValue.subarray(d_model), position * d_model);
    for (let at = 0; at < d_model; at += size) {
      const q = rotated(normed(query.subarray(at, at + size), layer.queryNorm), turn);
      keys.set(rotated(normed(keyValue.subarray(at, at + size), layer.keyNorm), turn), position * d_model + at);
      const scores = new Float32Array(position + 1 - from);
      for (let i = 0; i < scores.length; i++) {
        let sum = 0;
        for (let j = 0, k = (from + i) * d_model + at; j < size; j++, k++) sum += q[j] * keys[k];
        scores[i] = sum / Math.sqrt(size);
      }
      const shares = softmax(scores);
      for (let i = 0; i < shares.length; i++) {
        for (let j = 0, k = (from + i) * d_model + at; j < size; j++, k++) mixed[at + j] += shares[i] * values[k];
      }
    }
    return product(layer.out, mixed);
  }
}
